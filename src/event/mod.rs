//! The facts of a run, and the one function that folds them into its state.

pub(crate) mod aftermath;
pub(crate) mod captured;
pub(crate) mod choice;
pub(crate) mod command;
mod escape;
pub(crate) mod fact;
mod finding;
pub(crate) mod holding;
mod kind;
pub(crate) mod moment;
mod pace;
pub(crate) mod past;
pub(crate) mod place;
pub(crate) mod plan;
mod progress;
pub(crate) mod run_id;
mod shell;
pub(crate) mod signal;
pub(crate) mod state;
pub(crate) mod step_state;
mod subject;
mod system;
pub(crate) mod texts;

pub(crate) use captured::{Captured, Cut};
pub(crate) use choice::Choice;
pub(crate) use command::{Shown, Words};
pub(crate) use fact::*;
pub(crate) use finding::{Finding, Shortfall};
pub(crate) use holding::Holding;
pub(crate) use pace::{PaceRange, Paces};
pub(crate) use past::{Past, Since};
pub(crate) use place::Place;
pub(crate) use plan::{RecordedGroup, RecordedInventory, RecordedPlan, RecordedRunbook};
pub(crate) use progress::Progress;
pub(crate) use run_id::RunId;
pub(crate) use shell::ShellFact;
pub(crate) use signal::{EndSignal, SentSignal, StopSignal};
pub(crate) use state::RunState;
pub(crate) use step_state::StepState;
pub(crate) use system::SystemAnswer;

pub(crate) use crate::runbook::reading::ReadNeeds;
