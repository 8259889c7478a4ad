//! Questions on a real pseudo-terminal.

use crate::workbench::Workbench;

fn bench() -> Workbench {
    let bench = Workbench::new();
    let victim = bench.file("victim", "x");
    bench.runbook(
        "asks",
        &format!(
            "params:\n  word: {{type: enum, choices: [blue, green], help: A colour}}\nsteps:\n  - {{id: seen, probe: {{run: [test, -e, {0}]}}}}\n  - {{id: sure, confirm: {{message: \"Paint it {{{{ params.word }}}}?\"}}}}\n  - {{id: wipe, run: [rm, {0}], effect: destroy}}\n",
            victim.display()
        ),
    );
    bench
}

#[test]
fn every_question_is_asked_and_answered() {
    let bench = bench();
    let mut terminal = bench.terminal(100, &["run", "asks"]);
    terminal.expect("A colour").expect("Enter to choose").send("\r");
    terminal.expect("Run this?").send("y\r");
    terminal.expect("Paint it blue?").expect("Continue? [y/N]").send("y\r");
    terminal.expect("This cannot be undone. Type wipe").expect_after("Type wipe", "stop:").send("wip\r");
    assert!(bench.path("victim").exists());
    terminal.expect_after("does not match", "stop:").send("wipe\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(!bench.path("victim").exists());
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn what_was_chosen_above_decides_what_there_is_to_choose() {
    let bench = Workbench::new();
    bench.runbook(
        "chooses",
        "params:\n  kind: {type: enum, choices: [fruit, colour], help: Of what}\n  which:\n    type: string\n    help: Which\n    choices:\n      \
         shell: 'echo \"a-$KIND\"; echo \"b-$KIND\"'\n      env: {KIND: \"{{ params.kind }}\"}\n  last:\n    type: string\n    help: Last\n    choices: {run: [echo, \"{{ params.which }}-z\"]}\n\
         steps:\n  - {id: say, run: [echo, \"took {{ params.last }}\"], effect: read}\n",
    );
    let mut terminal = bench.terminal(100, &["run", "chooses", "--set", "kind=colour", "--yes"]);
    terminal.expect("a-colour").expect("b-colour").send("\u{1b}[B\r");
    terminal.expect("b-colour-z").send("\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("took b-colour-z"), "{text}");
}

#[test]
fn enter_alone_is_never_a_yes() {
    let bench = bench();
    let mut terminal = bench.terminal(80, &["run", "asks", "--set", "word=green"]);
    terminal.expect("Run this?").send("\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 5, "{text}");
    assert!(bench.path("victim").exists());
}

#[test]
fn ctrl_c_at_a_prompt_stops_safely() {
    let bench = bench();
    let mut terminal = bench.terminal(80, &["run", "asks", "--set", "word=green", "--yes"]);
    terminal.expect_after("Type wipe", "stop:").send("\u{3}");
    let (code, text) = terminal.end();
    assert_eq!(code, 130, "{text}");
    assert!(bench.path("victim").exists());
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_failed_step_asks_what_now() {
    let bench = Workbench::new();
    let counter = bench.path("tries");
    bench.runbook(
        "fails",
        &format!("steps:\n  - {{id: flaky, shell: 'echo x >> {0}; test \"$(wc -l < {0})\" -gt 1', effect: change, undo: {{impossible: a test}}}}\n", counter.display()),
    );
    let mut terminal = bench.terminal(80, &["run", "fails", "--yes"]);
    terminal.expect("flaky failed").expect("[t/q/b/c]").send("t\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(bench.read("tries").as_deref(), Some("x\nx\n"));
}

#[test]
fn step_mode_asks_before_each_change() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    let touch = |id: &str| format!("  - {{id: {id}, run: [touch, {home}{id}], effect: change, undo: {{impossible: a test}}}}\n");
    bench.runbook("stepped", &format!("steps:\n{}{}{}", touch("one"), touch("two"), touch("three")));
    let mut terminal = bench.terminal(100, &["run", "stepped", "--step"]);
    terminal.expect("Run this?").send("y\r");
    terminal.expect("Next: one").expect("[r/s/c/q]").send("r\r");
    terminal.expect_after("Next: two", "[r/s/c/q]").send("s\r");
    terminal.expect_after("Next: three", "[r/s/c/q]").send("q\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 6, "{text}");
    assert!(bench.path("one").exists() && !bench.path("two").exists() && !bench.path("three").exists());
}

#[test]
fn a_whole_rehearsal_on_a_terminal() {
    let bench = Workbench::new();
    for (columns, colour) in [(120, true), (60, false)] {
        let bench = if colour { &bench } else { &Workbench::new().variable("NO_COLOR", "1") };
        let mut terminal = bench.terminal(columns, &["rehearse", "staggered-osd-restart"]);
        terminal.expect("REHEARSAL").expect("Preflight").expect("Run this?").send("y\r");
        terminal.expect("Type restart 6 osds").send("restart 6 osds\r");
        let raw_has_colour = |raw: &[u8]| raw.windows(2).any(|pair| pair == b"\x1b[") && String::from_utf8_lossy(raw).contains("\x1b[1m");
        terminal.expect("rehearsal completed");
        assert_eq!(raw_has_colour(&terminal.raw), colour);
        let (code, text) = terminal.end();
        assert_eq!(code, 0, "{text}");
    }
}

#[test]
fn a_rollback_says_what_it_would_do_before_it_is_chosen() {
    let bench = Workbench::new();
    let home = bench.path("").display().to_string();
    bench.runbook(
        "goes-back",
        &format!(
            "steps:\n  - {{id: one, run: [touch, {home}one], effect: change, undo: {{run: [rm, {home}one]}}}}\n  \
             - {{id: told, run: [echo, told], effect: change, undo: {{impossible: it was said}}}}\n  \
             - {{id: two, run: ['false'], effect: change, undo: {{impossible: a test}}}}\n"
        ),
    );
    let mut terminal = bench.terminal(100, &["run", "goes-back", "--yes"]);
    terminal.expect("two failed").expect("[t/q/b/c]").send("note\r");
    terminal.expect("Note:").send("called the data centre\r").expect_after("data centre", "[t/q/b/c]").send("b\r");
    terminal.expect(&format!("undo one:  rm {home}one")).expect("told:  irreversible: it was said").expect("Roll back? [y/N]");
    assert!(bench.path("one").exists());
    terminal.send("\r").expect_after("Roll back? [y/N]", "[t/q/b/c]").send("?\r").expect("type the letter or the word of a choice");
    terminal.send("b\r").expect_after("word of a choice", "Roll back? [y/N]").send("y\r");
    let (code, text) = terminal.end();
    assert_eq!(code, 7, "{text}");
    assert!(!bench.path("one").exists());
    let records = bench.read("journal/journal.jsonl").unwrap();
    assert!(records.contains("called the data centre") && records.contains("irreversible: it was said"), "{records}");
    bench.run(&["journal", "verify"]).exits(0);
}

/// What a run without a terminal says of the questions that it is to ask, as `journal show` and its screen tell it.
#[test]
fn without_a_terminal_all_questions_are_named_at_once() {
    let bench = Workbench::new();
    bench.runbook(
        "later",
        "steps:\n  \
         - {id: mark, run: [touch, mark], effect: change, undo: {impossible: a test}}\n  \
         - {id: sure, confirm: {message: Sure?}}\n  \
         - id: each\n    for_each: {items: [a, b], as: disk}\n    steps:\n      \
         - {id: wipe, confirm: {message: Wipe it?, phrase: \"wipe {{ disk }}\"}}\n      \
         - {id: look, confirm: {message: Seen?, phrase: seen}}\n  \
         - {id: never, when: \"1 == 2\", confirm: {message: Never?, phrase: never}}\n  \
         - {id: found, run: [echo, x], effect: read}\n  \
         - {id: maybe, when: \"found.output == 'y'\", confirm: {message: Maybe?, phrase: maybe}}\n  \
         - {id: cable, manual: {message: Plug it in.}}\n",
    );
    let all = "each[disk=a].wipe=wipe a, look=seen, each[disk=b].wipe=wipe b, cable (work by hand, to be told once it is done)";
    let refused = bench.run(&["run", "later"]).exits(5);
    let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("later it will ask: sure=yes, {all}")), "{said}");
    let command = "--yes --confirm sure=yes --confirm 'each[disk=a].wipe=wipe a' --confirm look=seen \
                   --confirm 'each[disk=b].wipe=wipe b'";
    assert!(said.contains(command) && !said.contains("WHAT WAS DONE"), "what was done is told once it is done: {said}");
    assert!(!bench.path("mark").exists(), "nothing is changed by a run that is not approved");
    // With --yes it begins, and has said where it will stop.
    let stopped = bench.run(&["run", "later", "--yes"]).exits(5);
    let said = stopped.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("no terminal, and not answered beforehand: {all}; the run stops at the first of these")), "{said}");
    // It is taken up with all that is still to be asked, and stops again where something is to be done by hand.
    let said = stopped.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let answers = "--yes --confirm 'each[disk=a].wipe=wipe a' --confirm look=seen --confirm 'each[disk=b].wipe=wipe b'";
    assert!(said.contains("halligan resume ") && said.contains(answers), "{said}");
    let run = crate::cases::last_run(&bench);
    let more = ["--confirm", "each[disk=a].wipe=wipe a", "--confirm", "look=seen", "--confirm", "each[disk=b].wipe=wipe b"];
    let again = bench.run(&[&["resume", &run, "--yes"], &more[..]].concat()).exits(5);
    let said = again.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("cable needs an answer") && said.contains("--confirm 'cable=WHAT WAS DONE'"), "{said}");
    // What a flag answers is not named, nor anything where somebody can be asked, nor in a dry run.
    let answers = ["--confirm", "each[disk=a].wipe=wipe a", "--confirm", "look=seen", "--confirm", "each[disk=b].wipe=wipe b"];
    let done = bench.run(&[&["run", "later", "--yes", "--confirm", "cable=plugged"], &answers[..]].concat()).exits(0);
    assert!(!done.stdout.contains("not answered"), "{}", done.stdout);
    let dry = bench.run(&["run", "later", "--dry-run"]);
    assert!(!dry.stdout.contains("not answered"), "{}", dry.stdout);
    let mut terminal = bench.terminal(100, &["run", "later"]);
    terminal.expect("Run this?").send("n\r");
    let (code, text) = terminal.end();
    assert!(code == 5 && !text.contains("not answered"), "{text}");
}
