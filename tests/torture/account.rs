//! Whether what halligan says of a run is what the ledger of its steps says: nothing here asks halligan.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::tree::Cell;

/// A line of the ledger: what a step has done, told by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub word: String,
    pub place: String,
}

impl Mark {
    pub fn read(text: &str) -> Vec<Self> {
        let line = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(Self { word: words.next()?, place: words.next()? })
        };
        text.lines().filter_map(line).collect()
    }
}

/// One call of halligan on the run, and what came of it.
#[derive(Debug, Clone)]
pub struct Call {
    pub verb: &'static str,
    /// How it was disturbed, in words; empty if it was not.
    pub harm: String,
    /// Its own process was killed.
    pub killed: bool,
    pub code: Option<i32>,
    /// What it said, on both streams; of JSON what stands beside it.
    pub text: String,
    /// The lines of the ledger and the records there were when it had ended.
    pub marks: usize,
    pub records: (usize, usize),
    /// What `debts` lists afterwards; nothing where a step was still running.
    pub debts: Option<Vec<String>>,
}

/// What the operator answered: where, what, and whether the step stood as done then.
#[derive(Debug, Clone)]
pub struct Answer {
    pub place: String,
    pub key: String,
    pub done: bool,
}

/// All that is known of a run's life.
#[derive(Clone)]
pub struct Evidence {
    pub cells: Vec<Cell>,
    pub marks: Vec<Mark>,
    pub records: Vec<Value>,
    pub calls: Vec<Call>,
    pub answers: Vec<Answer>,
}

/// What the records count of one place.
#[derive(Default, Clone, Copy)]
struct Count {
    began: usize,
    passed: usize,
    undos: usize,
    undone: usize,
    cleanups: usize,
    cleaned: usize,
    due: usize,
}

fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap_or_default()
}

fn passed(record: &Value) -> bool {
    record["verdict"]["is"] == "passed"
}

/// Whether the last of these words of a place is `did`: what stands as done, or as set.
pub fn stands(marks: &[Mark], place: &str, words: &[&str]) -> bool {
    let last = marks.iter().rev().find(|mark| mark.place == place && (mark.word == "did" || words.contains(&mark.word.as_str())));
    last.is_some_and(|mark| mark.word == "did")
}

