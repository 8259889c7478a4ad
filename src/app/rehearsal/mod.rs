//! What the commands share that rehearse: trials of scenarios, sweeps of faults, and what is said of them.

pub(super) mod debrief;
pub(super) mod from_run;
pub(super) mod junit;
pub(super) mod notebook;
pub(super) mod scenarios;
pub(super) mod sweep;
pub(super) mod tested;
pub(super) mod trial;
pub(super) mod wrong;
