//! Every signal in every stretch of a run: no process is left behind, the record is right, what was set is put back or owed,
//! and the exit code says how it ended.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, mkfifo},
};
use serde_json::Value;

use crate::{
    surroundings,
    workbench::{Terminal, Workbench},
};

/// Starts something that would run for long, says that it is there, and goes on when it is let go. It waits for that by itself: a
/// shell whose vfork is stopped before it is another program waits for it in the kernel, and never looks stopped.
const HOLD: &str = "\
[ \"$2\" = meek ] || trap '' TERM
sleep 1000 &
echo $$ > \"$1.new\"
mv \"$1.new\" \"$1.at\"
read -r go < \"$1.go\"
kill -9 $!
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    Preflight,
    Read,
    Change,
    Wait,
    Prompt,
    Cleanup,
}

const STRETCHES: [Stretch; 6] = [Stretch::Preflight, Stretch::Read, Stretch::Change, Stretch::Wait, Stretch::Prompt, Stretch::Cleanup];

/// How what is under way takes a TERM.
const MEEK: &str = "meek";
const STUBBORN: &str = "stubborn";

/// Waits until something is so.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The processes that have this text in their environment: all that a run on this workbench has started.
pub(crate) fn processes(bench: &Workbench) -> Vec<i32> {
    let mark = format!("HOME={}\0", bench.path("").display().to_string().trim_end_matches('/')).into_bytes();
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark)
    })
    .collect()
}

pub(crate) fn records(bench: &Workbench) -> Vec<Value> {
    let text = bench.read("journal/journal.jsonl").unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn of_type<'r>(records: &'r [Value], kind: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

pub(crate) fn is_halligan(pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_halligan")))
}

fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim().chars().next()
}

/// One case of the matrix.
struct Case {
    bench: Workbench,
    stretch: Stretch,
    /// What holds the run up: `work`, `preflight` or `cleanup`; nothing at a prompt.
    holder: Option<&'static str>,
    terminal: Terminal,
}

