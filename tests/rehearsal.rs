//! Rehearsals and scenarios through the real program.

use crate::workbench::Workbench;

const STEPS: &str = "steps:
- id: work
  group: Grow, and tidy up
  steps:
  - {id: look, run: [look], effect: read, output: json, timeout: 10s}
  - id: grow
    run: [grow]
    effect: change
    timeout: 10s
    verify: {run: [look], output: json, expect: output.n == 1, timeout: 10s}
    undo: {run: [shrink], timeout: 10s}
    cleanup: {run: [tidy], timeout: 10s}
  - {id: wait, wait: {run: [look], output: json, until: output.n == 1, every: 1m, stable_for: 1h, timeout: 2h}}
- {id: tidied, probe: {run: [look], output: json, expect: not output.litter}}
- {id: gate, on_fail: stop, probe: {run: [look], output: json, expect: output.m == 0}}
- id: wipe
  run: [wipe]
  effect: destroy
  timeout: 10s
  verify: {run: [look], output: json, expect: output.wiped}
  undo: {impossible: it is gone}
";

const WORLD: &str = "halligan_scenario: 1
runbook: grow
title: All is well
world: {n: 0, m: 0, litter: false, wiped: false}
commands:
  - {match: [look], json: {n: '{{ n }}', m: '{{ m }}', litter: '{{ litter }}', wiped: '{{ wiped }}'}}
  - {match: [grow], set: {n: 1, litter: true}}
  - {match: [shrink], set: {n: 0}}
  - {match: [tidy], set: {litter: false}}
  - {match: [wipe], set: {wiped: true}}
answers: {wipe: true}
expect:
  outcome: completed
  never: [{litter: true, at: end}, n > 1]
  world: {n: 1, wiped: true}
";

fn bench(scenario: &str) -> Workbench {
    let bench = Workbench::new();
    bench.runbook("grow", STEPS);
    bench.file("runbooks/scenarios/grow/all-well.yaml", scenario);
    bench
}

#[test]
fn a_runbook_holds_under_every_fault() {
    let ran = bench(WORLD).run(&["test", "grow", "--fault-sweep"]).exits(0);
    assert!(ran.stdout.contains("0 broke something"), "{}", ran.stdout);
    let ran = bench(WORLD).run(&["test", "grow", "--fault", "grow=kill"]).exits(0);
    assert!(ran.stdout.contains("1 passed"), "{}", ran.stdout);
}

/// Of what is owed, the record has the names of variables alone: what settles it gets their values, too, as `debts --settle` gives them.
#[test]
fn what_is_owed_is_settled_with_its_environment_and_input() {
    let world = WORLD.replace("set: {litter: false}", "set: {litter: '{{ env.WHERE ~ stdin != \"1-here\" }}'}");
    let given = |cleanup: &str| {
        let bench = bench(&world);
        bench.runbook("grow", &STEPS.replace("cleanup: {run: [tidy], timeout: 10s}", cleanup));
        bench
    };
    let bench = given("cleanup: {run: [tidy], env: {WHERE: elsewhere-}, stdin: here, timeout: 10s}");
    let ran = bench.run(&["test", "grow", "--fault-sweep"]).exits(1);
    assert!(ran.stdout.contains("litter"), "{}", ran.stdout);
    let bench = given("cleanup: {run: [tidy], env: {WHERE: '{{ look.output.n + 1 }}-'}, stdin: here, timeout: 10s}");
    let ran = bench.run(&["test", "grow", "--fault-sweep"]).exits(0);
    assert!(ran.stdout.contains("0 broke something"), "{}", ran.stdout);
}

#[test]
fn a_fault_at_a_step_that_is_not_there_is_no_fault() {
    let bench = bench(WORLD);
    bench.runbook("calls", "steps:\n- {id: call, call: grow}\n");
    let (grow, gone) = ("did you mean `grow`?", "halligan show RUNBOOK");
    for (arguments, what, hint) in [
        (["test", "grow", "--fault", "grew=fail"], "unknown step or probe `grew`", grow),
        (["rehearse", "grow", "--fault", "work.grew:undo=fail@2"], "--fault work.grew:undo=fail@2: unknown step or probe `grew`", grow),
        (["test", "grow", "--fault-sweep=xyzzy", "--coverage"], "--fault-sweep=xyzzy: unknown step or probe `xyzzy`", gone),
        (["test", "grow", "--fault", "a[b=fail"], "`a[b` is not a place in a run", gone),
        (["test", "calls", "--fault", "call.grew=fail"], "unknown step or probe `grew`", grow),
    ] {
        let ran = bench.run(&arguments).exits(2);
        assert!(ran.stderr.contains(what) && ran.stderr.contains(hint), "{arguments:?}\n{}", ran.stderr);
        assert_eq!(ran.stdout, "", "nothing of it is tried");
    }
    // It is there, and strikes nothing in this scenario; and it is there in a runbook that is called.
    let ran = bench.run(&["test", "grow", "--fault", "grow=fail@9"]).exits(1);
    assert!(ran.stdout.contains("was never injected"), "{}", ran.stdout);
    let ran = bench.run(&["rehearse", "calls", "--fault", "call.grow=fail"]).exits(2);
    assert!(ran.stderr.contains("calls has no scenario"), "{}", ran.stderr);
}

