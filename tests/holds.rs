//! What must hold meanwhile: asked before each change and at each look of a wait, after every question.

use std::fs;

use crate::workbench::{Ran, Workbench};

/// Fails as long as somebody else is there.
const QUIET: &str =
    "{id: quiet, title: Nobody else is there, run: [test, '!', -e, DIR/bad], message: 'somebody is there', hint: Ask them.}";

/// Each item is written down; with `b`, somebody comes.
const LOOP: &str = "steps:
- id: each
  for_each: {items: [a, b, c], as: one, batch: 3}
  holds: [QUIET]
  steps:
  - id: work
    run: [sh, -c, 'echo {{ one }} >> DIR/done; [ {{ one }} != b ] || touch DIR/bad']
    effect: change
    undo: {impossible: a test}
    cleanup: {run: [sh, -c, 'echo {{ one }} >> DIR/put-back']}
";

fn bench(name: &str, body: &str) -> Workbench {
    let bench = Workbench::new();
    let directory = bench.path("").display().to_string();
    bench.runbook(name, &body.replace("QUIET", QUIET).replace("DIR", directory.trim_end_matches('/')));
    bench
}

fn newest(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list"]).stdout;
    let ids = regex::Regex::new(r"\b[0-9a-f]{8}\b").unwrap();
    ids.find_iter(&list).map(|id| id.as_str().to_owned()).find(|id| bench.run(&["journal", "show", id]).code == Some(0)).unwrap()
}

