//! The real binary, a runbook whose steps leave marks of their own, and what is asked of both afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use serde_json::Value;

use super::{
    row::Setup,
    story::{self, SECRET},
    surroundings,
};

/// A library that makes system calls do less than they say.
pub fn no_sync(below: &Path) -> PathBuf {
    let library = below.join("liar.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/liar.c");
    let status = Command::new("gcc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(source).status().expect("gcc is missing");
    assert!(status.success(), "gcc");
    library
}

/// One journal, one ledger, one runbook.
pub struct Stage<'s> {
    setup: &'s Setup,
    pub journal: PathBuf,
    /// What the steps write themselves; on another file system than the journal.
    pub ledger: PathBuf,
    pub runbook: PathBuf,
    pub steps: usize,
}

/// A line of a run's JSON: what its observers were shown.
pub type Shown = (String, String);

/// A run under way, and what it has shown so far.
pub struct Under {
    pub child: Child,
    shown: Arc<Mutex<Vec<Shown>>>,
    reader: JoinHandle<()>,
}

impl Under {
    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub fn shown(&self) -> Vec<Shown> {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for its end; its exit code, if it had one.
    pub fn end(mut self) -> (Option<i32>, Vec<Shown>) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        (status.code(), Arc::into_inner(self.shown).unwrap().into_inner().unwrap())
    }
}

impl<'s> Stage<'s> {
    /// Steps that append their name to the ledger. Of the odd ones the ledger can be asked; the even ones may be repeated.
    pub fn new(setup: &'s Setup, journal: PathBuf, steps: usize) -> Self {
        Self::with(setup, journal, steps, "echo \"$1\" >>\"$2\"; echo \"token is $TOKEN\"")
    }

    pub fn with(setup: &'s Setup, journal: PathBuf, steps: usize, script: &str) -> Self {
        let below = setup.memory.join("stage");
        let _ = fs::remove_dir_all(&below);
        fs::create_dir_all(&below).unwrap();
        let ledger = below.join("ledger");
        let runbook = below.join("torture.yaml");
        let mut text = "halligan: 1\nname: torture\ntitle: Torture\nsummary: Leaves a mark for each step.\n".to_owned();
        text += "params:\n  token:\n    type: secret\n    help: It is printed, and never kept\n    from_env: TORTURE_TOKEN\nsteps:\n";
        let script = serde_json::to_string(script).unwrap();
        let path = ledger.display();
        for step in 0..steps {
            let _ = write!(
                text,
                "  - id: step_{step}\n    run: [bash, -c, {script}, bash, step_{step}, \"{path}\"]\n    effect: change\n    \
                 env: {{TOKEN: \"{{{{ params.token }}}}\"}}\n    undo: {{impossible: a mark stays}}\n",
            );
            if step % 2 == 1 {
                let _ = writeln!(text, "    done_if: {{run: [grep, -qx, step_{step}, \"{path}\"]}}");
            }
            text += "    idempotent: true\n";
        }
        fs::write(&runbook, text).unwrap();
        fs::write(&ledger, "").unwrap();
        Self { setup, journal, ledger, runbook, steps }
    }

