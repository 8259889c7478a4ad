//! A random runbook with everything in it that a resume has to think of, and what it would leave in a ledger.

use std::{cmp::Ordering, fs, os::unix::fs::PermissionsExt, path::Path};

use fastrand::Rng;
use serde_json::{Value, json};

/// Something whose doing, undoing and cleaning stands in the ledger: a step, or a group or loop with a cleanup of its own.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its place, as halligan calls it.
    pub place: String,
    /// It does nothing itself, and is only cleaned.
    pub stretch: bool,
    /// It may be done twice if nobody knows how the first time ended.
    pub idempotent: bool,
    pub undo: bool,
    pub cleanup: bool,
    /// A run that stops leaves it as it is.
    pub owe: bool,
    /// A failure of it is passed over.
    pub passes: bool,
    turns: Vec<Turn>,
    /// What is around it.
    around: Vec<Around>,
}

/// A group, a call, or an item of a loop.
#[derive(Debug, Clone)]
pub struct Around {
    pub place: String,
    /// A failure inside ends it, and not what is around it.
    pub passes: bool,
}

/// Where it stands in a list, or which item it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    at: usize,
    /// In no order with its neighbours: at the same time, or again after them.
    beside: bool,
}

impl Cell {
    /// Which of two comes first; `None` if they may be at the same time, or if one is inside the other.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        let (mine, other) = self.turns.iter().zip(&other.turns).find(|(mine, other)| mine != other)?;
        (!mine.beside).then(|| mine.at.cmp(&other.at))
    }

    /// What is around both, in which failures are passed over.
    pub fn passed_over_with(&self, other: &Self) -> bool {
        self.around.iter().any(|around| around.passes && other.around.iter().any(|same| same.place == around.place))
    }

    /// Both are put back at the end of the same stretch of steps.
    pub fn same_frame(&self, other: &Self) -> bool {
        let frame = |cell: &Self| cell.around.last().map(|around| around.place.clone());
        frame(self) == frame(other)
    }

    pub fn is_inside(&self, place: &str) -> bool {
        self.around.iter().any(|around| around.place == place)
    }
}

/// A step that is to fail: `before` its effect or `after` it, so many times or always.
#[derive(Debug, Clone)]
pub struct Failure {
    pub part: &'static str,
    pub place: String,
    pub mode: &'static str,
    pub times: Option<usize>,
}

pub struct Tree {
    pub cells: Vec<Cell>,
    pub failures: Vec<Failure>,
    /// Flags that answer the questions of what destroys.
    pub confirms: Vec<String>,
    outer: Vec<Value>,
    called: Vec<(String, Vec<Value>)>,
}

/// What grows a tree.
struct Gardener<'r> {
    rng: &'r mut Rng,
    tool: String,
    next: usize,
    cells: Vec<Cell>,
    confirms: Vec<String>,
    called: Vec<(String, Vec<Value>)>,
}

/// Where something grows: the text of its place as the runbook writes it, and each place that this stands for.
#[derive(Clone)]
struct Spot {
    written: String,
    concrete: Vec<(String, Vec<Turn>, Vec<Around>)>,
    deep: usize,
}

impl Tree {
    pub fn grow(rng: &mut Rng, dir: &Path) -> Self {
        let tool = dir.join("mark").display().to_string();
        let mut gardener = Gardener { rng, tool, next: 0, cells: Vec::new(), confirms: Vec::new(), called: Vec::new() };
        let top = Spot { written: String::new(), concrete: vec![(String::new(), Vec::new(), Vec::new())], deep: 0 };
        let outer = gardener.top(&top);
        let Gardener { cells, confirms, called, .. } = gardener;
        let mut failures = Vec::new();
        for cell in &cells {
            let mut fail = |part, mode, times| failures.push(Failure { part, place: cell.place.clone(), mode, times });
            let mode = if rng.bool() { "before" } else { "after" };
            match rng.u32(0..60) {
                0..=3 if !cell.stretch => fail("do", mode, Some(1)),
                4 if !cell.stretch => fail("do", "before", None),
                5 | 6 if cell.undo => fail("undo", mode, Some(1)),
                7 | 8 if cell.cleanup => fail("clean", mode, Some(rng.usize(1..=2))),
                _ => {}
            }
        }
        Self { cells, failures, confirms, outer, called }
    }

