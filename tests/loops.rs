//! Loops: what their items are called, how they are put into batches, and what goes on when one of them fails.
//!
//! Every effect is a line in `log`, which is the independent witness.

use crate::workbench::{Ran, Workbench};

/// A bench with this runbook, called `x`; `HOME` is the bench's directory.
fn bench(body: &str) -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("x", &body.replace("HOME", home.trim_end_matches('/')));
    bench
}

fn log(bench: &Workbench) -> Vec<String> {
    bench.read("log").unwrap_or_default().lines().map(str::to_owned).collect()
}

fn all(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

#[test]
fn an_item_is_found_again_by_its_label() {
    let bench = bench(
        "
steps:
  - {id: found, run: [cat, HOME/osds], effect: read, output: json}
  - id: each
    for_each: {items: \"{{ found.output }}\", as: o, label: \"osd {{ o.osd }}\"}
    steps:
      - id: act
        shell: 'test $OSD = 3 || test -e HOME/ready; echo $OSD >> HOME/log'
        env: {OSD: \"{{ o.osd }}\"}
        effect: change
        idempotent: true
        undo: {shell: 'echo undone $OSD >> HOME/log', env: {OSD: \"{{ o.osd }}\"}}
",
    );
    bench.file("osds", r#"[{"osd": 3, "host": "a"}, {"osd": 4, "host": "a"}]"#);
    let ran = bench.run(&["run", "x", "--yes"]).exits(6);
    assert!(all(&ran).contains("each[o=osd 4].act"), "{}", all(&ran));
    assert_eq!(log(&bench), ["3"]);
    bench.file("ready", "");
    bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["3", "4"]);
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let run = list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    let ran = bench.run(&["rollback", &run, "--yes", "--confirm", "each[o=osd 4].act=yes", "--confirm", "each[o=osd 3].act=yes"]).exits(0);
    assert_eq!(log(&bench), ["3", "4", "undone 4", "undone 3"], "{}", all(&ran));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_cannot_be_told_apart_blocks_the_preflight_and_the_dry_run() {
    let act = "steps: [{id: act, shell: 'echo act >> HOME/log', effect: change, undo: {impossible: x}}]";
    for (list, why) in [
        ("{items: [{disk: sdb}, {disk: sdc}], as: d, label: \"{{ d.disk[0] }}\"}", "each: items 1 and 2 are both called `s`"),
        ("{items: [{disk: sdb}, {disk: sdc}], as: d, label: \"{{ d.serial }}\"}", "each: item 1 has no label"),
        ("{items: \"{{ [1, none] }}\", as: d}", "each: item 2 has no value"),
    ] {
        let bench = bench(&format!("steps:\n  - id: each\n    for_each: {list}\n    {act}\n"));
        for mode in ["--yes", "--dry-run"] {
            let ran = bench.run(&["run", "x", mode]).exits(4);
            assert!(all(&ran).contains(why), "{why}:\n{}", all(&ran));
        }
        assert_eq!(log(&bench), [""; 0]);
    }
    // A loop inside a loop is looked at for each item of the one around it.
    let bench = bench(&format!(
        "steps:\n  - id: outer\n    for_each: {{items: [1, 2], as: o}}\n    steps:\n      - id: inner\n        for_each: {{items: \"{{{{ [o, 2] }}}}\", as: i}}\n        {act}\n"
    ));
    for mode in ["--yes", "--dry-run"] {
        let ran = bench.run(&["run", "x", mode]).exits(4);
        assert!(all(&ran).contains("outer[o=2].inner: items 1 and 2 are both called `2`"), "{}", all(&ran));
    }
    assert_eq!(log(&bench), [""; 0]);
}

/// A loop over `a` to `e`, of which those fail whose file is there.
fn failing(each: &str, on_fail: &str) -> Workbench {
    bench(&format!(
        "
steps:
  - id: each
    for_each: {{items: [a, b, c, d, e], as: i, {each}}}
    on_fail: {on_fail}
    steps:
      - id: act
        shell: 'echo $I >> HOME/log; test ! -e HOME/bad-$I'
        env: {{I: \"{{{{ i }}}}\"}}
        effect: change
        idempotent: true
        undo: {{impossible: x}}
        cleanup: {{shell: 'echo $I put back >> HOME/log', env: {{I: \"{{{{ i }}}}\"}}}}
  - {{id: after, shell: 'echo after >> HOME/log', effect: change, undo: {{impossible: x}}}}
"
    ))
}

/// What was done, without what was put back.
fn acted(bench: &Workbench) -> String {
    log(bench).into_iter().filter(|line| !line.ends_with("put back")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_loop_that_continues_fails_when_it_is_over() {
    for parallel in ["", ", batch: 5, parallel: 5"] {
        let bench = failing(&format!("on_item_failure: continue{parallel}"), "ask");
        bench.file("bad-b", "");
        bench.file("bad-d", "");
        let ran = bench.run(&["run", "x", "--yes"]).exits(6);
        assert!(all(&ran).contains("2 of 5 failed: each[i=b].act: "), "{}", all(&ran));
        assert!(all(&ran).contains("each[i=d].act: "), "{}", all(&ran));
        let mut acts: Vec<String> = acted(&bench).split(' ').map(str::to_owned).collect();
        acts.sort();
        assert_eq!(acts, ["a", "b", "c", "d", "e"]);
        // Each item puts back what it has set, failed or not.
        assert_eq!(log(&bench).len(), 10);
        // A resume takes up what has failed, and nothing else.
        std::fs::remove_file(bench.path("bad-b")).unwrap();
        let ran = bench.run(&["resume", "--yes"]).exits(6);
        assert!(all(&ran).contains("1 of 5 failed: each[i=d].act: "), "{}", all(&ran));
        std::fs::remove_file(bench.path("bad-d")).unwrap();
        bench.run(&["resume", "--yes"]).exits(0);
        let mut acts: Vec<String> = acted(&bench).split(' ').map(str::to_owned).collect();
        acts.sort();
        assert_eq!(acts, ["a", "after", "b", "b", "c", "d", "d", "d", "e"]);
        bench.run(&["journal", "verify"]).exits(0);
    }
}

#[test]
fn a_loop_that_continues_still_stops_at_its_limit_and_at_what_is_in_doubt() {
    // 20 % of five is one.
    let bench = failing("on_item_failure: continue, max_failures: \"20%\"", "ask");
    bench.file("bad-a", "");
    bench.file("bad-c", "");
    let ran = bench.run(&["run", "x", "--yes"]).exits(6);
    assert!(all(&ran).contains("2 of 5 failed, 1 allowed, 2 not touched"), "{}", all(&ran));
    assert_eq!(acted(&bench), "a b c");
    let doubtful = failing("on_item_failure: continue", "ask");
    doubtful.file("bad-b", "");
    let doubted = doubtful
        .read("runbooks/x.yaml")
        .unwrap()
        .replace("effect: change\n        idempotent", "effect: change\n        timeout: 1s\n        idempotent");
    let doubted = doubted.replace("test ! -e", "trap \"\" TERM; test ! -e").replace("/bad-$I", "/bad-$I || sleep 60");
    doubtful.file("runbooks/x.yaml", &doubted);
    let ran = doubtful.run(&["run", "x", "--yes"]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(acted(&doubtful), "a b", "{}", all(&ran));
}

#[test]
fn what_a_loop_failed_for_is_passed_over_where_the_runbook_says_so() {
    let bench = failing("on_item_failure: continue", "continue");
    bench.file("bad-b", "");
    bench.run(&["run", "x", "--yes"]).exits(0);
    assert_eq!(acted(&bench), "a b c d e after");
}

#[test]
fn what_became_of_each_item_of_a_loop_that_failed_may_be_asked_for_also_after_a_resume() {
    for (limit, told) in [("on_item_failure: continue", "a=true b=false c=true "), ("max_failures: 0", "a=true b=false ")] {
        let bench = bench(&format!(
            "
vars: {{told: \"{{% for r in each.results %}}{{{{ r.item }}}}={{{{ r.ok }}}} {{% endfor %}}\"}}
steps:
  - id: each
    for_each: {{items: [a, b, c], as: i, {limit}}}
    on_fail: continue
    steps:
      - id: may
        on_fail: continue
        run: [test, -e, HOME/nowhere]
        effect: read
      - id: act
        run: [test, \"{{{{ i }}}}\", '!=', b]
        effect: read
  - {{id: before, run: [sh, -c, 'echo \"$1\" >> HOME/log', sh, \"{{{{ vars.told }}}}\"], effect: change, undo: {{impossible: x}}}}
  - {{id: gate, run: [test, -e, HOME/go], effect: read}}
  - {{id: after, run: [sh, -c, 'echo \"$1\" >> HOME/log', sh, \"{{{{ vars.told }}}}\"], effect: change, undo: {{impossible: x}}}}
"
        ));
        bench.run(&["run", "x", "--yes"]).exits(6);
        assert_eq!(log(&bench), [told]);
        bench.file("go", "");
        let ran = bench.run(&["resume", "--yes"]).exits(0);
        assert_eq!(log(&bench), [told, told], "{}", all(&ran));
    }
}

#[test]
fn a_template_may_yield_a_percentage() {
    let bench = failing("batch: \"{{ '40%' }}\", max_failures: \"{{ '50%' if true else 0 }}\"", "ask");
    bench.file("bad-a", "");
    bench.file("bad-b", "");
    let ran = bench.run(&["run", "x", "--yes"]).exits(0);
    assert_eq!(acted(&bench), "a b c d e after", "{}", all(&ran));
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains(r#""batches":[2,2,1],"max_failures":2"#), "{journal}");
}

#[test]
fn items_that_belong_together_are_in_one_batch_also_after_a_resume() {
    let bench = bench(
        "
steps:
  - {id: found, run: [cat, HOME/hosts], effect: read, output: json}
  - id: each
    for_each: {items: [a1, b1, a2, c1, b2], as: i, batch: [1, 2], batch_by: 'found.output[i]', pause: 1ms}
    steps:
      - {id: act, shell: 'test $I != b2 || test -e HOME/ready; echo $I >> HOME/log', env: {I: \"{{ i }}\"}, effect: change, idempotent: true, undo: {impossible: x}}
",
    );
    bench.file("hosts", r#"{"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c"}"#);
    bench.run(&["run", "x", "--yes"]).exits(6);
    assert_eq!(log(&bench), ["a1", "a2", "b1"]);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains(r#""items":["a1","a2","b1","b2","c1"],"batches":[2,3]"#), "{journal}");
    bench.file("ready", "");
    bench.run(&["resume", "--yes"]).exits(0);
    assert_eq!(log(&bench), ["a1", "a2", "b1", "b2", "c1"]);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_items_have_in_common_is_known_before_the_run_or_blocks_it() {
    let bench = bench(
        "
steps:
  - id: each
    for_each: {items: [{name: a, host: h}, {name: b}], as: i, batch_by: i.host}
    steps: [{id: act, shell: 'echo act >> HOME/log', effect: change, undo: {impossible: x}}]
",
    );
    for mode in ["--yes", "--dry-run"] {
        let ran = bench.run(&["run", "x", mode]).exits(4);
        assert!(all(&ran).contains("each: `batch_by` of the item `b`"), "{}", all(&ran));
    }
    assert_eq!(log(&bench), [""; 0]);
}

/// What a group says holds for all of its checks, and what a check says beside it may speak of the item.
#[test]
fn a_check_in_a_group_says_for_which_items_it_is_made() {
    let group = |when: &str, items: &str| {
        format!(
            "params: {{far: {{type: bool, help: Far, default: false}}}}
preflight:
- title: Each of them
  when: {when}
  for_each: {{items: {items}, as: one}}
  checks:
  - {{id: up, title: It is up, when: one.up, run: [echo, '{{{{ one.name }}}}'], message: '{{{{ output }}}} is up'}}
  - {{id: both, title: It is there, run: [echo, '{{{{ one.name }}}}'], message: '{{{{ output }}}} is there'}}
  - {{id: far, title: It is far, when: one.far, run: ['false']}}
steps:
- {{id: told, when: up.ok, run: [touch, HOME/told], effect: change, undo: {{impossible: x}}}}
"
        )
    };
    let items = "[{name: a, up: true, far: false}, {name: b, up: false, far: false}]";
    let some = bench(&group("not params.far", items));
    for how in ["--dry-run", "--yes"] {
        let ran = some.run(&["run", "x", how]).exits(0);
        for told in ["It is up [a]: a is up", "It is there [a]: a is there", "It is there [b]: b is there"] {
            assert!(ran.stdout.contains(told), "{told}: {}", all(&ran));
        }
        assert!(!ran.stdout.contains("up [b]") && !ran.stdout.contains("It is far"), "{}", all(&ran));
    }
    assert!(some.path("told").exists());
    // Where the group's own condition does not hold there need be no list.
    let none = bench(&group("params.far and one.up", "'{{ [params.far, 1][0].list }}'"));
    let ran = none.run(&["run", "x", "--dry-run"]);
    assert!(!all(&ran).contains("It is"), "{}", all(&ran));
    // What cannot be said of an item has not passed.
    let unsaid = bench(&group("not params.far", "[{name: a, up: true, far: false}, {name: b, far: false}]"));
    let ran = unsaid.run(&["run", "x", "--yes"]).exits(4);
    assert!(ran.stdout.contains("preflight failed") && ran.stdout.contains("[b]"), "{}", all(&ran));
    assert!(!unsaid.path("told").exists());
}

/// A group's title is filled in like any other; in a loop, which item it is stands open.
#[test]
fn a_groups_title_is_filled_in() {
    let bench = bench(
        "params: {pool: {type: string, help: Pool, default: hot}}
steps:
- id: all
  group: 'Take {{ params.pool }} away'
  steps:
  - id: each
    for_each: {items: [1, 2], as: one}
    steps:
    - id: inner
      group: 'Number {{ one }} of {{ params.pool }}'
      steps:
      - {id: act, run: [touch, HOME/there], effect: change, undo: {impossible: x}}
",
    );
    let ran = bench.run(&["run", "x", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("Take hot away") && ran.stdout.contains("Number {one} of {params.pool}"), "{}", all(&ran));
    let shown = bench.run(&["show", "x"]).exits(0);
    assert!(shown.stdout.contains("Take {params.pool} away"), "{}", all(&shown));
    bench.runbook("wrong", "steps:\n- {id: all, group: 'Take {{ params.pol }}', steps: [{id: a, run: [x], effect: read}]}\n");
    assert!(all(&bench.run(&["check", "wrong"]).exits(3)).contains("params.pol"));
}
