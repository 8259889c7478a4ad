//! Wrong keys at questions, on a real pseudo-terminal: nothing is taken that was not shown.

use crate::workbench::{Terminal, Workbench, golden};

/// A runbook that asks for a value from a list, and then destroys a file.
fn chooses() -> Workbench {
    let bench = Workbench::new();
    let victim = bench.file("victim", "x");
    bench.runbook(
        "chooses",
        &format!(
            "params:\n  kind: {{type: enum, choices: [osd, xfs, ext4, soft, hard], help: What the volume holds.}}\nsteps:\n  \
             - {{id: say, run: [echo, \"took {{{{ params.kind }}}}\"], effect: read}}\n  - {{id: wipe, run: [rm, {}], effect: destroy}}\n",
            victim.display()
        ),
    );
    bench
}

/// A runbook that asks for several.
fn picks() -> Workbench {
    let bench = Workbench::new();
    let osds: Vec<_> = (0..30).map(|osd| format!("osd.{osd}")).collect();
    bench.runbook(
        "picks",
        &format!(
            "params:\n  osds: {{list: enum, choices: [{}], help: Which OSDs to restart.}}\nsteps:\n  \
             - {{id: say, run: [echo, \"took {{{{ params.osds | join(' and ') }}}}\"], effect: read}}\n",
            osds.join(", ")
        ),
    );
    bench
}

fn ends(terminal: Terminal, code: i32) -> String {
    let (ended, text) = terminal.end();
    assert_eq!(ended, code, "{text}");
    text
}

fn untouched(bench: &Workbench) {
    assert!(bench.path("victim").exists());
}

#[test]
fn typing_filters_a_list_and_enter_takes_what_is_shown() {
    let bench = chooses();
    for kind in ["xfs", "hard"] {
        let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--dry-run"]);
        terminal.shows("Enter takes: osd").send(kind).shows(&format!("Enter takes: {kind}")).send("\r");
        assert!(ends(terminal, 0).contains(&format!("echo 'took {kind}'")));
    }
}

#[test]
fn what_matches_nothing_takes_nothing() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--dry-run"]);
    terminal.shows("Enter takes: osd").send("zz").shows("No choice contains `zz`: Enter takes nothing").send("\r");
    terminal.shows("nothing was taken.").send("\u{7f}\u{7f}").shows("Enter takes: osd").send("\u{1b}");
    assert!(ends(terminal, 5).contains("left without an answer; nothing was run"));
}

#[test]
fn a_question_mark_explains_and_takes_nothing() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--dry-run"]);
    terminal.shows("Enter takes: osd").send("?").shows("leaves without an answer.").shows("Enter takes: osd").send("q");
    ends(terminal, 5);
    let bench = picks();
    let mut terminal = bench.terminal_of(24, 80, &["run", "picks"]);
    terminal.shows("Chosen: none").send("?").shows("Space chooses the one marked > or takes it back").send("\r");
    terminal.shows("Nothing is chosen, and nothing was taken.").send("q");
    ends(terminal, 5);
}

#[test]
fn several_are_chosen_and_stay_shown() {
    let bench = picks();
    let mut terminal = bench.terminal_of(24, 80, &["run", "picks"]);
    terminal.shows("Chosen: none").send(" ").shows("Chosen, 1; Enter takes: osd.0");
    terminal.send("29").shows("1 to 1 of 1 that match, of 30").shows("Chosen, 1; Enter takes: osd.0").send(" ");
    terminal.shows("Chosen, 2; Enter takes: osd.0, osd.29").send("\r");
    assert!(ends(terminal, 0).contains("took osd.0 and osd.29"));
}

#[test]
fn escape_and_the_end_of_input_leave() {
    let bench = chooses();
    for (key, code) in [("\u{1b}", 5), ("q", 5), ("\u{4}", 130), ("\u{3}", 130)] {
        let mut terminal = bench.terminal_of(24, 80, &["run", "chooses"]);
        terminal.shows("Enter takes: osd").send(key);
        ends(terminal, code);
    }
    untouched(&bench);
}

