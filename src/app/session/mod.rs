//! What commands share: from the command line to a run, and from a run to its last screen.

pub(super) mod adoption;
pub(super) mod beforehand;
mod bulletin;
pub(super) mod conduct;
pub(super) mod earlier;
pub(super) mod findings;
mod gathered;
pub(super) mod inherited;
mod interactive;
pub(super) mod interrupted;
pub(super) mod journal;
pub(super) mod load;
pub(super) mod locks;
pub(super) mod looked;
pub(super) mod notice;
pub(super) mod off_script;
pub(super) mod operator;
pub(super) mod owing;
mod parameter_file;
pub(super) mod parameters;
mod plan_view;
pub(super) mod recorded;
pub(super) mod run_name;
pub(super) mod shells;
pub(super) mod standing;
pub(super) mod take_up;
pub(crate) mod unheld;
