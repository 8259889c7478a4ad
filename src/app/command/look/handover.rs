//! `halligan handover`: one page for whoever takes a run over.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    named_run::{NamedRun, named},
    reported::{NamedValue, TimelineEntry, parameters, timeline},
    status::RunStatus,
};
use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{looked::Looked, recorded::runbooks, standing::RunStanding},
    },
    cli::{self, LookCommand, Subcommands},
    event::{Finding, Mode, Opening, Place},
    exec::lock::SeenLock,
    plan::{
        remaining::{Found, Standing, remaining_of},
        step_in,
    },
    ui::layout::Page,
    words::{
        self,
        mark::Mark,
        moment::{clock, local},
        sanitise::{self, line as visible},
    },
};

const LABEL: usize = 11;
/// So many steps ahead are told.
const AHEAD: usize = 3;
/// So many of the last decisions and of the last notes are told.
const LAST: usize = 8;

/// What `halligan handover --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct HandoverPage {
    /// When it was written.
    #[schemars(with = "String")]
    at: Timestamp,
    /// How the run stands, as `halligan status` tells it.
    status: RunStatus,
    /// Secrets as `(secret)`.
    parameters: Vec<NamedValue>,
    /// The systems that the run is bound to.
    systems: Vec<String>,
    /// What is over, by its place.
    done: Vec<String>,
    /// What failed and was passed over, with why.
    failed: Vec<NamedValue>,
    /// The next steps.
    next: Vec<StepAhead>,
    /// How many more come after those. Each loop that has not begun counts once.
    more: usize,
    /// The runbook of the run cannot be read from its records: what comes next is not known.
    unknown: bool,
    /// What needs an eye: warnings and overrides that the run goes on in spite of.
    watch: Vec<String>,
    /// The last decisions of its operators.
    decisions: Vec<TimelineEntry>,
    /// The last notes, those of persons before halligan's own.
    notes: Vec<TimelineEntry>,
    /// What to type for what.
    commands: Vec<NamedValue>,
    /// The head of the journal as of the last record of this run.
    head: String,
}

/// A step that comes.
#[derive(Debug, Serialize, JsonSchema)]
struct StepAhead {
    place: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
    /// What it does: `read`, `change` or `DESTROY`; of what is no command, its kind.
    kind: String,
    /// Why it is not simply to be done: it is in doubt, has failed, or is done again.
    #[serde(skip_serializing_if = "Option::is_none")]
    but: Option<String>,
}

/// Prints the page.
///
/// # Errors
/// The journal cannot be read, or there is no such run.
pub(super) fn handover(context: &Context, args: &cli::Handover) -> Result<ProgramExit, Failure> {
    let NamedRun { looked, opening, head, directory, .. } = named(context, &args.run)?;
    let locks = SeenLock::all(&directory.join("locks"));
    let page = HandoverPage::of(context, &looked, &opening, &locks, head.trim_end().to_owned());
    let out = &context.out.stdout;
    if args.form.is_json() {
        print_json(context, "page", &page)?;
    } else {
        out.lines(&page.lines(context, &out.page()));
    }
    Ok(ProgramExit::Completed)
}

impl HandoverPage {
    fn of(context: &Context, looked: &Looked, opening: &Opening, locks: &[SeenLock], head: String) -> Self {
        let past = &looked.chronicle.past;
        let status = RunStatus::of(looked, locks);
        let over = matches!(looked.standing, RunStanding::Ended(_)) && past.is_over();
        let ahead = Ahead::of(looked, opening);
        let entries = timeline(&looked.chronicle);
        let last = |kind: &str| {
            let all: Vec<_> = entries.iter().filter(|entry| entry.kind == kind).cloned().collect();
            all[all.len().saturating_sub(LAST)..].to_vec()
        };
        let mut watch: Vec<String> = past.checked.iter().filter_map(|(place, check)| warned(place, &check.title, &check.finding)).collect();
        watch.extend(past.checked.values().filter_map(|check| {
            let reason = check.overridden.as_ref()?;
            Some(format!("{}: overridden: {reason}", check.title))
        }));
        if opening.clock_synchronised == Some(false) {
            watch.push("the clock of this host was not synchronised when the run began".to_owned());
        }
        Self {
            at: Timestamp::now(),
            parameters: parameters(opening),
            systems: past.state.systems.values().map(|system| system.name.clone()).collect(),
            done: ahead.done,
            failed: ahead.failed,
            more: if over { 0 } else { ahead.next.len().saturating_sub(AHEAD) },
            next: if over { Vec::new() } else { ahead.next.into_iter().take(AHEAD).collect() },
            unknown: !ahead.known,
            watch,
            decisions: last("decision"),
            notes: last_notes(&entries),
            commands: commands(context, looked),
            status,
            head,
        }
    }

