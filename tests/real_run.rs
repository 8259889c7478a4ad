//! Real runs of small runbooks, without a terminal.

use crate::workbench::{Workbench, golden, steady};

/// A flag that is set and put back, a step that can be made to fail, and something that destroys.
const BODY: &str = r#"
params:
  fail: {type: bool, default: false, help: Whether the middle step fails}
steps:
  - id: set_flag
    title: Set the flag
    run: [touch, HOME/flag]
    effect: change
    cleanup: {run: [rm, HOME/flag]}
  - id: middle
    title: Do the work
    shell: 'echo working; echo "$FAIL" >> HOME/log; test "$FAIL" = false'
    env: {FAIL: "{{ params.fail }}"}
    effect: change
    on_fail: stop
    undo: {impossible: a test}
  - id: last
    title: Write it down
    shell: 'echo done >> HOME/log'
    effect: change
    undo: {impossible: a test}
"#;

fn bench() -> Workbench {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook("flagged", &BODY.replace("HOME", home.trim_end_matches('/')));
    bench
}

#[test]
fn it_runs_puts_back_and_is_journaled() {
    let bench = bench();
    let ran = bench.run(&["run", "flagged", "--yes"]).exits(0);
    assert_eq!(bench.read("log").as_deref(), Some("false\ndone\n"));
    assert!(!bench.path("flag").exists());
    assert_eq!(ran.stderr, "");
    golden("run-flagged", &steady(&ran.stdout.replace(&bench.path("").display().to_string(), "HOME/")));
    bench.run(&["journal", "verify"]).exits(0);
    let list = bench.run(&["journal", "list"]).exits(0);
    assert!(list.stdout.contains("flagged") && list.stdout.contains("completed"), "{}", list.stdout);
    let id = list.stdout.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let story = bench.run(&["journal", "show", &id]).exits(0);
    assert!(story.stdout.contains("set_flag") && story.stdout.contains("echo working"), "{}", story.stdout);
}

