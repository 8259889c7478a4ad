//! What was not answered is told once, with what is not judged without it: in one line, at once, with one way out.

use crate::workbench::{Workbench, golden, steady};

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_required_program_that_is_missing_stops_the_preflight_at_once() {
    let bench = Workbench::new();
    let checks = "preflight:
- {id: state, run: [no-such-program, status], output: json, within: 10m}
- {id: whole, expect: state.output.ok, message: 'it is {{ state.output.word }}'}
- {id: other, run: [no-such-program, other], severity: warn}
- {id: passed_over, when: params.no, run: [no-such-program, more]}
";
    let body = format!(
        "params: {{no: {{type: bool, help: No, default: false}}}}\nrequires: {{commands: [no-such-program]}}\n{checks}steps:\n- {{id: look, run: [touch, DONE], effect: change, undo: {{impossible: a test}}}}\n"
    );
    bench.runbook("lacks", &body.replace("DONE", &bench.path("done").display().to_string()));
    for how in [&["--dry-run"][..], &["--yes"]] {
        let ran = bench.run(&[&["run", "lacks"], how].concat()).exits(4);
        assert_eq!(count(&ran.stdout, "preflight failed"), 1, "{}", ran.stdout);
        assert_eq!(count(&ran.stdout, "preflight not judged without `no-such-program`: 3 checks"), 1, "{}", ran.stdout);
        assert_eq!(count(&ran.stderr, "--override"), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("not judged without `no-such-program`: 3 checks"), "{}", ran.stderr);
        assert!(!ran.stdout.contains("would run"), "{}", ran.stdout);
    }
    // Whoever goes on without it sees what the checks say.
    bench.runbook("lacks", &body.replace(", within: 10m", ""));
    let ran = bench.run(&["run", "lacks", "--yes", "--override", "commands=it is elsewhere", "--override", "other=x"]);
    assert!(ran.stdout.contains("could not start"), "{}", ran.stdout);
    assert!(!bench.path("done").exists());
}

const CHAIN: &str = r#"
vars: {word: "{{ asked.output.word }}"}
preflight:
- {id: asked, title: It answers, run: [sh, -c, "echo nothing"], output: json}
- {id: by_expectation, expect: asked.output.ok}
- {id: by_message, run: [echo, a], message: "{{ vars.word }}"}
- {id: by_condition, when: asked.ran and asked.ok, run: [echo, b]}
- {id: by_items, for_each: {items: "{{ asked.output.list }}", as: one}, run: [echo, "{{ one }}"]}
- {id: by_words, run: [echo, "{{ asked.output.x }}"]}
- {id: by_chain, expect: by_words.output == 'c'}
- {id: apart, run: [echo, d]}
steps:
- {id: mark, run: [touch, DONE], effect: change, undo: {impossible: a test}}
"#;

#[test]
fn what_refers_to_what_was_not_answered_is_not_judged_and_spoken_for_by_one_override() {
    let bench = Workbench::new();
    bench.runbook("chain", &CHAIN.replace("DONE", &bench.path("done").display().to_string()));
    let ran = bench.run(&["run", "chain", "--yes"]).exits(4);
    let told: Vec<_> = ran.stdout.lines().filter_map(|line| line.split_once("preflight ").map(|(_, told)| told)).collect();
    assert!(
        matches!(&told[..], [failed, left, apart] if failed.contains("(check: It answers)") && *left == "not judged without `asked`: 6 checks" && apart.starts_with("passed: apart")),
        "{told:?}"
    );
    assert_eq!(count(&ran.stderr, "--override"), 1, "{}", ran.stderr);
    let ran = bench.run(&["run", "chain", "--yes", "--override", "asked=seen by hand"]).exits(0);
    let named = "overridden by a flag: It answers: seen by hand (leaves 6 checks unjudged: by_expectation, by_message, by_condition, by_items, by_words, by_chain)";
    assert!(ran.stdout.contains(named), "{}", ran.stdout);
    assert!(bench.path("done").exists());
    bench.run(&["journal", "verify"]).exits(0);
    let shown = bench.run(&["journal", "show", "latest"]);
    assert!(shown.stdout.contains("leaves 6 checks unjudged") || shown.code != Some(0), "{}", shown.stdout);
    let json = bench.run(&["run", "chain", "--yes", "--override", "asked=seen by hand", "--format", "json"]).exits(0).stdout;
    assert_eq!(count(&json, "\"type\":\"preflight_not_judged\""), 6, "{json}");
    assert!(json.contains("\"unjudged\":[\"preflight.by_expectation\""), "{json}");
}

