//! Keeps the screen still while a command has the terminal.

use std::path::PathBuf;

use crate::{
    event::Holding,
    ports::{Executor, Interrupts, LedgerError, Order, Ran, Site},
    ui::terminal::Screen,
};

/// Runs orders through another executor; while one of them talks with the operator, nothing else is drawn.
pub(super) struct Talking<'a> {
    pub executor: &'a dyn Executor,
    pub screen: Option<&'a Screen>,
}

impl Executor for Talking<'_> {
    fn admits(&self, order: &Order) -> bool {
        self.executor.admits(order)
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
        let _held = self.screen.filter(|_| order.interactive).map(Screen::hold);
        self.executor.execute(order, site, stop)
    }
}

#[cfg(test)]
mod tests {
    use super::Talking;
    use crate::ports::witness::{Witness, asks_what_is_behind};

    #[test]
    fn every_question_reaches_the_executor_behind() {
        let inner = Witness::default();
        asks_what_is_behind(&Talking { executor: &inner, screen: None }, &inner);
    }
}
