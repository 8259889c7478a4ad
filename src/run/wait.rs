//! Waiting: asking again and again until something holds, and saying meanwhile what is missing.

use std::{collections::BTreeSet, io::Write, iter, time::Duration};

use minijinja::Value;

use super::{
    command::{LEFT_OPEN, describe_failure, ended, figures},
    engine::Engine,
    frame::Frame,
    halt::Halt,
    holds::HoldsAsked,
    kept::KeptAnswer,
    order::{known, timespan_of},
    poll::Poll,
    printed::{OutputFields, PRINTED, result_of},
    probe::judged_anew,
};
use crate::{
    event::{Captured, Event, Exit, Part, Place, Progress, Verdict},
    expression,
    plan::{Evaluated, Scope},
    ports::{LedgerError, Order, Printed, Ran, Urgency, Words},
    runbook::model::{Timespan, Wait},
};

const NOT_BEFORE: &str = "the changes above; now";
const EVERY: Duration = Duration::from_secs(5);

/// The lengths of time of a wait, resolved.
struct Lengths {
    every: Duration,
    timeout: Option<Duration>,
    stable_for: Duration,
    stall: Option<Duration>,
    unread_for: Option<Duration>,
}

/// What one asking has shown.
struct Sighting {
    holds: bool,
    /// Whether it could be read at all.
    read: bool,
    failed: Option<String>,
    have: String,
    /// The operator wants the run to stop, and does not wait for it any longer.
    left: bool,
    figure: Option<(f64, f64)>,
    watched: Option<String>,
    result: Value,
}

/// An asking, with what was answered.
struct Look {
    seen: Sighting,
    ran: Option<Ran>,
    /// What must hold meanwhile does not: why the wait is over.
    halted: Option<Halt>,
}

impl Look {
    /// Whether the same was answered, so that everything read from it is the same too.
    fn answered_by(&self, ran: Option<&Ran>) -> bool {
        match (&self.ran, ran) {
            (Some(before), Some(now)) => before.exit == now.exit && before.stdout == now.stdout && before.stderr == now.stderr,
            (before, now) => before.is_none() && now.is_none(),
        }
    }
}

/// How a wait ended.
pub(super) struct Waited {
    pub verdict: Verdict,
    pub result: Value,
}