/// Each question is asked, since another may have an answer; that they have failed for one reason is told once.
#[test]
fn a_program_that_fails_at_once_for_all_who_ask_it_is_one_block_and_one_line() {
    let bench = Workbench::new();
    let program = bench.file("cluster", "echo $1 >> $2; echo 'no quorum' >&2; exit 1\n");
    let log = bench.file("log", "");
    let ask =
        |what: &str| format!("run: [sh, {}, {what}, {}], may_write: [{}], output: json", program.display(), log.display(), log.display());
    bench.runbook(
        "fails",
        &format!(
            "preflight:
- {{id: state, {}, hint: Look at it.}}
- {{id: fine, expect: state.output.ok}}
- {{id: apart, run: [echo, a]}}
- {{id: pools, {}}}
- {{id: enough, expect: pools.output.size > 1}}
- {{id: other, run: [echo, b]}}
- {{id: quorum, {}}}
steps:
- {{id: look, run: [echo, a], effect: read}}
",
            ask("state"),
            ask("pools"),
            ask("quorum")
        ),
    );
    for how in ["--dry-run", "--yes"] {
        let ran = bench.run(&["run", "fails", how]).exits(4);
        let told: Vec<_> = ran.stdout.lines().filter_map(|line| line.split_once("  preflight ").map(|(_, told)| told)).collect();
        assert_eq!(
            told,
            ["failed: exit 1: no quorum (check: state)", "passed: apart", "passed: other", "not judged without `state`: 4 checks"],
            "{}",
            ran.stdout
        );
        assert_eq!(count(&ran.stderr, "--override"), 1, "{}", ran.stderr);
        assert_eq!(count(&ran.stderr, "not judged"), 1, "{}", ran.stderr);
    }
    assert_eq!(bench.read("log").unwrap(), "state\npools\nquorum\n".repeat(2));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_warning_that_keeps_a_check_from_being_judged_bars_the_run() {
    let bench = Workbench::new();
    let checks = |severity: &str| {
        format!(
            "preflight:\n- {{id: asked, run: [sh, -c, 'exit 3'], output: json, severity: warn}}\n- {{id: after, expect: asked.output.ok, severity: {severity}}}\nsteps:\n- {{id: look, run: [echo, a], effect: read}}\n"
        )
    };
    bench.runbook("bars", &checks("block"));
    let ran = bench.run(&["run", "bars"]).exits(4);
    assert!(ran.stderr.contains("--override 'asked=the reason'"), "{}", ran.stderr);
    bench.run(&["run", "bars", "--override", "asked=known"]).exits(0);
    bench.runbook("bars", &checks("warn"));
    bench.run(&["run", "bars"]).exits(0);
}

#[test]
fn how_a_command_ended_is_an_answer() {
    let bench = Workbench::new();
    bench.runbook("ended", "preflight:\n- {id: flag, run: ['false'], severity: warn}\n- {id: without, when: not flag.ok and flag.code == 1, run: [echo, seen]}\nsteps:\n- {id: look, run: [echo, a], effect: read}\n");
    let ran = bench.run(&["run", "ended"]).exits(0);
    assert!(ran.stdout.contains("preflight passed: without"), "{}", ran.stdout);
}

#[test]
fn the_same_words_are_asked_once_in_a_sweep_and_known_again_when_the_run_is_resumed() {
    let bench = Workbench::new();
    let (home, file) = (bench.path("").display().to_string(), bench.path("asked").display().to_string());
    let stop = bench.path("stop").display().to_string();
    let body = format!(
        "preflight:
- {{id: found, once: true, run: [sh, -c, 'echo x >> {file}; wc -l < {file}'], may_write: ['{home}'], output: int}}
- {{id: now, run: [sh, -c, 'echo x >> {file}; wc -l < {file}'], may_write: ['{home}'], output: int, message: 'line {{{{ output }}}}'}}
steps:
- {{id: first, run: [touch, '{file}-{{{{ now.output }}}}'], effect: change, undo: {{impossible: a test}}}}
- {{id: held, run: [test, -e, '{stop}'], effect: read}}
- {{id: second, run: [touch, '{file}-second-{{{{ now.output }}}}'], effect: change, undo: {{impossible: a test}}}}
"
    );
    bench.runbook("shared", &body);
    let ran = bench.run(&["run", "shared", "--yes"]).exits(6);
    assert_eq!(bench.read("asked").unwrap(), "x\n", "{}", ran.stdout);
    assert!(ran.stdout.contains("line 1") && bench.path("asked-1").exists(), "{}", ran.stdout);
    bench.file("stop", "");
    let run = bench.run(&["journal", "list"]).stdout;
    let id = regex::Regex::new(r"\b[0-9a-f]{8}\b").unwrap().find(&run).unwrap().as_str().to_owned();
    bench.run(&["resume", &id, "--yes"]).exits(0);
    // What the plan was made with stands.
    assert!(bench.path("asked-second-1").exists());
    assert_eq!(bench.read("asked").unwrap(), "x\nx\n", "the second sweep asks for itself");
    bench.run(&["journal", "verify"]).exits(0);
}

/// The preflight's screens of the shipped runbooks, without their program, without an answer, without one host.
#[test]
fn each_shipped_runbook_tells_one_cause_once() {
    let bench = Workbench::new();
    for (runbook, scenario) in [
        ("staggered-osd-restart", "without-ceph"),
        ("staggered-osd-restart", "quorum-lost"),
        ("staggered-osd-restart", "a-host-away"),
        ("staggered-osd-restart", "no-monitor-answers"),
        ("cache-tier-flush", "without-ceph"),
        ("cache-tier-flush", "monitors-gone"),
        ("export-at-risk-pgs", "without-ceph"),
        ("export-at-risk-pgs", "monitors-gone"),
        ("export-at-risk-pgs", "a-host-away"),
        ("clone-and-expand-volume", "monitors-gone"),
        ("clone-and-expand-volume", "no-monitor-answers"),
        ("scale-to-zero-and-remount", "kubectl-missing"),
        ("scale-to-zero-and-remount", "no-answer"),
        ("mon-quorum-restore", "without-ceph"),
        ("mon-quorum-restore", "survivor-does-not-run"),
        ("postgres-connection-surge", "nobody-answers"),
        ("move-vm-disk-back", "is-off"),
    ] {
        let ran = bench.run(&["rehearse", runbook, "--scenario", scenario]).exits(4);
        let unknown = ran.stdout.contains("system unknown");
        let first = if unknown { "system unknown" } else { "preflight " };
        let from = ran.stdout.find(first).map_or(0, |at| ran.stdout[..at].rfind('\n').map_or(0, |line| line + 1));
        let screen = ran.stdout[from..].split("\nDebrief").next().unwrap_or_default();
        // Nothing is asked of a system that does not say which one it is, and no override makes it say so.
        let judged = usize::from(!unknown);
        assert_eq!(count(screen, "system unknown"), 1 - judged, "{runbook} {scenario}:\n{screen}");
        assert_eq!(count(screen, "preflight failed"), judged, "{runbook} {scenario}:\n{screen}");
        assert_eq!(count(screen, "preflight not judged"), judged, "{runbook} {scenario}:\n{screen}");
        assert_eq!(count(&ran.stderr, "--override"), judged, "{runbook} {scenario}:\n{}", ran.stderr);
        golden(&format!("not-judged-{runbook}-{scenario}"), &steady(&format!("{screen}\n{}", ran.stderr)));
    }
}

/// A check that is made only where another passed has no value where it failed: that is one cause, and not a fault of each.
#[test]
fn what_has_no_value_since_a_check_failed_is_not_judged_without_that_check() {
    let bench = Workbench::new();
    let body = "
vars: {first: \"{{ found.output[0] }}\"}
preflight:
- {id: there, title: It is there, run: ['false'], hint: make it}
- {id: found, when: there.ok, run: [echo, a], output: lines}
- {id: by_variable, expect: vars.first == 'a'}
- {id: by_condition, when: found.ok, run: [echo, b]}
- {id: through_it, when: by_condition.output == 'b', run: [echo, c]}
- {id: guarded, when: found.ran and found.ok, run: [echo, d]}
- {id: of_its_own, expect: params.limit > words}
- {id: apart, run: [echo, e]}
params: {limit: {type: int, help: A limit, default: 3}}
steps:
- {id: mark, run: [touch, DONE], effect: change, undo: {impossible: a test}}
";
    bench.runbook("hollow", &body.replace("DONE", &bench.path("done").display().to_string()).replace(" > words", " > 2"));
    for how in ["--dry-run", "--yes"] {
        let ran = bench.run(&["run", "hollow", how]).exits(4);
        let told: Vec<_> = ran.stdout.lines().filter_map(|line| line.split_once("preflight ").map(|(_, told)| told)).collect();
        assert!(
            matches!(&told[..], [failed, own, apart, left] if failed.contains("(check: It is there)") && own.starts_with("passed: of its own")
                && apart.starts_with("passed: apart") && *left == "not judged without `there`: 3 checks"),
            "{told:?}"
        );
        assert!(!ran.stdout.contains("could not check"), "{}", ran.stdout);
        assert_eq!(count(&ran.stderr, "--override"), 1, "{}", ran.stderr);
    }
    let ran = bench.run(&["run", "hollow", "--yes", "--override", "there=seen by hand"]).exits(0);
    let named = "(leaves 3 checks unjudged: by_variable, by_condition, through_it)";
    assert!(ran.stdout.contains(named), "{}", ran.stdout);
    // What has no value for a reason of its own is told as that, whatever else has failed.
    bench.runbook("hollow", &body.replace(" > words", " > 'words'"));
    let ran = bench.run(&["run", "hollow", "--yes"]).exits(4);
    assert!(ran.stdout.contains("could not check: `params.limit > 'words'`"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(count(&ran.stderr, "--override"), 2, "{}", ran.stderr);
}

/// It is the host that keeps it from being asked, whatever else it speaks of.
#[test]
fn a_host_that_does_not_answer_stays_the_reason() {
    let bench = Workbench::new();
    let hosts = "for_each: {items: [h1, h2], as: host}, on: '{{ host }}'";
    bench.runbook(
        "far",
        &format!(
            "preflight:
- {{id: reached, {hosts}, run: [look]}}
- {{id: found, run: [find], output: lines}}
- {{id: seen, {hosts}, run: [see], expect: \"output == 'a' or found.output[0] == 'b'\"}}
steps:
- {{id: mark, run: [mark], effect: change, undo: {{impossible: a test}}}}
"
        ),
    );
    bench.file(
        "runbooks/scenarios/far/away.yaml",
        "halligan_scenario: 1
runbook: far
title: A host is away
commands: [{match: [look]}, {match: [find], code: 1}, {match: [see], stdout: a}, {match: [mark]}]
faults: [{step: 'preflight.reached[host=h2]', do: drop, call: every}]
expect: {outcome: blocked, exit: 4}
",
    );
    let ran = bench.run(&["rehearse", "far", "--scenario", "away", "--yes"]).exits(4);
    let left: Vec<_> =
        ran.stdout.lines().filter_map(|line| line.split_once("preflight not judged without ").map(|(_, told)| told)).collect();
    assert_eq!(left, ["`h2`: 1 check", "`found`: 1 check"], "{}", ran.stdout);
}
