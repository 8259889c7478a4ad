//! The life of a run: begun, killed and taken up again, until it has ended.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{
    account::{Call, Evidence, Mark},
    operator::{Mood, Operator, both_ends},
    row::Setup,
    stage::{self, Stage},
    story::{self, SECRET},
    surroundings,
    tree::Tree,
};

/// How long one call may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What disturbs a call.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// halligan alone: what it has started goes on.
    Kill,
    /// halligan and everything that it has started.
    KillAll,
    /// What it has started, and not halligan.
    KillChildren,
    /// So many times Ctrl-C.
    Interrupt(u32),
    Terminate,
    HangUp,
    /// Stopped for a moment.
    Stop(Signal),
}

impl Harm {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(0..100) {
            0..=39 => Self::Kill,
            40..=59 => Self::KillAll,
            60..=67 => Self::KillChildren,
            68..=81 => Self::Interrupt(rng.u32(1..=3)),
            82..=87 => Self::Terminate,
            88..=92 => Self::HangUp,
            93..=96 => Self::Stop(Signal::SIGSTOP),
            _ => Self::Stop(Signal::SIGTSTP),
        }
    }
}

/// A run, and all that is seen of it from outside.
pub struct Life<'s> {
    setup: &'s Setup,
    dir: PathBuf,
    journal: PathBuf,
    tree: Tree,
    rng: Rng,
    evidence: Evidence,
    answers: Arc<Mutex<Vec<super::account::Answer>>>,
    shown: Vec<stage::Shown>,
}

impl<'s> Life<'s> {
    /// What the seed says: `planted` goes into the tool that the steps run.
    pub fn new(setup: &'s Setup, seed: u64, planted: impl FnOnce(&Tree) -> String) -> Self {
        let dir = story::fresh(&setup.memory, "life");
        fs::create_dir_all(&dir).unwrap();
        let mut rng = Rng::with_seed(seed);
        let tree = Tree::grow(&mut rng, &dir);
        tree.plant(&dir, &planted(&tree));
        let evidence =
            Evidence { cells: tree.cells.clone(), marks: Vec::new(), records: Vec::new(), calls: Vec::new(), answers: Vec::new() };
        let journal = dir.join("journal");
        Self { setup, journal, dir, tree, rng, evidence, answers: Arc::default(), shown: Vec::new() }
    }

    /// Lives it to its end, and gives what is known of it.
    pub fn live(mut self) -> Result<Evidence, String> {
        let result = self.disturbed().and_then(|()| self.finished());
        self.settle();
        self.look();
        let result = result.and_then(|()| self.sound());
        match result {
            Ok(()) => Ok(self.evidence),
            Err(why) => Err(format!("{why}{}", self.told())),
        }
    }

    /// What was done with the run, for whoever looks for the cause of a failure.
    pub fn told(&self) -> String {
        told(&self.evidence)
    }

    /// The run, and what is done with it while it is disturbed.
    fn disturbed(&mut self) -> Result<(), String> {
        let harms = self.rng.usize(1..=4);
        for number in 0..harms {
            let harm = (self.rng.u32(0..100) < 92).then(|| Harm::any(&mut self.rng));
            let verb = match self.rng.u32(0..100) {
                _ if number == 0 || self.run().is_none() => "run",
                0..=64 => "resume",
                65..=81 => "rollback",
                _ => "debts",
            };
            let attended = self.rng.bool();
            self.call(verb, harm, attended, false)?;
        }
        Ok(())
    }

    /// Undisturbed from now on: what was chosen is done until there is nothing left to do.
    fn finished(&mut self) -> Result<(), String> {
        let mut wish = if self.rng.u32(0..100) < 75 { "resume" } else { "rollback" };
        for number in 0..18 {
            // What fails again and again does not come to its end in any other way.
            if number == 6 {
                wish = "rollback";
            }
            let closed = self.closed();
            let owes = self.evidence.calls.last().and_then(|call| call.debts.as_ref()).is_none_or(|debts| !debts.is_empty());
            let verb = match (closed.as_deref(), self.run()) {
                (_, None) => "run",
                (Some("completed" | "rolled_back"), _) if !owes => return Ok(()),
                (Some("completed" | "rolled_back"), _) => "debts",
                _ => wish,
            };
            self.call(verb, None, true, true)?;
            if self.evidence.records.iter().any(|record| record["type"] == "undo_began" && record["part"] == "undo") {
                wish = "rollback";
            }
        }
        Err("the run does not come to its end".to_owned())
    }

