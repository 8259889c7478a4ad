//! One command: from an order to what it means.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use minijinja::Value;

use super::{
    engine::{Engine, Refused},
    halt::Halt,
    kept::KeptAnswer,
    poll::Poll,
};
use crate::{
    defect::caught,
    event::{Captured, Effect, Event, Excerpt, Exit, Holding, Part, Place, Progress, SentSignal, Shown, Verdict},
    last_line::last_line,
    plan::{Evaluated, Scope},
    ports::{Capture, Interrupts, LedgerError, Order, Printed, Ran, Site},
    runbook::model::ProgressSpec,
    words,
};

/// How much of a stream is shown with a failure, in bytes.
const EXCERPT: usize = 4096;

/// What is told of a command that has left something behind.
pub(super) const LEFT_OPEN: &str = "a child process still holds the output open; halligan did not wait for that process";

/// A command that has ended, and what it means.
pub(super) struct Judged {
    pub ran: Ran,
    pub verdict: Verdict,
}

impl Engine<'_> {
    /// What is recorded and shown of an order that is about to run.
    pub(super) fn shown(&self, order: &Order) -> Shown {
        Shown { held: self.ports.executor.holding(order), fences: self.fences(), ..order.shown() }
    }

    /// Why an order that reads is not run where it would not be held to it; `None` if that is not why.
    pub(super) fn passed_over(&self, order: &Order) -> Option<String> {
        match self.ports.executor.holding(order) {
            Some(Holding::NotHeld { why }) if !order.interactive => Some(words::passed_over(&why)),
            _ => None,
        }
    }

    /// Runs an order: records that it begins, runs it, judges it, records how it ended.
    pub(super) fn execute(
        &self,
        order: &Order,
        attempt: u32,
        owes: Option<Shown>,
        interrupts: &Interrupts,
        progress: Option<(&ProgressSpec, &Scope)>,
        judge: impl FnOnce(&Ran) -> (Verdict, String),
    ) -> Result<Judged, Halt> {
        if order.effect != Effect::Read {
            self.same_system(&order.place)?;
            self.together.turned();
        }
        let order = &*self.fenced(order);
        self.emit(Event::StepBegan { place: order.place.clone(), part: order.part, attempt, command: self.shown(order), owes })?;
        let (seen, refused) = (Mutex::default(), Refused::default());
        let site = CommandSite { engine: self, place: &order.place, part: order.part, progress, seen, refused };
        let executed = caught(|| self.ports.executor.execute(order, &site, interrupts));
        if order.effect != Effect::Read {
            self.together.turned();
        }
        let halted = match executed {
            Ok(Ok(ran)) => return self.judged(order, attempt, ran, judge),
            Ok(Err(error)) => (error.to_string(), site.refused.or(error)),
            Err(defect) => (defect.to_string(), Halt::Defect { place: Some(order.place.clone()), defect }),
        };
        // Nobody has seen how it ended. If the journal takes no more, this goes where its records go now.
        let (why, halt) = halted;
        let nothing = || Printed::new(Captured::empty(), Vec::new());
        let exit = Exit::Lost { why: why.clone() };
        let ran = Ran { exit, stdout: nothing(), stderr: nothing(), took: Duration::ZERO, leaked: false };
        let _ = self.emit(ended(order, attempt, &ran, 1, Verdict::Unknown { why }, String::new()));
        Err(halt)
    }

    /// Runs an order that only reads, at a look of the wait at this place: what is asked time and again is not recorded.
    pub(super) fn execute_unrecorded(
        &self,
        order: &Order,
        wait: &Place,
        judge: impl FnOnce(&Ran) -> (Verdict, String),
    ) -> Result<Judged, Halt> {
        let poll = Poll::of(self, wait);
        let ran = self.ports.executor.execute(order, &poll, self.ports.interrupts).map_err(|error| poll.halted(error))?;
        let (verdict, _) = judge(&ran);
        let verdict = if ran.exit.in_doubt() { Verdict::Unknown { why: words::exit(&ran.exit) } } else { verdict };
        Ok(Judged { ran, verdict })
    }

    /// What stands for the answer to this question in a dry run. Once that has passed over a change, an answer says little about the
    /// real run, and a loop asks the same for each of its items.
    pub(super) fn recent(&self, order: &Order) -> Option<Arc<KeptAnswer>> {
        if self.only_foretells() && self.hypothetical() { self.recent.get(order, self.ports.clock.elapsed()) } else { None }
    }

    /// Keeps an answer for [`Engine::recent`].
    pub(super) fn keep_recent(&self, order: &Order, answer: Arc<KeptAnswer>) {
        if self.only_foretells() {
            self.recent.keep(order, answer, self.ports.clock.elapsed());
        }
    }

    /// Says what it means how a command ended, and records it.
    fn judged(&self, order: &Order, attempt: u32, ran: Ran, judge: impl FnOnce(&Ran) -> (Verdict, String)) -> Result<Judged, Halt> {
        let (verdict, message) = match caught(|| judge(&ran)) {
            Ok(judged) => judged,
            Err(defect) => {
                let why = defect.to_string();
                self.emit(ended(order, attempt, &ran, 1, Verdict::Unknown { why }, String::new()))?;
                return Err(Halt::Defect { place: Some(order.place.clone()), defect });
            }
        };
        // What was in doubt is never called a success, whatever it printed before it was cut off.
        let verdict = match verdict {
            Verdict::Passed if ran.exit.in_doubt() => Verdict::Unknown { why: words::exit(&ran.exit) },
            verdict => verdict,
        };
        self.emit(ended(order, attempt, &ran, 1, verdict.clone(), message))?;
        if ran.leaked {
            self.emit(Event::Note { place: Some(order.place.clone()), text: LEFT_OPEN.to_owned(), taken: None, person: false })?;
        }
        Ok(Judged { ran, verdict })
    }
}

