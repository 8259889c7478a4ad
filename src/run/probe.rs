//! Asking a probe: a read-only question and its expected answer.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use minijinja::Value;

use super::{
    command::describe_failure,
    engine::Engine,
    halt::Halt,
    kept::KeptAnswer,
    order::{known, timespan_of},
    printed::{OutputFields, PRINTED, result_of},
    sweep::{Answered, Foreknown, Sweep, templates},
};
use crate::{
    event::{Event, Exit, Part, Place, Verdict},
    expression::{self, ExpressionError},
    parallel,
    plan::{
        Evaluated, Scope,
        condition::{MadeFor, made, made_for},
        item::{LabelledItem, list_of},
    },
    ports::Ran,
    runbook::model::{ItemList, Items, Probe, Template},
    words,
};

/// How often a probe that has time is asked, when the runbook does not say.
const EVERY: Duration = Duration::from_secs(5);

/// A probe's answer.
#[derive(Debug, Clone)]
pub(super) struct ProbeAnswer {
    pub place: Place,
    pub title: String,
    pub verdict: Verdict,
    /// What was seen, in the probe's own words; may be empty.
    pub message: String,
    pub hint: Option<String>,
    pub result: Value,
    pub answered: Answered,
    /// Some expression of the probe has no value.
    pub no_value: bool,
}

impl ProbeAnswer {
    pub(super) fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// Whoever would have answered is known not to.
    fn not_asked(&self) -> bool {
        matches!(self.answered, Answered::NotAsked(_))
    }

    /// Why it did not pass, apart from what its own message says.
    fn reason(&self) -> &str {
        match &self.verdict {
            Verdict::Passed => "",
            Verdict::Failed { why, .. } | Verdict::Unknown { why } => why,
        }
    }

    /// Why it did not pass.
    pub(super) fn why(&self) -> String {
        match &self.verdict {
            Verdict::Passed => String::new(),
            Verdict::Failed { why, .. } | Verdict::Unknown { why } if self.message.is_empty() => why.clone(),
            Verdict::Failed { .. } | Verdict::Unknown { .. } => self.message.clone(),
        }
    }
}