    fn run(&self) -> Option<String> {
        self.evidence.records.first().and_then(|record| record["run"].as_str().map(str::to_owned))
    }

    fn closed(&self) -> Option<String> {
        let end = self.evidence.records.iter().rev().find(|record| record["type"] == "run_closed" || record["type"] == "resumed")?;
        end["outcome"].as_str().map(str::to_owned)
    }

    /// Reads what the steps and halligan have written by now.
    fn look(&mut self) {
        self.evidence.marks = Mark::read(&fs::read_to_string(self.dir.join("ledger")).unwrap_or_default());
        self.evidence.records = records(&self.journal);
        self.evidence.answers.clone_from(&self.answers.lock().unwrap());
    }

    fn halligan(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.setup.binary);
        surroundings::plain(&mut command).args(words).arg("--journal-dir").arg(&self.journal).current_dir(&self.dir);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TORTURE_TOKEN", SECRET).stdin(Stdio::null());
        command
    }

    fn call(&mut self, verb: &'static str, harm: Option<Harm>, attended: bool, patient: bool) -> Result<(), String> {
        let run = self.run().unwrap_or_default();
        let json = self.rng.bool();
        let mut words = match verb {
            "run" => vec!["run", "outer"],
            "debts" => vec!["debts", &run, "--settle"],
            verb => vec![verb, &run],
        };
        words.extend(["--yes", "--format", if json { "json" } else { "plain" }]);
        let confirms = self.tree.confirms.clone();
        if ["run", "resume"].contains(&verb) {
            words.extend(confirms.iter().flat_map(|confirm| ["--confirm", confirm]));
        }
        let mut command = self.halligan(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let operator = attended.then(|| {
            let mood = Mood { ledger: self.dir.join("ledger"), rng: self.rng.fork(), patient, answers: Arc::clone(&self.answers) };
            let (operator, end) = Operator::sit(mood);
            let (stdin, stderr) = both_ends(end);
            command.stdin(stdin).stderr(stderr);
            operator
        });
        let before = self.evidence.records.len();
        let mut child = command.spawn().unwrap();
        drop(command);
        let lines = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lines);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            for line in stdout.lines() {
                let Ok(line) = line else { break };
                all.push(line);
                count.fetch_add(1, Ordering::SeqCst);
            }
            all
        });
        let errors = child.stderr.take().map(|mut stderr| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stderr.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let began = Instant::now();
        // At some line of what it shows, and a moment later.
        let most = if verb == "run" { self.tree.cells.len() * 5 } else { self.tree.cells.len() * 3 };
        let (line, delay) = (self.rng.usize(0..most), Duration::from_micros(self.rng.u64(0..12_000)));
        let mut struck = None;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if struck.is_none()
                && let Some(harm) = harm
                && lines.load(Ordering::SeqCst) >= line
            {
                thread::sleep(delay);
                self.strike(harm, pid);
                struck = Some(harm);
            }
            if began.elapsed() > PATIENCE {
                let _ = kill(pid, Signal::SIGKILL);
                let _ = child.wait();
                return Err(format!("{verb} does not end"));
            }
            thread::sleep(Duration::from_micros(300));
        };
        let stdout = reader.join().unwrap();
        let mut text = errors.map(|errors| errors.join().unwrap()).unwrap_or_default();
        text += &operator.map(Operator::leave).unwrap_or_default();
        let mut killed = matches!(struck, Some(Harm::Kill | Harm::KillAll));
        if json {
            self.shown.extend(stdout.iter().filter_map(|line| serde_json::from_str(line).ok()).map(|value| stage::event_of(&value)));
        } else {
            text += &stdout.iter().fold(String::new(), |text, line| text + line + "\n");
        }
        if struck.is_none() {
            self.settle();
        }
        self.look();
        // The signal came before halligan listened to any, and had begun anything.
        killed |= status.code().is_none() && struck.is_some() && self.evidence.records.len() == before;
        let debts = (struck.is_none() && self.run().is_some()).then(|| self.debts());
        let harm = struck.map(|harm| format!("{harm:?} at line {line} and {delay:?}")).unwrap_or_default();
        let (marks, records) = (self.evidence.marks.len(), (before, self.evidence.records.len()));
        let code = status.code();
        self.evidence.calls.push(Call { verb, harm, killed, code, text, marks, records, debts });
        if self.run().is_none() && !self.evidence.marks.is_empty() {
            return Err("there were effects and no run".to_owned());
        }
        Ok(())
    }

    fn debts(&self) -> Vec<String> {
        let output = self.halligan(&["debts", "--format", "json"]).output().unwrap();
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let place = |line: &str| serde_json::from_str::<Value>(line).ok()?["place"].as_str().map(str::to_owned);
        lines.lines().filter_map(place).collect()
    }

    fn strike(&self, harm: Harm, pid: Pid) {
        let to = |pid: Pid, signal: Signal| {
            let _ = kill(pid, signal);
        };
        match harm {
            Harm::Kill => to(pid, Signal::SIGKILL),
            Harm::KillAll => {
                to(pid, Signal::SIGKILL);
                self.started().into_iter().for_each(|child| to(child, Signal::SIGKILL));
            }
            Harm::KillChildren => self.started().into_iter().for_each(|child| to(child, Signal::SIGKILL)),
            Harm::Interrupt(times) => {
                for _ in 0..times {
                    to(pid, Signal::SIGINT);
                    thread::sleep(Duration::from_millis(3));
                }
            }
            Harm::Terminate => to(pid, Signal::SIGTERM),
            Harm::HangUp => to(pid, Signal::SIGHUP),
            Harm::Stop(signal) => {
                to(pid, signal);
                thread::sleep(Duration::from_millis(10));
                to(pid, Signal::SIGCONT);
            }
        }
    }

    /// The steps of this life that are under way.
    fn started(&self) -> Vec<Pid> {
        let tool = self.dir.join("mark").display().to_string();
        let ours = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).take(2).any(|word| word == tool.as_bytes())
        };
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(ours).map(Pid::from_raw).collect()
    }

    /// Waits for steps that outlive halligan.
    fn settle(&self) {
        while !self.started().is_empty() {
            thread::yield_now();
        }
    }

    /// What holds of the journal, whatever the steps say.
    fn sound(&self) -> Result<(), String> {
        let output = self.halligan(&["journal", "verify"]).output().unwrap();
        if output.status.code() != Some(0) {
            return Err(format!("the journal is not valid: {}", String::from_utf8_lossy(&output.stdout)));
        }
        Stage::holds(&self.journal, &self.shown, &[])?;
        stage::no_secrets(&self.journal)
    }
}

/// What was done with a run, and how each call ended.
pub fn told(evidence: &Evidence) -> String {
    evidence.calls.iter().fold(String::new(), |mut text, call| {
        let code = call.code.map_or("killed".to_owned(), |code| code.to_string());
        let _ = write!(text, "\n             {} {} -> {code}", call.verb, call.harm);
        text
    })
}

/// The records of a journal that hold, whole.
fn records(journal: &Path) -> Vec<Value> {
    use halligan::door::journal::{Chain, Link};
    let bytes = fs::read(journal.join("journal.jsonl")).unwrap_or_default();
    let mut chain = Chain::start();
    let held = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| matches!(chain.push(line), Link::Record { .. }));
    held.filter_map(|line| serde_json::from_slice::<Value>(line).ok()).filter(|record| record["type"] != "torn").collect()
}
