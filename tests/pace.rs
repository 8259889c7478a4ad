//! How long a step will take, from how long it took before.

use crate::workbench::Workbench;

#[test]
fn what_took_long_before_is_told_while_it_is_waited_for_and_to_who_looks_on() {
    let bench = Workbench::new();
    bench.runbook(
        "slow",
        "params:\n  count: {type: int, default: 7, help: So many.}\nsteps:\n  - {id: each, for_each: {items: \"{{ range(params.count) | list }}\", as: n, batch: 7, parallel: 7}, steps: [\
         {id: pause, title: Pause, run: [sleep, '5.2'], effect: read}]}\n",
    );
    bench.runbook("other", "steps:\n  - {id: each, title: Pause, run: [sleep, '60'], effect: read}\n");
    bench.run(&["run", "slow", "--yes"]).exits(0);

    let mut terminal = bench.terminal(100, &["run", "slow", "--yes", "--set", "count=1"]);
    terminal.expect("left, if it is as the last 7 times");
    let mut watching = bench.terminal(100, &["watch"]);
    watching.expect("left, if it is as the last 7 times");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(watching.end().0, 0);

    // The report says it against what was to be expected.
    let list = bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout;
    let run = serde_json::from_str::<serde_json::Value>(list.lines().nth(1).unwrap()).unwrap()["id"].as_str().unwrap().to_owned();
    let report = bench.run(&["report", &run]).exits(0).stdout;
    assert!(report.contains(" earlier (5s") && report.contains(", 7 times)"), "{report}");
    let report = crate::status::json(&bench.run(&["report", &run, "--format", "json"]).exits(0), "report.json");
    let earlier = &report["durations"].as_array().unwrap().last().unwrap()["earlier"];
    assert!(earlier["least_ms"].as_u64().unwrap() >= 5200 && earlier["of"] == 7, "{report:#}");

    // What never was says nothing.
    let mut terminal = bench.terminal(100, &["run", "other", "--yes"]);
    terminal.expect("Pause  ");
    assert!(!terminal.everything().contains("earlier"), "{}", terminal.everything());
    terminal.send("\u{3}").expect("stopping after this step").send("\u{3}");
    terminal.end();
}
