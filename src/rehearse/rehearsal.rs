//! One rehearsal: the ports of a simulated world, and the judgement at its end.

use std::sync::{Arc, Mutex};

use crate::{ports::Choice, runbook::model::Runbook};

use super::{
    account::Account,
    answers::Scripted,
    clock::VirtualClock,
    expectation::{self, Evidence, Mismatch},
    fault::ScenarioFault,
    injection::Injection,
    scenario::Scenario,
    simulator::Simulator,
    stage::Stage,
};

/// What the run loop is given instead of the real world. Good for one run.
#[derive(Debug)]
pub struct Rehearsal {
    pub scenario: Arc<Scenario>,
    pub simulator: Simulator,
    pub clock: VirtualClock,
    pub prompt: Scripted,
}

/// Whether a rehearsal went as the scenario says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The scenario itself is wrong: nothing has been shown.
    pub faults: Vec<ScenarioFault>,
    pub mismatches: Vec<Mismatch>,
}

impl Judgement {
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.mismatches.is_empty()
    }
}

impl Rehearsal {
    /// The runbook, if there is one, tells on which line each step stands.
    #[must_use]
    pub fn new(scenario: Arc<Scenario>, runbook: Option<&Arc<Runbook>>) -> Self {
        Self::with(scenario, runbook, &[])
    }

    /// With faults besides those of the scenario.
    #[must_use]
    pub fn with(scenario: Arc<Scenario>, runbook: Option<&Arc<Runbook>>, more: &[Injection]) -> Self {
        let stage = Arc::new(Mutex::new(Stage::new(&scenario, more)));
        Self {
            simulator: Simulator::new(Arc::clone(&stage), runbook.map(Arc::clone)),
            clock: VirtualClock::new(scenario.now, stage),
            prompt: Scripted::new(Arc::clone(&scenario)),
            scenario,
        }
    }

    /// The same at this moment: what becomes of one is nothing to the other.
    #[must_use]
    pub fn copy(&self) -> Self {
        let stage = Arc::new(Mutex::new(self.simulator.stage().clone()));
        Self {
            simulator: self.simulator.beside(Arc::clone(&stage)),
            clock: VirtualClock::new(self.scenario.now, stage),
            prompt: self.prompt.copy(),
            scenario: Arc::clone(&self.scenario),
        }
    }

    /// With what is chosen where the scenario does not say.
    #[must_use]
    pub fn otherwise(self, choice: Option<Choice>) -> Self {
        Self { prompt: self.prompt.otherwise(choice), ..self }
    }

    /// Compares what happened with what the scenario expects.
    #[must_use]
    pub fn judge(&self, account: &Account, exit: Option<u8>) -> Judgement {
        let mut faults = self.simulator.take_faults();
        faults.extend(self.prompt.take_faults());
        let shown = Evidence { account, exit, asked: &self.prompt.asked(), simulator: &self.simulator };
        Judgement { faults, mismatches: expectation::compare(&self.scenario, shown) }
    }
}