#[test]
fn what_was_typed_ahead_answers_nothing() {
    let bench = chooses();
    let pipe = bench.path("pipe");
    bench.runbook(
        "slow",
        &format!(
            "params:\n  kind: {{type: string, help: Of what, choices: {{shell: 'echo asked >&2; cat {}'}}}}\nsteps:\n  \
             - {{id: wipe, run: [rm, {}], effect: destroy}}\n",
            pipe.display(),
            bench.path("victim").display()
        ),
    );
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let mut terminal = bench.terminal_of(24, 80, &["run", "slow"]);
    terminal.send("\r\ry\rwipe\r");
    // The list comes only once this is written, and the keys have been pressed by then.
    std::fs::write(&pipe, "one\ntwo\n").unwrap();
    terminal.shows("Enter takes: one").send("\u{1b}[B").shows("Enter takes: two").send("\r");
    terminal.expect("kind: two").expect("Run this?").send("n\r");
    ends(terminal, 5);
    untouched(&bench);
}

#[test]
fn a_paste_of_lines_answers_nothing() {
    let bench = chooses();
    for paste in ["y\ry\rwipe\ry\ry\r", "\u{1b}[200~y\ry\rwipe\ry\ry\u{1b}[201~", "\u{1b}[200~y\ny\nwipe\ny\ny\n\u{1b}[201~"] {
        let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--set", "kind=xfs"]);
        terminal.shows("Run this?").send(paste).shows("5 lines came at once: nothing was taken.").send("\r");
        ends(terminal, 5);
        untouched(&bench);
    }
    // At a list, too, and where a terminal is too simple to draw on.
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses"]);
    terminal
        .shows("Enter takes: osd")
        .send("xfs\rosd\rhard\rsoft\rext4\r")
        .shows("5 lines came at once")
        .shows("Enter takes: osd")
        .send("q");
    ends(terminal, 5);
    let bench = chooses().variable("TERM", "dumb");
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--set", "kind=xfs"]);
    terminal.expect("[y/N]").send("y\ny\nwipe\ny\ny\n").expect_after("5 lines came at once", "[y/N]").send("\n");
    ends(terminal, 5);
    untouched(&bench);
}

#[test]
fn arrow_keys_answer_nothing() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--set", "kind=xfs"]);
    terminal.shows("Run this?").send("y\r").shows("Type wipe to continue");
    // Nothing that was typed before comes back where something is confirmed.
    terminal.send("\u{1b}[A\u{1b}[B\u{1b}OA\u{1b}[5~\u{1b}[1;5C").send("\u{1b}[A\r");
    let text = ends(terminal, 5);
    assert!(text.contains("the operator answered no"), "{text}");
    untouched(&bench);
}

#[test]
fn escape_at_a_phrase_takes_back_what_was_typed() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--set", "kind=xfs", "--yes"]);
    terminal.shows("Type wipe to continue, or q to stop:").send("wipe").shows("to stop: wipe").send("\u{1b}");
    terminal.expect_after("to stop: wipe", "to stop: ").send("\u{1b}").shows("Escape answers nothing here; q and Enter stop the run.");
    terminal.expect_after("Escape answers nothing", "to stop:").send("q\r");
    ends(terminal, 5);
    untouched(&bench);
}

#[test]
fn a_line_is_edited_before_it_counts() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(24, 80, &["run", "chooses", "--set", "kind=xfs", "--yes"]);
    terminal.shows("Type wipe to continue, or q to stop:").send("ipee\u{7f}").send("\u{1b}[H").send("w").shows("to stop: wipe").send("\r");
    ends(terminal, 0);
    assert!(!bench.path("victim").exists());
}