#[test]
fn what_is_left_behind_breaks() {
    let bench = bench(WORLD);
    bench.runbook(
        "grow",
        &STEPS
            .replace("    cleanup: {run: [tidy], timeout: 10s}\n", "")
            .replace("- {id: tidied", "- {id: tidy, run: [tidy], effect: change, undo: {impossible: x}, timeout: 10s}\n- {id: tidied"),
    );
    let ran = bench.run(&["test", "grow", "--fault-sweep"]).exits(1);
    assert!(ran.stdout.contains("again: halligan test grow --scenario all-well --fault work.wait=fail@every"), "{}", ran.stdout);
    assert!(ran.stdout.contains("and no owed cleanup would fix that"), "{}", ran.stdout);
    bench.run(&["test", "grow", "--scenario", "all-well", "--fault", "work.wait=fail@every"]).exits(1);
}

#[test]
fn the_world_never_makes_things_up() {
    for (scenario, at, said) in [
        (WORLD.replace("  - {match: [wipe], set: {wiped: true}}\n", ""), "runbooks/grow.yaml:", "no rule answers `wipe`"),
        (WORLD.replace("'{{ m }}'", "'{{ gone }}'"), "all-well.yaml:6", "`gone` is no variable of the world"),
        (WORLD.replace("'{{ m }}'", "'{{ m.x.y }}'"), "all-well.yaml:6", "undefined value"),
        (WORLD.replace("'{{ m }}'", "'{{ m | nope }}'"), "all-well.yaml:6", "nope"),
    ] {
        let ran = bench(&scenario).run(&["test", "grow"]).exits(1);
        assert!(ran.stdout.contains(at) && ran.stdout.contains(said), "{at} {said}:\n{}", ran.stdout);
    }
}

#[test]
fn a_host_may_lack_a_program() {
    let bench = Workbench::new();
    let step = "requires: {commands: [look]}\nsteps:\n- {id: each, for_each: {items: [h1, h2], as: host}, steps: [{id: asks, run: [look], on: '{{ host }}', effect: read}]}\n";
    bench.runbook("far", step);
    let scenario = |more: &str| format!("halligan_scenario: 1\nrunbook: far\ntitle: A host\ncommands: [{{match: [look]}}]\n{more}");
    bench.file("runbooks/scenarios/far/all-well.yaml", &scenario("expect: {outcome: completed}\n"));
    let findings = "'preflight.requires.commands_there[host=h1]': pass, 'preflight.requires.commands_there[host=h2]': block";
    let expect = format!("commands_missing: {{h2: [look]}}\nexpect: {{outcome: blocked, exit: 4, findings: {{{findings}}}}}\n");
    bench.file("runbooks/scenarios/far/lacks.yaml", &scenario(&expect));
    bench.run(&["test", "far"]).exits(0);
    let ran = bench.run(&["rehearse", "far", "--scenario", "lacks", "--yes"]).exits(4);
    assert!(ran.stdout.contains("h2 lacks: look"), "{}", ran.stdout);
}

/// What another scenario expects is not inherited, so one that expects nothing itself would pass whatever happens.
#[test]
fn a_scenario_that_says_no_end_does_not_pass() {
    let bench = bench(WORLD);
    for expect in ["", "expect: {}\n", "expect: {asked: [plan]}\n"] {
        bench.file("runbooks/scenarios/grow/open.yaml", &format!("halligan_scenario: 1\nextends: all-well\ntitle: t\n{expect}"));
        let ran = bench.run(&["test", "grow", "--scenario", "open"]).exits(1);
        assert!(ran.stdout.contains("`expect` says neither `outcome` nor `exit`: how must it end?"), "{expect}: {}", ran.stdout);
    }
    bench.file("runbooks/scenarios/grow/open.yaml", "halligan_scenario: 1\nextends: all-well\ntitle: t\nexpect: {exit: 0}\n");
    bench.run(&["test", "grow", "--scenario", "open"]).exits(0);
}