pub(super) fn ended(order: &Order, attempt: u32, ran: &Ran, askings: u32, verdict: Verdict, message: String) -> Event {
    Event::StepEnded {
        place: order.place.clone(),
        part: order.part,
        attempt,
        exit: ran.exit.clone(),
        stdout: ran.stdout.captured.clone(),
        stderr: ran.stderr.captured.clone(),
        took: ran.took,
        askings,
        verdict,
        message,
        excerpt: Excerpt { stdout: tail(&ran.stdout), stderr: tail(&ran.stderr) },
    }
}

/// The end of what was printed, as text.
fn tail(printed: &Printed) -> String {
    let end = printed.end();
    String::from_utf8_lossy(&end[end.len().saturating_sub(EXCERPT)..]).into_owned()
}

/// What a command's end means where nothing but its exit code is asked for.
pub(super) fn judge_exit(ran: &Ran) -> (Verdict, String) {
    if ran.exit.succeeded() {
        return (Verdict::Passed, String::new());
    }
    let why = describe_failure(ran);
    if ran.exit.in_doubt() { (Verdict::Unknown { why }, String::new()) } else { (Verdict::failed(why), String::new()) }
}

/// How a command failed, with the last thing that it said.
pub(super) fn describe_failure(ran: &Ran) -> String {
    let how = words::exit(&ran.exit);
    let said = [&ran.stderr, &ran.stdout].into_iter().find_map(|printed| {
        let text = tail(printed);
        last_line(&text).map(|line| line.chars().take(200).collect::<String>())
    });
    match said {
        Some(line) => format!("{how}: {line}"),
        None => how,
    }
}

/// Records what an executor says of one command.
struct CommandSite<'a> {
    engine: &'a Engine<'a>,
    place: &'a Place,
    part: Part,
    progress: Option<(&'a ProgressSpec, &'a Scope)>,
    /// The groups of the progress pattern, as they were last seen.
    seen: Mutex<BTreeMap<String, String>>,
    refused: Refused,
}

impl Site for CommandSite<'_> {
    fn spawned(&self, pid: u32, start_time: u64) -> Result<(), LedgerError> {
        self.engine.keep(Event::StepSpawned { place: self.place.clone(), part: self.part, pid, start_time }, &self.refused)
    }

    fn signalled(&self, signal: SentSignal) -> Result<(), LedgerError> {
        self.engine.keep(Event::StepSignalled { place: self.place.clone(), part: self.part, signal }, &self.refused)
    }

    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        self.engine.ports.ledger.capture()
    }

    fn remark(&self, text: &str) -> Result<(), LedgerError> {
        let note = Event::Note { place: Some(self.place.clone()), text: text.to_owned(), taken: None, person: false };
        self.engine.keep(note, &self.refused)
    }

    fn listens(&self) -> bool {
        self.engine.is_watched()
    }

    fn line(&self, text: &str) {
        if let Some((spec, scope)) = self.progress
            && let Some((done, total, have)) = self.figure(spec, scope, text)
        {
            self.engine.progress(&Progress::Figure { place: self.place.clone(), done, total, have });
        }
        self.engine.progress(&Progress::Line { place: self.place.clone(), text: text.to_owned() });
    }
}

impl CommandSite<'_> {
    /// The progress figures in a line of output, and what there is to say with them, if the line holds any. Programs that
    /// tell theirs in several lines are followed: of each group, what was last seen counts.
    fn figure(&self, spec: &ProgressSpec, scope: &Scope, line: &str) -> Option<(f64, f64, Option<String>)> {
        let mut scope = scope.clone();
        scope.set("line", line);
        if let Some(pattern) = &spec.pattern {
            let found = pattern.captures(line)?;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            for name in pattern.capture_names().flatten() {
                if let Some(text) = found.name(name) {
                    seen.insert(name.to_owned(), text.as_str().to_owned());
                }
                scope.set(name, seen.get(name).map_or(Value::from(()), |text| Value::from(text.as_str())));
            }
        }
        let (done, total) = figures(spec, &scope)?;
        let have = spec.message.as_ref().and_then(|message| match scope.message(message) {
            Ok(Evaluated::Known(text)) => Some(text),
            _ => None,
        });
        Some((done, total, have))
    }
}

/// The progress figures that a scope yields, if it does.
pub(super) fn figures(spec: &ProgressSpec, scope: &Scope) -> Option<(f64, f64)> {
    let number = |expr| match scope.evaluate(expr) {
        Ok(Evaluated::Known(value)) => {
            f64::try_from(value.clone()).ok().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
        }
        _ => None,
    };
    Some((number(&spec.done)?, number(&spec.total)?))
}
