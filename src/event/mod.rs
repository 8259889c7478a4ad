//! The facts of a run, and the one function that folds them into its state.

pub mod fact;
pub mod past;
pub mod place;
pub mod run_id;
pub mod state;

pub use fact::*;
pub use past::Past;
pub use place::Place;
pub use run_id::RunId;
pub use state::{RunState, StepState};
