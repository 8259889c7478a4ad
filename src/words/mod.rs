//! The facts of a run in words: the same on a terminal, in a log and in a report.

pub(crate) mod mark;
pub(crate) mod moment;
pub(crate) mod quote;
pub(crate) mod sanitise;

use std::time::Duration;

use serde_json::Value;

use crate::{
    event::{
        Answerer, Captured, Cut, Effect, Exit, Finding, Mode, Outcome, Part, Place, Prediction, Shown, Skip, StepKind, StepOutcome,
        Verdict, Words,
    },
    quantity::show_duration,
    words::mark::Mark,
};

#[must_use]
pub(crate) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Change => "change",
        // Stands out without colour too.
        Effect::Destroy => "DESTROY",
    }
}

/// What kind of thing a step is: of a command its effect, which says more.
#[must_use]
pub(crate) fn kind(kind: StepKind, of: Effect) -> &'static str {
    if kind == StepKind::Run { effect(of) } else { kind.word() }
}

/// What a command is to its step; nothing for the step itself.
#[must_use]
pub(crate) fn part(part: Part) -> Option<&'static str> {
    match part {
        // A gate's own name says enough.
        Part::Main | Part::Gate => None,
        Part::DoneIf => Some("done_if"),
        Part::Verify => Some("verify"),
        Part::Show => Some("show"),
        Part::Undo => Some("undo"),
        Part::Cleanup => Some("cleanup"),
        Part::Lock => Some("lock"),
    }
}

/// The title of a step, unless it says no more than its id.
#[must_use]
pub(crate) fn title<'a>(place: &Place, title: &'a str) -> &'a str {
    if title == place.step() || title == place.step().replace('_', " ") { "" } else { title }
}

#[must_use]
pub(crate) fn mode(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Real => None,
        Mode::DryRun => Some("dry run: nothing is changed"),
        Mode::Rehearsal => Some("rehearsal in a simulated world: nothing real is touched"),
    }
}

/// Its name in a list.
#[must_use]
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "real",
        Mode::DryRun => "dry run",
        Mode::Rehearsal => "rehearsal",
    }
}

/// The script of a command that is one.
#[must_use]
pub(crate) fn script(command: &Shown) -> Option<&str> {
    match &command.words {
        Words::Script(script) => Some(script),
        Words::Argv(_) => None,
    }
}

/// Where a command runs and as whom: ` on osd-host-1 as ceph in /tmp`; nothing for here, as oneself.
#[must_use]
pub(crate) fn place_of(command: &Shown) -> String {
    let mut text = String::new();
    for (word, value) in [("on", &command.host), ("as", &command.user), ("in", &command.cwd)] {
        if let Some(value) = value {
            text.extend(["  ", word, " ", &sanitise::line(value)]);
        }
    }
    text
}

/// A command on one line; empty for a wait that runs none.
#[must_use]
pub(crate) fn command(command: &Shown) -> String {
    format!("{}{}", quote::argv(&command.words.argv()), place_of(command))
}

/// The same in short, where a command is only named: of a script of several lines the first stands for it.
#[must_use]
pub(crate) fn brief(command: &Shown) -> String {
    match script(command).and_then(|script| script.trim().split_once('\n')) {
        Some((first, _)) => format!("{} …{}", sanitise::line(first.trim_start_matches(['#', ' '])), place_of(command)),
        None => self::command(command),
    }
}

/// Where the journal keeps what a command printed; `None` if it printed nothing.
#[must_use]
pub(crate) fn kept(name: &str, stream: &Captured) -> Option<String> {
    let cut = stream.cut.map(|cut| match cut {
        Cut::HeldOpen => ", truncated (a child process held it open)",
        Cut::NotKept => ", truncated (the journal could not store the rest)",
        Cut::TooLong => ", truncated (too long)",
        Cut::Unsaid => ", truncated",
    });
    let masked = if stream.redactions > 0 { format!(", {} secrets masked", stream.redactions) } else { String::new() };
    let note = cut.unwrap_or_default();
    (stream.bytes > 0 || stream.cut.is_some()).then(|| format!("{name}, {} bytes{note}{masked}: output/{}", stream.bytes, stream.sha256))
}

/// What a crash left half written, and was committed as such.
#[must_use]
pub(crate) fn torn(lines: u64, bytes: u64) -> String {
    format!("a crash had left {lines} lines cut short ({bytes} bytes)")
}

