//! The facts of a run as the lines of a timeline: what a post-mortem tells of, and nothing for the rest.

use super::{
    answer::{answerer, interruption, settled_by_hand},
    command::brief,
    ending::outcome,
    exit::exit,
    finding::{finding, spoken_for},
    list::{list, value},
    mark::Mark,
    mode::run_of,
    outcome::step_outcome,
    part::{part_began, part_of, part_outcome},
    shell::shell,
    step::{not_held, skip},
    system::system_answer,
};
use crate::{
    event::{Effect, Event, Part, ShellFact, Skip, Verdict},
    quantity::show_duration,
};

/// A line of a timeline: what kind of thing happened, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimelineWords {
    /// One of `run`, `system`, `check`, `decision`, `note`, `shell`, `change`, `failure`, `wait`, `batch`, `skip`, `doubt`, `cleanup`.
    pub kind: &'static str,
    pub text: String,
}

/// What a timeline says of a fact; nothing for most. `changing` says of an end that its command was to change something; `interruptions`
/// counts those so far, this one too.
#[must_use]
pub(crate) fn timeline(event: &Event, changing: bool, interruptions: u32) -> Option<TimelineWords> {
    let of = |kind, text: String| Some(TimelineWords { kind, text });
    match event {
        Event::RunOpened(opening) => {
            let params: Vec<_> = opening.params.iter().map(|(name, given)| format!("{name} {}", value(given))).collect();
            let params = if params.is_empty() { String::new() } else { format!(": {}", list(&params, usize::MAX)) };
            of("run", format!("{} of {} began{params}", run_of(opening.mode), opening.runbook))
        }
        Event::Identified { answer, .. } => of("system", system_answer(answer).1),
        Event::Checked { place, title, finding: found } => {
            let (mark, word, message, _) = finding(found);
            let text = format!("{title} ({place}) {word}: {message}");
            (mark != Mark::Passed).then_some(()).and_then(|()| of("check", text))
        }
        Event::Overridden { place, title, reason, by, unjudged } => {
            of("decision", format!("check overridden {}: {title} ({place}){}. Reason: {reason}", answerer(*by), spoken_for(unjudged)))
        }
        Event::HoldFailed { place, title, before, waiting, why, .. } => {
            of("failure", format!("{title} ({place}) does not hold: {why}; {}", not_held(before, *waiting)))
        }
        Event::HoldOverridden { place, title, before, reason, by } => {
            of("decision", format!("overridden for {before} {}: {title} ({place}). Reason: {reason}", answerer(*by)))
        }
        Event::Planned { steps, read, change, destroy } => {
            of("run", format!("the plan stood: {steps} steps, of which {read} read, {change} change and {destroy} destroy"))
        }
        Event::Confirmed { place, text, typed, by } => {
            let asked = place.as_ref().map_or_else(|| "the plan".to_owned(), |place| format!("{place}, asked \"{}\"", first_line(text)));
            of("decision", format!("{asked}: answered \"{typed}\" {}", answerer(*by)))
        }
        Event::Declined { place, why, .. } => {
            let asked = place.as_ref().map_or_else(|| "the plan".to_owned(), ToString::to_string);
            of("decision", format!("{asked}: not confirmed, {why}"))
        }
        Event::BatchBegan { place, batch, items } => of("batch", format!("{place}: batch {batch} began: {}", list(items, 12))),
        Event::StepBegan { place, part, attempt, command, .. } if command.effect != Effect::Read => {
            let attempt = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            let kind = if matches!(part, Part::Undo | Part::Cleanup) { "cleanup" } else { "change" };
            of(kind, format!("{}{attempt}: {}", part_began(place, *part), brief(command)))
        }
        Event::StepEnded { .. } => ended(event, changing),
        Event::StepSkipped { place, why: why @ (Skip::Operator | Skip::AlreadyDone { .. }) } => {
            of("skip", format!("{place} {}", skip(why)))
        }
        Event::DoubtResolved { place, outcome: resolved, evidence, by } => {
            let by = by.map(|by| format!(" {}", answerer(by))).unwrap_or_default();
            of("decision", format!("{place} was in doubt; resolved{by} as {}: {evidence}", step_outcome(resolved).1))
        }
        Event::Owed { place, why } => of("cleanup", format!("{place}: cleanup owed: {why}")),
        Event::SettledByHand { place, reason, by } => of("decision", format!("{place}: {}", settled_by_hand(reason, *by))),
        Event::Note { place, text, .. } => {
            let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            of("note", format!("{place}{text}"))
        }
        Event::Shell { fact: ShellFact::CommandEnded { code: 0, .. }, .. } => None,
        Event::Shell { place, fact, .. } => {
            let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            of("shell", format!("{place}{}", shell(fact)))
        }
        Event::StepSignalled { place, signal, .. } => of("note", format!("{place} was sent {signal}")),
        Event::Interrupted { signal } => of("decision", interruption(*signal, interruptions)),
        Event::Resumed { from } => of("run", format!("resumed from {from}")),
        Event::RunClosed { outcome: closed, why, .. } => {
            let why = why.lines().collect::<Vec<_>>().join("; ");
            let why = if why.is_empty() { why } else { format!(": {why}") };
            of("run", format!("run ended: {}{why}", outcome(*closed).1))
        }
        _ => None,
    }
}

/// How a command ended: what changed something, whatever came of it; a wait; and what failed.
fn ended(event: &Event, changing: bool) -> Option<TimelineWords> {
    let Event::StepEnded { place, part, exit: end, took, askings, verdict, message, .. } = event else { return None };
    let took = show_duration(*took);
    let message = if message.is_empty() { String::new() } else { format!(": {}", first_line(message)) };
    let (kind, text) = match (part, verdict) {
        (Part::DoneIf | Part::Show, _) => return None,
        (Part::Main, Verdict::Passed) if *askings > 1 => {
            ("wait", format!("{place} came true after {took}, asked {askings} times{message}"))
        }
        (_, Verdict::Passed) if !changing => return None,
        (_, Verdict::Passed) => ("change", format!("{} {} after {took}{message}", part_of(place, *part), part_outcome(*part, verdict))),
        (_, Verdict::Failed { why, .. } | Verdict::Unknown { why }) => {
            let kind = if end.in_doubt() { "doubt" } else { "failure" };
            (kind, format!("{} {} after {took} ({}): {}", part_of(place, *part), part_outcome(*part, verdict), exit(end), first_line(why)))
        }
    };
    Some(TimelineWords { kind, text })
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
