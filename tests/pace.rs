//! How long a step will take, from how long it took before.

use crate::workbench::Workbench;

#[test]
fn what_took_long_before_is_told_while_it_is_waited_for_and_to_who_looks_on() {
    let bench = Workbench::new();
    bench.runbook(
        "slow",
        "steps:\n  - {id: each, for_each: {items: \"{{ range(7) | list }}\", as: n, batch: 7, parallel: 7}, steps: [\
         {id: pause, title: Pause, run: [sleep, '5.2'], effect: read}]}\n",
    );
    bench.runbook("other", "steps:\n  - {id: each, title: Pause, run: [sleep, '60'], effect: read}\n");
    bench.run(&["run", "slow", "--yes"]).exits(0);

    let mut terminal = bench.terminal(100, &["run", "slow", "--yes"]);
    terminal.expect("earlier  5s; ").expect("left, if it is as the last 7 times");
    let mut watching = bench.terminal(100, &["watch"]);
    watching.expect("earlier  5s; ");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(watching.end().0, 0);

    // What never was says nothing.
    let mut terminal = bench.terminal(100, &["run", "other", "--yes"]);
    terminal.expect("Pause  2s");
    assert!(!terminal.everything().contains("earlier"), "{}", terminal.everything());
    terminal.send("\u{3}");
    terminal.end();
}
