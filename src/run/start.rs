//! A run from its beginning: the preflight, the plan and its approval, then the steps.

use std::sync::{Mutex, atomic::AtomicBool};

use super::{
    ending::Ending,
    engine::Engine,
    frame::Frame,
    halt::Halt,
    kept::RecentAnswers,
    leases::Leases,
    reserve::Reserve,
    setting::{Ports, Setting},
    system::AskedSystems,
    together::AskedTogether,
};
use crate::{
    event::{Event, Mode, Opening, RunState},
    plan::{
        Plan, Scope,
        preview::{self, Preview},
        programs::programs,
    },
    ports::{Answer, Ask, Behind, Question},
};

/// Runs a plan to its end, whatever that is.
///
/// # Errors
/// The journal fails, in which case nothing more was started, or a fact does not follow from those before it, which is a bug.
pub fn run(plan: &Plan, setting: &Setting, ports: Ports<'_>) -> Ending {
    let engine = Engine {
        plan,
        ports,
        setting,
        state: Mutex::new(RunState::default()),
        step_by_step: AtomicBool::new(setting.step_by_step),
        confirms_each: false,
        before: None,
        secrets: plan.secrets().clone(),
        reserve: Reserve::new(),
        systems: AskedSystems::default(),
        recent: RecentAnswers::default(),
        together: AskedTogether::default(),
        leases: Leases::default(),
    };
    let outcome = Engine::guarded(None, || engine.whole());
    engine.close(outcome)
}

impl Engine<'_> {
    fn whole(&self) -> Result<(), Halt> {
        let runbook = &self.plan.runbook;
        let executor = self.ports.executor;
        let located = |program: String| {
            let absent = || executor.unfit(&program).unwrap_or_else(|| "not found on this machine".to_owned());
            let found = executor.locate(&program).ok_or_else(absent);
            (program, found)
        };
        let programs: Vec<_> = programs(self.plan).into_iter().map(located).collect();
        let mut record = self.plan.record();
        // Beside the plan, not of it: its digest is the same on every machine, and with every version.
        record.groups = self.plan.groups();
        record.programs = Some(programs.iter().map(|(program, found)| (program.clone(), found.clone().ok())).collect());
        self.emit(Event::RunOpened(Box::new(Opening {
            runbook: runbook.name.to_string(),
            title: runbook.title.clone(),
            source: runbook.source.name.clone(),
            runbook_sha256: runbook.source.sha256.clone(),
            plan: record,
            plan_sha256: self.plan.digest().to_owned(),
            params: self.plan.shown_params(),
            mode: self.setting.mode,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_synchronised: self.ports.clock.is_synchronised(),
            surroundings: self.setting.surroundings.clone(),
            machine: self.setting.machine.clone(),
        })))?;
        let mut locks = Frame::default();
        let result = Self::guarded(None, || {
            let mut scope = self.scope(runbook, self.plan.bound.scope_value());
            self.identify(runbook, &mut scope, None)?;
            self.while_renewed(|| {
                self.take_shared_locks(&mut locks)?;
                self.opened(scope, programs)
            })
        });
        self.end_frame(locks, None, result)
    }

    /// What is done once the run is open and its locks are held.
    fn opened(&self, mut scope: Scope, programs: Vec<(String, Result<std::path::PathBuf, String>)>) -> Result<(), Halt> {
        let runbook = &self.plan.runbook;
        let blocked = self.preflight(runbook, &mut scope, None)?;
        let mut preview = preview::preview(self.plan, &scope);
        let blocked = self.faulty(&preview, blocked)?;
        preview.programs = programs;
        preview.system = self.bound_to();
        self.emit(Event::Planned { steps: preview.steps(), read: preview.read, change: preview.change, destroy: preview.destroy })?;
        let text = (self.ports.present)(&preview);
        if blocked.is_none() {
            self.check_interrupts(None)?;
            self.approve(&preview, text)?;
        }
        let mut frame = Frame::default();
        let result = self.steps(&runbook.steps, &mut scope, &mut frame, None);
        let result = self.end_frame(frame, None, result);
        match blocked {
            // Only a dry run comes this far with a blocked preflight: it has shown what it could.
            Some(whys) => Err(Halt::Blocked { whys }),
            None => result,
        }
    }

    /// Adds what is known to fail later on to what blocks the run.
    pub(super) fn faulty(&self, preview: &Preview, blocked: Option<Vec<String>>) -> Result<Option<Vec<String>>, Halt> {
        if preview.faults.is_empty() {
            return Ok(blocked);
        }
        let whys: Vec<String> = blocked.into_iter().flatten().chain(preview.faults.iter().cloned()).collect();
        // A dry run still shows what it can.
        if self.setting.mode == Mode::DryRun { Ok(Some(whys)) } else { Err(Halt::Blocked { whys }) }
    }

    /// A scope with what every expression of a runbook may use.
    pub(super) fn scope(&self, runbook: &crate::runbook::model::Runbook, params: minijinja::Value) -> Scope {
        let mut scope = Scope::new(std::sync::Arc::new(runbook.vars.clone()));
        scope.set("params", params);
        scope.set("inventory", self.plan.inventory_value());
        scope.set(
            "run",
            minijinja::context! {
                id => self.setting.run_id.to_string(), operator => self.setting.operator.as_str(), host => self.setting.host.as_str(),
                started => self.before.map_or_else(|| self.ports.clock.now().ts, |before| before.opened).to_string(),
            },
        );
        scope
    }

    /// Asks for the plan to be approved, if it does anything.
    pub(super) fn approve(&self, preview: &Preview, text: String) -> Result<(), Halt> {
        if preview.change + preview.destroy + preview.asks == 0 {
            return Ok(());
        }
        let instances = &preview.instances;
        // Where not all of them are known, the steps that stand in the plan are the least.
        let least = |known: usize, steps: usize| if instances.unsure { known.max(steps) } else { known };
        let question = Question {
            place: None,
            ask: Ask::Plan { changes: least(instances.change, preview.change), destroys: least(instances.destroy, preview.destroy) },
            text,
            behind: Behind::default(),
        };
        match self.put_question(&question) {
            Ok(Answer::Yes { typed, by }) => self.emit(Event::Confirmed { place: None, text: question.text, typed, by }),
            Ok(Answer::NotAsked) => Ok(()),
            Ok(Answer::No { why }) => self.decline(None, question.text, why),
            Ok(Answer::Chosen { .. } | Answer::Noted { .. } | Answer::OffScript { .. }) => {
                self.decline(None, question.text, "no clear answer".to_owned())
            }
            Err(no_answer) => self.no_answer(None, question.text, no_answer),
        }
    }
}