fn signal(number: i32) -> String {
    let name = match number {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

#[must_use]
pub(crate) fn exit(exit: &Exit) -> String {
    let doubt = "; unknown whether the command took effect";
    match exit {
        Exit::Code(code) => format!("exit {code}"),
        Exit::Signal(number) => format!("killed by {}", signal(*number)),
        Exit::TimedOut { after_ms, killed } => {
            let after = show_duration(Duration::from_millis(*after_ms));
            if *killed { format!("timed out after {after}, killed{doubt}") } else { format!("timed out after {after}, terminated") }
        }
        Exit::Interrupted { killed: false } => "terminated by the interruption".to_owned(),
        Exit::Interrupted { killed: true } => format!("killed by the interruption{doubt}"),
        Exit::NotStarted { why } => format!("could not start: {}", sanitise::line(why)),
        Exit::Lost { why } => format!("connection lost: {}{doubt}", sanitise::line(why)),
    }
}

/// Why it has not passed; `None` if it has.
#[must_use]
pub(crate) fn verdict(verdict: &Verdict) -> Option<(Mark, String)> {
    match verdict {
        Verdict::Passed => None,
        Verdict::Failed { why, .. } => Some((Mark::Failed, sanitise::text(why).into_owned())),
        Verdict::Unknown { why } => Some((Mark::Unknown, sanitise::text(why).into_owned())),
    }
}

/// What became of a command, by what it was for.
#[must_use]
pub(crate) fn part_outcome(part: Part, verdict: &Verdict) -> &'static str {
    match (part, verdict) {
        (Part::Cleanup, Verdict::Passed) => "cleanup done",
        (Part::Cleanup, Verdict::Failed { .. }) => "cleanup FAILED",
        (Part::Cleanup, Verdict::Unknown { .. }) => "cleanup: outcome unknown",
        (Part::Undo, Verdict::Passed) => "undone",
        (Part::Undo, Verdict::Failed { .. }) => "undo FAILED",
        (Part::Undo, Verdict::Unknown { .. }) => "undo: outcome unknown",
        (Part::Lock, Verdict::Passed) => "taken",
        (Part::DoneIf, Verdict::Failed { .. }) => "not done yet",
        (_, Verdict::Passed) => "passed",
        (_, Verdict::Failed { .. }) => "failed",
        (_, Verdict::Unknown { .. }) => "outcome unknown",
    }
}

/// The mark, the name of what became of it, and why.
#[must_use]
pub(crate) fn step_outcome(outcome: &StepOutcome) -> (Mark, &'static str, &str) {
    match outcome {
        StepOutcome::Done => (Mark::Passed, "done", ""),
        StepOutcome::Failed { why } => (Mark::Failed, "failed", why),
        StepOutcome::InDoubt { why } => (Mark::Unknown, "in doubt", why),
    }
}

#[must_use]
pub(crate) fn skip(skip: &Skip) -> String {
    match skip {
        Skip::When { expression } => format!("skipped (condition false: {})", sanitise::line(expression)),
        Skip::AlreadyDone { message } if message.is_empty() => "skipped (already done)".to_owned(),
        Skip::AlreadyDone { message } => format!("skipped (already done: {})", sanitise::text(message)),
        Skip::Operator => "skipped by the operator".to_owned(),
        Skip::Empty => "skipped (no items)".to_owned(),
    }
}

/// A finding's mark, its name, what was found, and what would help.
#[must_use]
pub(crate) fn finding(finding: &Finding) -> (Mark, &'static str, String, Option<&str>) {
    let text = |message: &str| sanitise::text(message).into_owned();
    match finding {
        Finding::Pass { message } => (Mark::Passed, "passed", text(message), None),
        Finding::Warn { message, hint } => (Mark::Warned, "warning", text(message), hint.as_deref()),
        Finding::Block { message, hint, .. } => (Mark::Failed, "failed", text(message), hint.as_deref()),
        Finding::Unknown { needs } => {
            (Mark::Unknown, "not checked", format!("cannot be checked in a dry run (depends on {})", list(needs, usize::MAX)), None)
        }
    }
}

/// A check that has not passed, on one line: what is wrong, then which check says so.
#[must_use]
pub(crate) fn failed_check(wrong: &str, title: &str) -> String {
    format!("{wrong} (check: {title})")
}

#[must_use]
pub(crate) fn at_run_time(needs: &[String]) -> String {
    format!("known only at run time (depends on {})", list(needs, usize::MAX))
}

/// What a dry run says: in short, and in full.
#[must_use]
pub(crate) fn prediction(prediction: &Prediction) -> (Mark, &'static str, String) {
    match prediction {
        Prediction::WouldRun { command: shown } => (Mark::Noted, "would run", command(shown)),
        Prediction::AtRunTime { needs } => (Mark::Unknown, "at run time", at_run_time(needs)),
        Prediction::WouldAsk { question } => (Mark::Noted, "would ask", sanitise::text(question).into_owned()),
    }
}

#[must_use]
pub(crate) fn outcome(outcome: Outcome) -> (Mark, &'static str) {
    match outcome {
        Outcome::Completed => (Mark::Passed, "completed"),
        Outcome::Blocked => (Mark::Failed, "blocked in preflight"),
        Outcome::Declined => (Mark::Noted, "not confirmed"),
        Outcome::Stopped => (Mark::Failed, "stopped"),
        Outcome::RolledBack => (Mark::Warned, "rolled back"),
        Outcome::Stuck => (Mark::Failed, "stuck: an undo failed"),
    }
}

#[must_use]
pub(crate) fn answerer(by: Answerer) -> &'static str {
    match by {
        Answerer::Terminal => "at the terminal",
        Answerer::Flag => "by a flag",
        Answerer::Scenario => "by the scenario",
    }
}