impl Engine<'_> {
    /// Asks a probe; one for each item if it has items. `Unknown` if it cannot be asked before the run.
    ///
    /// Returns nothing if its `when` says that it does not matter.
    pub(super) fn ask(&self, probe: &Probe, scope: &Scope, place: &Place, part: Part) -> Result<Evaluated<Vec<ProbeAnswer>>, Halt> {
        self.ask_in(probe, scope, place, part, None)
    }

    /// Asks a probe as [`Engine::ask`] does; in a sweep it is not asked what is known of it.
    pub(super) fn ask_in(
        &self,
        probe: &Probe,
        scope: &Scope,
        place: &Place,
        part: Part,
        sweep: Option<&Sweep>,
    ) -> Result<Evaluated<Vec<ProbeAnswer>>, Halt> {
        let fault = |why: String| Ok(Evaluated::Known(vec![unanswered(probe, scope, place, why)]));
        let why_not = |scope: &Scope, error: &ExpressionError| {
            probe.when.as_ref().map_or_else(|| error.to_string(), |when| scope.why_no_value(when, error))
        };
        let by_item = match made(probe, scope) {
            Ok(Evaluated::Known(MadeFor::Nothing)) => return Ok(Evaluated::Known(Vec::new())),
            Ok(Evaluated::Known(made)) => made == MadeFor::ByItem,
            Ok(Evaluated::Unknown(needs)) => return Ok(Evaluated::Unknown(needs)),
            Err(error) => return fault(why_not(scope, &error)),
        };
        let Some(items) = &probe.for_each else {
            return Ok(self.ask_in_time(probe, scope, place, part, sweep)?.map(|asked| vec![asked]));
        };
        let list = match list_of(items, scope, &self.secrets) {
            Ok(Evaluated::Known(list)) => list,
            Ok(Evaluated::Unknown(needs)) => return Ok(Evaluated::Unknown(needs)),
            Err(why) => return fault(scope.failed_for(list_template(items)).unwrap_or(why)),
        };
        let mut list = list.into_vec();
        let mut answers = Vec::with_capacity(list.len());
        if by_item {
            let mut kept = Vec::with_capacity(list.len());
            for item in list {
                match made_for(probe, &item, scope) {
                    Ok(Evaluated::Known(true)) => kept.push(item),
                    Ok(Evaluated::Known(false)) => {}
                    Ok(Evaluated::Unknown(needs)) => return Ok(Evaluated::Unknown(needs)),
                    Err(error) => {
                        let place = place.item(items.name.as_str(), item.label());
                        let mut scope = scope.clone();
                        scope.set(items.name.as_str(), item.value);
                        answers.push(unanswered(probe, &scope, &place, why_not(&scope, &error)));
                    }
                }
            }
            list = kept;
        }
        let ask = |item: &LabelledItem| {
            let mut scope = scope.clone();
            let place = place.item(items.name.as_str(), item.label());
            scope.set(items.name.as_str(), item.value.clone());
            self.ask_in_time(probe, &scope, &place, part, sweep)
        };
        // One host need not wait for another's answer; questions to one machine are asked one after the other.
        let elsewhere = probe.command.as_ref().is_some_and(|command| command.on.is_some());
        let at_once = if elsewhere { self.ports.executor.concurrency().min(MOST_AT_ONCE).min(list.len()) } else { 1 };
        if at_once <= 1 {
            for item in &list {
                answers.push(known!(ask(item)?));
            }
            return Ok(Evaluated::Known(answers));
        }
        // Each host is asked one question first: one that cannot be reached is waited for once.
        let (first, rest) = first_of_each_host(probe, scope, &list);
        let mut asked: Vec<Option<_>> = list.iter().map(|_| None).collect();
        for wave in [first, rest] {
            let ask = |at: &usize| list.get(*at).map(&ask);
            for (at, answer) in wave.iter().zip(parallel::map_at_once(at_once, &wave, ask)) {
                if let Some(slot) = asked.get_mut(*at) {
                    *slot = answer;
                }
            }
        }
        for answer in asked.into_iter().flatten() {
            answers.push(known!(answer?));
        }
        Ok(Evaluated::Known(answers))
    }

    /// Asks until the probe passes or its `within` is over.
    fn ask_in_time(
        &self,
        probe: &Probe,
        scope: &Scope,
        place: &Place,
        part: Part,
        sweep: Option<&Sweep>,
    ) -> Result<Evaluated<ProbeAnswer>, Halt> {
        let span = |timespan| match timespan {
            None => Ok(None),
            Some(timespan) => timespan_of(scope, timespan).map(|length| match length {
                Evaluated::Known(length) => Some(length),
                Evaluated::Unknown(_) => None,
            }),
        };
        let (within, every) = match (span(probe.within.as_ref()), span(probe.every.as_ref())) {
            (Ok(within), Ok(every)) => (within, every.unwrap_or(EVERY)),
            (Err(why), _) | (_, Err(why)) => return Ok(Evaluated::Known(unanswered(probe, scope, place, why))),
        };
        let began = self.ports.clock.elapsed();
        let mut attempt = 1;
        loop {
            let asked = known!(self.ask_once(probe, scope, place, part, attempt, sweep)?);
            let waited = self.ports.clock.elapsed().saturating_sub(began);
            let more = within.is_some_and(|within| waited + every <= within);
            if asked.passed()
                || asked.not_asked()
                || !more
                || self.hypothetical()
                || self.ports.interrupts.urgency() > crate::ports::Urgency::None
            {
                return Ok(Evaluated::Known(asked));
            }
            tracing::debug!(%place, attempt, ?waited, within = ?within, have = %self.secrets.mask(&asked.why()), "a check asks again");
            self.progress(&crate::event::Progress::Waiting {
                place: place.clone(),
                want: title_of(probe, scope, place),
                have: asked.why(),
                elapsed: waited,
                limit: within,
                figure: None,
                still: None,
                held: None,
            });
            if let Some(sweep) = sweep {
                sweep.pause();
            }
            self.ports.clock.pause(every, self.ports.interrupts);
            attempt += 1;
        }
    }

    fn ask_once(
        &self,
        probe: &Probe,
        scope: &Scope,
        place: &Place,
        part: Part,
        attempt: u32,
        sweep: Option<&Sweep>,
    ) -> Result<Evaluated<ProbeAnswer>, Halt> {
        let Some(command) = &probe.command else {
            let unanswered = |why| Ok(Evaluated::Known(unanswered(probe, scope, place, why)));
            let Some(expect) = &probe.expect else { return unanswered("the check has neither a command nor an expectation".to_owned()) };
            let judged = match scope.holds(expect) {
                Ok(Evaluated::Unknown(needs)) => return Ok(Evaluated::Unknown(needs)),
                Ok(Evaluated::Known(holds)) => JudgedAnswer::new(expected(holds, &expect.text), answer(Vec::new(), holds), Answered::Whole),
                Err(error) => return unanswered(scope.why_no_value(expect, &error)),
            };
            return Ok(Evaluated::Known(Self::asked(probe, scope, place, judged)));
        };
        let order = match Self::order(command, scope, place, part) {
            Ok(order) => known!(order),
            Err(why) => {
                let why = scope.failed_for(templates(command)).unwrap_or(why);
                return Ok(Evaluated::Known(unanswered(probe, scope, place, why)));
            }
        };
        if !self.ports.executor.admits(&order) {
            return Ok(Evaluated::Unknown(vec![self.passed_over(&order).unwrap_or_else(|| place.to_string())]));
        }
        // What it expects of names that are not known yet, it cannot be asked.
        if let Some(needs) = scope.needs_beside(&PRINTED, &probe.expect) {
            return Ok(Evaluated::Unknown(needs));
        }
        let mut inner = scope.clone();
        // Whoever asks again wants to know how things stand by now.
        let foreknown = sweep.filter(|_| attempt == 1).and_then(|sweep| sweep.foreknown(&order, command.output));
        let recent = || if attempt == 1 { self.recent(&order).map(Foreknown::Shared) } else { None };
        let foreknown = foreknown.or_else(recent);
        let (own, heard) =
            if foreknown.is_none() { self.together.hear(&order, attempt, sweep, self.ports.clock.elapsed()) } else { (None, None) };
        match foreknown.or_else(|| heard.clone().map(Foreknown::Shared)) {
            Some(Foreknown::NotAsked(gap)) => {
                let answered = Answered::NotAsked(gap);
                return Ok(Evaluated::Known(ProbeAnswer { answered, no_value: false, ..unanswered(probe, scope, place, String::new()) }));
            }
            Some(Foreknown::Shared(answer)) => {
                let judged = judge(probe, &answer.ran, answer.read(command.output), &mut inner);
                let asked = Self::asked(probe, &inner, place, judged);
                let (verdict, message) = (asked.verdict.clone(), asked.message.clone());
                if sweep.and_then(Sweep::wait).is_none() {
                    self.emit(Event::AnswerShared { place: place.clone(), of: answer.place.clone(), verdict, message })?;
                }
                if let (Some(_), Some(sweep)) = (heard, sweep) {
                    sweep.remember(&order, command.output, place.step(), answer, (&asked.answered, asked.reason()));
                }
                return Ok(Evaluated::Known(asked));
            }
            None => {}
        }
        let (mut asked, mut reading) = (None, None);
        let judge = |ran: &Ran| {
            let reading = reading.insert(result_of(ran, command.output)).clone();
            let judged = judge(probe, ran, reading, &mut inner);
            let asked = asked.insert(Self::asked(probe, &inner, place, judged));
            (asked.verdict.clone(), asked.message.clone())
        };
        let judged = match sweep.and_then(Sweep::wait) {
            Some(wait) => self.execute_unrecorded(&order, wait, judge)?,
            None => self.execute(&order, attempt, None, self.ports.interrupts, None, judge)?,
        };
        let asked = match asked {
            Some(asked) if asked.verdict == judged.verdict => asked,
            // What was in doubt has not passed, whatever was read from it.
            asked => {
                let result = asked.map_or_else(|| Value::from(()), |asked| asked.result);
                Self::asked(probe, &inner, place, JudgedAnswer::new(judged.verdict, result, Answered::Nothing))
            }
        };
        let reading = reading.unwrap_or_else(|| result_of(&judged.ran, command.output));
        let answer = KeptAnswer::new(place, judged.ran, command.output, reading);
        if asked.answered == Answered::Whole {
            self.keep_recent(&order, Arc::clone(&answer));
            if let Some(own) = own {
                own.answered(&answer);
            }
        }
        let answered =
            match sweep.and_then(|sweep| sweep.remember(&order, command.output, place.step(), answer, (&asked.answered, asked.reason()))) {
                Some(gap) => Answered::NotAsked(gap),
                None => asked.answered.clone(),
            };
        Ok(Evaluated::Known(ProbeAnswer { answered, ..asked }))
    }

    fn asked(probe: &Probe, scope: &Scope, place: &Place, judged: JudgedAnswer) -> ProbeAnswer {
        let JudgedAnswer { verdict, result, answered, no_value } = judged;
        let text = |evaluated: Result<Evaluated<String>, ExpressionError>| match evaluated {
            Ok(Evaluated::Known(text)) => text.trim().to_owned(),
            Ok(Evaluated::Unknown(needs)) => format!("(known only during the run: {})", needs.join(", ")),
            Err(error) => format!("({error})"),
        };
        let evaluated = |template: &Template| scope.message(template);
        let hint = if verdict == Verdict::Passed { None } else { probe.hint.as_ref().map(evaluated).map(text) };
        // A message that speaks of what could not be read, or was not answered, gives way to the reason.
        let message = match (&verdict, probe.message.as_ref().map(evaluated)) {
            _ if answered == Answered::Nothing => String::new(),
            (Verdict::Failed { .. } | Verdict::Unknown { .. }, Some(Err(_))) | (_, None) => String::new(),
            (_, Some(message)) => text(message),
        };
        ProbeAnswer { place: place.clone(), title: title_of(probe, scope, place), verdict, message, hint, result, answered, no_value }
    }
}