#[test]
fn results_are_there_for_machines() {
    let bench = bench(WORLD);
    bench.file("runbooks/scenarios/grow/wrong.yaml", "halligan_scenario: 1\nextends: all-well\ntitle: t\nexpect: {exit: 6}\n");
    let ran = bench.run(&["test", "grow", "--format", "json", "--junit", "report.xml", "--min", "10"]).exits(1);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json.pointer("/runbooks/0/scenarios/1/wrong/0/line"), Some(&4.into()), "{json:#}");
    assert!(json.pointer("/runbooks/0/coverage/percent").unwrap().as_u64().unwrap() > 10);
    let xml = bench.read("report.xml").unwrap();
    assert!(
        xml.contains("<testsuite name=\"grow\" tests=\"2\"") && xml.contains("failures=\"1\"") && xml.contains("wrong.yaml:4"),
        "{xml}"
    );
    let ran = bench.run(&["test", "grow", "--scenario", "all-well", "--min", "100"]).exits(1);
    assert!(ran.stdout.contains("not exercised: grow fails"), "{}", ran.stdout);
}

#[test]
fn a_rehearsal_ends_with_what_it_has_taught() {
    let scenario =
        WORLD.replace("m: 0,", "m: 1,").replace("outcome: completed", "outcome: stopped").replace("wiped: true}\n", "wiped: false}\n");
    let ran = bench(&scenario).run(&["rehearse", "grow", "--yes", "--confirm", "wipe=wipe"]).exits(6);
    for said in [
        "REHEARSAL: nothing real is touched",
        "of simulated time",
        " blocked: ",
        "without this gate the run would have completed",
        "wiped would be true instead of false",
    ] {
        assert!(ran.stdout.contains(said), "{said}:\n{}", ran.stdout);
    }
    let ran =
        bench(WORLD).run(&["rehearse", "grow", "--yes", "--confirm", "wipe=wipe", "--fault", "grow=kill_before", "--format", "plain"]);
    assert!(ran.stdout.contains("halligan was killed here") && ran.stdout.contains("REHEARSAL: end"), "{}", ran.stdout);
}

#[test]
fn a_run_becomes_a_scenario_that_holds() {
    let bench = Workbench::new();
    bench.runbook(
        "real",
        "steps:\n- {id: a, run: [printf, '{{ \"{{ x }}\" }} it''s %s', '1'], effect: read}\n- id: b\n  shell: |\n    # two lines\n    echo out; echo err >&2\n    exit 3\n  effect: change\n  idempotent: true\n  on_fail: continue\n  undo: {impossible: x}\n- {id: w, wait: {run: [date, +%s], output: int, until: output > 5, every: 1s, timeout: 5s}}\n- {id: c, run: ['false'], effect: read, on_fail: stop}\n",
    );
    bench.run(&["run", "real", "--yes"]).exits(6);
    let list = bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout;
    let id = serde_json::from_str::<serde_json::Value>(list.lines().next().unwrap()).unwrap()["id"].as_str().unwrap().to_owned();
    let ran = bench.run(&["scenario", "new", "as-it-was", "--from-run", &id, "--directory", "runbooks/scenarios/real"]).exits(0);
    assert!(ran.stdout.contains("scenario written and passing"), "{}", ran.stdout);
    bench.run(&["test", "real"]).exits(0);
    bench.run(&["rehearse", "real", "--from-run", &id, "--yes"]).exits(6);
    bench.run(&["scenario", "new", "as-it-was", "--from-run", &id, "--directory", "runbooks/scenarios/real"]).exits(2);
}

#[test]
fn a_wait_ends_when_nothing_can_be_read_any_more() {
    let ended = |when: &str| {
        let rule = format!("commands:\n  - {{match: [look], when: {when}, stdout: '{{'}}\n");
        let world = WORLD.replace("commands:\n", &rule).replace("wipe: true}", "wipe: true, wait: stop}");
        let bench = bench(&world);
        bench.runbook("grow", &STEPS.replace("timeout: 2h}}", "timeout: 2h, unread_for: 5m}}"));
        bench.run(&["test", "grow"]).exits(1).stdout
    };
    let said = "could not be read for 5m";
    let ran = ended("elapsed > 30");
    assert!(ran.contains(said), "{ran}");
    // One answer now and then is enough to go on.
    let ran = ended("elapsed > 30 and elapsed % 240 >= 60");
    assert!(!ran.contains(said) && ran.contains("2h"), "{ran}");
}