fn said(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

#[test]
fn a_change_is_not_begun_once_it_does_not_hold_whatever_the_size_of_the_batch() {
    let bench = bench("each", LOOP);
    let ran = bench.run(&["run", "each", "--yes"]).exits(6);
    assert_eq!(bench.read("done").unwrap(), "a\nb\n", "{}", said(&ran));
    // Putting back goes on.
    assert_eq!(bench.read("put-back").unwrap(), "a\nb\n", "{}", said(&ran));
    for told in ["each[one=c].work was not begun", "somebody is there", "Nobody else is there", "Ask them."] {
        assert!(ran.stdout.contains(told) && ran.stderr.contains(told), "{told}\n{}", said(&ran));
    }
    bench.run(&["journal", "verify"]).exits(0);
    let id = newest(&bench);
    let records = bench.run(&["journal", "show", &id, "--format", "json"]).exits(0).stdout;
    assert_eq!(records.matches("\"type\":\"hold_failed\"").count(), 1, "{records}");
    // What was seen before each change is there.
    assert!(records.contains("\"place\":\"each[one=a].work.quiet\",\"part\":\"holds\""), "{records}");
    let shown = bench.run(&["journal", "show", &id]).exits(0).stdout;
    assert!(shown.contains("each[one=c].work was not begun"), "{shown}");
}

#[test]
fn no_failure_that_is_allowed_passes_over_it() {
    let bench = bench("each", &LOOP.replace("batch: 3", "batch: 3, max_failures: 3"));
    let ran = bench.run(&["run", "each", "--yes"]).exits(6);
    assert_eq!(bench.read("done").unwrap(), "a\nb\n", "{}", said(&ran));
}

#[test]
fn a_reason_that_was_given_beforehand_serves_once() {
    let given = bench("each", LOOP);
    given.file("bad", "");
    let ran = given.run(&["run", "each", "--yes", "--override", "quiet=they know"]).exits(6);
    assert_eq!(given.read("done").unwrap(), "a\n", "{}", said(&ran));
    assert!(ran.stdout.contains("they know") && ran.stdout.contains("each[one=b].work was not begun"), "{}", said(&ran));
    let whole = bench("each", LOOP);
    let ran = whole.run(&["run", "each", "--yes", "--override", "each[one=c].work.quiet=they know"]).exits(0);
    assert_eq!(whole.read("done").unwrap(), "a\nb\nc\n", "{}", said(&ran));
    let events = whole.run(&["journal", "show", &newest(&whole), "--format", "json"]).stdout;
    assert_eq!(events.matches("\"type\":\"hold_overridden\"").count(), 1, "{events}");
}

#[test]
fn a_resume_asks_again() {
    let bench = bench("each", LOOP);
    bench.run(&["run", "each", "--yes"]).exits(6);
    let id = newest(&bench);
    let ran = bench.run(&["resume", &id, "--yes"]).exits(6);
    assert_eq!(bench.read("done").unwrap(), "a\nb\n", "{}", said(&ran));
    fs::remove_file(bench.path("bad")).unwrap();
    let ran = bench.run(&["resume", &id, "--yes"]).exits(0);
    assert_eq!(bench.read("done").unwrap(), "a\nb\nc\n", "{}", said(&ran));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_resume_asks_before_the_operator_is_asked_what_now() {
    let body = "steps:
- id: all
  group: All
  holds: [QUIET]
  steps:
  - {id: fails, run: [sh, -c, 'exit 3'], effect: change, undo: {impossible: a test}}
";
    let bench = bench("fails", body);
    bench.run(&["run", "fails", "--yes"]).exits(6);
    let id = newest(&bench);
    let ran = bench.run(&["resume", &id, "--yes"]).exits(10);
    assert!(!said(&ran).contains("somebody is there"), "{}", said(&ran));
    bench.file("bad", "");
    let ran = bench.run(&["resume", &id, "--yes"]).exits(6);
    assert!(ran.stdout.contains("all.fails was not begun"), "{}", said(&ran));
}

#[test]
fn a_wait_ends_at_once_and_records_little() {
    let body = "steps:
- id: all
  group: All
  holds: [QUIET]
  steps:
  - {id: mark, run: [touch, DIR/marked], effect: change, undo: {impossible: a test}}
  - id: settle
    wait: {run: [sh, -c, 'echo x >> DIR/polls; [ $(wc -l < DIR/polls) -lt 3 ] || touch DIR/bad; exit 1'], reads_because: somebody else comes, may_write: [DIR], until: code == 0, every: 100ms, timeout: 5m}
  - {id: after, run: [touch, DIR/after], effect: change, undo: {impossible: a test}}
";
    let bench = bench("waits", body);
    let ran = bench.run(&["run", "waits", "--yes"]).exits(6);
    assert!(ran.stdout.contains("all.settle was ended") && !bench.path("after").exists(), "{}", said(&ran));
    assert_eq!(bench.read("polls").unwrap(), "x\nx\nx\n");
    let records = bench.run(&["journal", "show", &newest(&bench), "--format", "json"]).exits(0).stdout;
    assert!(!records.contains("all.settle.quiet\",\"part\""), "{records}");
    assert!(
        records.contains("\"place\":\"all.settle.quiet\",\"title\":\"Nobody else is there\",\"before\":\"all.settle\",\"waiting\":true"),
        "{records}"
    );
}

#[test]
fn items_side_by_side_each_ask_all_that_is_around_them() {
    let body = "steps:
- id: all
  group: All
  holds: [QUIET]
  steps:
  - id: each
    for_each: {items: [a, b, c, d], as: one, batch: 4, parallel: 4}
    holds: [{id: own, title: It is itself, run: [test, '{{ one }}', '!=', e]}]
    steps:
    - {id: work, run: [sh, -c, 'echo {{ one }} >> DIR/done'], effect: change, undo: {impossible: a test}}
";
    let bench = bench("beside", body);
    bench.run(&["run", "beside", "--yes"]).exits(0);
    assert_eq!(bench.read("done").unwrap().lines().count(), 4);
    let records = bench.run(&["journal", "show", &newest(&bench), "--format", "json"]).exits(0).stdout;
    for one in ["a", "b", "c", "d"] {
        // Its own question, or the answer to that of another item, which it has waited for.
        let own = |id: &str| [r#""part":"holds""#, r#""of""#].map(|next| format!("\"place\":\"all.each[one={one}].work.{id}\",{next}"));
        let asked = |id: &str| own(id).iter().find_map(|record| records.find(record)).unwrap();
        assert!(asked("quiet") < asked("own"), "the outermost first:\n{records}");
    }
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_dry_run_asks_for_real_and_tells_it_once() {
    let bench = bench("each", LOOP);
    let ran = bench.run(&["run", "each", "--dry-run"]).exits(0);
    assert_eq!(ran.stdout.matches("work.quiet").count(), 1, "{}", said(&ran));
    bench.file("bad", "");
    let ran = bench.run(&["run", "each", "--dry-run"]).exits(6);
    assert!(said(&ran).contains("somebody is there") && !bench.path("done").exists(), "{}", said(&ran));
}

#[test]
fn undos_are_not_blocked() {
    let body = "steps:
- id: all
  group: All
  on_fail: rollback
  holds: [QUIET]
  steps:
  - {id: first, run: [touch, DIR/bad], effect: change, undo: {run: [touch, DIR/undone]}}
  - {id: second, run: [touch, DIR/second], effect: change, undo: {impossible: a test}}
";
    let bench = bench("undoes", body);
    let ran = bench.run(&["run", "undoes", "--yes"]).exits(7);
    assert!(bench.path("undone").exists() && !bench.path("second").exists(), "{}", said(&ran));
}

/// The runbook says what comes next, and what is under way waits for nobody.
#[test]
fn with_continue_nobody_is_asked() {
    let body = "steps:
- id: all
  group: All
  on_fail: continue
  holds: [QUIET]
  steps:
  - {id: first, run: [touch, DIR/bad], effect: change, undo: {impossible: a test}}
  - {id: second, run: [touch, DIR/second], effect: change, undo: {impossible: a test}}
- {id: next, run: [touch, DIR/next], effect: change, undo: {impossible: a test}}
";
    let bench = bench("goes-on", body);
    let (code, screen) = bench.terminal(100, &["run", "goes-on", "--yes"]).end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("all.second was not begun") && !screen.contains("Reason to override"), "{screen}");
    assert!(bench.path("next").exists() && !bench.path("second").exists(), "{screen}");
}

/// A question may stand open for hours: what is asked after it counts.
#[test]
fn they_are_asked_after_the_question() {
    let body = "steps:
- id: all
  group: All
  holds: [QUIET]
  steps:
  - {id: look, probe: {title: It is there, run: ['true']}}
  - {id: wipe, run: [touch, DIR/wiped], effect: destroy}
";
    let bench = bench("wipes", body);
    let mut terminal = bench.terminal(100, &["run", "wipes", "--yes"]);
    terminal.expect("Type wipe");
    bench.file("bad", "");
    terminal.send("wipe\r").expect("all.wipe was not begun").expect("[t/o/b/q]");
    assert!(!bench.path("wiped").exists());
    fs::remove_file(bench.path("bad")).unwrap();
    terminal.send("t\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(bench.path("wiped").exists(), "{screen}");
}

const WORLD: &str = "halligan_scenario: 1
runbook: staggers
title: All is well
world: {quorum: true, restarted: 0, careless: false}
commands:
  - {match: [mons], code: '{{ 0 if quorum else 1 }}'}
  - {match: [look, '{n}'], takes: 1m}
  - {match: [restart, '{n}'], takes: 1m, set: {restarted: '{{ restarted + 1 }}', careless: '{{ careless or not quorum }}'}}
expect:
  outcome: completed
  never: [careless]
";

const STAGGERS: &str = "steps:
- id: each
  for_each: {items: [1, 2, 3], as: n, batch: 3}
  holds: [{id: quorum, title: Monitors have quorum, run: [mons], timeout: 10s}]
  steps:
  - {id: look, run: [look, '{{ n }}'], effect: read, timeout: 5m}
  - {id: restart, run: [restart, '{{ n }}'], effect: change, timeout: 5m, undo: {impossible: a test}}
";

#[test]
fn a_world_that_turns_bad_between_any_two_steps_finds_no_change_begun_after_it() {
    let bench = Workbench::new();
    bench.runbook("staggers", STAGGERS);
    bench.file("runbooks/scenarios/staggers/all-well.yaml", WORLD);
    let ran = bench.run(&["test", "staggers", "--fault-sweep"]).exits(0);
    assert!(ran.stdout.contains("0 broke something"), "{}", ran.stdout);
    // At whatever minute it is: the next change is not begun.
    for minute in 1..6 {
        let scenario = WORLD
            .replace("expect:\n  outcome: completed\n  never: [careless]", &format!("events: [{{at: {}s, set: {{quorum: false}}}}]\nanswers: {{quorum: stop}}\nexpect:\n  outcome: stopped\n  exit: 6\n  world: {{restarted: {}}}", minute * 60 - 30, minute / 2));
        assert_ne!(scenario, WORLD);
        bench.file("runbooks/scenarios/staggers/all-well.yaml", &scenario);
        bench.run(&["test", "staggers"]).exits(0);
    }
    bench.file("runbooks/scenarios/staggers/all-well.yaml", WORLD);
    // Without it somebody else's hands are found, and the command line that does it again.
    bench.runbook("staggers", &STAGGERS.replace("  holds: [{id: quorum, title: Monitors have quorum, run: [mons], timeout: 10s}]\n", ""));
    let ran = bench.run(&["test", "staggers", "--fault-sweep"]).exits(1);
    assert!(ran.stdout.contains("=hands:quorum=false"), "{}", ran.stdout);
    bench.run(&["test", "staggers", "--fault", "each[n=1].look=hands:quorum=false"]).exits(1);
}

/// What takes longer than an answer may be old is asked again, and fails in the end; what the asking itself takes is allowed for.
#[test]
fn no_answer_is_older_than_its_every_before_a_change() {
    let asked = |times| format!("ran: [{{match: [mons], times: {times}}}]");
    let whole = |times| format!("outcome: completed\n  {}", asked(times));
    let refused = format!("outcome: stopped\n  exit: 6\n  at: 'each[n=1].restart'\n  {}", asked(3));
    let quorum = |every| format!("{{id: quorum, run: [mons], timeout: 2m, every: {every}}}");
    // Asked once, it gives way; then it does not for twenty seconds.
    let calm = "{id: calm, run: [calm], timeout: 10s, within: 1m, every: 20s}";
    for (holds, takes, expected) in [
        (quorum("50s"), "70s", whole(3)),
        (quorum("10s"), "40s", whole(3)),
        (quorum("10s"), "41s", refused.clone()),
        // What was answered before somebody was waited for is asked again, however quick the answers are.
        (format!("{}, {calm}", quorum("10s")), "0s", whole(4)),
        (format!("{}, {calm}", quorum("20s")), "0s", whole(3)),
        // What is not asked has no answer that could be too old.
        (format!("{}, {{id: other, when: n == 0, run: [calm], timeout: 10s, every: 1s}}", quorum("10s")), "40s", whole(3)),
        (format!("{{id: slow, run: [mons], timeout: 2m}}, {}", quorum("1s").replace("[mons]", "['true']")), "40s", refused),
    ] {
        let bench = Workbench::new();
        let runbook = STAGGERS.replace("{id: quorum, title: Monitors have quorum, run: [mons], timeout: 10s}", &holds);
        assert_ne!(runbook, STAGGERS);
        bench.runbook("staggers", &runbook);
        let scenario = WORLD
            .replace(
                "commands:\n  - {match: [mons], ",
                &format!(
                    "answers: {{quorum: stop}}\ncommands:\n  - {{match: ['true']}}\n  \
                     - {{match: [calm], code: '{{{{ 0 if calls > 0 else 1 }}}}'}}\n  - {{match: [mons], takes: {takes}, "
                ),
            )
            .replace("outcome: completed", &expected);
        bench.file("runbooks/scenarios/staggers/all-well.yaml", &scenario);
        let ran = bench.run(&["test", "staggers"]);
        assert!(ran.stdout.contains("1 passed"), "{holds} {takes}\n{}\n{}", scenario, said(&ran));
    }
}

#[test]
fn scenarios_answer_override_and_cover() {
    let bench = Workbench::new();
    bench.runbook("staggers", STAGGERS);
    bench.file("runbooks/scenarios/staggers/all-well.yaml", WORLD);
    let ran = bench.run(&["test", "staggers", "--coverage"]);
    assert!(ran.stdout.contains("quorum keeps a step from beginning"), "{}", ran.stdout);
    bench.file(
        "runbooks/scenarios/staggers/lost.yaml",
        "halligan_scenario: 1\nextends: all-well\ntitle: A monitor is lost\nworld: {quorum: false}\noverrides: {quorum: it is known}\nanswers: {quorum: stop}\nexpect: {outcome: stopped, exit: 6, at: 'each[n=2].restart', world: {restarted: 1}}\n",
    );
    let ran = bench.run(&["test", "staggers", "--scenario", "lost"]).exits(1);
    // `never` of the scenario that it extends.
    assert!(ran.stdout.contains("careless"), "{}", ran.stdout);
    bench.file("runbooks/scenarios/staggers/all-well.yaml", &WORLD.replace("  never: [careless]\n", ""));
    bench.run(&["test", "staggers", "--scenario", "lost"]).exits(0);
    let ran = bench.run(&["test", "staggers", "--coverage"]);
    assert!(!ran.stdout.contains("quorum keeps a step from beginning"), "{}", ran.stdout);
}