    /// Writes the runbooks, the tool that they run, and what is to fail. `planted` is put into the tool, before it does anything.
    pub fn plant(&self, dir: &Path, planted: &str) {
        let books = dir.join("runbooks");
        fs::create_dir_all(&books).unwrap();
        fs::create_dir_all(dir.join("fail")).unwrap();
        let write = |name: &str, params: Value, steps: &[Value]| {
            let preflight = json!([{"id": "fresh", "title": "It can be begun", "run": ["true"], "once": true}]);
            let mut book = json!({"halligan": 1, "name": name, "title": "Torture", "summary": "Leaves marks in a ledger."});
            book["params"] = params;
            book["preflight"] = preflight;
            book["steps"] = steps.into();
            fs::write(books.join(format!("{name}.yaml")), book.to_string()).unwrap();
        };
        write("outer", json!({"token": {"type": "secret", "help": "Printed", "from_env": "TORTURE_TOKEN"}}), &self.outer);
        for (name, steps) in &self.called {
            write(name, json!({"at": {"type": "string", "help": "Where it is called"}}), steps);
        }
        for Failure { part, place, mode, times } in &self.failures {
            for time in 0..times.unwrap_or(1) {
                let last = if times.is_some() { time.to_string() } else { "always".to_owned() };
                fs::write(dir.join("fail").join(format!("{part} {place}.{mode}.{last}")), "").unwrap();
            }
        }
        fs::write(dir.join("ledger"), "").unwrap();
        let tool = dir.join("mark");
        fs::write(&tool, TOOL.replace("PLANTED", planted).replace("DIR", &dir.display().to_string())).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// `mark do|undo|clean PLACE [BEFORE AFTER]` appends what it has done to the ledger, at most one line a call; `mark is PLACE` asks it.
const TOOL: &str = r#"#!/bin/sh
part=$1 place=$2
cd 'DIR' || exit 9
if [ "$part" = is ]; then
    exec awk -v place="$place" '$2 == place && $1 ~ /^(did|undid|cleaned)$/ { last = $1 } END { exit last != "did" }' ledger
fi
echo "began-$part $place $$" >>ledger
PLANTED
mode=
for token in "fail/$part $place."*; do
    [ -e "$token" ] || continue
    mode=${token#"fail/$part $place."} mode=${mode%%.*}
    case $token in *.always) ;; *) rm "$token" ;; esac
    break
done
if [ "$mode" = before ]; then echo "failed-$part $place $$" >>ledger; exit 1; fi
[ -z "$3" ] || sleep "$3"
case $part in do) word=did ;; undo) word=undid ;; *) word=cleaned ;; esac
echo "$word $place $$" >>ledger
[ -z "$4" ] || sleep "$4"
if [ "$mode" = after ]; then echo "failed-$part $place $$" >>ledger; exit 1; fi
[ -z "$TOKEN" ] || echo "token is $TOKEN"
"#;