#[test]
fn a_window_of_another_size_shows_the_question_again() {
    let bench = chooses();
    let mut terminal = bench.terminal_of(40, 120, &["run", "chooses", "--set", "kind=xfs", "--yes"]);
    terminal.shows("Type wipe to continue").resize(24, 60);
    terminal.expect_after("to continue", "cannot be undone.").expect_after("to continue", "Type wipe to continue");
    terminal.send("x\r").expect_after("does not match", "Type wipe").resize(10, 30).send("\r");
    ends(terminal, 5);
    untouched(&bench);
    let mut terminal = bench.terminal_of(40, 120, &["run", "chooses", "--dry-run"]);
    terminal.shows("Enter takes: osd").send("h").shows("Enter takes: hard").resize(24, 60);
    terminal.expect_after("Enter takes: hard", "What the volume holds.").shows("Enter takes: hard").send("\r");
    assert!(ends(terminal, 0).contains("took hard"));
}

#[test]
fn after_fg_the_question_is_shown_again_and_the_shell_had_its_terminal() {
    let bench = chooses();
    let script = "\"$HALLIGAN\" run chooses; stty -a | grep -o -- '[-]*icanon'; echo back; fg > /dev/null; exit $?";
    let mut terminal = bench.shell(100, script);
    terminal.shows("Enter takes: osd").send("xf").shows("Enter takes: xfs").send("\u{1a}");
    terminal.expect("back").expect_after("back", "What the volume holds.").expect_after("back", "Enter takes: xfs").send("\r");
    terminal.expect("kind: xfs").expect("Run this?").send("n\r");
    let text = ends(terminal, 5);
    assert!(text.lines().any(|line| line == "icanon"), "{text}");
    untouched(&bench);
}

#[test]
fn the_terminal_is_put_back_however_a_question_ends() {
    let bench = chooses();
    for key in ["\u{3}", "\u{4}", "q"] {
        let script =
            "\"$HALLIGAN\" run chooses; stty -a | tr ' ;' '\\n\\n' | grep -xF -e icanon -e echo -e icrnl -e '^Z' | tr '\\n' +; exit 0";
        let mut terminal = bench.shell(100, script);
        terminal.shows("Enter takes: osd").send(key);
        let text = ends(terminal, 0);
        assert!(text.contains("^Z+icrnl+icanon+echo+"), "{text}");
    }
}

#[test]
fn screens_at_three_widths() {
    let (choosing, picking) = (chooses(), picks());
    for (rows, columns) in [(24, 80), (40, 120), (24, 60)] {
        let mut terminal = choosing.terminal_of(rows, columns, &["run", "chooses"]);
        terminal
            .shows("Enter takes: osd")
            .send("s")
            .shows("Enter takes: osd")
            .shows("of 3 that match")
            .send("\u{1b}[B")
            .shows("Enter takes: xfs");
        golden(&format!("screen-choose-{columns}"), &terminal.screen());
        terminal.send("zz").shows("No choice contains `szz`: Enter takes nothing");
        golden(&format!("screen-choose-nothing-{columns}"), &terminal.screen());
        let mut terminal = picking.terminal_of(rows, columns, &["run", "picks"]);
        terminal
            .shows("Chosen: none")
            .send(" ")
            .send("\u{1b}[B")
            .send(" ")
            .shows("osd.0, osd.1")
            .send("2")
            .shows("that match")
            .send("\u{1b}[6~");
        terminal.send(" ").shows("Chosen, 3");
        golden(&format!("screen-pick-{columns}"), &terminal.screen());
    }
}

#[test]
fn without_colour_the_screen_says_the_same() {
    let bench = picks().variable("NO_COLOR", "1");
    let mut terminal = bench.terminal_of(24, 60, &["run", "picks"]);
    terminal.shows("> [ ] osd.0").send(" ").shows("> [x] osd.0").shows("Chosen, 1; Enter takes: osd.0");
    let sgr = terminal.raw.split(|byte| *byte == 0x1b).skip(1).any(|rest| {
        let end = rest.iter().position(u8::is_ascii_alphabetic);
        rest.first() == Some(&b'[') && end.is_some_and(|end| rest[end] == b'm')
    });
    assert!(!sgr, "{}", String::from_utf8_lossy(&terminal.raw));
    terminal.send("q");
    ends(terminal, 5);
}
