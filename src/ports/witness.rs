//! An executor that remembers what it was asked, for the tests of those that stand before another one.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Capture, Executor, Interrupts, LedgerError, Order, Printed, Ran, Site, Words};
use crate::event::{Captured, Effect, Exit, Holding, Part, Place};

/// Answers each question in its own way, and remembers its name.
#[derive(Debug, Default)]
pub(crate) struct Witness(Mutex<Vec<&'static str>>);

impl Witness {
    fn note(&self, name: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

impl Executor for Witness {
    fn admits(&self, _: &Order) -> bool {
        self.note("admits");
        true
    }
    fn holding(&self, _: &Order) -> Option<Holding> {
        self.note("holding");
        Some(Holding::ButSockets)
    }
    fn concurrency(&self) -> usize {
        self.note("concurrency");
        7
    }
    fn locate(&self, program: &str) -> Option<PathBuf> {
        self.note("locate");
        Some(PathBuf::from("/witness").join(program))
    }
    fn unfit(&self, program: &str) -> Option<String> {
        self.note("unfit");
        Some(format!("{program} is a witness"))
    }
    fn missing_on(&self, host: &str, programs: &[String], _: &Interrupts) -> Result<Vec<String>, String> {
        self.note("missing_on");
        Ok(programs.iter().map(|program| format!("{program} on {host}")).collect())
    }
    fn user(&self) -> String {
        self.note("user");
        "witness".to_owned()
    }
    fn execute(&self, _: &Order, _: &dyn Site, _: &Interrupts) -> Result<Ran, LedgerError> {
        self.note("execute");
        let nothing = || Printed::new(Captured::empty(), Vec::new());
        Ok(Ran { exit: Exit::Code(7), stdout: nothing(), stderr: nothing(), took: Duration::ZERO, leaked: false })
    }
}

/// Keeps nothing.
struct Deaf;

impl Site for Deaf {
    fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
        Ok(())
    }
    fn signalled(&self, _: crate::event::SentSignal) -> Result<(), LedgerError> {
        Ok(())
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Err(LedgerError::new("nothing is kept", None))
    }
    fn line(&self, _: &str) {}
    fn listens(&self) -> bool {
        false
    }
    fn remark(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}

/// Every method of `before` must ask `inner`, which stands behind it, and give back what that answers.
///
/// # Panics
/// When one of them does not.
pub(crate) fn asks_what_is_behind(before: &dyn Executor, inner: &Witness) {
    let order = Order::plain(Place::top("step"), Part::Main, Words::Argv(vec!["true".to_owned()]), Effect::Read);
    let stop = Interrupts::default();
    let asked = |name: &str| {
        let names = std::mem::take(&mut *inner.0.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(names.contains(&name), "`{name}` does not reach the executor behind: {names:?}");
    };
    assert!(before.admits(&order));
    asked("admits");
    assert_eq!(before.holding(&order), Some(Holding::ButSockets));
    asked("holding");
    assert_eq!(before.concurrency(), 7);
    asked("concurrency");
    assert_eq!(before.locate("tool"), Some(PathBuf::from("/witness/tool")));
    asked("locate");
    assert_eq!(before.unfit("tool").as_deref(), Some("tool is a witness"));
    asked("unfit");
    let missing = before.missing_on("far", &["tool".to_owned()], &stop);
    asked("missing_on");
    assert_eq!(missing, Ok(vec!["tool on far".to_owned()]));
    assert_eq!(before.user(), "witness");
    asked("user");
    let ran = before.execute(&order, &Deaf, &stop).map(|ran| ran.exit);
    assert!(matches!(ran, Ok(Exit::Code(7))));
    asked("execute");
}