/// Where in the list each host comes first, and where again.
fn first_of_each_host(probe: &Probe, scope: &Scope, list: &[LabelledItem]) -> (Vec<usize>, Vec<usize>) {
    let mut hosts = BTreeSet::new();
    let (on, name) = (probe.command.as_ref().and_then(|command| command.on.as_ref()), probe.for_each.as_ref().map(|items| &items.name));
    (0..list.len()).partition(|at| {
        let (Some(on), Some(name), Some(item)) = (on, name, list.get(*at)) else { return true };
        let mut scope = scope.clone();
        scope.set(name.as_str(), item.value.clone());
        match scope.text(on) {
            Ok(Evaluated::Known(host)) => hosts.insert(host),
            _ => true,
        }
    })
}

/// What an answer means for the probe, and what later expressions see of it.
struct JudgedAnswer {
    verdict: Verdict,
    result: Value,
    answered: Answered,
    /// What is expected has no value.
    no_value: bool,
}

impl JudgedAnswer {
    fn new(verdict: Verdict, result: Value, answered: Answered) -> Self {
        Self { verdict, result, answered, no_value: false }
    }
}

/// What a command's end means for the probe. Leaves the result in `scope`.
fn judge(probe: &Probe, ran: &Ran, (fields, fault): OutputFields, scope: &mut Scope) -> JudgedAnswer {
    for (name, value) in &fields {
        if !matches!(*name, "ran" | "ok") {
            scope.set(name, value.clone());
        }
    }
    let mut no_value = false;
    let (verdict, answered) = match (&ran.exit, fault, &probe.expect) {
        // A probe that could not run, or was cut off, has not passed, whatever it was expected to say.
        (exit, _, _) if !matches!(exit, Exit::Code(_)) => (Verdict::failed(describe_failure(ran)), Answered::Nothing),
        // Of what has failed and said nothing, nobody expects that it could be read.
        (exit, Err(_), _) if !exit.succeeded() && ran.stdout.head.iter().all(u8::is_ascii_whitespace) => {
            (Verdict::failed(describe_failure(ran)), Answered::Nothing)
        }
        (exit, Err(fault), _) if !exit.succeeded() => (Verdict::failed(format!("{}; {fault}", describe_failure(ran))), Answered::Nothing),
        (_, Err(fault), _) => (Verdict::failed(fault), Answered::Nothing),
        (exit, Ok(()), None) if exit.succeeded() => (Verdict::Passed, Answered::Whole),
        (_, Ok(()), None) => (Verdict::failed(describe_failure(ran)), Answered::CodeAlone),
        (exit, Ok(()), Some(expect)) => match scope.holds(expect) {
            Ok(Evaluated::Known(holds)) => (expected(holds, &expect.text), Answered::Whole),
            Ok(Evaluated::Unknown(needs)) => {
                let why = format!("could not check: needs {}, which is not known", needs.join(", "));
                (Verdict::Unknown { why }, Answered::Whole)
            }
            Err(error) if !exit.succeeded() => {
                let why = format!("{}; {}", describe_failure(ran), scope.why_no_value(expect, &error));
                (Verdict::failed(why), Answered::Nothing)
            }
            Err(error) => {
                no_value = true;
                (Verdict::failed(format!("could not check: {}", scope.why_no_value(expect, &error))), Answered::Whole)
            }
        },
    };
    let passed = verdict == Verdict::Passed;
    JudgedAnswer { result: answer(fields, passed), verdict, answered, no_value }
}

