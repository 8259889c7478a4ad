//! The simulated world: scenarios, what answers their commands, virtual time, and what a rehearsal has shown.

pub(crate) mod account;
pub(crate) mod answers;
pub(crate) mod aspect;
#[cfg(test)]
mod bench;
pub(crate) mod clock;
pub(crate) mod coverage;
pub(crate) mod document;
mod ending;
pub(crate) mod expectation;
pub(crate) mod fault;
pub(crate) mod fixture;
pub(crate) mod injection;
pub(crate) mod installed;
pub(crate) mod invariant;
pub(crate) mod line;
pub(crate) mod matcher;
mod reader;
pub(crate) mod recorded;
pub(crate) mod reference;
pub(crate) mod rehearsal;
mod reply;
pub(crate) mod rule;
pub(crate) mod scenario;
pub(crate) mod shown;
pub(crate) mod simulator;
pub(crate) mod stage;
mod suggestion;
mod timeline;
pub(crate) mod world;
mod written;

pub(crate) use fault::{ScenarioError, ScenarioFault};
pub(crate) use rehearsal::Rehearsal;
pub(crate) use scenario::Scenario;