#[test]
fn a_failed_step_stops_puts_back_and_says_so() {
    let bench = bench();
    let ran = bench.run(&["run", "flagged", "--yes", "--set", "fail=true"]).exits(6);
    assert_eq!(bench.read("log").as_deref(), Some("true\n"), "nothing after the failure is touched");
    assert!(!bench.path("flag").exists(), "the cleanup has run");
    golden("run-flagged-fails", &steady(&ran.stderr));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn nothing_is_done_without_a_yes_even_if_one_is_piped_in() {
    let bench = bench();
    for input in ["", "y\n", "yes\nyes\nyes\n"] {
        let ran = bench.run_with(&["run", "flagged"], input).exits(5);
        assert!(ran.stderr.contains("halligan run flagged --yes"), "{}", ran.stderr);
        assert!(!bench.path("log").exists());
    }
}

#[test]
fn one_changed_byte_of_the_journal_is_found_with_its_line() {
    let bench = bench();
    bench.run(&["run", "flagged", "--yes"]).exits(0);
    let path = bench.path("journal/journal.jsonl");
    let bytes = std::fs::read(&path).unwrap();
    let lines: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    for (line, end) in lines.iter().enumerate().step_by(3) {
        let mut changed = bytes.clone();
        changed[end - 20] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let ran = bench.run(&["journal", "verify"]).exits(1);
        assert!(ran.stdout.contains(&format!("line {}", line + 1)), "line {}: {}", line + 1, ran.stdout);
    }
}

#[test]
fn yes_never_covers_what_destroys() {
    let bench = Workbench::new();
    let victim = bench.file("victim", "x");
    let body = format!(
        "steps:\n  - {{id: seen, probe: {{run: [test, -e, {0}]}}}}\n  - {{id: wipe, title: Remove it, run: [rm, {0}], effect: destroy}}\n",
        victim.display()
    );
    bench.runbook("wipes", &body);
    let ran = bench.run(&["run", "wipes", "--yes"]).exits(5);
    assert!(ran.stderr.contains("--confirm wipe=wipe"), "{}", ran.stderr);
    assert!(victim.exists());
    let ran = bench.run(&["run", "wipes", "--yes", "--confirm", "wipe=yes"]).exits(5);
    assert!(ran.stderr.contains("expected `wipe`"), "{}", ran.stderr);
    assert!(victim.exists());
    bench.run(&["run", "wipes", "--yes", "--confirm", "wipe=wipe"]).exits(0);
    assert!(!victim.exists());
}

#[test]
fn an_unknown_name_is_refused_before_anything_is_run() {
    let bench = bench();
    for flag in ["--confirm", "--override"] {
        let ran = bench.run(&["run", "flagged", "--yes", flag, "set_flg=yes"]).exits(2);
        assert!(ran.stderr.contains(&format!("{flag} set_flg: unknown step or probe `set_flg`")), "{}", ran.stderr);
        assert!(ran.stderr.contains("did you mean `set_flag`?"), "{}", ran.stderr);
    }
    assert_eq!(bench.read("log"), None);
    assert!(!bench.path("journal").exists() || bench.run(&["journal", "list"]).stdout.lines().count() < 2);
}

#[test]
fn what_a_run_stopped_for_is_answered_by_resume() {
    let bench = Workbench::new();
    let victim = bench.file("victim", "x");
    let log = bench.path("log").display().to_string();
    let body = format!(
        "steps:\n  - {{id: mark, shell: 'echo once >> {log}', effect: change, undo: {{impossible: a test}}}}\n  - {{id: wipe, run: [rm, {}], effect: destroy}}\n",
        victim.display()
    );
    bench.runbook("stops", &body);
    let ran = bench.run(&["run", "stops", "--yes"]).exits(5);
    let line = ran.stderr.lines().map(str::trim).find(|line| line.starts_with("halligan resume")).unwrap();
    assert!(line.contains("--confirm wipe=wipe") && line.contains("--yes"), "{}", ran.stderr);
    let words: Vec<_> = line.split_whitespace().skip(1).collect();
    bench.run(&words).exits(0);
    assert!(!victim.exists());
    assert_eq!(bench.read("log").as_deref(), Some("once\n"));
}

#[test]
fn every_missing_parameter_is_named_at_once() {
    let bench = Workbench::new();
    bench.runbook(
        "asks",
        "params:\n  disk: {type: string, help: Which disk}\n  host: {type: string, help: Which host}\n  token: {type: secret, help: Of the API}\nsteps:\n  \
         - {id: a, run: [echo, \"{{ params.disk }}\", \"{{ params.host }}\"], effect: read, env: {T: \"{{ params.token }}\"}}\n",
    );
    let ran = bench.run(&["run", "asks"]).exits(2);
    for told in
        ["Which disk", "Which host", "Of the API", "give --set disk=VALUE --set host=VALUE", "give --params FILE, with `token` in it"]
    {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
}

#[test]
fn a_missing_parameter_names_its_flag() {
    let bench = Workbench::new();
    bench.runbook(
        "asks",
        "params:\n  disk: {type: string, help: Which disk}\nsteps:\n  - {id: a, run: [echo, \"{{ params.disk }}\"], effect: read}\n",
    );
    let ran = bench.run_with(&["run", "asks"], "sdb\n").exits(2);
    assert!(ran.stderr.contains("--set disk=VALUE"), "{}", ran.stderr);
    let ran = bench.run(&["run", "asks", "--set", "dsk=sdb"]).exits(2);
    assert!(ran.stderr.contains("did you mean `disk`?"), "{}", ran.stderr);
    let file = bench.file("params.yaml", "disk: sdb\n");
    bench.run(&["run", "asks", "--params", file.to_str().unwrap()]).exits(0);
    let file = bench.file("twice.yaml", "disk: sdb\ndisk: sdc\n");
    let ran = bench.run(&["run", "asks", "--params", file.to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains("twice.yaml") && ran.stderr.contains("line 2, column 1: the same name"), "{}", ran.stderr);
}

#[test]
fn a_block_is_overridden_only_with_a_reason() {
    let bench = Workbench::new();
    bench.runbook("shut", "preflight:\n  - {id: door, title: The door is open, run: [\"false\"], hint: Open it.}\nsteps:\n  - {id: a, run: [echo, in], effect: read}\n");
    let ran = bench.run(&["run", "shut", "--yes"]).exits(4);
    assert!(ran.stderr.contains("--override 'door=the reason'"), "{}", ran.stderr);
    bench.run(&["run", "shut", "--yes", "--override", "door= "]).exits(4);
    bench.run(&["run", "shut", "--yes", "--override", "door=seen it open"]).exits(0);
    assert!(bench.read("journal/journal.jsonl").unwrap().contains("seen it open"));
}

#[test]
fn a_secret_is_nowhere_to_be_found() {
    let bench = Workbench::new();
    bench.runbook(
        "keyed",
        "params:\n  key: {type: secret, help: The key}\nsteps:\n  - id: use_it\n    shell: 'printf \"%s and %s\" \"$KEY\" \"$(printf %s \"$KEY\" | base64)\"; printf %s \"$KEY\" >&2; exit 3'\n    env: {KEY: \"{{ params.key }}\"}\n    effect: read\n    on_fail: stop\n",
    );
    let file = bench.file("params.yaml", "key: hunter2-correct-horse\n");
    let ran = bench.run(&["run", "keyed", "--params", file.to_str().unwrap()]).exits(6);
    let mut everything = ran.stdout + &ran.stderr;
    for entry in std::fs::read_dir(bench.path("journal/output")).unwrap() {
        everything += &String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    everything += &bench.read("journal/journal.jsonl").unwrap();
    assert!(everything.contains("[secret]"));
    for form in ["hunter2", "correct-horse", "aHVudGVyMi1jb3JyZWN0"] {
        assert!(!everything.contains(form), "{form}\n{everything}");
    }
}

#[test]
fn two_runs_of_one_lock_exclude_each_other() {
    let bench = Workbench::new();
    let fifo = bench.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    bench.runbook("locked", &format!("locks: [thing]\nsteps:\n  - {{id: hold, run: [cat, {}], effect: read}}\n", fifo.display()));
    std::thread::scope(|threads| {
        let first = threads.spawn(|| bench.run(&["run", "locked"]));
        // Opening the fifo for writing returns once the step of the first run reads it.
        let writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        let second = bench.run(&["run", "locked"]).exits(6);
        assert!(second.stderr.contains("the lock `thing` is held: run "), "{}", second.stderr);
        drop(writer);
        first.join().unwrap().exits(0);
    });
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn the_text_that_is_expected_is_pinned() {
    let bench = bench();
    let ran = bench.run(&["run", "flagged", "--yes", "--expect-sha256", &"0".repeat(64)]).exits(3);
    assert!(ran.stderr.contains("its SHA-256 is"), "{}", ran.stderr);
}

#[test]
fn a_called_runbook_runs_as_one_step_and_puts_back_what_it_set() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    bench.runbook(
        "inner",
        &"params:\n  word: {type: string, help: A word}\nsteps:\n  - {id: flag, run: [touch, HOME/flag], effect: change, cleanup: {run: [rm, HOME/flag]}}\n  - {id: write, shell: 'test -e HOME/flag; echo \"$WORD\" > HOME/word', env: {WORD: \"{{ params.word }}\"}, effect: change, undo: {impossible: a test}}\n".replace("HOME", home),
    );
    bench.runbook("outer", "params:\n  name: {type: string, default: hello, help: A name}\nsteps:\n  - {id: sub, call: inner, params: {word: \"{{ params.name }}\"}}\n");
    bench.run(&["run", "outer", "--yes"]).exits(0);
    assert_eq!(bench.read("word").as_deref(), Some("hello\n"));
    assert!(!bench.path("flag").exists());
}

/// Everything around a stretch of steps works as it does around a command.
#[test]
fn a_group_a_loop_and_a_persons_work_have_their_own_surroundings() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    let body = r#"
steps:
  - id: skipped
    group: What is so already
    done_if: {run: ["true"], message: it is so}
    steps:
      - {id: never, run: [touch, HOME/never], effect: change, undo: {impossible: a test}}
  - id: each
    for_each: {items: [a, b], as: letter}
    cleanup: {run: [sh, -c, "echo each-put-back >> HOME/log"]}
    verify: {run: [test, -e, HOME/b]}
    steps:
      - {id: make, run: [touch, "HOME/{{ letter }}"], effect: change, undo: {impossible: a test}}
  - id: person
    manual: {message: Turn the key}
    cleanup: {run: [sh, -c, "echo key-put-back >> HOME/log"]}
    verify: {run: [test, -e, HOME/a]}
  - id: unproved
    group: What cannot be proved
    on_fail: stop
    verify: {run: ["false"]}
    cleanup: {run: [sh, -c, "echo group-put-back >> HOME/log"]}
    steps:
      - {id: made, run: [touch, HOME/made], effect: change, undo: {impossible: a test}}
"#;
    bench.runbook("around", &body.replace("HOME", home));
    let ran = bench.run(&["run", "around", "--yes", "--confirm", "person=turned"]).exits(6);
    assert!(ran.stderr.contains("unproved: the command succeeded, but `verify` failed"), "{}", ran.stderr);
    assert!(!bench.path("never").exists() && bench.path("made").exists());
    assert_eq!(bench.read("log").as_deref(), Some("each-put-back\ngroup-put-back\nkey-put-back\n"));
    bench.run(&["journal", "verify"]).exits(0);
}

/// What the plan shows is what is run.
#[test]
fn the_plan_shows_the_words_that_are_run() {
    let bench = Workbench::new();
    let log = bench.path("log").display().to_string();
    let body = r#"
steps:
  - {id: say, run: [sh, -c, 'echo "$1" >> LOG', sh, "{{ 1 == 1 }}"], effect: change, undo: {impossible: a test}}
  - {id: copy, run: [cp, LOG, LOG.copy], effect: change, undo: {impossible: a test}}
  - {id: look, run: [cat, LOG.copy], effect: read, on_fail: stop}
  - {id: count, run: [wc, -c], stdin: "{{ look.output }}\n", output: int, effect: read}
  - {id: right, probe: {expect: count.output == 5}}
"#;
    bench.runbook("words", &body.replace("LOG", &log));
    let ran = bench.run(&["run", "words", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("sh true"), "{}", ran.stdout);
    assert!(!bench.path("log").exists());
    bench.run(&["run", "words", "--yes"]).exits(0);
    assert_eq!(bench.read("log").as_deref(), Some("true\n"));
    bench.runbook(
        "secretive",
        "params:\n  token: {type: secret, help: A token}\nsteps:\n  - {id: a, run: [cat], stdin: \"{{ params.token }}\", effect: read}\n",
    );
    let ran = bench.run(&["run", "secretive", "--set", "token=x"]).exits(2);
    assert!(ran.stderr.contains("a command line is visible to everybody"), "{}", ran.stderr);
}

#[test]
fn the_locks_of_a_called_runbook_are_held_from_the_beginning() {
    let bench = Workbench::new();
    let step = "steps:\n  - {id: a, run: [echo, in], effect: read}\n";
    bench.runbook("inner", &format!("locks: [fixed]\n{step}"));
    bench.runbook("given", &format!("params:\n  name: {{type: string, help: A name}}\nlocks: [\"{{{{ params.name }}}}\"]\n{step}"));
    bench.runbook("outer", "steps:\n  - {id: sub, call: inner}\n");
    bench.runbook("vague", "steps:\n  - {id: sub, call: given, params: {name: x}}\n");
    bench.run(&["run", "outer"]).exits(0);
    assert!(bench.path("journal/locks/fixed.lock").exists());
    let ran = bench.run(&["run", "vague"]).exits(3);
    assert!(ran.stderr.contains("the lock `{{ params.name }}` of given needs params.name"), "{}", ran.stderr);
}

#[test]
fn a_command_tells_its_figures_in_several_lines() {
    let bench = Workbench::new();
    let body = r#"
steps:
  - id: copy
    title: Copy the disk
    shell: |
      for percent in 10 60; do
          printf 'rate: %s kB/s\n' "${percent}00"
          printf 'pct: %s%%, remaining: %ss\n' "$percent" "$((100 - percent))"
      done
    effect: read
    timeout: 1m
    progress:
      pattern: 'rate:\s*(?P<rate>.*)|pct:\s*(?P<percent>[0-9]+)%, remaining: (?P<left>.*)'
      done: percent | int
      total: "100"
      message: "{{ rate }}, {{ left }} left"
"#;
    bench.runbook("figures", body);
    let told = bench.run(&["run", "figures", "--yes"]).exits(0).stdout;
    // The rate stood in a line before; of a line without any figure, nothing is told.
    assert!(told.contains("copy: 10%; 1000 kB/s, 90s left"), "{told}");
    assert!(told.contains("copy: 60%; 6000 kB/s, 40s left"), "{told}");
    assert!(!told.contains("copy: 0%"), "{told}");
    // A wait has its own message, and a mistake in one is found before anything runs.
    bench.runbook("figures", &body.replace("{{ left }} left", "{{ lefft }} left"));
    let checked = bench.run(&["check", "figures"]).exits(3);
    assert!((checked.stdout + &checked.stderr).contains("lefft"));
}

#[test]
fn a_program_that_a_far_host_does_not_have_blocks_the_run() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook(
        "far",
        &"requires: {commands: [touch, no-such-program]}\nsteps:\n- {id: first, run: [touch, HOME/first], on: far, effect: change, undo: {impossible: x}}\n\
          - {id: second, run: [no-such-program], on: far, effect: change, undo: {impossible: x}}\n"
            .replace("HOME", home.trim_end_matches('/')),
    );
    // A host that is reached by running its words here.
    bench.file(
        "inventory.yaml",
        "halligan_inventory: 1\ntransport: own\ntransports: {own: {kind: command, command: [env, '{command}'], quoting: argv}}\nhosts: {far: {}}\n",
    );
    let ran = bench.run(&["run", "far", "--yes", "--inventory", "inventory.yaml"]).exits(4);
    assert!(ran.stdout.contains("far lacks: no-such-program"), "{}", ran.stdout);
    assert!(bench.read("first").is_none(), "nothing was begun");
}

#[test]
fn a_failed_check_says_what_is_wrong_and_what_depends_on_it_says_so() {
    let bench = Workbench::new();
    bench.runbook(
        "checks",
        r#"preflight:
  - {id: found, title: The map can be read, shell: "echo no route >&2; exit 1", timeout: 5s, output: json}
  - {id: up, title: All are up, expect: found.output.down == 0, message: "down: {{ found.output.down }}", hint: Start them.}
  - {id: each, title: Each host is fine, for_each: {items: [a, b], as: host}, expect: host == 'a'}
steps:
  - {id: never, run: ['true'], effect: read}
"#,
    );
    let ran = bench.run(&["run", "checks", "--yes"]).exits(4);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for why in [
        "exit 1: no route",
        "(check: The map can be read)",
        "why not judged without `found`: 1 check",
        "why b: condition false: host == 'a' (check: Each host is fine)",
    ] {
        assert!(text.contains(why), "{why}: {}", ran.stderr);
    }
    assert!(!ran.stdout.contains("Start them"), "a check that was not made has no hint: {}", ran.stdout);
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let bench = Workbench::new().variable("HALLIGAN_INVENTORY", "").variable("HALLIGAN_JOURNAL_DIR", "").variable("HALLIGAN_PATH", "");
    bench.runbook("lists", "steps:\n  - {id: list, run: [ls], effect: read}\n");
    bench.run(&["list"]).exits(0);
    let journal = bench.path("journal").display().to_string();
    bench.run(&["run", "lists", "--dry-run", "--journal-dir", &journal]).exits(0);
    // A flag is not: what should stand there was forgotten.
    bench.run(&["list", "--journal-dir", ""]).exits(2);
}

/// 3.5 MB of NULs, which take six times as much in JSON.
const GARBAGE: &str = "head -c 3500000 /dev/zero";

#[test]
fn garbage_on_a_probe_or_in_a_message_ends_no_run_without_its_cleanups() {
    let bench = Workbench::new();
    let flag = bench.path("flag").display().to_string();
    for (name, probe) in [
        ("compared", "expect: output | int < 5"),
        ("told", "expect: 'false'\n      message: '{{ output }}'"),
        ("not-true", "expect: output"),
    ] {
        bench.runbook(
            name,
            &format!(
                r"
steps:
  - id: set_flag
    title: Set the flag
    run: [touch, {flag}]
    effect: change
    cleanup: {{run: [rm, {flag}]}}
  - id: work
    title: Work
    run: ['true']
    effect: change
    undo: {{impossible: a test}}
    verify:
      shell: {GARBAGE}
      {probe}
"
            ),
        );
        let ran = bench.run(&["run", name, "--yes"]).exits(6);
        assert!(!bench.path("flag").exists(), "{name}: the cleanup has run");
        assert!(ran.stderr.len() + ran.stdout.len() < 1 << 20, "{name}: {} bytes on the screen", ran.stderr.len() + ran.stdout.len());
        bench.run(&["journal", "verify"]).exits(0);
    }
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains(" more bytes]"), "what was cut is marked");
}

#[test]
fn a_command_or_an_item_too_long_to_be_recorded_fails_and_ends_no_journal() {
    let bench = Workbench::new();
    let flag = bench.path("flag").display().to_string();
    for (name, step) in [
        ("command", "run: [echo, '{{ long.output }}']\n    effect: read"),
        (
            "item",
            "for_each: {items: '{{ [long.output] }}', as: it}\n    steps:\n      - id: inside\n        title: Inside\n        run: ['true']\n        effect: read",
        ),
    ] {
        bench.runbook(
            name,
            &format!(
                r"
steps:
  - id: set_flag
    title: Set the flag
    run: [touch, {flag}]
    effect: change
    cleanup: {{run: [rm, {flag}]}}
  - id: long
    title: Read it
    shell: head -c 3500000 /dev/zero | tr '\0' '\1'
    effect: read
  - id: work
    title: Work
    {step}
"
            ),
        );
        let ran = bench.run(&["run", name, "--yes"]).exits(6);
        let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("exceed the limit of 4 MiB") || told.contains("the limit is 1024"), "{told}");
        assert!(!bench.path("flag").exists(), "{name}: the cleanup has run");
        bench.run(&["journal", "verify"]).exits(0);
    }
}
