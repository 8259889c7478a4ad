//! One row of the table: what was tried, how often, and what did not hold.

use std::{fmt::Display, path::PathBuf, time::Duration};

/// What every row is given.
pub struct Setup {
    pub seed: u64,
    /// Everything, however long it takes.
    pub long: bool,
    /// The binary under test.
    pub binary: PathBuf,
    /// For what need not be on a disk.
    pub memory: PathBuf,
    /// For what must be on one.
    pub disk: PathBuf,
    /// A library that makes every sync do nothing, for controls.
    pub no_sync: PathBuf,
}

/// What came of a row.
#[derive(Default)]
pub struct Outcome {
    pub points: u64,
    pub failures: Vec<String>,
    pub control: Option<Control>,
    pub notes: Vec<String>,
}

/// The same test with something broken on purpose: it has to fail.
pub struct Control {
    pub what: &'static str,
    pub points: u64,
    /// How many of them failed, as they should.
    pub found: u64,
}

pub struct Row {
    pub name: &'static str,
    pub about: &'static str,
    /// Points that there are at least, in a bounded run and in a long one.
    pub least: (u64, u64),
    pub run: fn(&Setup) -> Outcome,
}

impl Outcome {
    /// Counts a point, and what did not hold there.
    pub fn point(&mut self, at: impl Display, result: Result<(), String>) {
        self.points += 1;
        if let Err(why) = result {
            self.failures.push(format!("{at}: {why}"));
        }
    }

    pub fn control(&mut self, what: &'static str, results: impl IntoIterator<Item = Result<(), String>>) {
        let mut control = Control { what, points: 0, found: 0 };
        for result in results {
            control.points += 1;
            control.found += u64::from(result.is_err());
        }
        self.control = Some(control);
    }
}

impl Row {
    /// Prints how it went, and says whether it went well.
    pub fn tell(&self, outcome: &Outcome, setup: &Setup, took: Duration) -> bool {
        let least = if setup.long { self.least.1 } else { self.least.0 };
        let can_fail = outcome.control.as_ref().is_some_and(|control| control.found > 0);
        let well = outcome.failures.is_empty() && outcome.points >= least && can_fail;
        let control = match &outcome.control {
            Some(Control { what, points, found }) => format!("{found} of {points} found: {what}"),
            None => "none".to_owned(),
        };
        println!(
            "{:<8} {:<14} {:>7} {:>8} {:>6.1}s  seed {}  control {control}",
            if well { "well" } else { "NOT WELL" },
            self.name,
            outcome.points,
            outcome.failures.len(),
            took.as_secs_f64(),
            setup.seed
        );
        for note in &outcome.notes {
            println!("           {note}");
        }
        if outcome.points < least {
            println!("           only {} of {least} points", outcome.points);
        }
        for failure in outcome.failures.iter().take(12) {
            println!("           {failure}");
        }
        well
    }
}
