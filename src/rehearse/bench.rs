//! A site, and orders, for the tests of this module.

use std::{
    io::{self, Write},
    sync::Mutex,
    time::Duration,
};

use crate::{
    digest::Digest,
    event::{Captured, Effect, Part, Place},
    ports::{Capture, EnvValue, Executor, Interrupts, LedgerError, Order, Ran, Site, Words},
};

use super::{rehearsal::Rehearsal, scenario::Scenario};

/// Keeps the lines that it is told.
#[derive(Debug, Default)]
pub(super) struct Bench {
    pub lines: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Memory(Vec<u8>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for Memory {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        let sha256 = Digest::of(&self.0).to_string();
        Ok(Captured { sha256, bytes: self.0.len() as u64, cut: None, redactions: 0 })
    }
}

impl Site for Bench {
    fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
        Ok(())
    }
    fn signalled(&self, _: crate::event::SentSignal) -> Result<(), LedgerError> {
        Ok(())
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::<Memory>::default())
    }
    fn line(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
    }
    fn listens(&self) -> bool {
        true
    }
    fn remark(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}

/// The scenario with this below its head.
pub(super) fn scenario(text: &str) -> Scenario {
    Scenario::parse("s.yaml", &format!("halligan_scenario: 1\nrunbook: x\ntitle: t\n{text}")).unwrap()
}

pub(super) fn rehearsal(text: &str) -> Rehearsal {
    Rehearsal::new(scenario(text).into(), None)
}

/// An order of the step `step`.
pub(super) fn order(command: &str) -> Order {
    let place = Place::top("each").item("i", "1").child("step");
    let words = Words::Argv(command.split(' ').map(ToOwned::to_owned).collect());
    Order {
        env: vec![EnvValue { name: "A".into(), value: "b".into() }],
        timeout: Some(Duration::from_secs(60)),
        ..Order::plain(place, Part::Main, words, Effect::Change)
    }
}

pub(super) fn execute(rehearsal: &Rehearsal, order: &Order) -> Ran {
    rehearsal.simulator.execute(order, &Bench::default(), &Interrupts::default()).unwrap()
}

/// The exit and what was printed.
pub(super) fn run(rehearsal: &Rehearsal, command: &str) -> String {
    let ran = execute(rehearsal, &order(command));
    format!("{:?} {}", ran.exit, String::from_utf8_lossy(&ran.stdout.head))
}
