//! A dry run changes nothing and guesses nothing.

use crate::workbench::Workbench;

const BODY: &str = r#"
preflight:
  - id: seen
    title: The directory can be read
    run: [ls, /]
    output: lines
steps:
  - id: look
    run: [echo, looked]
    effect: read
  - id: mark
    title: Leave a marker
    run: [touch, MARKER]
    effect: change
    undo: {run: [rm, MARKER]}
    verify: {run: [test, -e, MARKER]}
  - id: tell
    run: [sh, -c, "echo told"]
    effect: change
    undo: {impossible: it was said}
  - id: after
    probe:
      run: [echo, "{{ tell.output }}"]
      expect: output == 'told'
  - id: known
    run: [touch, "{{ look.output }}-{{ seen.output | length }}"]
    effect: change
    undo: {impossible: a test}
  - id: each
    for_each: {items: "{{ after.output | list }}", as: letter}
    steps:
      - id: inner
        run: [touch, "{{ letter }}"]
        effect: change
        undo: {impossible: a test}
  - id: wipe
    run: [rm, -r, MARKER]
    effect: destroy
"#;

#[test]
fn it_leaves_no_marker_and_tells_what_it_cannot_know() {
    let bench = Workbench::new();
    let marker = bench.path("marker").display().to_string();
    bench.runbook("dry", &BODY.replace("MARKER", &marker));
    let ran = bench.run(&["run", "dry", "--dry-run"]).exits(0);
    assert!(!bench.path("marker").exists());
    let says = |place: &str, text: &str| {
        assert!(ran.stdout.lines().any(|line| line.contains(place) && line.contains(text)), "{place}: {text}\n{}", ran.stdout);
    };
    says("mark", &format!("would run: touch {marker}"));
    says("after", "known only at run time (depends on tell.output)");
    says("each", "known only at run time (depends on after.output)");
    says("wipe", &format!("would run: rm -r {marker}"));
    says("look", "passed");
    assert!(!ran.stdout.contains("inner: would run"));
    // What a read has shown is known, so the argv that uses it is exact.
    let entries =
        std::fs::read_dir("/").unwrap().filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count();
    says("known", &format!("would run: touch looked-{entries}"));
    assert!(ran.stdout.contains("Nothing was changed"), "{}", ran.stdout);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_blocked_preflight_is_shown_and_the_rest_as_well() {
    let bench = Workbench::new();
    bench.runbook(
        "blocked",
        r#"
preflight:
  - {id: never, title: This can never be, run: ["false"], hint: Give up.}
steps:
  - {id: mark, run: [touch, /nowhere/x], effect: change, undo: {impossible: a test}}
"#,
    );
    let ran = bench.run(&["run", "blocked", "--dry-run"]).exits(4);
    assert!(ran.stdout.contains("would run: touch /nowhere/x"), "{}", ran.stdout);
    assert!(ran.stderr.contains("This can never be"), "{}", ran.stderr);
}

#[test]
fn a_loop_gate_that_depends_on_a_skipped_change_is_not_asked_as_if_it_were_made() {
    let bench = Workbench::new();
    let marker = bench.path("marker").display().to_string();
    bench.runbook(
        "gated",
        &r"
steps:
  - {id: mark, run: [touch, MARKER], effect: change, undo: {run: [rm, MARKER]}}
  - {id: there, probe: {run: [test, -e, MARKER]}}
  - id: come
    wait: {run: [test, -e, MARKER], until: code == 0, every: 1s, timeout: 1h}
  - id: stay
    wait: {run: [test, -e, MARKER], until: code == 0, fail_if: code == 1, every: 1s, timeout: 1h}
"
        .replace("MARKER", &marker),
    );
    // None fails or waits an hour: all say that they cannot know.
    let ran = bench.run(&["run", "gated", "--dry-run"]).exits(0);
    assert_eq!(ran.stdout.matches("known only at run time").count(), 4, "{}", ran.stdout);
}

#[test]
fn it_makes_no_pause_between_batches() {
    let bench = Workbench::new();
    bench.runbook(
        "paced",
        r#"
steps:
  - id: each
    for_each: {items: [1, 2, 3], as: number, pause: 2m}
    steps:
      - {id: tell, run: [echo, "{{ number }}"], effect: change, undo: {impossible: it was said}}
"#,
    );
    let began = std::time::Instant::now();
    let ran = bench.run(&["run", "paced", "--dry-run"]).exits(0);
    assert!(began.elapsed().as_secs() < 60, "it took {:?}", began.elapsed());
    assert_eq!(ran.stdout.matches("would run: echo").count(), 3, "{}", ran.stdout);
}

/// A read may stand for what the steps after it set, with the cleanup of that.
#[test]
fn what_a_read_would_put_back_is_left_alone() {
    let bench = Workbench::new();
    let marker = bench.path("marker").display().to_string();
    let steps = "steps:\n  - {id: look, run: [ls, /], effect: read, cleanup: {run: [touch, MARKER], timeout: 5s}}\n";
    bench.runbook("kept", &steps.replace("MARKER", &marker));
    let ran = bench.run(&["run", "kept", "--dry-run"]).exits(0);
    assert!(!bench.path("marker").exists() && ran.stdout.contains("Nothing was changed"), "{}", ran.stdout);
    bench.run(&["run", "kept", "--yes"]).exits(0);
    assert!(bench.path("marker").exists());
}

#[test]
fn an_override_holds_in_a_dry_run_too() {
    let bench = Workbench::new();
    bench.runbook(
        "shut",
        "preflight:\n  - {id: door, title: The door is open, run: ['false']}\nsteps:\n  - {id: go, run: [echo, gone], effect: change, undo: {impossible: it was said}}\n",
    );
    bench.run(&["run", "shut", "--dry-run"]).exits(4);
    let ran = bench.run(&["run", "shut", "--dry-run", "--override", "door=it is open by hand"]).exits(0);
    assert!(ran.stdout.contains("would run: echo gone") && ran.stdout.contains("it is open by hand"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("not needed") && !ran.stderr.contains("not needed"), "{}", ran.stderr);
    bench.run(&["journal", "verify"]).exits(0);
}

/// Forty items, each read and then changed.
const FORTY: &str = r#"
steps:
  - id: each
    for_each: {items: "{{ range(40) | list }}", as: number, PACE}
    steps:
      - {id: look, run: [sh, -c, "echo looked"], effect: read}
      - {id: known, probe: {run: [sh, -c, "echo asked"], expect: "output == 'asked'"}}
      - {id: own, run: [echo, "{{ number }}"], effect: read}
      - {id: tell, run: [echo, "told {{ number }} {{ look.output }}"], effect: change, undo: {impossible: it was said}}
  - {id: after, probe: {expect: each.ok}}
"#;

#[test]
fn of_a_long_loop_the_first_items_are_gone_through_and_the_same_is_asked_once() {
    for pace in ["batch: 1", "batch: 3", "batch: 40", "batch: 100%, parallel: 8"] {
        let bench = Workbench::new();
        bench.runbook("forty", &FORTY.replace("PACE", pace));
        let ran = bench.run(&["run", "forty", "--dry-run"]).exits(0);
        assert_eq!(ran.stdout.matches("would run: echo 'told ").count(), 32, "{pace}\n{}", ran.stdout);
        let told = "each at run time: known only at run time (depends on the last 8 of 40 items, which a dry run does not go through)";
        assert!(ran.stdout.contains(told), "{pace}\n{}", ran.stdout);
        // Whether all items are well is not known of some.
        assert!(ran.stdout.contains("after at run time: known only at run time (depends on each.ok)"), "{pace}\n{}", ran.stdout);
        let records = bench.read("journal/journal.jsonl").unwrap();
        let asked = |word: &str| records.lines().filter(|line| line.contains("\"step_began\"") && line.contains(word)).count();
        // Until the first change is passed over nothing is shared; of those at once each may be the first.
        let most = if pace.contains("parallel") { 16 } else { 2 };
        assert!((1..=most).contains(&asked("echo looked")) && (1..=most).contains(&asked("echo asked")), "{pace}\n{records}");
        assert_eq!(asked(".own\",\"part\":\"main\""), 32, "{pace}: what differs is asked for each");
        bench.run(&["journal", "verify"]).exits(0);
    }
}

#[test]
fn a_loop_that_only_reads_is_gone_through_to_its_end() {
    let bench = Workbench::new();
    let body = FORTY.replace("PACE", "batch: 7").replace("effect: change, undo: {impossible: it was said}", "effect: read");
    bench.runbook("forty", &body);
    let ran = bench.run(&["run", "forty", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("each[number=39].tell") && !ran.stdout.contains("does not go through"), "{}", ran.stdout);
}

/// A real run asks each time, however many items there are.
#[test]
fn a_real_run_goes_through_all_and_shares_nothing() {
    let bench = Workbench::new();
    bench.runbook("forty", &FORTY.replace("PACE", "batch: 10"));
    bench.run(&["run", "forty", "--yes"]).exits(0);
    let records = bench.read("journal/journal.jsonl").unwrap();
    let asked = |word: &str| records.lines().filter(|line| line.contains("\"step_began\"") && line.contains(word)).count();
    assert_eq!([asked("echo looked"), asked("echo asked"), asked("tell\",\"part\":\"main\"")], [40, 40, 40]);
}
