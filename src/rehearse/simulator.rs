//! Answers commands from the simulated world instead of running them.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use minijinja::Value;

use crate::{
    event::{Exit, Holding, Place},
    ports::{Executor, Interrupts, LedgerError, Order, Printed, Ran, Site, Urgency, Words},
    runbook::model::Runbook,
};

use super::{
    document::Mishap,
    ending::CommandEnding,
    fault::ScenarioFault,
    injection::{Calls, Injection},
    reply::{Longer, Twist, broken, hang, obey},
    rule::passes,
    stage::{AnsweredCall, Stage, Violation},
    suggestion,
    world::Locals,
};

/// The simulated world as an executor. What it cannot answer it fails, and remembers why.
#[derive(Debug)]
pub struct Simulator {
    stage: Arc<Mutex<Stage>>,
    /// Tells where a step stands that no rule answers.
    runbook: Option<Arc<Runbook>>,
}

/// What became of a command.
struct SimulatedReply {
    ending: CommandEnding,
    /// Which fault struck.
    injection: Option<usize>,
    /// halligan itself ends here.
    fatal: Option<LedgerError>,
}

impl Simulator {
    pub(super) fn new(stage: Arc<Mutex<Stage>>, runbook: Option<Arc<Runbook>>) -> Self {
        Self { stage, runbook }
    }

    /// The same, on another stage.
    pub(super) fn beside(&self, stage: Arc<Mutex<Stage>>) -> Self {
        Self { stage, runbook: self.runbook.clone() }
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong with the scenario itself so far; asked again, only what is new.
    pub fn take_faults(&self) -> Vec<ScenarioFault> {
        std::mem::take(&mut self.stage().faults)
    }

    /// Every command so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<AnsweredCall> {
        self.stage().calls.clone()
    }

    /// Looks at every command so far, without a copy of them.
    pub fn look_at_calls<T>(&self, look: impl FnOnce(&[AnsweredCall]) -> T) -> T {
        look(&self.stage().calls)
    }

