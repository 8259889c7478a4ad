//! The interpreter of a runbook: preflight, plan, confirmation, steps, and putting back what was set.
//!
//! It knows nothing of processes, journals or screens: those come in as [`crate::ports`].

mod choices;
mod command;
mod confirm;
mod decision;
mod did;
mod discreet;
pub(crate) mod ending;
mod engine;
mod foretold;
mod frame;
mod halt;
mod holds;
mod identity;
mod kept;
mod lease;
mod leases;
mod meanwhile;
mod off_script;
mod offer;
mod order;
mod poll;
mod preflight;
mod printed;
mod probe;
mod remedy;
mod requirement;
mod reserve;
pub(crate) mod resume;
pub(crate) mod setting;
pub(crate) mod shared_lock;
mod stagger;
pub(crate) mod start;
mod step;
mod stretch;
mod sweep;
mod system;
mod together;
mod unjudged;
mod wait;

pub(crate) use choices::choices;
pub(crate) use ending::Ending;
pub(crate) use foretold::{Foretold, foretell};
pub(crate) use resume::{go_on, owed, resume, roll_back, settle};
pub(crate) use setting::{Before, Ports, Setting};
pub(crate) use start::run;