impl Gardener<'_> {
    fn id(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{what}_{}", self.next)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// Everything that there is, at least once, in any order.
    fn top(&mut self, spot: &Spot) -> Vec<Value> {
        let mut kinds = vec!["leaf", "leaf", "group", "loop", "beside", "call", "wait", "confirm"];
        self.rng.shuffle(&mut kinds);
        kinds.insert(0, "leaf");
        kinds.push("leaf");
        self.list(spot, &kinds)
    }

    fn list(&mut self, spot: &Spot, kinds: &[&str]) -> Vec<Value> {
        kinds.iter().enumerate().map(|(at, kind)| self.node(spot, at, kind)).collect()
    }

    /// A few steps inside something.
    fn few(&mut self, spot: &Spot) -> Vec<Value> {
        let mut kinds = vec!["leaf"; self.rng.usize(1..=3)];
        if spot.deep < 3 {
            let inner: &[&str] = if spot.concrete.len() > 3 { &["wait"] } else { &["wait", "group", "loop", "beside", "call"] };
            if self.chance(45) {
                kinds.push(inner[self.rng.usize(0..inner.len())]);
            }
        }
        self.rng.shuffle(&mut kinds);
        self.list(spot, &kinds)
    }

    fn node(&mut self, spot: &Spot, at: usize, kind: &str) -> Value {
        match kind {
            "group" => {
                let id = self.id("group");
                let (passes, cleanup) = (self.chance(25), self.chance(60));
                let (here, own) = self.stretch(spot, at, &id, cleanup, passes);
                let mut step = json!({"id": id, "group": "Things that belong together", "steps": self.few(&here)});
                finish(&mut step, own, passes);
                step
            }
            "loop" | "beside" => self.each(spot, at, kind == "beside"),
            "call" => {
                let id = self.id("call");
                let name = id.replace('_', "-");
                let passes = self.chance(20);
                let (mut here, _) = self.stretch(spot, at, &id, false, passes);
                let place = std::mem::replace(&mut here.written, "{{ params.at }}".to_owned());
                let steps = self.few(&here);
                self.called.push((name.clone(), steps));
                let mut step = json!({"id": id, "call": name, "params": {"at": place}});
                finish(&mut step, None, passes);
                step
            }
            "wait" => {
                let until = if self.chance(50) { "code == 0" } else { "output == 'ready'" };
                json!({"id": self.id("wait"), "wait": {"run": ["echo", "ready"], "until": until, "every": "10ms", "timeout": "10s"}})
            }
            "confirm" => json!({"id": self.id("ask"), "confirm": {"message": "Continue with what follows?"}}),
            _ => self.leaf(spot, at),
        }
    }

    fn each(&mut self, spot: &Spot, at: usize, beside: bool) -> Value {
        let id = self.id("each");
        let name = format!("i{}", self.next);
        let (most, cleanup) = (usize::from(self.chance(60)), self.chance(25));
        let items: &[&str] = if spot.deep > 0 { &["a", "b"] } else { &["a", "b", "c", "d"] };
        let batch = self.rng.usize(1..=items.len());
        let (here, own) = self.stretch(spot, at, &id, cleanup, false);
        let written = format!("{}[{name}={{{{ {name} }}}}]", here.written);
        let mut concrete = Vec::new();
        for (place, turns, around) in &here.concrete {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{place}[{name}={item}]");
                let mut turns = turns.clone();
                // An item whose failure was allowed may be taken up again after those that came after it.
                turns.push(Turn { at: index / batch, beside: most > 0 });
                turns.push(Turn { at: index, beside: beside || most > 0 });
                let mut around = around.clone();
                around.push(Around { place: place.clone(), passes: most > 0 });
                concrete.push((place, turns, around));
            }
        }
        let spot = Spot { written, concrete, deep: spot.deep + 1 };
        let parallel = if beside { self.rng.usize(2..=4) } else { 1 };
        let each = json!({"items": items, "as": name, "batch": batch, "parallel": parallel, "max_failures": most});
        let mut step = json!({"id": id, "for_each": each, "steps": self.few(&spot)});
        finish(&mut step, own, false);
        step
    }

    /// Something with steps in it; its own cleanup, if it has one.
    fn stretch(&mut self, spot: &Spot, at: usize, id: &str, cleanup: bool, passes: bool) -> (Spot, Option<Value>) {
        let written = join(&spot.written, id);
        let owe = cleanup && self.chance(25);
        let mut concrete = Vec::new();
        for (place, turns, around) in &spot.concrete {
            let (place, mut turns, mut around) = (join(place, id), turns.clone(), around.clone());
            turns.push(Turn { at, beside: false });
            around.push(Around { place: place.clone(), passes });
            if cleanup {
                let cell = Cell {
                    place: place.clone(),
                    stretch: true,
                    idempotent: false,
                    undo: false,
                    cleanup,
                    owe,
                    passes,
                    turns: turns.clone(),
                    around: around.clone(),
                };
                self.cells.push(cell);
            }
            concrete.push((place, turns, around));
        }
        let own = cleanup.then(|| self.remedy("clean", &written, owe));
        (Spot { written, concrete, deep: spot.deep + 1 }, own)
    }

    fn remedy(&mut self, part: &str, place: &str, owe: bool) -> Value {
        let mut remedy = json!({"run": [self.tool, part, place]});
        if owe {
            remedy["when_stopped"] = "owe".into();
        }
        remedy
    }

    fn leaf(&mut self, spot: &Spot, at: usize) -> Value {
        let id = self.id("leaf");
        let written = join(&spot.written, &id);
        let destroys = spot.deep == 0 && self.chance(10);
        let (idempotent, tells) = (self.chance(25), self.chance(25));
        let (undo, cleanup) = (!destroys && self.chance(75), self.chance(30));
        let (owe, passes) = (cleanup && self.chance(25), self.chance(8));
        let mut run = vec![self.tool.clone(), "do".to_owned(), written.clone()];
        if self.chance(30) {
            let pauses = if self.chance(50) { ["0.02", ""] } else { ["", "0.02"] };
            run.extend(pauses.map(str::to_owned));
        }
        let mut step = json!({"id": id, "run": run, "effect": if destroys { "destroy" } else { "change" }});
        if destroys {
            self.confirms.push(format!("{id}={id}"));
        } else {
            step["undo"] = if undo { self.remedy("undo", &written, false) } else { json!({"impossible": "A mark stays."}) };
        }
        if idempotent {
            step["idempotent"] = true.into();
        }
        if tells {
            step["done_if"] = json!({"title": "It is done", "run": [self.tool, "is", written]});
        }
        if self.chance(20) {
            step["verify"] = json!({"title": "It was done", "run": [self.tool, "is", written]});
        }
        if spot.deep == 0 {
            step["env"] = json!({"TOKEN": "{{ params.token }}"});
        }
        let own = cleanup.then(|| self.remedy("clean", &written, owe));
        finish(&mut step, own, passes);
        if !passes {
            let word = ["ask", "ask", "ask", "ask", "ask", "ask", "stop", "rollback"][self.rng.usize(0..8)];
            step["on_fail"] = word.into();
        }
        for (place, turns, around) in &spot.concrete {
            let mut turns = turns.clone();
            turns.push(Turn { at, beside: false });
            let (place, around) = (join(place, &id), around.clone());
            self.cells.push(Cell { place, stretch: false, idempotent, undo, cleanup, owe, passes, turns, around });
        }
        step
    }
}

fn finish(step: &mut Value, cleanup: Option<Value>, passes: bool) {
    if let Some(cleanup) = cleanup {
        step["cleanup"] = cleanup;
    }
    if passes {
        step["on_fail"] = "continue".into();
    }
}

fn join(around: &str, id: &str) -> String {
    if around.is_empty() { id.to_owned() } else { format!("{around}.{id}") }
}