impl Evidence {
    /// Everything that is not as it has to be.
    pub fn judge(&self) -> Result<(), String> {
        let mut wrong: Vec<String> = Vec::new();
        let counts = self.counts();
        self.effects(&counts, &mut wrong);
        self.order(&mut wrong);
        for call in &self.calls {
            self.call(call, &mut wrong);
        }
        match self.outcome(self.records.len()) {
            Some("completed") => self.completed(&mut wrong),
            Some("rolled_back") => self.rolled_back(&mut wrong),
            other => wrong.push(format!("the run did not come to its end: {other:?}")),
        }
        if self.calls.last().and_then(|call| call.debts.as_ref()).is_none_or(|debts| !debts.is_empty()) {
            wrong.push("the run still owes something".to_owned());
        }
        wrong.truncate(4);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// How the run has ended.
    pub fn end(&self) -> String {
        self.outcome(self.records.len()).unwrap_or("left open").to_owned()
    }

    fn counts(&self) -> BTreeMap<&str, Count> {
        let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
        for record in &self.records {
            let count = counts.entry(text(record, "place")).or_default();
            let ended = usize::from(passed(record));
            match (text(record, "type"), text(record, "part")) {
                ("step_began", "main") => count.began += 1,
                ("step_ended", "main") => count.passed += ended,
                ("undo_began", "undo") => count.undos += 1,
                ("undo_began", "cleanup") => count.cleanups += 1,
                ("undo_ended", "undo") => count.undone += ended,
                ("undo_ended", "cleanup") => count.cleaned += ended,
                ("cleanup_due", _) => count.due += 1,
                _ => {}
            }
        }
        counts
    }

    /// Nothing without an intent, nothing twice unless somebody chose that, nothing taken back that never began.
    fn effects(&self, counts: &BTreeMap<&str, Count>, wrong: &mut Vec<String>) {
        for mark in &self.marks {
            if !self.cells.iter().any(|cell| cell.place == mark.place) {
                wrong.push(format!("the ledger names {}, which is no place of the runbook", mark.place));
            }
        }
        for cell in &self.cells {
            let place = cell.place.as_str();
            let count = counts.get(place).copied().unwrap_or_default();
            let (mut did, mut twice, mut undid, mut cleaned, mut stands) = (0, 0, 0, 0, false);
            for mark in &self.marks {
                // What a group has put back may be what was done inside: then a step that may be run again is, unasked.
                if cell.idempotent && mark.word == "cleaned" && is_around(&mark.place, place) {
                    stands = false;
                }
                if mark.place != place {
                    continue;
                }
                match mark.word.as_str() {
                    "did" if undid > 0 => wrong.push(format!("{place} was done after it was undone")),
                    "did" => {
                        did += 1;
                        twice += usize::from(stands);
                        stands = true;
                    }
                    "undid" => {
                        undid += 1;
                        stands = false;
                    }
                    "cleaned" => {
                        cleaned += 1;
                        stands = false;
                    }
                    _ => {}
                }
            }
            for (what, is, most) in [("done", did, count.began), ("undone", undid, count.undos), ("cleaned", cleaned, count.cleanups)] {
                if is > most {
                    wrong.push(format!("{place} was {what} {is} times, and that was recorded {most} times before it began"));
                }
            }
            let chosen = self.answers.iter().filter(|answer| answer.place == place && answer.key == "t" && answer.done).count();
            let again = if cell.idempotent { count.began.saturating_sub(count.passed) } else { 0 };
            if twice > chosen + again {
                wrong.push(format!("{place} was done {twice} times more than once, and {} were chosen", chosen + again));
            }
            let begun = if cell.stretch { count.due } else { count.began };
            if (undid > 0 && count.began == 0) || (cleaned > 0 && begun == 0) {
                wrong.push(format!("{place} was taken back, and never began"));
            }
            if count.undone > 1 || undid > 1 + count.undos.saturating_sub(count.undone) {
                wrong.push(format!("{place} was undone {undid} times, {} of them well", count.undone));
            }
            if count.cleaned > begun {
                wrong.push(format!("{place} was cleaned well {} times, and begun {begun} times", count.cleaned));
            }
        }
    }

    /// What was done last is taken back first.
    fn order(&self, wrong: &mut Vec<String>) {
        let mut did: BTreeSet<&str> = BTreeSet::new();
        let mut undid: BTreeSet<&str> = BTreeSet::new();
        let mut set: BTreeSet<&str> = BTreeSet::new();
        for mark in &self.marks {
            let Some(cell) = self.cells.iter().find(|cell| cell.place == mark.place) else { continue };
            let mut later = self.cells.iter().filter(|other| cell.order(other) == Some(Ordering::Less));
            match mark.word.as_str() {
                "did" => {
                    did.insert(&mark.place);
                    set.insert(&mark.place);
                }
                // Whether that works or not, it was its turn.
                "began-clean" => {
                    set.remove(mark.place.as_str());
                }
                "undid" => {
                    undid.insert(&mark.place);
                    let stands = |other: &&Cell| other.undo && did.contains(&*other.place) && !undid.contains(&*other.place);
                    if let Some(other) = later.find(stands) {
                        wrong.push(format!("{} was undone before {}, which was done after it", mark.place, other.place));
                    }
                }
                "cleaned" => {
                    let stands = |other: &&Cell| other.cleanup && !other.owe && cell.same_frame(other) && set.contains(&*other.place);
                    if let Some(other) = later.find(stands) {
                        wrong.push(format!("{} was cleaned before {}, which was set after it", mark.place, other.place));
                    }
                }
                _ => {}
            }
        }
    }

    /// How the run had ended by its records, so far.
    fn outcome(&self, records: usize) -> Option<&str> {
        let end = self.records[..records].iter().rev().find(|record| ["run_closed", "resumed"].contains(&text(record, "type")))?;
        end["outcome"].as_str()
    }

    /// Why a step need not be done in a run that completed: it failed or was ended, and that is passed over.
    fn excused(&self, cell: &Cell) -> bool {
        let answered = |place: &str| self.answers.iter().rev().find(|answer| answer.place == place).is_some_and(|answer| answer.key == "c");
        let failed = |place: &str| {
            let last = self.marks.iter().rev().find(|mark| mark.place == place && (mark.word == "did" || mark.word == "failed-do"));
            last.is_some_and(|mark| mark.word == "failed-do") || self.struck(place)
        };
        if answered(&cell.place) || (cell.passes && failed(&cell.place)) {
            return true;
        }
        let ends = |other: &&Cell| other.passed_over_with(cell) && failed(&other.place);
        self.cells.iter().any(|other| [&other].into_iter().any(ends) && other.order(cell) != Some(Ordering::Greater))
    }

    /// The step was ended by a signal, and is recorded as failed for that.
    fn struck(&self, place: &str) -> bool {
        let ended =
            |record: &&Value| text(record, "type") == "step_ended" && text(record, "part") == "main" && text(record, "place") == place;
        let last = self.records.iter().rev().find(ended);
        last.is_some_and(|record| !passed(record) && record["exit"]["code"].is_null())
    }

    /// Nothing was skipped, and nothing is left set.
    fn completed(&self, wrong: &mut Vec<String>) {
        for cell in &self.cells {
            let place = cell.place.as_str();
            if self.marks.iter().any(|mark| mark.place == place && mark.word == "undid") {
                wrong.push(format!("completed, and {place} was undone"));
            }
            let done = self.marks.iter().position(|mark| mark.place == place && mark.word == "did");
            if !cell.stretch && done.is_none() && !self.excused(cell) {
                wrong.push(format!("completed, and {place} was never done"));
            }
            let earlier = |other: &&Cell| other.order(cell) == Some(Ordering::Less) && !other.stretch && !self.excused(other);
            for other in self.cells.iter().filter(earlier).filter(|_| !cell.stretch) {
                // What may fail had its turn when it was tried: once its cleanup has run, it is tried again, and may work after what
                // has been done since.
                let turn = |word: &str| word == "did" || (other.passes && word == "began-do");
                let before = self.marks.iter().position(|mark| mark.place == other.place && turn(&mark.word));
                if let (Some(done), Some(before)) = (done, before)
                    && done < before
                {
                    wrong.push(format!("{place} was done before {}", other.place));
                }
            }
        }
        wrong.extend(self.set(&self.marks).iter().map(|place| format!("completed, and {place} is still set")));
    }

    fn rolled_back(&self, wrong: &mut Vec<String>) {
        for cell in self.cells.iter().filter(|cell| cell.undo) {
            let mut words = self.marks.iter().rev().filter(|mark| mark.place == cell.place);
            // A cleanup may come after the undo.
            if words.find(|mark| ["did", "undid"].contains(&mark.word.as_str())).is_some_and(|mark| mark.word == "did") {
                wrong.push(format!("rolled back, and {} was not undone", cell.place));
            }
        }
        wrong.extend(self.set(&self.marks).iter().map(|place| format!("rolled back, and {place} is still set")));
    }

    /// What was set and not put back, by the ledger alone.
    fn set(&self, marks: &[Mark]) -> BTreeSet<&str> {
        let inside = |cell: &Cell| {
            let last = marks.iter().rposition(|mark| mark.place == cell.place && mark.word == "cleaned").map_or(0, |at| at + 1);
            let did =
                |mark: &Mark| mark.word == "did" && self.cells.iter().any(|one| one.place == mark.place && one.is_inside(&cell.place));
            marks[last..].iter().any(did)
        };
        let is_set = |cell: &&Cell| if cell.stretch { inside(cell) } else { stands(marks, &cell.place, &["cleaned"]) };
        self.cells.iter().filter(|cell| cell.cleanup).filter(is_set).map(|cell| cell.place.as_str()).collect()
    }

    /// Changes of which nobody knows how they ended.
    fn doubts(&self, records: usize) -> BTreeSet<&str> {
        let mut open = BTreeSet::new();
        for record in &self.records[..records] {
            let place = text(record, "place");
            match (text(record, "type"), text(record, "part")) {
                ("step_began" | "step_in_doubt", "main") if record["command"]["effect"] != "read" => {
                    open.insert(place);
                }
                ("step_ended", "main") | ("doubt_resolved", _) => {
                    open.remove(place);
                }
                ("undo_ended", _) if passed(record) => {
                    open.remove(place);
                }
                _ => {}
            }
        }
        open
    }

    /// What one call said, and how it ended.
    fn call(&self, call: &Call, wrong: &mut Vec<String>) {
        let (from, to) = call.records;
        let marks = &self.marks[..call.marks];
        let closed = self.records[from..to].iter().rev().find(|record| text(record, "type") == "run_closed");
        let outcome = closed.map(|record| text(record, "outcome"));
        let owes = closed.is_some_and(|record| record["owed"].as_array().is_some_and(|owed| !owed.is_empty()));
        let said = |what: &str| call.text.contains(what);
        let mut no = |why: String| wrong.push(format!("{} ended with {:?}: {why}", call.verb, call.code));
        let well = match (call.code, outcome) {
            (None, _) => call.killed,
            // It was killed when all was said.
            _ if call.killed => true,
            (Some(0), Some("completed")) => !owes && call.verb != "rollback",
            (Some(0), Some("rolled_back")) => !owes && call.verb == "rollback",
            (Some(0), None) => call.verb == "debts",
            (Some(10), Some("completed" | "stopped" | "rolled_back")) | (Some(6 | 130), Some("stopped")) => true,
            (Some(7), Some("rolled_back")) => call.verb != "rollback" || owes,
            (Some(8), Some("stuck")) | (Some(5), Some("declined")) => true,
            // Nothing was closed: it was left open, or never taken up.
            (Some(2 | 5 | 6 | 8 | 10 | 130), None) => true,
            _ => false,
        };
        if !well {
            no(format!("the run is {outcome:?}, owes: {owes}; it said {}", call.text.chars().take(700).collect::<String>()));
        }
        if call.killed {
            return;
        }
        let doubts = self.doubts(to);
        let set = self.set(marks);
        if outcome == Some("completed") && !doubts.is_empty() {
            no(format!("completed, and {doubts:?} is in doubt"));
        }
        if outcome == Some("stopped") && !doubts.is_empty() && !said("in doubt") {
            no(format!("{doubts:?} is in doubt, and it said {}", call.text));
        }
        if said("nothing left to clean up") && (!doubts.is_empty() || !set.is_empty()) {
            no(format!("nothing is left to clean up, it said, but {doubts:?} is in doubt and {set:?} is set"));
        }
        if said("nothing was changed") && marks.iter().any(|mark| mark.word == "did") {
            no("nothing was changed, it said".to_owned());
        }
        let completed =
            call.text.lines().any(|line| line.starts_with("run ") && line.contains(" completed  ") && line.contains("journal head"));
        if completed && (call.code != Some(0) || outcome != Some("completed")) {
            no(format!("completed, it said, and the run is {outcome:?}"));
        }
        let Some(debts) = &call.debts else { return };
        if let Some(place) = set.iter().find(|place| !debts.iter().any(|debt| debt == *place)) {
            no(format!("{place} is set, and no debt: {debts:?}"));
        }
        for debt in debts {
            let of_it = self.records[..to].iter().rev().filter(|record| text(record, "place") == debt);
            let last = of_it.into_iter().find(|record| match (text(record, "type"), text(record, "part")) {
                ("cleanup_due", _) | ("step_began", "main") => true,
                ("undo_ended", "cleanup") => passed(record),
                _ => false,
            });
            if last.is_none_or(|record| text(record, "type") == "undo_ended") {
                no(format!("{debt} is a debt, and was put back"));
            }
        }
    }
}

/// One place is a group or loop around the other.
fn is_around(around: &str, place: &str) -> bool {
    place.strip_prefix(around).is_some_and(|rest| rest.starts_with(['.', '[']))
}
