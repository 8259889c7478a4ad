//! What was found of a run that was left, in words: shown before anything is done with it.

use super::{interrupted::Left, operator::called};
use crate::{
    event::Place,
    plan::{
        Plan,
        remaining::{Found, Standing},
    },
    ui::layout::Page,
    words::{self, moment::local, sanitise},
};

const LABEL: usize = 11;

/// The first line: which run, whose, and how it ended.
#[must_use]
pub(crate) fn headline(left: &Left) -> String {
    let history = &left.history;
    let who = called(history.login_uid.unwrap_or(history.uid));
    let from = history.ssh.as_ref().and_then(|ssh| ssh.split(' ').next()).map(|from| format!(" (from {from})")).unwrap_or_default();
    let (opened, last) = (local(history.opened), local(history.last));
    let day = if opened.date() == local(jiff::Timestamp::now()).date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let (ended, remains) = words::left(&history.past.state);
    let rebooted = if left.rebooted { "; this host was rebooted since" } else { "" };
    format!(
        "run {}  {}  began {} by {who}{from}, {ended} at {}{remains}{rebooted}",
        history.run,
        left.opening.runbook,
        opened.strftime(day),
        last.strftime("%H:%M:%S"),
    )
}

/// Everything that was found, with what will be done about it. `once` are the probes that are not asked again.
#[must_use]
pub(crate) fn screen(left: &Left, plan: &Plan, found: &[Found], once: &[String], page: &Page) -> String {
    let mut lines = crate::ui::layout::wrap(&sanitise::text(&headline(left)), page.width, "", "  ");
    let mut field = |label: &str, text: &str| {
        if !text.is_empty() {
            lines.extend(page.field(2, LABEL, label, &sanitise::text(text)));
        }
    };
    for (label, text) in left.remarks(plan) {
        field(label, &text);
    }
    let places = |wanted: fn(&Standing) -> bool| {
        let places: Vec<_> = found.iter().filter(|found| wanted(&found.standing)).map(|found| found.place.to_string()).collect();
        shorten(&places)
    };
    field("done", &places(|standing| matches!(standing, Standing::Done)));
    field("skipped", &places(|standing| matches!(standing, Standing::Skipped)));
    for one in found {
        let command = one.command.as_ref().map(|command| format!(":  {}", words::command(command))).unwrap_or_default();
        let place = &one.place;
        match &one.standing {
            Standing::PassedOver { why } => field("failed", &format!("{place}  {why}; the run continues after it")),
            Standing::Unproven => field("to prove", &format!("{place}  succeeded; `verify` is checked again")),
            Standing::Failed { why } => field("failed", &format!("{place}{command}\n{why}; you are asked before the step is run again")),
            Standing::Again { why } => field("again", &format!("{place}  {why}; the step may be run again, and will be")),
            Standing::InDoubt { why } => field("in doubt", &format!("{place}{command}\n{why}; {}", whom(left))),
            Standing::ToDo | Standing::Done | Standing::Skipped => {}
        }
    }
    for (place, alive) in &left.running {
        field("running", &format!("{place}  still running, as process {}:  {}", alive.pid, alive.command));
    }
    field("to do", &places(|standing| matches!(standing, Standing::ToDo)));
    for (place, command) in &left.history.past.state.owed {
        field("owed", &format!("{place}  cleanup runs at the end:  {}", words::brief(command)));
    }
    if left.doubted {
        field("damaged", "the journal failed verification: you are asked about every change that it records as done");
    }
    let again = if once.is_empty() {
        "the preflight is checked again".to_owned()
    } else {
        format!("the preflight is checked again, except what describes the state before the first change: {}", shorten(once))
    };
    field("first", &format!("{again}; every gate is checked again before its batch; changes are confirmed again"));
    lines.join("\n") + "\n"
}

fn whom(left: &Left) -> &'static str {
    if left.rebooted {
        "the reboot ended its process; a check that can tell runs first, then you are asked"
    } else {
        "a check that can tell runs first, then you are asked"
    }
}

/// Places in a row: of many, the first and the last.
fn shorten(places: &[String]) -> String {
    const MOST: usize = 12;
    match places {
        [head @ .., last] if head.len() >= MOST => format!("{}, … {} more …, {last}", head[..MOST - 2].join(", "), head.len() + 2 - MOST),
        places => places.join(", "),
    }
}

/// What a run owes, line by line.
#[must_use]
pub(crate) fn owed(history: &crate::journal::history::History) -> Vec<(Place, String)> {
    history.past.state.owed.iter().map(|(place, command)| (place.clone(), words::brief(command))).collect()
}
