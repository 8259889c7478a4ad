//! The live screen of a run, on a real pseudo-terminal: what is over shrinks, and what goes wrong is told at once.

use crate::workbench::{Workbench, golden, steady};

const SIZES: [(u16, u16); 3] = [(24, 60), (24, 80), (40, 120)];

/// What was told, without times: what took less than a second has none.
fn timeless(told: &str) -> String {
    let spans = regex::Regex::new(r"(?m) +SPAN$").unwrap();
    spans.replace_all(&steady(told), "").into_owned()
}

/// A runbook with a loop in a group; `check` is the command that must succeed for each host.
fn serves(check: &str) -> Workbench {
    let bench = Workbench::new();
    bench.runbook(
        "serves",
        &format!(
            "steps:\n  \
             - {{id: look, title: Look at the list, run: [echo, three], effect: read}}\n  \
             - id: work\n    group: Work on all hosts\n    steps:\n      \
             - {{id: mark, title: Mark the beginning, run: [touch, mark], effect: change, undo: {{impossible: a test}}}}\n      \
             - {{id: hush, title: Hush, when: \"look.output == 'two'\", run: [echo, hush], effect: read}}\n      \
             - id: each\n        title: Serve the hosts, one after another\n        \
             for_each: {{items: [a, b, c], as: host, batch: [1, 2]}}\n        on_fail: stop\n        steps:\n          \
             - {{id: stop, title: \"Stop {{{{ host }}}}\", run: [touch, \"{{{{ host }}}}\"], effect: change, undo: {{impossible: a test}}}}\n          \
             - {{id: reply, title: \"{{{{ host }}}} answers\", run: {check}, effect: read}}\n      \
             - id: tidy\n        group: Tidy up\n        steps:\n          \
             - {{id: one, title: Remove the mark, run: [rm, mark], effect: change, undo: {{impossible: a test}}}}\n          \
             - {{id: two, title: The mark is gone, run: [test, '!', -e, mark], effect: read}}\n  \
             - {{id: sure, title: Last look, confirm: {{message: Go home?}}}}\n  \
             - {{id: never, title: Not today, when: \"1 == 2\", run: [echo, never], effect: read}}\n"
        ),
    );
    bench
}

#[test]
fn what_is_over_is_one_line() {
    for (rows, columns) in SIZES {
        let bench = serves("['true']");
        let mut terminal = bench.terminal_of(rows, columns, &["run", "serves", "--yes"]);
        terminal.expect("exit 0");
        let told = terminal.everything();
        golden(&format!("calm-well-{columns}"), &timeless(&told));
        // A way that was not taken is no news, wherever it stands.
        assert!(!told.contains("work.each") && !told.contains("Stop a") && !told.contains("Hush"), "{told}");
        assert_eq!(terminal.end().0, 0);
        // The journal has all of it.
        let shown = bench.run(&["journal", "show", &crate::cases::last_run(&bench)]).exits(0).stdout;
        assert!(shown.contains("Stop a") && shown.contains("hush skipped") && shown.contains("never skipped"), "{shown}");
    }
}

#[test]
fn what_fails_is_told_whole_at_once() {
    for (rows, columns) in SIZES {
        let bench = serves("[test, \"{{ host }}\", '!=', b]");
        let mut terminal = bench.terminal_of(rows, columns, &["run", "serves", "--yes"]);
        terminal.expect("[t/q/b/c]").send("q\r").expect("exit 6");
        let told = terminal.everything();
        // What comes after the question is wrapped as its times and paths are long.
        let (_, steps) = told.split_once("\nSteps\n").unwrap();
        let (steps, _) = steps.split_once("\nwork.each[host=b].reply failed").unwrap();
        golden(&format!("calm-fails-{columns}"), &timeless(steps));
        assert!(!told.contains("Stop a") && told.contains("Stop b") && !told.contains("Stop c"), "{told}");
        assert_eq!(terminal.end().0, 6);
    }
}

