//! `halligan doctor`: whether a run could be carried out on this machine now, before there is one.

use std::{collections::BTreeSet, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use nix::{
    sys::statvfs::statvfs,
    unistd::{AccessFlags, access, geteuid},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::{
        command::printed::print_json,
        context::Context,
        exit::ProgramExit,
        failure::{Failure, explain},
        session::{
            journal::journal_directory,
            load::{self, Loaded},
            operator::hostname,
            owing::{indebted, untold},
        },
    },
    cli::{self, Subcommands},
    event::{Effect, Holding, Part, Place, Words},
    exec::{clock::RealClock, process::ProcessExecutor},
    inheritance::Inheritance,
    journal::{
        Journal, JournalError,
        reader::{Snapshot, runs},
    },
    plan::programs::programs_of,
    ports::{Clock, Executor, Interrupts, Order},
    secret::Secrets,
    tool::Tool,
    trust,
    ui::layout::Page,
    words::{
        self,
        mark::Mark,
        sanitise::{self, line as visible},
    },
};

/// Less room than this is too little for a run, and less than that deserves a look, in bytes.
const LEAST_ROOM: u64 = 64 << 20;
const GOOD_ROOM: u64 = 1 << 30;
/// A helper program that has not said anything by then hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// A terminal that is smaller shows less than a question and its context.
const LEAST_COLUMNS: usize = 60;
const LEAST_ROWS: usize = 20;

/// Programs that are known to print their version and do nothing else when they are given these words. Others are not asked.
const VERSIONED: &[(&str, &[&str])] = &[
    ("bash", &["--version"]),
    ("ceph", &["--version"]),
    ("curl", &["--version"]),
    ("ddrescue", &["--version"]),
    ("jq", &["--version"]),
    ("kubectl", &["version", "--client"]),
    ("lvs", &["--version"]),
    ("python3", &["--version"]),
    ("rados", &["--version"]),
    ("rbd", &["--version"]),
    ("ssh", &["-V"]),
    ("sudo", &["--version"]),
    ("systemctl", &["--version"]),
    ("xfs_repair", &["-V"]),
];

/// What `halligan doctor --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct DoctorReport {
    host: String,
    /// The runbook that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    /// Nothing was found that keeps a run from being carried out.
    fit: bool,
    findings: Vec<DoctorFinding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
struct DoctorFinding {
    /// What was looked at.
    what: String,
    /// `ok`; `warning`: a run can be carried out, and somebody should know; `bad`: it cannot.
    state: String,
    /// What was seen.
    seen: String,
    /// What would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Good,
    Doubtful,
    Bad,
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<DoctorFinding>);

impl Findings {
    fn add(&mut self, what: &str, condition: Condition, seen: impl Into<String>, hint: Option<String>) {
        self.0.push(DoctorFinding { what: what.to_owned(), state: condition.name().to_owned(), seen: seen.into(), hint });
    }
}

/// Looks at this machine, and at what a runbook needs if one is named. Something that keeps a run from being carried out is a failed check.
///
/// # Errors
/// There is no such runbook, or it has faults.
pub(super) fn doctor(context: &Context, args: &cli::Doctor) -> Result<ProgramExit, Failure> {
    let loaded = args.runbook.as_deref().map(|runbook| load::load_for_run(context, runbook, None)).transpose()?;
    let mut findings = Findings::default();
    journal(context, &mut findings);
    clock(&mut findings);
    terminal(context, &mut findings);
    let executor = ProcessExecutor::in_surroundings(Inheritance::of_process(&[]), Secrets::default(), None, None);
    held(&executor, &mut findings);
    sudo(&mut findings);
    tools(&executor, loaded.as_ref(), &mut findings);
    let Findings(findings) = findings;
    let report = DoctorReport {
        host: hostname(),
        runbook: loaded.map(|loaded| loaded.runbook.name.to_string()),
        fit: findings.iter().all(|finding| finding.state != Condition::Bad.name()),
        findings,
    };
    let out = &context.out.stdout;
    if args.form.is_json() {
        print_json(context, "findings", &report)?;
    } else {
        out.lines(&report.lines(&out.page()));
    }
    Ok(if report.fit { ProgramExit::Completed } else { ProgramExit::CheckFailed })
}

/// The journal: where it is, whether it can be written, how much room there is, whether it can be read, what is owed.
fn journal(context: &Context, findings: &mut Findings) {
    let directory = match journal_directory(context) {
        Ok(directory) => directory,
        Err(failure) => return findings.add("journal", Condition::Bad, failure.what, Some("name one with --journal-dir".to_owned())),
    };
    let at = directory.display().to_string();
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if trust::needed()
        && let Err(distrust) = trust::directory(&directory)
    {
        findings.add("journal", Condition::Bad, format!("{at} cannot be trusted: {}", distrust.into_io()), None);
    } else if matches!(Snapshot::take(&directory), Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound) {
        // To look makes nothing: a run makes it.
        match access(there, AccessFlags::W_OK | AccessFlags::X_OK) {
            Ok(()) => findings.add("journal", Condition::Good, format!("{at} (made by the first run)"), None),
            Err(errno) => {
                let hint = "name a directory that you may write with --journal-dir";
                findings.add("journal", Condition::Bad, format!("{at} cannot be made: {}", errno.desc()), Some(hint.to_owned()));
            }
        }
    } else {
        match Journal::open(&directory) {
            Ok(journal) => findings.add("journal", Condition::Good, format!("{at}, {} records", journal.head().size), None),
            Err(error) => findings.add("journal", Condition::Bad, format!("{at}: {}", explain(&error)), Some(error.hint().to_owned())),
        }
    }
    match statvfs(there) {
        Ok(stat) => {
            let room = stat.blocks_available().saturating_mul(stat.fragment_size());
            let (condition, hint) = match room {
                room if room < LEAST_ROOM || stat.files() > 0 && stat.files_available() == 0 => {
                    (Condition::Bad, Some("free some room first"))
                }
                room if room < GOOD_ROOM => (Condition::Doubtful, Some("outputs of commands are kept whole there")),
                _ => (Condition::Good, None),
            };
            findings.add("room", condition, format!("{} MiB free in {}", room >> 20, there.display()), hint.map(str::to_owned));
        }
        Err(errno) => findings.add("room", Condition::Doubtful, format!("unknown: {}", errno.desc()), None),
    }
    records(context, &directory, findings);
}

/// What is recorded: whether it can be read, and whether something is owed.
fn records(context: &Context, directory: &Path, findings: &mut Findings) {
    let snapshot = match Snapshot::take(directory) {
        Ok(snapshot) => Some(snapshot),
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return findings.add("records", Condition::Bad, explain(&error), Some(error.hint().to_owned())),
    };
    let read = || -> Result<_, JournalError> {
        let Some(snapshot) = &snapshot else { return Ok((untold(directory, None)?, None, Vec::new())) };
        let unreadable = runs(snapshot)?.unreadable;
        let why = (unreadable > 0).then(|| format!("{unreadable} lines cannot be read"));
        Ok((why, snapshot.copied()?, indebted(directory, snapshot)?))
    };
    let (why, copied, owing) = match read() {
        Ok(read) => read,
        Err(error) => return findings.add("records", Condition::Bad, explain(&error), Some(error.hint().to_owned())),
    };
    if let Some(why) = why {
        let verify = context.line(Subcommands::journal_verify());
        findings.add("records", Condition::Bad, why, Some(format!("find out what happened to the journal: {verify}")));
    }
    if let Some(why) = copied {
        let hint = "make sure that nobody uses the original any more; to resume its runs here: --accept-copy";
        findings.add("records", Condition::Doubtful, format!("this journal is a copy: {why}"), Some(hint.to_owned()));
    }
    if owing.is_empty() {
        findings.add("owed", Condition::Good, "no cleanup is owed on this host", None);
    } else {
        let runs: Vec<String> = owing.iter().map(|history| history.run.to_string()).collect();
        let debts = context.line(Subcommands::Debts(cli::Debts::default()));
        findings.add("owed", Condition::Doubtful, format!("cleanups are owed by {}", runs.join(", ")), Some(format!("see them: {debts}")));
    }
}

fn clock(findings: &mut Findings) {
    let hint = "check chronyc tracking or timedatectl: times in the journal are compared with those of other hosts";
    match RealClock::start(&Interrupts::default()).is_synchronised() {
        Some(true) => findings.add("clock", Condition::Good, "synchronised", None),
        Some(false) => findings.add("clock", Condition::Doubtful, "not synchronised", Some(hint.to_owned())),
        None => findings.add("clock", Condition::Doubtful, "unknown whether it is synchronised", Some(hint.to_owned())),
    }
}

fn terminal(context: &Context, findings: &mut Findings) {
    let out = &context.out;
    if !out.can_ask() {
        let hint = "questions must be answered beforehand: --yes, --confirm, --override";
        return findings.add("terminal", Condition::Doubtful, "none: nobody can be asked", Some(hint.to_owned()));
    }
    let (columns, rows) = (out.stderr.edge(), out.stderr.height());
    let size = format!("{columns} columns, {rows} rows");
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if columns < LEAST_COLUMNS || rows < LEAST_ROWS {
        let hint = format!("make it at least {LEAST_COLUMNS} by {LEAST_ROWS}");
        findings.add("terminal", Condition::Doubtful, size, Some(hint));
    } else if set("SSH_CONNECTION") && !set("TMUX") && !set("STY") {
        let hint = "start tmux first: a lost connection stops the run after its step";
        findings.add("terminal", Condition::Doubtful, format!("{size}, over ssh without tmux or screen"), Some(hint.to_owned()));
    } else {
        findings.add("terminal", Condition::Good, size, None);
    }
}

/// How far the kernel holds what only reads to reading.
fn held(executor: &ProcessExecutor, findings: &mut Findings) {
    let order = Order::plain(Place::top("doctor"), Part::Main, Words::Argv(vec!["true".to_owned()]), Effect::Read);
    match executor.holding(&order) {
        Some(Holding::NotHeld { why }) => {
            let hint = "what a dry run executes is then held to reading by nothing but the runbook";
            findings.add("reads", Condition::Doubtful, words::unheld(&why), Some(hint.to_owned()));
        }
        Some(holding) => findings.add("reads", Condition::Good, format!("{} by the kernel", words::holding(&holding)), None),
        None => findings.add("reads", Condition::Doubtful, "unknown how far they are held", None),
    }
}

/// Whether sudo works without a password. Root needs none.
fn sudo(findings: &mut Findings) {
    if geteuid().is_root() {
        return findings.add("sudo", Condition::Good, "not needed: this is root", None);
    }
    match Tool::new("sudo", ["-n", "true"]).limit(PATIENCE).run() {
        Ok(end) if end.succeeded() => findings.add("sudo", Condition::Good, "works without a password", None),
        Ok(_) => {
            let hint = "for steps that run as another user: --ask-sudo-password";
            findings.add("sudo", Condition::Doubtful, "asks for a password, or is not allowed", Some(hint.to_owned()));
        }
        Err(error) => findings.add("sudo", Condition::Doubtful, format!("cannot be used: {error}"), None),
    }
}

/// The programs that halligan itself needs, and those of a runbook, each with where it is and its version.
fn tools(executor: &ProcessExecutor, loaded: Option<&Loaded>, findings: &mut Findings) {
    let mut wanted: BTreeSet<String> = ["bash", "ssh"].map(str::to_owned).into();
    if let Some(loaded) = loaded {
        let all = || std::iter::once(&loaded.runbook).chain(loaded.called.values()).map(|runbook| &**runbook);
        wanted.extend(programs_of(all()));
        wanted.extend(all().flat_map(|runbook| runbook.requires.commands.iter().cloned()));
    }
    // What no runbook was found to need may be missing.
    let needed = |name: &str| name == "bash" || loaded.is_some() && name != "ssh";
    for name in wanted {
        let what = format!("tool {}", visible(&name));
        let missing = if needed(&name) { Condition::Bad } else { Condition::Doubtful };
        match (executor.locate(&name), executor.unfit(&name)) {
            (None, _) => findings.add(&what, missing, "not found in PATH", Some("install it, or correct PATH".to_owned())),
            (Some(_), Some(why)) => findings.add(&what, missing, why, None),
            (Some(path), None) => {
                let version = version(&name, &path).map(|version| format!(", {version}")).unwrap_or_default();
                findings.add(&what, Condition::Good, format!("{}{version}", path.display()), None);
            }
        }
    }
}

/// What a program says of its version, where it is known how to ask.
fn version(name: &str, path: &Path) -> Option<String> {
    let base = Path::new(name).file_name()?.as_bytes();
    let (_, words) = VERSIONED.iter().find(|(known, _)| known.as_bytes() == base)?;
    let end = Tool::new(path, *words).limit(PATIENCE).run().ok()?;
    let said = if end.stdout.is_empty() { &end.stderr } else { &end.stdout };
    let line = String::from_utf8_lossy(said).lines().next()?.trim().chars().take(80).collect::<String>();
    (!line.is_empty()).then(|| visible(&line).into_owned())
}

impl DoctorReport {
    fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in &self.findings {
            let mark = match finding.state.as_str() {
                "ok" => Mark::Passed,
                "warning" => Mark::Warned,
                _ => Mark::Failed,
            };
            let hint = finding.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
            let label = format!("{} {}", page.style.mark(mark), finding.what);
            lines.extend(page.field(
                0,
                crate::ui::layout::width(&label).max(14) + 2,
                &label,
                &sanitise::text(&format!("{}{hint}", finding.seen)),
            ));
        }
        let of = self.runbook.as_ref().map(|runbook| format!(" of {}", visible(runbook))).unwrap_or_default();
        lines.push(String::new());
        lines.push(if self.fit {
            format!("Nothing here keeps a run{of} from being carried out. Its preflight is still to be checked: --dry-run")
        } else {
            format!("A run{of} cannot be carried out here: see what is marked {}", page.style.mark(Mark::Failed))
        });
        lines
    }
}