    /// What must never be true, and was; each once.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.stage().violations.clone()
    }

    /// A value of the world as it is now, by its path.
    #[must_use]
    pub fn world(&self, path: &str) -> Option<Value> {
        self.stage().world.get(path)
    }

    /// The whole world as it is now.
    #[must_use]
    pub fn snapshot(&self) -> serde_json::Map<String, serde_json::Value> {
        self.stage().world.snapshot()
    }

    /// Lets time pass so many times as fast as it really does, instead of at once.
    pub fn speed(&self, times: f64) {
        self.stage().speed = Some(times.max(0.001));
    }

    /// What must not be true at the end, and is now.
    #[must_use]
    pub fn violations_at_the_end(&self) -> Vec<Violation> {
        self.stage().at_the_end()
    }

    /// Commands that were asked for after a fault had ended halligan itself.
    #[must_use]
    pub fn afterwards(&self) -> Vec<Place> {
        self.stage().afterwards.clone()
    }

    /// Whether a fault has ended halligan itself.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.stage().ended.is_some()
    }

    /// halligan is there again, after a fault had ended it; no fault strikes from now on.
    pub fn revive(&self) {
        let mut stage = self.stage();
        stage.ended = None;
        stage.injections.clear();
        stage.counted.clear();
    }

    /// Faults that have not struck, with how often their command was called.
    #[must_use]
    pub fn injections_left(&self) -> Vec<(Injection, u32)> {
        let stage = self.stage();
        let left = stage.injections.iter().zip(&stage.counted).filter(|(injection, counted)| match injection.calls {
            Calls::Nth(nth) => **counted < nth,
            Calls::Every => **counted == 0,
        });
        left.map(|(injection, counted)| (injection.clone(), *counted)).collect()
    }

    fn answer(&self, stage: &mut Stage, order: &Order) -> SimulatedReply {
        let mut struck: Option<(usize, Injection)> = None;
        for index in 0..stage.injections.len() {
            let injection = &stage.injections[index];
            if injection.meets(&order.place, order.part) {
                stage.counted[index] += 1;
                if struck.is_none() && injection.calls.strike(stage.counted[index]) {
                    struck = Some((index, injection.clone()));
                }
            }
        }
        let Some((index, injection)) = struck else {
            return SimulatedReply { ending: self.by_rule(stage, order, Twist::default()), injection: None, fatal: None };
        };
        let plain = Twist::default();
        let mut fatal = None;
        let mut end = |what: &str, source| fatal = Some(LedgerError::new(what, source));
        let ending = match injection.mishap {
            Mishap::Fail => {
                CommandEnding { stderr: injection.stderr.clone().into_bytes(), ..CommandEnding::silent(Exit::Code(injection.code)) }
            }
            Mishap::Hang => hang(stage, order, Duration::ZERO, injection.line.clone()),
            Mishap::Slow => {
                let longer = injection.takes.map_or(Longer::ToTheLimit, Longer::By);
                self.by_rule(stage, order, Twist { longer, ..plain })
            }
            Mishap::Garble | Mishap::Cut => {
                let mut ending = self.by_rule(stage, order, plain);
                ending.stdout.truncate(ending.stdout.len() / 2);
                if injection.mishap == Mishap::Garble {
                    // Bytes that are no text.
                    ending.stdout.extend_from_slice(b"\xff\xfe\x00#");
                }
                ending
            }
            Mishap::Lie => self.by_rule(stage, order, Twist { lie: true, ..plain }),
            Mishap::Drop => {
                let mut ending = self.by_rule(stage, order, plain);
                if !matches!(ending.exit, Exit::NotStarted { .. }) {
                    ending =
                        CommandEnding { rule: ending.rule, ..CommandEnding::silent(Exit::Lost { why: "as the scenario says".to_owned() }) };
                }
                ending
            }
            Mishap::Hands => self.by_rule(stage, order, plain),
            Mishap::Kill => {
                end("halligan is killed here, as the scenario says", None);
                self.by_rule(stage, order, plain)
            }
            Mishap::KillBefore => {
                end("halligan is killed here, as the scenario says", None);
                CommandEnding::not_started("halligan was killed before")
            }
            Mishap::DiskFull => {
                end("its disk is full, as the scenario says", Some(std::io::ErrorKind::StorageFull.into()));
                self.by_rule(stage, order, plain)
            }
        };
        stage.meddle(&injection.set, injection.line.as_ref());
        if fatal.is_some() {
            stage.ended = Some(order.place.clone());
        }
        SimulatedReply { ending, injection: Some(index), fatal }
    }

    fn by_rule(&self, stage: &mut Stage, order: &Order, twist: Twist) -> CommandEnding {
        let scenario = Arc::clone(&stage.scenario);
        if let Words::Argv(argv) = &order.words
            && let Some(program) = argv.first()
            && !scenario.programs.startable(order.host.as_deref(), program)
        {
            return CommandEnding::not_found(order.host.as_deref(), program);
        }
        let plain = matches!(twist, Twist { longer: Longer::By(Duration::ZERO), lie: false });
        if plain && let Some(ending) = stage.again(order) {
            return ending;
        }
        let mut command = None;
        // Whether the same command, asked again in the same world, is answered with the same.
        let mut lasts = plain;
        for (index, rule) in scenario.rules.iter().enumerate() {
            let Some(mut own) = rule.pattern.matches(&order.words, order.host.as_deref(), order.query.as_deref()) else { continue };
            own.push(("calls".to_owned(), Value::from(stage.answered.get(index).copied().unwrap_or_default())));
            let locals = Locals { own: Arc::new(own), command: Arc::clone(command.get_or_insert_with(|| stage.command_names(order))) };
            if let Some(when) = &rule.when {
                lasts &= !passes(when);
                match when.evaluate_bool(&stage.scope(&locals)) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => return broken(stage, rule, &format!("commands[{index}].when: {error}")),
                }
            }
            stage.answered[index] += 1;
            let mut ending = obey(stage, order, rule, index, &locals, twist);
            ending.rule = Some(index);
            if lasts && rule.lasts() && matches!(ending.exit, Exit::Code(_)) {
                stage.keep(order, &ending);
            }
            return ending;
        }
        self.unanswered(stage, order)
    }

    fn unanswered(&self, stage: &mut Stage, order: &Order) -> CommandEnding {
        let what = format!("no rule answers `{}` ({})", suggestion::command(order), order.place);
        let (file, line) = match self.runbook.as_deref().and_then(|runbook| line_of(runbook, order.place.step())) {
            Some((file, line)) => (file, Some(line)),
            None => (stage.scenario.name.clone(), None),
        };
        let near = suggestion::nearest(&stage.scenario, order).map(|near| format!("{near}\n")).unwrap_or_default();
        let hint = format!("{near}add to `commands:` in {}:\n{}", stage.scenario.name, suggestion::rule(order));
        stage.remember(ScenarioFault { file, line, what: what.clone(), hint: Some(hint) });
        CommandEnding::not_started(what)
    }
}

