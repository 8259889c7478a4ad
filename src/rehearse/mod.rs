//! The simulated world: scenarios, what answers their commands, virtual time, and what a rehearsal has shown.

pub mod account;
pub mod answers;
#[cfg(test)]
mod bench;
pub mod clock;
pub mod coverage;
pub mod document;
mod ending;
pub mod expectation;
pub mod fault;
pub mod fixture;
pub mod injection;
pub mod invariant;
pub mod line;
pub mod matcher;
mod reader;
pub mod recorded;
mod reference;
pub mod rehearsal;
pub mod rule;
pub mod scenario;
pub mod shown;
pub mod simulator;
pub mod stage;
mod suggestion;
pub mod world;
mod written;

pub use fault::{Fault, ScenarioError};
pub use rehearsal::{Judgement, Rehearsal};
pub use scenario::Scenario;
