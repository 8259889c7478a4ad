//! What a run came to, counted from its events.

use std::collections::{BTreeMap, HashSet};

use crate::{
    event::{Effect, Event, Finding, Holding, Mode, Outcome, Part, Place, Prediction, RunState, StepOutcome, moment::Moment},
    quantity::show_duration,
    words::{self, mark::Mark},
};

/// Counts for the closing sentence.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    opened: Option<Moment>,
    state: RunState,
    /// A record could not have followed those before it: what the run leaves behind is not known.
    out_of_order: bool,
    /// Loops, groups and calls: what is inside them is counted, they are not.
    containers: HashSet<Place>,
    checks: usize,
    unjudged: usize,
    warnings: usize,
    blocks: usize,
    overridden: usize,
    done: usize,
    failed: usize,
    doubt: usize,
    skipped: usize,
    not_run: usize,
    at_run_time: usize,
    questions: usize,
    /// Reads that were run, by how far they were held; `None` where that is not known.
    reads: BTreeMap<Option<&'static str>, usize>,
}

fn counted(count: usize, one: &str, many: &str) -> Option<String> {
    (count > 0).then(|| words::counted(count, one, many))
}

impl Tally {
    /// Counts what follows on `before`, for a run that is taken up.
    #[must_use]
    pub(crate) fn following(before: RunState) -> Self {
        Self { state: before, ..Self::default() }
    }

    pub(crate) fn count(&mut self, at: Moment, event: &Event) {
        self.out_of_order |= self.state.apply(event).is_err();
        match event {
            Event::RunOpened(_) => self.opened = Some(at),
            // The machine may have been started anew since.
            Event::Resumed { .. } => self.opened = None,
            Event::Checked { finding: Finding::NotJudged { .. }, .. } => self.unjudged += 1,
            Event::Checked { finding, .. } => {
                self.checks += 1;
                match finding {
                    Finding::Pass { .. } => {}
                    Finding::Warn { .. } => self.warnings += 1,
                    Finding::Block { .. } => self.blocks += 1,
                    Finding::Unknown { .. } => self.at_run_time += 1,
                    Finding::NotJudged { .. } => {}
                }
            }
            Event::Overridden { .. } | Event::HoldOverridden { .. } => self.overridden += 1,
            Event::StepReached { place, kind, .. } if kind.is_stretch() => {
                self.containers.insert(place.clone());
            }
            // Asked again, it is the same read.
            Event::StepBegan { attempt: 1, command, .. } if command.effect == Effect::Read && !command.words.is_empty() => {
                *self.reads.entry(command.held.as_ref().map(words::holding)).or_default() += 1;
            }
            Event::StepSkipped { .. } => self.skipped += 1,
            Event::StepPredicted { part, prediction, .. } => match prediction {
                Prediction::WouldRun { .. } if *part == Part::Main => self.not_run += 1,
                Prediction::WouldRun { .. } => {}
                Prediction::AtRunTime { .. } => self.at_run_time += 1,
                Prediction::WouldAsk { .. } => self.questions += 1,
            },
            Event::StepSettled { place, outcome } if !self.containers.contains(place) => match outcome {
                StepOutcome::Done => self.done += 1,
                StepOutcome::Failed { .. } => self.failed += 1,
                StepOutcome::InDoubt { .. } => self.doubt += 1,
            },
            _ => {}
        }
    }

    /// How many reads were run, and how far they were held.
    fn reads_run(&self) -> Option<String> {
        let run = counted(self.reads.values().sum(), "read run", "reads run")?;
        let how: Vec<_> = self.reads.iter().map(|(how, count)| format!("{count} {}", how.unwrap_or("perhaps not held"))).collect();
        Some(format!("{run}: {}", how.join(", ")))
    }

    pub(crate) fn dry(&self) -> bool {
        self.state.mode == Some(Mode::DryRun)
    }

    pub(crate) fn rehearsal(&self) -> bool {
        self.state.mode == Some(Mode::Rehearsal)
    }

    /// The mark and the last sentence of a run; `why` stands right behind how it ended. What is told of a rehearsal `afterwards` does not
    /// know how much of its own time passed.
    pub(crate) fn closing(&self, at: Moment, outcome: Outcome, why: &str, afterwards: bool) -> (Mark, String) {
        let warned = [counted(self.warnings, "warning", "warnings"), counted(self.blocks, "block", "blocks")];
        if self.dry() {
            let parts: Vec<_> = [counted(self.checks, "check made", "checks made")]
                .into_iter()
                .chain(warned)
                .chain([
                    counted(self.unjudged, "check not judged", "checks not judged"),
                    counted(self.not_run, "command not run", "commands not run"),
                    counted(self.questions, "question not asked", "questions not asked"),
                    counted(self.at_run_time, "result known only at run time", "results known only at run time"),
                ])
                .flatten()
                .collect();
            let ended = match outcome {
                Outcome::Completed => String::new(),
                other => format!(" Ended: {}{why}.", words::outcome(other).1),
            };
            let parts = Some(parts.join(", ")).filter(|parts| !parts.is_empty());
            let parts: Vec<_> = self.reads_run().into_iter().chain(parts).collect();
            let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") };
            // Of what nothing held, nobody can say what it did.
            let held = Some(words::holding(&Holding::Held));
            let unchanged = if self.reads.keys().all(|how| *how == held) { " Nothing was changed." } else { "" };
            return (Mark::Noted, format!("Dry run: {parts}.{ended}{unchanged}"));
        }
        let parts: Vec<_> = [
            counted(self.done, "step done", "steps done"),
            counted(self.failed, "failed", "failed"),
            counted(self.doubt, "in doubt", "in doubt"),
            counted(self.skipped, "skipped", "skipped"),
            counted(self.overridden, "check overridden", "checks overridden"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let parts = if parts.is_empty() { "no step was started".to_owned() } else { parts.join(", ") };
        let opened = self.opened.filter(|_| !(afterwards && self.rehearsal()));
        let took = opened.map(|opened| format!("   {}", show_duration(at.since(opened)))).unwrap_or_default();
        let rehearsal = if self.rehearsal() { "rehearsal " } else { "" };
        let (mark, ended) = if self.out_of_order {
            let (mark, word) = words::outcome(outcome);
            (mark, word.to_owned())
        } else {
            words::ending(outcome, &self.state.aftermath())
        };
        (mark, format!("{rehearsal}{ended}: {parts}{took}{why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_changes_no_length() {
        let moment = |second: i64, mono: u64| Moment { ts: jiff::Timestamp::from_second(second).unwrap(), mono_ns: mono * 1_000_000_000 };
        let opened = moment(1_795_227_100, 50);
        for set_to in [1_795_227_108, 1_795_234_308, 1_795_000_000] {
            let tally = Tally { opened: Some(opened), ..Tally::default() };
            let (_, text) = tally.closing(moment(set_to, 58), Outcome::Completed, "", false);
            assert!(text.ends_with("   8s"), "{text}");
        }
        // Of a run that was resumed, maybe after a start of the machine, no length is told.
        let mut tally = Tally { opened: Some(opened), ..Tally::default() };
        tally.count(moment(1_795_227_900, 3), &Event::Resumed { from: String::new() });
        assert_eq!(tally.closing(moment(1_795_227_908, 11), Outcome::Completed, "", false).1, "completed: no step was started");
    }
}