/// Where a step or probe of the runbook stands: file and line.
fn line_of(runbook: &Runbook, id: &str) -> Option<(String, usize)> {
    let source = &runbook.source;
    let probe = runbook.identity.iter().chain(&runbook.preflight).find(|probe| probe.id.as_ref().is_some_and(|other| other.as_str() == id));
    let step = || runbook.all_steps().find(|step| step.id.as_str() == id);
    let span = probe.map(|probe| probe.span).or_else(|| Some(step()?.span))?;
    let before = &source.text.as_bytes()[..span.offset.min(source.text.len())];
    Some((source.name.clone(), 1 + memchr::memchr_iter(b'\n', before).count()))
}

fn print(site: &dyn Site, mut bytes: Vec<u8>) -> Result<Printed, LedgerError> {
    let mut capture = site.capture()?;
    capture.write_all(&bytes).map_err(|source| LedgerError::new("its output could not be kept", Some(source)))?;
    if site.listens() {
        for line in String::from_utf8_lossy(&bytes).lines() {
            site.line(line);
        }
    }
    bytes.truncate(Printed::LIMIT);
    Ok(Printed::new(capture.finish()?, bytes))
}

impl Executor for Simulator {
    fn admits(&self, _order: &Order) -> bool {
        true
    }

    fn holding(&self, _: &Order) -> Option<Holding> {
        None
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        let stage = self.stage();
        let asked = || self.runbook.as_deref().is_some_and(|runbook| stage.scenario.answers_with(program, runbook));
        let found = stage.scenario.programs.found(program) || asked();
        found.then(|| if program.contains('/') { PathBuf::from(program) } else { PathBuf::from("/usr/bin").join(program) })
    }

    fn unfit(&self, _: &str) -> Option<String> {
        None
    }

    fn missing_on(&self, host: &str, programs: &[String], _: &Interrupts) -> Result<Vec<String>, String> {
        let scenario = Arc::clone(&self.stage().scenario);
        Ok(programs.iter().filter(|program| !scenario.programs.startable(Some(host), program)).cloned().collect())
    }

    fn user(&self) -> String {
        self.stage().scenario.user.clone()
    }

    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        // The lock is gone before the site is spoken to: it may look at the clock.
        let (ending, took, speed) = {
            let mut stage = self.stage();
            if stage.ended.is_some() {
                stage.afterwards.push(order.place.clone());
                return Err(LedgerError::new("halligan has ended before this", None));
            }
            let at = stage.now();
            stage.place = Some(order.place.clone());
            let SimulatedReply { ending, injection, fatal } = self.answer(&mut stage, order);
            stage.place = None;
            let took = stage.now().saturating_sub(at);
            stage.calls.push(AnsweredCall {
                at,
                took,
                place: order.place.clone(),
                part: order.part,
                effect: order.effect,
                words: order.words.clone(),
                host: order.host.clone(),
                query: order.query.clone(),
                exit: ending.exit.clone(),
                printed: ending.stdout.len(),
                rule: ending.rule,
                injection,
            });
            if let Some(fatal) = fatal {
                return Err(fatal);
            }
            if stage.endless() {
                stop.raise(Urgency::AtOnce);
            }
            (ending, took, stage.speed)
        };
        if let Some(speed) = speed {
            stop.sleep(took.div_f64(speed), stop.urgency());
        }
        let stdout = print(site, ending.stdout)?;
        let stderr = print(site, ending.stderr)?;
        Ok(Ran { exit: ending.exit, stdout, stderr, took, leaked: false })
    }
}

#[cfg(test)]
mod tests;