fn expected(holds: bool, expect: &str) -> Verdict {
    if holds { Verdict::Passed } else { Verdict::failed(format!("condition false: {expect}")) }
}

/// A probe's result: `ok` says whether it passed.
pub(super) fn answer(fields: Vec<(&'static str, Value)>, passed: bool) -> Value {
    let rest = fields.into_iter().filter(|(name, _)| !matches!(*name, "ok" | "ran"));
    expression::result([("ran", Value::from(true)), ("ok", Value::from(passed))].into_iter().chain(rest).collect())
}

/// The same result, judged otherwise.
pub(super) fn judged_anew(result: &Value, passed: bool) -> Value {
    answer(expression::fields_of(result, &PRINTED), passed)
}

/// A probe that could not be asked at all has not passed.
fn unanswered(probe: &Probe, scope: &Scope, place: &Place, why: String) -> ProbeAnswer {
    ProbeAnswer {
        place: place.clone(),
        title: title_of(probe, scope, place),
        verdict: Verdict::failed(format!("could not check: {why}")),
        message: String::new(),
        hint: None,
        result: answer(Vec::new(), false),
        answered: Answered::Nothing,
        no_value: true,
    }
}

fn list_template(items: &Items) -> Option<&Template> {
    match &items.list {
        ItemList::Expression(template) => Some(template),
        ItemList::Literal(_) => None,
    }
}

pub(super) fn title_of(probe: &Probe, scope: &Scope, place: &Place) -> String {
    match probe.title.as_ref().map(|title| scope.message(title)) {
        Some(Ok(Evaluated::Known(title))) => title,
        _ => words::aloud(place.step()),
    }
}

/// A probe that is asked once and given no time.
pub(super) fn at_once(probe: &Probe) -> Probe {
    Probe { within: None, ..probe.clone() }
}

/// More than this at once would only make a small machine slower and its descriptors scarce.
pub(super) const MOST_AT_ONCE: usize = 256;