    pub fn binary(&self) -> &Path {
        &self.setup.binary
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.setup.binary);
        self.dress(command.args(words));
        command
    }

    /// The environment and the journal of every call.
    fn dress(&self, command: &mut Command) {
        surroundings::plain(command).arg("--journal-dir").arg(&self.journal);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TORTURE_TOKEN", SECRET).stdin(Stdio::null());
    }

    /// Words before the binary's own, such as strace.
    pub fn run_under(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Under {
        self.start(wrapper, &["run", self.runbook.to_str().unwrap(), "--yes", "--format", "json"], environment)
    }

    fn start(&self, wrapper: &[&str], words: &[&str], environment: &[(&str, &str)]) -> Under {
        let mut command = match wrapper {
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.setup.binary);
                command
            }
            [] => Command::new(&self.setup.binary),
        };
        self.dress(command.args(words));
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&shown);
        let reader = thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { break };
                // A line that was cut short was not shown.
                let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
                list.lock().unwrap().push(event_of(&value));
            }
        });
        Under { child, shown, reader }
    }

    pub fn output(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The name of the only run, or of the latest.
    pub fn run_id(&self) -> Option<String> {
        let output = self.output(&["journal", "list", "--format", "json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok()?["id"].as_str().map(str::to_owned))
    }

    /// What the steps have done.
    pub fn effects(&self) -> Vec<String> {
        fs::read_to_string(&self.ledger).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Whether the journal in a directory holds what was shown and what the steps did.
    pub fn holds(journal: &Path, shown: &[Shown], effects: &[String]) -> Result<(), String> {
        let records = records(journal);
        let mut counts: BTreeMap<&Shown, i64> = BTreeMap::new();
        for record in &records {
            *counts.entry(record).or_default() += 1;
        }
        // No record says that a run is over for whoever reads its lines: the last line does.
        for event in shown.iter().filter(|(kind, _)| !matches!(kind.as_str(), "step_reached" | "progress" | "ended" | "failed")) {
            let left = counts.entry(event).or_default();
            *left -= 1;
            if *left < 0 {
                return Err(format!("{} of {} was shown, and is not in the journal", event.0, event.1));
            }
        }
        let began: BTreeSet<&str> = records.iter().filter(|(kind, _)| kind == "step_began").map(|(_, place)| place.as_str()).collect();
        match effects.iter().find(|effect| !began.contains(effect.as_str())) {
            Some(effect) => Err(format!("{effect} took effect and no intent is recorded")),
            None => Ok(()),
        }
    }

    /// What `journal verify` says, in a word.
    pub fn verdict(&self) -> String {
        let output = self.output(&["journal", "verify", "--format", "json"]);
        let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let verdict = value["verdict"].as_str().unwrap_or("none").to_owned();
        match value["fault"].as_str() {
            Some(fault) => format!("{verdict} ({fault})"),
            None => verdict,
        }
    }

    /// Takes the run up where it was left, and asks whether all that must hold does.
    pub fn resume(&self, shown: &[Shown]) -> Result<(), String> {
        let before = self.effects();
        Self::holds(&self.journal, shown, &before)?;
        let verdict = self.verdict();
        if self.journal.join("journal.jsonl").exists() && verdict != "valid_unanchored" && !verdict.contains("cut short") {
            return Err(format!("after a kill the journal is {verdict}"));
        }
        let Some(run) = self.run_id() else {
            return if before.is_empty() { Ok(()) } else { Err("there were effects and no run".to_owned()) };
        };
        let ended: BTreeSet<String> =
            records(&self.journal).into_iter().filter(|(kind, _)| kind == "step_ended").map(|(_, place)| place).collect();
        // What a loss of power has left is laid out anew, in other files.
        let output = self.output(&["resume", &run, "--yes", "--accept-copy", "--format", "json"]);
        // The kill may have come when all was done: then there is nothing to go on with, and it says so.
        let completed = records(&self.journal).into_iter().any(|(kind, _)| kind == "run_closed") && self.effects() == before;
        if output.status.code() != Some(0) && !(completed && output.status.code() == Some(2)) {
            let said = String::from_utf8_lossy(&output.stderr).chars().take(600).collect::<String>();
            return Err(format!("resume ended with {:?}: {said}", output.status.code()));
        }
        let after = self.effects();
        Self::holds(&self.journal, shown, &after)?;
        for step in 0..self.steps {
            let place = format!("step_{step}");
            let count = |effects: &[String]| effects.iter().filter(|effect| **effect == place).count();
            let (was, is) = (count(&before), count(&after));
            if is == 0 {
                return Err(format!("{place} was never done"));
            }
            if was > 0 && is > was && ended.contains(&place) {
                return Err(format!("{place} ended well and was done again"));
            }
            if is > 2 || (is > 1 && step % 2 == 1) {
                return Err(format!("{place} was done {is} times"));
            }
        }
        match self.verdict().as_str() {
            "valid_unanchored" => {}
            verdict => return Err(format!("after resume the journal is {verdict}")),
        }
        let second = self.output(&["resume", &run, "--yes", "--accept-copy", "--format", "json"]);
        if self.effects() != after {
            return Err("a second resume did something".to_owned());
        }
        if !matches!(second.status.code(), Some(0 | 2 | 6)) {
            return Err(format!("a second resume ended with {:?}", second.status.code()));
        }
        self.no_secrets()
    }

    /// Nowhere below the journal does the secret stand.
    pub fn no_secrets(&self) -> Result<(), String> {
        no_secrets(&self.journal)
    }
}

/// Nowhere below this path does the secret stand.
pub fn no_secrets(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().try_for_each(|entry| no_secrets(&entry.unwrap().path()));
    }
    let bytes = fs::read(path).unwrap_or_default();
    let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    if found { Err(format!("the secret is in {}", path.display())) } else { Ok(()) }
}

pub fn event_of(value: &Value) -> Shown {
    let word = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    (word("type"), word("place"))
}

/// The records of a journal that hold: what they are and where.
pub fn records(journal: &Path) -> Vec<Shown> {
    use halligan::door::journal::{Chain, Link};
    let bytes = fs::read(journal.join("journal.jsonl")).unwrap_or_default();
    let mut chain = Chain::start();
    let mut records = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if matches!(chain.push(line), Link::Record { .. }) {
            records.push(event_of(&serde_json::from_slice(line).unwrap()));
        }
    }
    records
}

/// A fresh place for a journal in memory.
pub fn journal_in_memory(setup: &Setup) -> PathBuf {
    story::fresh(&setup.memory, "journal")
}

/// A small ext4 on a file, mounted while this lives.
pub struct Loop {
    pub image: PathBuf,
    pub mount: PathBuf,
}

impl Loop {
    pub fn new(setup: &Setup, name: &str, mebibytes: u64) -> Self {
        let image = setup.disk.join(format!("{name}.img"));
        fs::File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-b", "1024", "-m", "0", image.to_str().unwrap()]);
        Self::of(image, setup.disk.join(name))
    }

    /// Mounts an image.
    pub fn of(image: PathBuf, mount: PathBuf) -> Self {
        fs::create_dir_all(&mount).unwrap();
        let device = Device::attach(&image);
        // A program that had this device before us may have made it read-only (`blockdev --setro`), and that outlives its use.
        run("blockdev", &["--setrw", &device.0]);
        run("mount", &["-t", "ext4", &device.0, mount.to_str().unwrap()]);
        Self { image, mount }
    }
}

/// A loop device. Dropped, it is given back at once, or by the kernel as soon as nothing is mounted from it any more.
struct Device(String);

impl Device {
    fn attach(image: &Path) -> Self {
        // It asks again if somebody else was faster with the device that it found.
        Self(run("losetup", &["--find", "--show", image.to_str().unwrap()]).trim().to_owned())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // Whoever still has a file open there loses it, not we our mount point.
        let _ = Command::new("umount").arg("--lazy").arg(&self.mount).status();
    }
}

/// Runs a program that must go well; what it prints.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program} is missing: {error}"));
    assert!(output.status.success(), "{program} {arguments:?} (this row needs root): {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
