//! A dry run: what reads is really run, everything else is only told.

use std::path::PathBuf;

use crate::{
    event::{Effect, Holding},
    ports::{Answer, Executor, Interrupts, LedgerError, NoAnswer, Order, Prompt, Question, Ran, Site},
};

/// Runs reads through another executor, and admits nothing else; of what is not held to reading nothing but its word says that it reads.
#[derive(Debug)]
pub(crate) struct DryExecutor<'a, E> {
    pub executor: &'a E,
    /// What cannot be held to reading is run all the same.
    pub allow_unheld: bool,
}

impl<E: Executor> Executor for DryExecutor<'_, E> {
    fn admits(&self, order: &Order) -> bool {
        order.effect == Effect::Read
            && !order.interactive
            && (self.allow_unheld || !matches!(self.holding(order), Some(Holding::NotHeld { .. })))
            && self.executor.admits(order)
    }

    fn holding(&self, order: &Order) -> Option<Holding> {
        self.executor.holding(order)
    }

    fn concurrency(&self) -> usize {
        self.executor.concurrency()
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        self.executor.locate(program)
    }

    fn unfit(&self, program: &str) -> Option<String> {
        self.executor.unfit(program)
    }

    fn missing_on(&self, host: &str, programs: &[String], stop: &Interrupts) -> Result<Vec<String>, String> {
        self.executor.missing_on(host, programs, stop)
    }

    fn user(&self) -> String {
        self.executor.user()
    }

    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        if !self.admits(order) {
            let what = format!("a dry run was asked to run {}, which is not read-only", order.place);
            return Err(LedgerError::new(what, None));
        }
        self.executor.execute(order, site, stop)
    }
}

/// Asks nothing.
#[derive(Debug)]
pub(crate) struct DryPrompt;

impl Prompt for DryPrompt {
    fn ask(&self, _: &Question) -> Result<Answer, NoAnswer> {
        Ok(Answer::NotAsked)
    }
}

#[cfg(test)]
mod tests {
    use super::DryExecutor;
    use crate::ports::witness::{Witness, asks_what_is_behind};

    #[test]
    fn every_question_reaches_the_executor_behind() {
        let inner = Witness::default();
        asks_what_is_behind(&DryExecutor { executor: &inner, allow_unheld: false }, &inner);
    }
}