impl Engine<'_> {
    /// Waits. `Unknown` if what it waits for cannot be asked before the run.
    pub(super) fn wait(&self, wait: &Wait, title: &str, scope: &Scope, frame: &Frame, place: &Place) -> Result<Evaluated<Waited>, Halt> {
        let failed = |why: String| {
            Ok(Evaluated::Known(Waited { verdict: Verdict::failed(why), result: minijinja::context! { ran => true, ok => false } }))
        };
        let lengths = match Self::lengths(wait, scope) {
            Ok(lengths) => known!(lengths),
            Err(why) => return failed(why),
        };
        let order = match Self::poll_order(wait, scope, place) {
            Ok(order) => known!(order),
            Err(why) => return failed(why),
        };
        if let Some(order) = order.as_ref().filter(|order| !self.ports.executor.admits(order)) {
            return Ok(Evaluated::Unknown(vec![self.passed_over(order).unwrap_or_else(|| place.to_string())]));
        }
        if let Some(needs) = scope.needs_beside(&PRINTED, iter::once(&wait.until).chain(&wait.fail_if)) {
            return Ok(Evaluated::Unknown(needs));
        }
        if self.only_foretells() {
            self.foretell_holds(frame, place)?;
        }
        if let Some(answer) = order.as_ref().and_then(|order| self.recent(order)) {
            return self.looked_at(wait, scope, place, &answer, lengths.stable_for).map(Evaluated::Known);
        }
        let shown = order.as_ref().map_or_else(|| nothing(place).shown(), |order| self.shown(order));
        self.emit(Event::StepBegan { place: place.clone(), part: Part::Main, attempt: 1, command: shown, owes: None })?;
        let began = self.ports.clock.elapsed();
        let (Look { seen, ran, halted }, askings, verdict) =
            self.ask_until(wait, title, scope, (frame, place), order.as_ref(), &lengths)?;
        let order = order.unwrap_or_else(|| nothing(place));
        let took = self.ports.clock.elapsed().saturating_sub(began);
        let mut ran = Ran { took, ..self.keep_last(ran)? };
        if seen.left && !matches!(ran.exit, Exit::Interrupted { .. }) {
            ran.exit = Exit::Interrupted { killed: false };
        }
        self.emit(ended(&order, 1, &ran, askings, verdict.clone(), seen.have))?;
        if let (Some(command), true) = (&wait.command, seen.read && self.only_foretells()) {
            let reading = result_of(&ran, command.output);
            self.keep_recent(&order, KeptAnswer::new(place, ran, command.output, reading));
        }
        if let Some(halt) = halted {
            return Err(halt);
        }
        if seen.left {
            // It has neither come nor failed: nothing is concluded from it, and a resume waits on.
            self.check_interrupts(Some(place))?;
        }
        let ok = verdict == Verdict::Passed;
        Ok(Evaluated::Known(Waited { verdict, result: judged_anew(&seen.result, ok) }))
    }

    /// The one look of a dry run that has passed over a change, at what the same question was answered a moment ago.
    fn looked_at(&self, wait: &Wait, scope: &Scope, place: &Place, answer: &KeptAnswer, stable_for: Duration) -> Result<Waited, Halt> {
        let reading = wait.command.as_ref().map(|command| answer.read(command.output));
        let seen = Self::read(wait, scope, reading.map(|reading| (&answer.ran, reading)));
        let verdict = if seen.holds && seen.failed.is_none() && stable_for.is_zero() {
            Verdict::Passed
        } else {
            Verdict::Unknown { why: format!("{NOT_BEFORE}: {}", seen.have) }
        };
        let (place, of, ok) = (place.clone(), answer.place.clone(), verdict == Verdict::Passed);
        self.emit(Event::AnswerShared { place, of, verdict: verdict.clone(), message: seen.have })?;
        Ok(Waited { verdict, result: judged_anew(&seen.result, ok) })
    }

    fn lengths(wait: &Wait, scope: &Scope) -> Result<Evaluated<Lengths>, String> {
        let optional = |timespan: Option<&Timespan>| match timespan {
            None => Ok(Evaluated::Known(None)),
            Some(timespan) => timespan_of(scope, timespan).map(|length| length.map(Some)),
        };
        Ok(Evaluated::Known(Lengths {
            every: known!(optional(wait.every.as_ref())?).unwrap_or(EVERY).max(Duration::from_millis(10)),
            timeout: known!(optional(wait.timeout.as_ref())?),
            stable_for: known!(optional(wait.stable_for.as_ref())?).unwrap_or_default(),
            stall: known!(optional(wait.stall.as_ref().map(|stall| &stall.after))?),
            unread_for: known!(optional(wait.unread_for.as_ref())?),
        }))
    }

    fn poll_order(wait: &Wait, scope: &Scope, place: &Place) -> Result<Evaluated<Option<Order>>, String> {
        match &wait.command {
            None => Ok(Evaluated::Known(None)),
            Some(command) => Self::order(command, scope, place, Part::Main).map(|order| order.map(Some)),
        }
    }

    fn ask_until(
        &self,
        wait: &Wait,
        title: &str,
        scope: &Scope,
        (frame, place): (&Frame, &Place),
        order: Option<&Order>,
        lengths: &Lengths,
    ) -> Result<(Look, u32, Verdict), Halt> {
        let mut asked = HoldsAsked::default();
        let clock = self.ports.clock;
        let began = clock.elapsed();
        let mut askings = 0;
        let mut held_since: Option<Duration> = None;
        let mut moved = (String::new(), began);
        let mut told_stalled = false;
        let mut read_at = began;
        let mut last: Option<Look> = None;
        let mut told = BTreeSet::new();
        loop {
            askings += 1;
            let mut look = self.look(wait, scope, place, order, last.take(), &mut told)?;
            let seen = &look.seen;
            let now = clock.elapsed();
            let elapsed = now.saturating_sub(began);
            if let Some(why) = &seen.failed {
                // A dry run that has passed over a change looks at a world in which it was not made.
                let verdict = if self.hypothetical() {
                    Verdict::Unknown { why: format!("{NOT_BEFORE}: {}", seen.have) }
                } else {
                    Verdict::failed(why.clone())
                };
                return Ok((look, askings, verdict));
            }
            if seen.read {
                read_at = now;
            }
            if let Some(watched) = &seen.watched
                && *watched != moved.0
            {
                moved = (watched.clone(), now);
                told_stalled = false;
            }
            if seen.holds {
                let since = *held_since.get_or_insert(now);
                if now.saturating_sub(since) >= lengths.stable_for {
                    return Ok((look, askings, Verdict::Passed));
                }
            } else {
                held_since = None;
            }
            let still = lengths.stall.map(|_| now.saturating_sub(moved.1));
            if let (Some(after), Some(still), false) = (lengths.stall, still, told_stalled)
                && still >= after
            {
                told_stalled = true;
                let text = format!("no progress at {place} for {}: {}", crate::quantity::show_duration(still), seen.have);
                self.emit(Event::Note { place: Some(place.clone()), text, taken: None, person: false })?;
            }
            self.progress(&Progress::Waiting {
                place: place.clone(),
                want: title.to_owned(),
                have: seen.have.clone(),
                elapsed,
                limit: lengths.timeout,
                figure: seen.figure,
                still,
                held: held_since.map(|since| (now.saturating_sub(since), lengths.stable_for)),
            });
            // A dry run that has passed over a change looks once: what it waits for cannot come.
            if self.hypothetical() {
                let why = format!("{NOT_BEFORE}: {}", seen.have);
                return Ok((look, askings, Verdict::Unknown { why }));
            }
            if let Some(limit) = lengths.unread_for
                && now.saturating_sub(read_at) >= limit
            {
                let why = format!("could not be read for {}: {}", crate::quantity::show_duration(limit), seen.have);
                return Ok((look, askings, Verdict::failed(why)));
            }
            if let Some(limit) = lengths.timeout
                && elapsed + lengths.every > limit
            {
                let why = format!("not so after {}: {}", crate::quantity::show_duration(limit), seen.have);
                return Ok((look, askings, Verdict::Failed { why, late: true }));
            }
            if !self.only_foretells()
                && let Err(halt) = self.still_hold(frame, place, &mut asked)
            {
                let why = halt.why();
                look.seen.left = self.ports.interrupts.urgency() > Urgency::None;
                look.halted = (!look.seen.left).then_some(halt);
                return Ok((look, askings, Verdict::failed(why)));
            }
            // Nothing is being changed, so there is nothing to finish first; the step itself may last for hours.
            let stops = || self.ports.interrupts.urgency() > Urgency::None;
            if !stops() {
                tracing::debug!(
                    %place,
                    askings,
                    read = look.seen.read,
                    holds = look.seen.holds,
                    have = %self.secrets.mask(&look.seen.have),
                    ?elapsed,
                    limit = ?lengths.timeout,
                    every = ?lengths.every,
                    "a wait asks again"
                );
                clock.pause(lengths.every, self.ports.interrupts);
            }
            if stops() {
                let why = format!("wait cancelled by the operator: {}", seen.have);
                look.seen.left = true;
                return Ok((look, askings, Verdict::failed(why)));
            }
            last = Some(look);
        }
    }

    /// Asks once. What was answered as before is not read again. What the command has left behind is told, the same once.
    fn look(
        &self,
        wait: &Wait,
        scope: &Scope,
        place: &Place,
        order: Option<&Order>,
        last: Option<Look>,
        told: &mut BTreeSet<String>,
    ) -> Result<Look, Halt> {
        let poll = Poll::of(self, place);
        let ran = order.map(|order| self.ports.executor.execute(order, &poll, self.ports.interrupts)).transpose();
        let ran = ran.map_err(|error| poll.halted(error))?;
        let left = ran.as_ref().filter(|ran| ran.leaked).map(|_| LEFT_OPEN.to_owned());
        for text in poll.remarks().into_iter().chain(left) {
            if told.insert(text.clone()) {
                self.emit(Event::Note { place: Some(place.clone()), text, taken: None, person: false })?;
            }
        }
        let reading = || wait.command.as_ref().zip(ran.as_ref()).map(|(command, ran)| (ran, result_of(ran, command.output)));
        let seen = match last {
            Some(last) if last.answered_by(ran.as_ref()) => last.seen,
            _ => Self::read(wait, scope, reading()),
        };
        Ok(Look { seen, ran, halted: None })
    }

    /// Reads an answer. What cannot be read is not yet so: a half-dead system answers badly for a while.
    fn read(wait: &Wait, scope: &Scope, answer: Option<(&Ran, OutputFields)>) -> Sighting {
        let mut scope = scope.clone();
        let mut fault = None;
        let mut result = Value::from(());
        if let Some((answered, (fields, unreadable))) = answer {
            for (name, value) in &fields {
                if !matches!(*name, "ran" | "ok") {
                    scope.set(name, value.clone());
                }
            }
            result = expression::result(fields);
            fault = match &answered.exit {
                Exit::Code(0) => unreadable.err(),
                Exit::Code(_) => unreadable.err().map(|fault| format!("{}; {fault}", describe_failure(answered))),
                _ => Some(describe_failure(answered)),
            };
        }
        let mut seen = Sighting {
            holds: false,
            read: fault.is_none(),
            failed: None,
            have: String::new(),
            left: false,
            figure: None,
            watched: None,
            result,
        };
        if let Some(fault) = fault {
            seen.have = fault;
            return seen;
        }
        match scope.holds(&wait.until) {
            Ok(Evaluated::Known(holds)) => seen.holds = holds,
            Ok(Evaluated::Unknown(needs)) => seen.have = format!("needs {}", needs.join(", ")),
            Err(error) => {
                seen.read = false;
                seen.have = format!("`{}` cannot be evaluated: {error}", wait.until);
            }
        }
        if seen.have.is_empty()
            && let Some(message) = &wait.message
        {
            seen.have = match scope.message(message) {
                Ok(Evaluated::Known(text)) => text.trim().to_owned(),
                Ok(Evaluated::Unknown(needs)) => format!("(known only at run time: {})", needs.join(", ")),
                Err(error) => format!("({error})"),
            };
        }
        if let Some(fail_if) = &wait.fail_if {
            match scope.holds(fail_if) {
                Ok(Evaluated::Known(true)) => {
                    seen.failed = Some(if seen.have.is_empty() {
                        format!("gave up, since `{fail_if}` is true")
                    } else {
                        format!("gave up: {} (`{fail_if}` is true)", seen.have)
                    });
                }
                Ok(_) => {}
                // What says when to give up must be readable before anything counts as come.
                Err(error) => {
                    seen.holds = false;
                    seen.read = false;
                    seen.have = format!("`{fail_if}` cannot be evaluated: {error}");
                }
            }
        }
        seen.figure = wait.progress.as_ref().and_then(|spec| figures(spec, &scope));
        seen.watched = wait.stall.as_ref().and_then(|stall| match scope.evaluate(&stall.watch) {
            Ok(Evaluated::Known(value)) => Some(value.to_string()),
            _ => None,
        });
        if seen.have.is_empty() {
            seen.have = if seen.holds { "true".to_owned() } else { "not yet".to_owned() };
        }
        seen
    }

    /// Keeps what the last asking printed: the record names it.
    fn keep_last(&self, ran: Option<Ran>) -> Result<Ran, Halt> {
        let mut ran = ran.unwrap_or_else(|| {
            let empty = || Printed::new(Captured::empty(), Vec::new());
            Ran { exit: Exit::Code(0), stdout: empty(), stderr: empty(), took: Duration::ZERO, leaked: false }
        });
        for printed in [&mut ran.stdout, &mut ran.stderr] {
            let cut = printed.cut();
            let mut capture = self.ports.ledger.capture()?;
            capture.write_all(&printed.head).map_err(|error| LedgerError::new("the output of a wait", Some(error)))?;
            printed.captured = Captured { cut, ..capture.finish()? };
        }
        Ok(ran)
    }
}

/// What is recorded for a wait that runs no command.
fn nothing(place: &Place) -> Order {
    Order::plain(place.clone(), Part::Main, Words::Argv(Vec::new()), crate::event::Effect::Read)
}