#[test]
fn the_whole_is_told_when_asked_for() {
    let bench = serves("['true']");
    let mut terminal = bench.terminal_of(40, 100, &["run", "serves"]);
    terminal.expect("Run this?").send("y\r");
    terminal.expect_after("Go home?", "[y/N]");
    assert!(!terminal.everything().contains("Stop b"), "{}", terminal.everything());
    terminal.send("v\r").shows("Stop b");
    crate::signals::until("it is asked again", || {
        let text = if terminal.has("[y/N]") { terminal.text() } else { String::new() };
        text.rfind("Stop b").is_some_and(|at| text[at..].contains("Go home?") && text[at..].contains("[y/N]"))
    });
    terminal.send("y\r");
    assert_eq!(terminal.end().0, 0);
    let mut terminal = bench.terminal_of(40, 100, &["run", "serves", "--yes", "-v"]);
    terminal.expect("exit 0");
    let told = terminal.everything();
    assert!(told.contains("✓ a  Stop a") && told.contains("✓ b  Stop b"), "{told}");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn six_osds_are_told_on_two_screens() {
    let bench = Workbench::new();
    let mut terminal = bench.terminal_of(40, 120, &["rehearse", "staggered-osd-restart"]);
    terminal.expect("REHEARSAL  Run this?").send("y\r").expect("Type restart 6 osds").send("restart 6 osds\r");
    // A busy machine takes its time for each part.
    for part in ["osd.1  ", "osd.3  ", "osd.5  ", "REHEARSAL: end."] {
        terminal.expect(part);
    }
    let told = terminal.everything();
    assert_eq!(terminal.end().0, 0);
    assert!(told.lines().count() <= 80, "{} lines:\n{told}", told.lines().count());
    // What passes in a group is counted; what stands in none is there to be read, and so is what stands beside a question.
    assert!(told.contains("✓ 34 checks passed, in 7 groups") && !told.contains("All OSDs to restart are up"), "{told}");
    assert!(told.contains("HEALTH_OK; in quorum: a, b, c") && told.contains("Current health: HEALTH_OK"), "{told}");
    for osd in 0..6 {
        let batch = format!("(batch {} of 3)", osd / 2 + 1);
        let lines: Vec<_> = told.lines().filter(|line| line.trim_start().starts_with(&format!("✓ osd.{osd}"))).collect();
        assert!(lines.len() == 1 && lines[0].contains(&batch), "{lines:?}\n{told}");
    }
}

#[test]
fn each_check_is_told_when_asked_for_and_what_warns_at_once() {
    let bench = Workbench::new();
    let mut terminal = bench.terminal_of(40, 120, &["rehearse", "staggered-osd-restart", "--scenario", "crash-module-off"]);
    terminal.expect("Run this?").send("v\r").expect_after("✓ The host can be reached", "[y/N]");
    let told = terminal.everything();
    terminal.send("q\r");
    assert_eq!(terminal.end().0, 5);
    let (before, whole) = told.split_once("[y/N] v").unwrap();
    assert!(before.contains("! the crash module is not enabled") && before.contains("next     `ceph mgr module enable crash`"), "{told}");
    assert!(before.contains("checks passed, in 6 groups") && !before.contains("All OSDs to restart are up"), "{told}");
    assert!(whole.contains("✓ All OSDs to restart are up") && whole.contains("✓ The host can be reached"), "{told}");
}

#[test]
fn what_has_passed_is_told_before_a_reason_is_asked_for() {
    let bench = Workbench::new();
    let mut terminal = bench.terminal_of(40, 120, &["rehearse", "staggered-osd-restart", "--scenario", "degraded-and-overridden"]);
    terminal.expect("Reason to override this check");
    let told = terminal.everything();
    let (before, _) = told.split_once("Failed check: ").unwrap();
    assert!(before.contains("checks passed, in 6 groups") && before.contains("next  "), "{told}");
    terminal.send("\r");
    assert_eq!(terminal.end().0, 4);
}

/// What an operator copies from the screen, or would look for in vain.
const ADDRESS: &str = "https://docs.example.org/en/latest/administration/moving-volumes#when-it-fails";
const FILE: &str = "/var/lib/tenants/state-of-the-volumes.json";

#[test]
fn addresses_and_paths_are_whole_on_any_width() {
    for (rows, columns) in SIZES {
        let bench = Workbench::new();
        bench.runbook(
            "moves",
            &format!(
                "preflight:\n  - {{id: doc, title: The page says so, expect: 1 == 2, severity: warn, \
                 message: \"it says otherwise: {ADDRESS}\", hint: \"read {ADDRESS} first, and look into {FILE} after that\"}}\n\
                 steps:\n  - {{id: tell, title: Tell the scheduler, shell: \"# Tell it\\necho 'nobody answers at {ADDRESS} and {FILE} is gone' >&2; exit 3\", \
                 effect: read}}\n"
            ),
        );
        let mut terminal = bench.terminal_of(rows, columns, &["run", "moves", "--yes"]);
        terminal.expect("[t/q/b/c]").send("?\r").expect_after("type the letter", "[t/q/b/c]");
        let status = bench.terminal(columns, &["status"]).end().1;
        terminal.send("q\r").expect("exit 6");
        let screen = terminal.everything();
        let (code, told) = terminal.end();
        assert_eq!(code, 6);
        for text in [&told, &status] {
            // What is drawn while something is under way is cut at the edge.
            let text: String = text.lines().filter(|line| !line.contains('…')).flat_map(|line| [line, "\n"]).collect();
            for (begins, whole) in [("https://", ADDRESS), ("/var/lib/", FILE)] {
                assert!(
                    text.contains(whole) && text.matches(begins).count() == text.matches(whole).count(),
                    "{whole} at {columns}: {text}"
                );
            }
        }
        let (preflight, _) = screen.split_once("\nPlan").unwrap();
        golden(&format!("calm-address-{columns}"), &timeless(preflight));
    }
}

/// A runbook whose only step reads what is written to PIPE, and tells it.
fn reads(command: &str) -> (Workbench, std::path::PathBuf) {
    let bench = Workbench::new();
    let pipe = bench.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let command = command.replace("PIPE", pipe.to_str().unwrap());
    bench.runbook(
        "reads",
        &format!("steps:\n  - {{id: reads, title: Read what comes, {command}, effect: change, undo: {{impossible: a test}}}}\n"),
    );
    (bench, pipe)
}

#[test]
fn the_first_interruption_is_seen_and_stays_seen() {
    use std::io::Write as _;
    let (bench, pipe) = reads("run: [cat, PIPE]");
    let mut terminal = bench.terminal_of(24, 80, &["run", "reads", "--yes"]);
    let mut writing = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writing.write_all(b"first\n").unwrap();
    terminal.shows("first").shows(" · ").send("\u{3}").shows("stopping after this step");
    for line in ["second", "third"] {
        writing.write_all(format!("{line}\n").as_bytes()).unwrap();
        let told = |screen: &str| screen.matches("stopping after this step").count();
        crate::signals::until("once above and once in sight", || terminal.has(line) && told(&terminal.screen()) == 2);
    }
    drop(writing);
    let (code, text) = terminal.end();
    assert!([0, 130].contains(&code), "{code}: {text}");
}

#[test]
fn a_window_of_another_size_leaves_nothing_behind() {
    use std::io::Write as _;
    let (bench, pipe) = reads("run: [cat, PIPE]");
    let mut terminal = bench.terminal_of(40, 120, &["run", "reads", "--yes"]);
    let mut writing = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    for (index, (rows, columns)) in [(24, 60), (40, 120), (10, 30), (24, 80)].into_iter().enumerate() {
        // Just drawn: what comes next is drawn a second later, and for the other size.
        let drawn = terminal.raw.len();
        crate::signals::until("it is drawn", || terminal.has(" · ") && terminal.raw.len() > drawn);
        terminal.resize(rows, columns);
        writing.write_all(format!("line {index}\n").as_bytes()).unwrap();
        terminal.shows(&format!("line {index}"));
        // What was left behind would stay there.
        crate::signals::until("one line tells which run it is", || {
            terminal.has(" · ") && terminal.screen().lines().filter(|line| line.starts_with("  run ")).count() == 1
        });
    }
    drop(writing);
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_script_is_drawn_on_one_line() {
    use std::io::Write as _;
    let (bench, pipe) = reads(r##"shell: "# Tell what comes\nfor from in PIPE\ndo cat $from\ndone\n""##);
    let mut terminal = bench.terminal_of(24, 80, &["run", "reads", "--yes"]);
    let mut writing = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writing.write_all(b"first\n").unwrap();
    terminal.shows("first").shows("change   Tell what comes …");
    assert!(!terminal.screen().lines().any(|line| line.trim() == "done"), "{}", terminal.screen());
    drop(writing);
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
}