impl Case {
    /// Starts a run and waits until it has come to the stretch.
    fn begin(stretch: Stretch, temper: &str, in_shell: bool) -> Self {
        let bench = Workbench::new();
        let home = bench.path("").display().to_string().trim_end_matches('/').to_owned();
        bench.file("hold", HOLD);
        for name in ["preflight", "work", "cleanup", "shell"] {
            mkfifo(&bench.path(&format!("{name}.go")), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        let hold = |name: &str| format!("[sh, {home}/hold, {home}/{name}, {temper}]");
        let ready = if stretch == Stretch::Preflight { hold("preflight") } else { "['true']".to_owned() };
        // After a prompt, too, there is somewhere for the second and third signal to arrive.
        let cleanup = if matches!(stretch, Stretch::Cleanup | Stretch::Prompt) {
            let trap = if temper == MEEK { "" } else { "trap \"\" TERM; " };
            format!("{{shell: '{trap}sh {home}/hold {home}/cleanup {temper}; rm {home}/flag'}}")
        } else {
            format!("{{run: [rm, {home}/flag]}}")
        };
        let work = match stretch {
            Stretch::Read => format!("{{id: work, run: {}, effect: read, timeout: 6s, may_write: [{home}]}}", hold("work")),
            Stretch::Change => format!("{{id: work, run: {}, effect: change, timeout: 6s, undo: {{impossible: a test}}}}", hold("work")),
            Stretch::Wait => {
                format!("{{id: work, wait: {{run: {}, until: code == 0, every: 10ms, timeout: 6s, may_write: [{home}]}}}}", hold("work"))
            }
            Stretch::Prompt => "{id: work, confirm: {message: Is it time?, phrase: go}}".to_owned(),
            Stretch::Preflight | Stretch::Cleanup => "{id: work, run: ['true'], effect: read}".to_owned(),
        };
        // Only where everything stands still is a limit wanted.
        let work = if in_shell { work } else { work.replace("timeout: 6s", "timeout: 60s") };
        bench.runbook(
            "matrix",
            &format!(
                "preflight:\n  - {{id: ready, run: {ready}, may_write: [{home}]}}\nsteps:\n  - id: set\n    shell: 'touch {home}/flag'\n    effect: change\n    cleanup: {cleanup}\n  - {work}\n  - {{id: after, run: [touch, {home}/after], effect: change, undo: {{impossible: a test}}}}\n"
            ),
        );
        let mut terminal = if in_shell {
            bench.shell(120, &format!("\"$HALLIGAN\" run matrix --yes; read go < {home}/shell.go; fg > /dev/null; exit $?"))
        } else {
            bench.terminal(120, &["run", "matrix", "--yes"])
        };
        let holder = match stretch {
            Stretch::Preflight => Some("preflight"),
            Stretch::Read | Stretch::Change | Stretch::Wait => Some("work"),
            Stretch::Prompt => None,
            Stretch::Cleanup => Some("cleanup"),
        };
        match holder {
            Some(name) => until("the stretch", || bench.path(&format!("{name}.at")).exists()),
            None => {
                terminal.expect("Type go");
            }
        }
        Self { bench, stretch, holder, terminal }
    }

    fn halligan(&self) -> i32 {
        let mut found = Vec::new();
        // For a moment a command that it starts is still a copy of it.
        until("one halligan", || {
            found = processes(&self.bench).into_iter().filter(|pid| is_halligan(*pid)).collect();
            found.len() == 1
        });
        found[0]
    }

    fn send(&mut self, signal: Signal, told: &str) {
        kill(Pid::from_raw(self.halligan()), signal).unwrap();
        self.terminal.expect(told);
    }

    /// Lets go of what holds the run up.
    fn release(&self, name: &str) {
        until("the holder", || self.bench.path(&format!("{name}.at")).exists());
        fs::write(self.bench.path(&format!("{name}.go")), "").unwrap();
    }

    /// Ends the run and holds everything against what is expected.
    fn end(self, expected: &Expected) {
        let Self { bench, stretch, terminal, .. } = self;
        let (code, text) = terminal.end();
        let records = records(&bench);
        let case = format!("in {stretch:?}, expecting {expected:?}\n{text}\n{}", bench.read("journal/journal.jsonl").unwrap_or_default());
        until(&format!("no process is left {case}"), || processes(&bench).is_empty());
        assert_eq!(code, expected.code, "exit code {case}");
        let signals: Vec<&str> = of_type(&records, "interrupted").iter().map(|record| record["signal"].as_str().unwrap()).collect();
        assert_eq!(signals, expected.signals, "{case}");
        assert_eq!(of_type(&records, "run_closed").len(), usize::from(expected.closed), "{case}");
        assert_eq!(of_type(&records, "owed").len(), usize::from(expected.owed), "{case}");
        assert_eq!(bench.path("flag").exists(), expected.owed, "what was set {case}");
        assert_eq!(bench.path("after").exists(), expected.goes_on, "the step after {case}");
        let doubt = of_type(&records, "step_in_doubt").len()
            + of_type(&records, "undo_ended").iter().filter(|record| record["exit"]["interrupted"]["killed"] == true).count();
        assert_eq!(doubt > 0, expected.doubt, "{case}");
        bench.run(&["journal", "verify"]).exits(0);
    }
}

#[derive(Debug)]
struct Expected {
    code: i32,
    signals: Vec<&'static str>,
    /// The run's end is recorded.
    closed: bool,
    /// What was set stays, and a record says so.
    owed: bool,
    doubt: bool,
    /// The steps after it are done, too.
    goes_on: bool,
}

/// Every stretch at once: each waits for the others' processes only.
fn each(test: impl Fn(Stretch) + Sync) {
    std::thread::scope(|threads| {
        let all: Vec<_> = STRETCHES
            .map(|stretch| {
                threads.spawn({
                    let test = &test;
                    move || test(stretch)
                })
            })
            .into();
        for one in all {
            one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

const FIRST: &str = "stopping after this step";
const SECOND: &str = "ending this step";
const THIRD: &str = "exiting immediately";

#[test]
fn the_first_ctrl_c_lets_the_step_finish() {
    each(|stretch| {
        let mut case = Case::begin(stretch, MEEK, false);
        case.send(Signal::SIGINT, FIRST);
        case.release(case.holder.unwrap_or("cleanup"));
        let over = stretch == Stretch::Cleanup;
        let code = if over { 0 } else { 130 };
        case.end(&Expected { code, signals: vec!["SIGINT"], closed: true, owed: false, doubt: false, goes_on: over });
    });
}

#[test]
fn the_second_ctrl_c_and_term_end_the_step() {
    for signals in [&["SIGINT", "SIGINT"][..], &["SIGTERM"]] {
        each(|stretch| {
            let mut case = Case::begin(stretch, MEEK, false);
            for (index, signal) in signals.iter().enumerate() {
                let told = if index == 0 && signals.len() > 1 { FIRST } else { SECOND };
                case.send(signal.parse().unwrap(), told);
            }
            // Cleanups are not cut short by it.
            if matches!(stretch, Stretch::Cleanup | Stretch::Prompt) {
                case.release("cleanup");
            }
            let over = stretch == Stretch::Cleanup;
            let code = if over { 0 } else { 130 };
            case.end(&Expected { code, signals: signals.to_vec(), closed: true, owed: false, doubt: false, goes_on: over });
        });
    }
}

#[test]
fn the_third_ctrl_c_leaves_at_once() {
    each(|stretch| {
        let mut case = Case::begin(stretch, STUBBORN, false);
        case.send(Signal::SIGINT, FIRST);
        if stretch == Stretch::Prompt {
            until("the cleanup", || case.bench.path("cleanup.at").exists());
        }
        case.send(Signal::SIGINT, SECOND);
        case.send(Signal::SIGINT, THIRD);
        case.end(&Expected {
            code: 130,
            signals: vec!["SIGINT"; 3],
            closed: false,
            owed: stretch != Stretch::Preflight,
            doubt: true,
            goes_on: stretch == Stretch::Cleanup,
        });
    });
}

#[test]
fn a_lost_terminal_lets_the_step_finish_and_parks_the_run() {
    each(|stretch| {
        let mut case = Case::begin(stretch, MEEK, false);
        case.send(Signal::SIGHUP, "terminal lost");
        case.release(case.holder.unwrap_or("cleanup"));
        let over = stretch == Stretch::Cleanup;
        let code = if over { 0 } else { 130 };
        case.end(&Expected { code, signals: vec!["SIGHUP"], closed: true, owed: false, doubt: false, goes_on: over });
    });
}

#[test]
fn a_kill_leaves_a_journal_that_tells_the_truth() {
    each(|stretch| {
        let case = Case::begin(stretch, MEEK, false);
        let halligan = case.halligan();
        if let (Some(name), Stretch::Read | Stretch::Change | Stretch::Preflight) = (case.holder, stretch) {
            // It runs before the record of its pid can be written.
            let leader = case.bench.read(&format!("{name}.at")).unwrap();
            let spawned = format!("\"pid\":{},", leader.trim());
            until("its pid is recorded", || case.bench.read("journal/journal.jsonl").is_some_and(|text| text.contains(&spawned)));
        }
        kill(Pid::from_raw(halligan), Signal::SIGKILL).unwrap();
        let Case { bench, holder, terminal, .. } = case;
        let (code, _) = terminal.end();
        assert_eq!(code, 137);
        let records = records(&bench);
        assert!(of_type(&records, "run_closed").is_empty());
        // What is under way is known by pid and start time, so that nobody starts it a second time.
        if let Some(name) = holder {
            let leader: i32 = bench.read(&format!("{name}.at")).unwrap().trim().parse().unwrap();
            let reads = matches!(stretch, Stretch::Preflight | Stretch::Read | Stretch::Wait);
            if reads {
                until("what only reads ends with its reader", || !matches!(state(leader), Some('S' | 'R')));
            } else {
                assert!(state(leader).is_some(), "what changes something is let finish");
            }
            if matches!(stretch, Stretch::Read | Stretch::Change | Stretch::Preflight) {
                let spawned = of_type(&records, "step_spawned").last().unwrap()["pid"].as_i64().unwrap();
                assert_eq!(spawned, i64::from(leader));
            }
        }
        let began = of_type(&records, "step_began").len() + of_type(&records, "undo_began").len();
        let ended = of_type(&records, "step_ended").len() + of_type(&records, "undo_ended").len();
        assert_eq!(began - ended, usize::from(holder.is_some()), "{stretch:?}");
        // The debt of what was set stands in the record of its beginning.
        let owing = of_type(&records, "step_began").iter().filter(|record| !record["owes"].is_null()).count();
        assert_eq!(owing, usize::from(stretch != Stretch::Preflight));
        bench.run(&["journal", "verify"]).exits(0);
        for pid in processes(&bench) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    });
}

#[test]
fn ctrl_z_stops_everything_and_no_time_passes() {
    each(|stretch| {
        let mut case = Case::begin(stretch, MEEK, true);
        let halligan = case.halligan();
        kill(Pid::from_raw(halligan), Signal::SIGTSTP).unwrap();
        until("it stands still", || state(halligan) == Some('T'));
        if let Some(name) = case.holder {
            let leader: i32 = case.bench.read(&format!("{name}.at")).unwrap().trim().parse().unwrap();
            until("what is under way stands still, too", || state(leader) == Some('T'));
        }
        // Longer than what is under way may take.
        if matches!(stretch, Stretch::Read | Stretch::Change | Stretch::Wait) {
            let began = Instant::now();
            until("the limit passes", || began.elapsed() > Duration::from_millis(6200));
        }
        assert_eq!(state(halligan), Some('T'));
        fs::write(case.bench.path("shell.go"), "on\n").unwrap();
        if let Some(name) = case.holder {
            case.release(name);
        } else {
            until("it goes on", || state(halligan) != Some('T'));
            // What is typed before the question stands there again does not count.
            case.terminal.expect_after("Type go", "Type go").send("go\r");
            case.release("cleanup");
        }
        let bench = &case.bench;
        until("it is recorded", || bench.read("journal/journal.jsonl").is_some_and(|text| text.contains("paused for")));
        case.end(&Expected { code: 0, signals: vec![], closed: true, owed: false, doubt: false, goes_on: true });
    });
}

#[test]
fn a_command_that_talks_has_the_terminal_and_gives_it_back() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.file(
        "talk",
        &format!("printf 'Your name? '\nread name\necho \"$name\" > {home}name\nprintf 'Now interrupt me. '\nread nothing\n"),
    );
    bench.runbook(
        "talks",
        &format!(
            "steps:\n  - {{id: talk, run: [sh, {home}talk], interactive: true, effect: change, on_fail: continue, undo: {{impossible: a test}}}}\n  - {{id: sure, confirm: {{message: Is it time?, phrase: go}}}}\n"
        ),
    );
    let mut terminal = bench.terminal(100, &["run", "talks", "--yes"]);
    terminal.expect("Your name?").send("Ada\r");
    // Ctrl-C reaches the command alone.
    terminal.expect("Now interrupt me.").send("\u{3}");
    terminal.expect("Type go").send("go\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(bench.read("name").as_deref(), Some("Ada\n"));
    assert!(of_type(&records(&bench), "interrupted").is_empty());
    // Without a terminal it is not begun.
    let ran = bench.run(&["run", "talks", "--yes"]).exits(5);
    assert!(ran.stdout.contains("there is no terminal") || ran.stderr.contains("no terminal"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_was_ignored_from_the_start_stays_ignored() {
    let bench = Workbench::new();
    mkfifo(&bench.path("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let home = bench.path("").display().to_string();
    bench.runbook("held", &format!("steps:\n  - {{id: hold, shell: ': >{home}at; cat {home}go', effect: read, may_write: ['{home}']}}\n  - {{id: next, run: [touch, {home}next], effect: change, undo: {{impossible: a test}}}}\n"));
    let terminal = bench.shell(100, "trap '' HUP; \"$HALLIGAN\" run held --yes");
    until("the step", || bench.path("at").exists());
    for pid in processes(&bench) {
        if is_halligan(pid) {
            kill(Pid::from_raw(pid), Signal::SIGHUP).unwrap();
        }
    }
    fs::write(bench.path("go"), "").unwrap();
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(bench.path("next").exists());
}

/// The kernel tells nobody how a child ended whose parent ignores that.
#[test]
fn who_starts_halligan_may_ignore_the_end_of_children() {
    let bench = Workbench::new();
    bench.runbook("plain", "steps:\n  - {id: ends, run: ['true'], effect: read}\n");
    let terminal = bench.shell(100, "env --ignore-signal=CHLD \"$HALLIGAN\" run plain --yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
}

/// The tests once more, as from a program that ignores and blocks every signal, in surroundings of its own.
#[test]
fn what_the_tests_are_started_from_reaches_no_program_under_test() {
    surroundings::settle();
    let tests = [
        "processes::a_timeout_ends_the_whole_family_and_leaves_doubt",
        "prompts::ctrl_c_at_a_prompt_stops_safely",
        "signals::the_first_ctrl_c_and_a_lost_terminal_leave_a_wait_that_a_resume_takes_up",
        "privileges::a_runbook_that_others_could_write_is_refused_to_root",
    ];
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec env --ignore-signal --block-signal \"$@\" <&-", "sh"]);
    command.arg(std::env::current_exe().unwrap()).arg("--exact").args(tests);
    for name in ["HOME", "HALLIGAN_JOURNAL_DIR", "HALLIGAN_PATH", "HALLIGAN_INVENTORY", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(name, "/nonexistent");
    }
    let output = command.envs([("TERM", "dumb"), ("COLUMNS", "20"), ("NO_COLOR", "1"), ("TZ", "Asia/Tokyo")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains(&format!(" {} passed", tests.len())), "{text}");
}

/// A wait changes nothing and may last for hours: it is left at once, and counts neither as come nor as failed.
#[test]
fn the_first_ctrl_c_and_a_lost_terminal_leave_a_wait_that_a_resume_takes_up() {
    for (signal, told) in [(Signal::SIGINT, FIRST), (Signal::SIGHUP, "terminal lost")] {
        let bench = Workbench::new();
        let home = bench.path("").display().to_string().trim_end_matches('/').to_owned();
        bench.runbook(
            "long",
            &format!(
                "steps:\n  - id: set\n    shell: |\n      # Sets the flag\n      touch {home}/flag\n    effect: change\n    cleanup:\n      when_stopped: owe\n      shell: |\n        # Takes the flag away\n        rm {home}/flag\n  - id: comes\n    on_fail: continue\n    wait: {{shell: ': >{home}/asked; test -e {home}/there', may_write: [{home}], until: code == 0, every: 1h, timeout: 12h}}\n  - {{id: after, when: comes.ok, run: [touch, {home}/after], effect: change, undo: {{impossible: a test}}}}\n"
            ),
        );
        let mut terminal = bench.terminal(120, &["run", "long", "--yes"]);
        until("it is asked", || bench.path("asked").exists());
        terminal.expect("Ctrl-C ends the wait");
        let halligan: Vec<i32> = processes(&bench).into_iter().filter(|pid| is_halligan(*pid)).collect();
        kill(Pid::from_raw(halligan[0]), signal).unwrap();
        terminal.expect(told);
        let (code, text) = terminal.end();
        assert_eq!(code, 130, "{text}");
        assert!(text.contains("Takes the flag away …") && !text.contains("rm "), "what is owed is named in a line: {text}");
        assert!(!bench.path("after").exists() && bench.path("flag").exists(), "{text}");
        let settled = records(&bench);
        assert!(of_type(&settled, "step_settled").iter().all(|record| record["place"] != "comes"), "{text}");
        bench.file("there", "");
        bench.run(&["resume", "--yes"]).exits(0);
        assert!(bench.path("after").exists() && !bench.path("flag").exists());
        bench.run(&["journal", "verify"]).exits(0);
    }
}