/// What the interruption means and what the next one would; the first is `1`.
#[must_use]
pub(crate) fn interruption(signal: &str, count: u32) -> String {
    let what = match (signal, count) {
        ("SIGHUP", _) => "terminal lost: stopping after the current step",
        (_, 1) => "stopping after the current step; repeat to end that step now",
        (_, 2) => "ending the current step now; repeat to exit immediately",
        _ => "exiting immediately",
    };
    let name = if signal == "SIGINT" { "Ctrl-C".into() } else { sanitise::line(signal) };
    format!("{name}: {what}")
}

/// A list, cut after so many items.
#[must_use]
pub(crate) fn list(items: &[String], most: usize) -> String {
    let shown: Vec<_> = items.iter().take(most).map(|item| sanitise::line(item)).collect();
    let more = items.len().saturating_sub(most);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The value of a parameter as a person would write it; a secret is `null` here.
#[must_use]
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "(secret)".to_owned(),
        Value::String(text) => sanitise::line(text).into_owned(),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        other => sanitise::line(&other.to_string()).into_owned(),
    }
}

/// `first 1, then 1, then 2`, or `2 at a time`; long ones are cut.
#[must_use]
pub(crate) fn batches(sizes: &[usize]) -> String {
    match sizes {
        [] => String::new(),
        [all] => format!("all {all} at once"),
        [first, rest @ ..] if rest[..rest.len() - 1].iter().all(|size| size == first) && rest[rest.len() - 1] <= *first => {
            if *first == 1 {
                "one at a time".to_owned()
            } else {
                format!("{first} at a time")
            }
        }
        sizes => {
            let text: Vec<_> = sizes.iter().take(6).map(ToString::to_string).collect();
            let more = if sizes.len() > 6 { format!(" and so on, {} batches", sizes.len()) } else { String::new() };
            format!("first {}{more}", text.join(", then "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_read_well() {
        for (sizes, text) in [
            (&[4][..], "all 4 at once"),
            (&[1, 1, 1], "one at a time"),
            (&[3, 3, 2], "3 at a time"),
            (&[1, 1, 2], "first 1, then 1, then 2"),
            (&[1, 5], "first 1, then 5"),
        ] {
            assert_eq!(batches(sizes), text);
        }
    }

    #[test]
    fn doubt_is_never_hidden() {
        for ended in [
            Exit::TimedOut { after_ms: 60_000, killed: true },
            Exit::Interrupted { killed: true },
            Exit::Lost { why: "broken pipe".into() },
            Exit::Code(1),
            Exit::Signal(9),
            Exit::TimedOut { after_ms: 60_000, killed: false },
        ] {
            assert_eq!(ended.in_doubt(), exit(&ended).contains("unknown whether"), "{ended:?}");
        }
    }

    #[test]
    fn values_read_well() {
        assert_eq!(value(&serde_json::json!([0, 1, "a\u{1b}b"])), "0, 1, a\\eb");
        assert_eq!(value(&Value::Null), "(secret)");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()], 2), "a, b and 1 more");
    }
}