    fn lines(&self, context: &Context, page: &Page) -> Vec<String> {
        let at = local(self.at).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
        let mut lines = vec![page.style.bold("Handover"), format!("  written at {at}"), String::new()];
        lines.extend(self.status.lines(context, page));
        let mut field = |label: &str, text: &str| lines.extend(page.field(2, LABEL, label, &sanitise::text(text)));
        let named = |values: &[NamedValue]| values.iter().map(|value| format!("{} {}", value.name, value.value)).collect::<Vec<_>>();
        if !self.parameters.is_empty() {
            field("given", &named(&self.parameters).join(", "));
        }
        self.systems.iter().for_each(|system| field("system", system));
        if !self.done.is_empty() {
            field("done", &words::list(&self.done, 8));
        }
        self.failed.iter().for_each(|failed| field("failed", &format!("{}: {}; the run continued after it", failed.name, failed.value)));
        for (index, step) in self.next.iter().enumerate() {
            let title = if step.title.is_empty() { String::new() } else { format!("  {}", step.title) };
            let but = step.but.as_ref().map(|but| format!("\n{but}")).unwrap_or_default();
            field(&format!("next {}", index + 1), &format!("{}{title}  ({}){but}", step.place, step.kind));
        }
        match (self.unknown, self.more) {
            (true, _) => field("next", "not known: this halligan cannot read the runbook from the records of the run"),
            (false, 0) => {}
            (false, more) => field("", &format!("and {}", words::counted(more, "more step or loop", "more steps and loops"))),
        }
        self.watch.iter().for_each(|watch| field("watch", watch));
        let entry = |entry: &TimelineEntry| format!("{}  {}: {}", clock(entry.at), entry.who, entry.text);
        self.decisions.iter().for_each(|decision| field("decided", &entry(decision)));
        let noted = |note: &TimelineEntry| if note.person { "wrote" } else { "note" };
        self.notes.iter().for_each(|note| field(noted(note), &entry(note)));
        lines.push(String::new());
        for command in &self.commands {
            // Never broken, so that it can be pasted.
            lines.push(format!("  {}", visible(&command.name)));
            lines.push(format!("    {}", visible(&command.value)));
        }
        lines.push(String::new());
        lines.push(visible(&self.head).into_owned());
        lines
    }
}

/// The last notes in their order: where there are too many, what persons wrote is kept before what halligan itself did.
fn last_notes(entries: &[TimelineEntry]) -> Vec<TimelineEntry> {
    let mut notes: Vec<_> = entries.iter().filter(|entry| entry.kind == "note").collect();
    while notes.len() > LAST {
        let least = notes.iter().position(|note| !note.person).unwrap_or(0);
        notes.remove(least);
    }
    notes.into_iter().cloned().collect()
}

/// A check that has not simply passed.
fn warned(place: &Place, title: &str, finding: &Finding) -> Option<String> {
    let (mark, word, message, _) = words::finding(finding);
    (mark != Mark::Passed).then(|| format!("{title} ({place}) {word}: {message}"))
}

/// What to type for what.
fn commands(context: &Context, looked: &Looked) -> Vec<NamedValue> {
    let run = looked.summary.id;
    let command = |name: &str, command: Subcommands| NamedValue { name: name.to_owned(), value: context.line(command).to_string() };
    let show = command("All of it, with output:", Subcommands::journal_show(&run.to_string()));
    if looked.standing == RunStanding::Running {
        return vec![command("Watch it live:", Subcommands::Look(LookCommand::watch(run))), show];
    }
    let (past, ways) = (&looked.chronicle.past, looked.ways());
    let mut commands = Vec::new();
    if looked.summary.mode == Mode::Real && !past.is_over() {
        commands.extend(ways.resume(run).map(|resume| command("Continue:", resume)));
        if !past.state.took_effect.is_empty() {
            commands.extend(ways.rollback(run).map(|rollback| command("Or undo what it changed:", rollback)));
        }
    }
    if looked.summary.mode == Mode::Real && !past.state.owed.is_empty() {
        commands.extend(ways.settle().map(|settle| command("Or only run the owed cleanups:", settle)));
        for place in past.state.owed.keys() {
            let by_hand = ways.settled_by_hand(Some(place.as_str()));
            commands.extend(by_hand.map(|settled| command("Record what was put back by hand; nothing is run for it here:", settled)));
        }
    }
    commands.push(show);
    commands
}

/// What of a run is over, and what comes.
struct Ahead {
    done: Vec<String>,
    failed: Vec<NamedValue>,
    next: Vec<StepAhead>,
    known: bool,
}

impl Ahead {
    fn of(looked: &Looked, opening: &Opening) -> Self {
        let mut ahead = Self { done: Vec::new(), failed: Vec::new(), next: Vec::new(), known: false };
        let Some((runbook, called)) = runbooks(opening) else { return ahead };
        ahead.known = true;
        let past = &looked.chronicle.past;
        let now: Vec<&Place> = looked.ongoing().iter().map(|ongoing| ongoing.place).collect();
        for Found { place, standing, effect, .. } in remaining_of(&runbook, &called, past) {
            // What is under way stands above.
            if now.contains(&&place) {
                continue;
            }
            let but = match standing {
                Standing::Done | Standing::Skipped => {
                    ahead.done.push(place.to_string());
                    continue;
                }
                Standing::PassedOver { why } => {
                    ahead.failed.push(NamedValue { name: place.to_string(), value: why });
                    continue;
                }
                Standing::ToDo => None,
                Standing::Unproven => Some("it succeeded; whether it took effect is still to be checked".to_owned()),
                Standing::Failed { why } => Some(format!("failed: {why}")),
                Standing::Again { why } => Some(format!("to be done again: {why}")),
                Standing::InDoubt { why } => Some(format!("IN DOUBT: {why}")),
            };
            let step = step_in(&runbook, &called, &place);
            let written = step.and_then(|step| step.title.as_ref()).map(|title| title.text.to_string()).unwrap_or_default();
            let title = match looked.title(&place) {
                "" => words::title(&place, &written).to_owned(),
                title => title.to_owned(),
            };
            let kind = step.map_or_else(|| words::effect(effect), |step| words::kind(step.kind(), step.effect())).to_owned();
            ahead.next.push(StepAhead { place: place.to_string(), title, kind, but });
        }
        ahead
    }
}
