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
