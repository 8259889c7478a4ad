//! What a run is given besides its plan: the outside, and what was done before if it is taken up again.

use crate::{
    event::{Mode, Past, RunId},
    inventory::SharedLock,
    plan::preview::Preview,
    ports::{Clock, Executor, Interrupts, Ledger, Observer, OffScript, Prompt},
    surroundings::Surroundings,
};

/// The outside, as `app` has joined it for this run.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    pub ledger: &'a dyn Ledger,
    pub executor: &'a dyn Executor,
    pub clock: &'a dyn Clock,
    pub prompt: &'a dyn Prompt,
    pub observers: &'a [&'a dyn Observer],
    /// `None` where there is nothing that could be worked on beside the run: in a dry run and a simulated world.
    pub off_script: Option<&'a dyn OffScript>,
    /// What the operator's signals ask of steps.
    pub interrupts: &'a Interrupts,
    /// What they ask of cleanups, which only the third Ctrl-C cuts short.
    pub last_interrupts: &'a Interrupts,
    /// Puts the plan into words, to be shown before the question.
    pub present: &'a (dyn Fn(&Preview) -> String + Sync),
}

impl std::fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// What is said of a run besides its plan.
#[derive(Debug, Clone)]
pub struct Setting {
    pub run_id: RunId,
    pub operator: String,
    pub host: String,
    pub mode: Mode,
    /// Ask before each step that changes something.
    pub step_by_step: bool,
    /// Locks to take before anything else and to give back at the end, by name.
    pub shared_locks: Vec<(String, SharedLock)>,
    /// What commands are started in; `None` in a simulated world.
    pub surroundings: Option<Surroundings>,
    /// Names this machine, where the run is bound to it.
    pub machine: Option<String>,
}

/// What a run had done before it was left.
pub struct Before<'a> {
    pub past: &'a Past,
    /// Reads back what a command had printed, by its SHA-256; the error says why it cannot be.
    pub output: &'a (dyn Fn(&str) -> Result<Vec<u8>, String> + Sync),
    /// What the commands that were under way had printed.
    pub printed: Vec<u8>,
    pub opened: jiff::Timestamp,
    /// From where it is taken up, for the record.
    pub from: String,
    /// What was found, as it is shown.
    pub text: String,
    /// The journal is damaged, and the operator accepts that: every change that it calls done is asked about.
    pub doubted: bool,
}

impl std::fmt::Debug for Before<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Before").field("from", &self.from).finish_non_exhaustive()
    }
}
