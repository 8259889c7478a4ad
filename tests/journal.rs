//! The journal's own commands: what is told, signed, exported and followed.

use std::process::Command;

use crate::{
    resume::{bench, killed},
    workbench::{Ran, Workbench, golden, steady},
};

/// A text without the line breaks that the width of a screen has put into it.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ssh_key(bench: &Workbench, name: &str) -> String {
    let path = bench.path(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

#[test]
fn a_head_is_signed_with_the_operators_own_key_and_found_wrong_if_it_is_not() {
    let bench = bench();
    bench.run(&["run", "awkward", "--yes"]).exits(0);
    let public = ssh_key(&bench, "operator");
    let stranger = ssh_key(&bench, "stranger");
    bench.file("allowed", &format!("ops@example.org namespaces=\"halligan-head@v1\" {public}"));
    let key = bench.path("operator").display().to_string();
    let signed = bench.run(&["journal", "sign", "--key", &key]).exits(0);
    assert!(signed.stdout.starts_with("halligan-head v1 "), "{}", signed.stdout);
    let verify = ["journal", "verify", "--allowed-signers", "allowed"];
    let ran = bench.run(&verify).exits(0);
    assert!(ran.stdout.starts_with("valid, anchored to ") && ran.stderr.contains("signed by ops@example.org"), "{ran:?}");
    // One by a stranger, or a head that was changed after it was signed, is a fault.
    bench.file("others", &format!("ops@example.org {stranger}"));
    bench.run(&["journal", "verify", "--allowed-signers", "others"]).exits(1);
    let head = std::fs::read_dir(bench.path("journal/heads")).unwrap().map(|entry| entry.unwrap().path());
    let head = { head }.find(|path| path.extension().is_none()).unwrap();
    let text = std::fs::read_to_string(&head).unwrap();
    // A head that somebody put there without a signature is not taken at its word.
    bench.file("bare", &text);
    let refused = bench.run(&["journal", "verify", "--allowed-signers", "allowed", "--head", "bare"]).exits(1);
    assert!(refused.stderr.contains("no signature beside it"), "{}", refused.stderr);
    bench.run(&["journal", "verify", "--head", "bare"]).exits(0);
    let wrong = text.replacen(' ', "  ", 1);
    std::fs::write(&head, wrong).unwrap();
    assert!(bench.run(&verify).exits(1).stderr.contains("signature"));
    std::fs::write(&head, &text).unwrap();
    bench.run(&verify).exits(0);
    // Who asks for signatures and finds none has not verified anything.
    let signature = head.with_extension("sig");
    let aside = bench.path("aside");
    let gone = |path: &std::path::Path, says: &str| {
        std::fs::rename(path, &aside).unwrap();
        let refused = bench.run(&verify).exits(1);
        assert!(flat(&refused.stderr).contains(says) && refused.stdout.is_empty(), "{refused:?}");
        std::fs::rename(&aside, path).unwrap();
    };
    gone(&signature, "no signature beside it");
    gone(&head, "is the signature of a head that is not there");
    std::fs::rename(&head, bench.path("head")).unwrap();
    std::fs::rename(&signature, bench.path("head.sig")).unwrap();
    let refused = bench.run(&verify).exits(1);
    assert!(flat(&refused.stderr).contains("there is no signed head in"), "{}", refused.stderr);
    // One that is kept elsewhere does.
    bench.run(&["journal", "verify", "--allowed-signers", "allowed", "--head", "head"]).exits(0);
    for (name, says) in [(".hidden", "is neither a head"), ("with.dot", "no signature beside it"), ("folder", "is neither a head")] {
        let path = bench.path("journal/heads").join(name);
        if name == "folder" {
            std::fs::create_dir(&path).unwrap();
        } else {
            std::fs::write(&path, &text).unwrap();
        }
        let refused = bench.run(&verify).exits(1);
        assert!(flat(&refused.stderr).contains(says), "{name}: {}", refused.stderr);
        if name == "folder" { std::fs::remove_dir(&path).unwrap() } else { std::fs::remove_file(&path).unwrap() }
    }
    std::fs::rename(bench.path("head"), &head).unwrap();
    std::fs::rename(bench.path("head.sig"), &signature).unwrap();
    bench.run(&verify).exits(0);
    bench.run(&["journal", "sign", "--key", &bench.path("none").display().to_string()]).exits(1);
}

#[test]
fn an_export_is_verified_by_itself_and_against_a_head() {
    let bench = bench();
    bench.runbook("other", "steps:\n  - {id: look, run: [pwd], effect: read}\n");
    bench.run(&["run", "other", "--yes"]).exits(0);
    killed(&bench, "after-a");
    bench.run(&["resume", "--yes"]).exits(0);
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let id = list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    let head = bench.run(&["journal", "head"]).exits(0).stdout;
    bench.file("kept", &head);
    bench.run(&["run", "other", "--yes"]).exits(0);
    bench.run(&["journal", "export", &id, "--to", "run.tar"]).exits(0);
    assert_eq!(bench.run(&["journal", "export", &id, "--to", "run.tar"]).code, Some(2), "nothing is written over");
    // Away from this host.
    let away = Workbench::new();
    let bytes = std::fs::read(bench.path("run.tar")).unwrap();
    std::fs::write(away.path("run.tar"), &bytes).unwrap();
    away.file("kept", &head);
    let ran = away.run(&["journal", "verify", "run.tar"]).exits(0);
    assert!(ran.stdout.starts_with("valid, unanchored: run "), "{}", ran.stdout);
    let ran = away.run(&["journal", "verify", "run.tar", "--head", "kept"]).exits(0);
    assert!(ran.stdout.starts_with("valid, anchored to "), "{}", ran.stdout);
    let hash = head.split_whitespace().nth(3).unwrap();
    away.file("wrong", &head.replace(hash, &"0".repeat(64)));
    away.run(&["journal", "verify", "run.tar", "--head", "wrong"]).exits(1);
    // One changed letter of what was done or printed.
    for (what, with) in [(&b"\"step_settled\""[..], &b"\"step_sattled\""[..]), (b"\n1\n", b"\n2\n")] {
        let Some(at) = bytes.windows(what.len()).rposition(|window| window == what) else { continue };
        let mut changed = bytes.clone();
        changed[at..at + what.len()].copy_from_slice(with);
        std::fs::write(away.path("changed.tar"), changed).unwrap();
        away.run(&["journal", "verify", "changed.tar"]).exits(1);
    }
    // A head of later records: this file cannot show anything of those, and does not say that it has.
    away.file("later", &bench.run(&["journal", "head"]).exits(0).stdout);
    let ran = away.run(&["journal", "verify", "run.tar", "--head", "later"]).exits(1);
    assert!(ran.stdout.starts_with("not anchored, as was asked: run ") && ran.stdout.contains("--through"), "{}", ran.stdout);
    let ran = away.run(&["journal", "verify", "run.tar", "--head", "kept", "--head", "later"]).exits(0);
    assert!(
        ran.stdout.starts_with("valid, anchored to ") && ran.stdout.contains("cannot be held against a head of records"),
        "{}",
        ran.stdout
    );
    bench.run(&["journal", "export", &id, "--through", "--to", "through.tar"]).exits(0);
    std::fs::copy(bench.path("through.tar"), away.path("through.tar")).unwrap();
    let ran = away.run(&["journal", "verify", "through.tar", "--head", "kept", "--head", "later"]).exits(0);
    assert!(ran.stdout.starts_with("valid, anchored to ") && !ran.stdout.contains("cannot be held"), "{}", ran.stdout);
    // Signed heads are those that are in it.
    let public = ssh_key(&bench, "operator");
    away.file("allowed", &format!("ops@example.org namespaces=\"halligan-head@v1\" {public}"));
    let signed = ["journal", "verify", "signed.tar", "--allowed-signers", "allowed"];
    std::fs::copy(bench.path("through.tar"), away.path("signed.tar")).unwrap();
    assert!(flat(&away.run(&signed).exits(1).stderr).contains("there is no signed head in"));
    bench.run(&["journal", "sign", "--key", &bench.path("operator").display().to_string()]).exits(0);
    bench.run(&["journal", "export", &id, "--through", "--to", "signed.tar"]).exits(0);
    std::fs::copy(bench.path("signed.tar"), away.path("signed.tar")).unwrap();
    let ran = away.run(&signed).exits(0);
    assert!(ran.stderr.contains("signed by ops@example.org") && ran.stdout.starts_with("valid, anchored to "), "{ran:?}");
    let tail = bench.run(&["journal", "tail", "-n", "3"]).exits(0).stdout;
    assert!(tail.lines().count() == 3 && tail.contains("  completed: 1 step done"), "{tail}");
}

#[test]
fn tail_follows_runs_until_it_is_told_to_stop_or_nobody_reads() {
    let bench = bench();
    bench.runbook("look", "steps:\n  - {id: look, run: [pwd], effect: read}\n");
    bench.run(&["run", "look", "--yes"]).exits(0);
    let mut tail = bench.terminal(100, &["journal", "tail", "-n", "1", "--follow"]);
    tail.expect("  completed: 1 step done");
    assert_eq!(tail.text().lines().count(), 1, "{}", tail.text());
    bench.run(&["run", "look", "--yes"]).exits(0);
    tail.expect_after("completed: ", "look: Try look").expect_after("look: Try look", "  completed: 1 step done");
    tail.send("\u{3}");
    assert_eq!(tail.end().0, 130);

    // A reader that goes away ends it at the next record, and not with a failure of its own.
    let mut tail = bench.shell(100, "$HALLIGAN journal tail -n 1 --follow | head -n 2; echo \"ended with ${PIPESTATUS[0]}\"");
    tail.expect("  completed: 1 step done");
    // What comes while the reader still goes away is not missed by anybody: a record after that tells.
    for _ in 0..100 {
        bench.run(&["run", "look", "--yes"]).exits(0);
        if tail.has("ended with") {
            break;
        }
    }
    tail.expect("ended with");
    assert_eq!(tail.end().0, 0);

    // A journal that was cut is not followed as if nothing had been.
    let mut tail = bench.terminal(100, &["journal", "tail", "-n", "1", "--follow"]);
    tail.expect("  completed: 1 step done");
    std::fs::File::options().write(true).open(bench.path("journal/journal.jsonl")).unwrap().set_len(100).unwrap();
    let (code, text) = tail.end();
    assert!(code == 9 && text.contains("and has 100"), "{code}: {text}");
}

/// Lines with words, without what stands before them: the time that the first of an event has, or its room.
fn words(text: &str, room: usize) -> Vec<String> {
    let lines = text.lines().map(|line| line.get(room..).unwrap_or_default().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

const TOLD: &str = "steps:\n\
    - {id: short, title: Say a number, run: [echo, forty-two], effect: read}\n\
    - {id: many, title: Say it often, for_each: {items: [a, b], as: it}, steps: [\n\
        {id: say, title: 'Say {{ it }}', run: [echo, '{{ it }}', 'a#b', '~', 'back\\slash'], effect: change, cleanup: {run: [echo, back]}}]}\n\
    - {id: asked, run: ['true'], effect: change, done_if: {run: ['false']}}\n\
    - {id: broken, title: Break, shell: \"seq 30; echo it is broken >&2\\nexit 3\", effect: read}\n";

#[test]
fn a_run_is_told_afterwards_as_it_was_told_while_it_went_on() {
    let bench = bench();
    bench.runbook("tell", TOLD);
    let id = |bench: &Workbench| {
        let list = bench.run(&["journal", "list"]).exits(0).stdout;
        list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned()
    };
    let live = bench.run(&["run", "tell", "--yes"]).exits(6).stdout;
    let told = bench.run(&["journal", "show", &id(&bench)]).exits(0).stdout;
    // Whether an event took 3 ms or 4 is nothing that two tellings of it differ in: both have it from its record.
    let stamp = "2026-11-28T18:19:36Z  ".len();
    let stamped = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.get(4..5) == Some("-") && line.get(stamp - 3..stamp - 2) == Some("Z"));
        lines.map(|line| line[stamp..].to_owned()).collect()
    };
    let (live, told) = (stamped(&live), stamped(&told));
    let mut left = told.iter();
    for line in &live {
        let same = |other: &&String| *other == line || (line.starts_with("stopped: ") && other.starts_with("stopped: "));
        assert!(left.any(|other| same(&other)), "{line:?} is not told, or not in its place:\n{}", told.join("\n"));
    }
    assert!(live.iter().any(|line| line.starts_with("short: Say a number: passed")), "{live:#?}");
    let quoted = r"echo a 'a#b' '~' 'back\slash'";
    assert!(live.iter().any(|line| line.ends_with(quoted)), "{live:#?}");
    assert!(told.iter().any(|line| line.starts_with("  kept: stdout, 19 bytes: output/")), "{told:#?}");
    // What is told besides: the plan, and where it is kept what was printed.
    let plan = 4 + 10;
    assert!(told.len() <= live.len() + plan + 6, "{} lines live, {} told", live.len(), told.len());

    // Followed from another terminal: the same lines behind the name of the run.
    let mut tail = bench.terminal(300, &["journal", "tail", "-n", "0", "--follow"]);
    bench.run(&["run", "tell", "--yes"]).exits(6);
    let run = id(&bench);
    tail.expect(&format!("{run}  ")).expect("stopped: ").send("\u{3}");
    let followed: Vec<String> = tail.end().1.lines().filter_map(|line| line.strip_prefix(&format!("{run}  "))).map(str::to_owned).collect();
    let told = bench.run(&["journal", "show", &run]).exits(0).stdout;
    assert_eq!(
        followed.iter().map(|line| line.trim_end()).collect::<Vec<_>>(),
        told.lines().filter(|line| line.get(4..5) == Some("-")).map(str::trim_end).collect::<Vec<_>>()
    );
}

#[test]
fn a_terminal_tells_a_run_afterwards_with_its_marks_and_titles() {
    let bench = bench();
    bench.runbook("tell", TOLD);
    let mut live = bench.terminal(110, &["run", "tell", "--yes"]);
    live.expect("it is broken").expect("/q/").send("q\n");
    let (_, live) = live.end();
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let id = list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    let (code, told) = bench.terminal(120, &["journal", "show", &id]).end();
    assert_eq!(code, 0);
    // How long a stretch took is seen between two records, and differs by a moment.
    let same = |line: &String| {
        let (words, _) = line.rsplit_once("  ").unwrap_or((line, ""));
        if line.contains(" done  ") { words.trim().to_owned() } else { line.clone() }
    };
    let marked = |line: &&String| ["✓ ", "✗ "].iter().any(|mark| line.starts_with(mark));
    let (live, told) = (words(&live, 0), words(&told, 10));
    let mut left = told.iter();
    for line in live.iter().filter(marked).filter(|line| !line.contains("stopped: ")) {
        assert!(left.any(|other| same(other) == same(line)), "{line:?} is not told, or not in its place:\n{}", told.join("\n"));
    }
    assert!(told.iter().any(|line| line.starts_with("✓ many[it=b].say  Say b")), "{told:#?}");
    // Nothing is wider than the terminal, but for the head, which is there to be copied.
    let (code, text) = bench.terminal(60, &["journal", "show", &id]).end();
    assert_eq!(code, 0);
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 60 && !line.starts_with("halligan-head ")).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(text.contains("stderr  it is broken") || text.contains("it is broken"), "{text}");
}

/// Puts something in the place of a file.
type Put<'p> = &'p dyn Fn(&std::path::Path);

#[test]
fn reading_follows_no_link_waits_for_no_pipe_and_reads_no_device() {
    let bench = bench();
    bench.run(&["run", "awkward", "--yes"]).exits(0);
    let id = bench.run(&["journal", "list"]).exits(0).stdout.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    let journal = bench.path("journal/journal.jsonl");
    let output = { std::fs::read_dir(bench.path("journal/output")).unwrap() }.map(|entry| entry.unwrap().path()).next().unwrap();
    let pipe = |path: &std::path::Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let zero = |path: &std::path::Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let link = |path: &std::path::Path| std::os::unix::fs::symlink(path.with_extension("aside"), path).unwrap();
    let endless = |path: &std::path::Path| std::fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    let folder = |path: &std::path::Path| std::fs::create_dir(path).unwrap();
    let puts: [(&str, Put<'_>); 5] = [("FIFO", &pipe), ("device", &zero), ("link", &link), ("endless", &endless), ("folder", &folder)];
    let commands: [&[&str]; 7] = [
        &["journal", "verify"],
        &["journal", "list"],
        &["journal", "show", &id],
        &["journal", "head"],
        &["journal", "tail"],
        &["journal", "export", &id, "--to", "new.tar"],
        &["debts"],
    ];
    for (what, put) in puts {
        let aside = journal.with_extension("aside");
        std::fs::rename(&journal, &aside).unwrap();
        put(&journal);
        for command in commands {
            let ran = bench.run(command);
            // No record is in it, which is what these say; whether that is as it should be is for `verify` to say.
            let nothing_there = what == "endless" && ["list", "tail", "debts"].contains(command.last().unwrap());
            assert!(ran.code.is_some_and(|code| code != 0) || nothing_there, "{command:?} with a {what}: {ran:?}");
            assert!(!ran.stdout.contains("valid, "), "{command:?} with a {what}: {ran:?}");
        }
        if what == "folder" {
            std::fs::remove_dir(&journal).unwrap();
        } else {
            std::fs::remove_file(&journal).unwrap();
        }
        std::fs::rename(&aside, &journal).unwrap();

        let aside = output.with_extension("aside");
        std::fs::rename(&output, &aside).unwrap();
        put(&output);
        let ran = bench.run(&["journal", "verify"]).exits(1);
        assert!(ran.stdout.starts_with("invalid at line "), "an output that is a {what}: {ran:?}");
        bench.run(&["journal", "show", &id]);
        if what == "folder" {
            std::fs::remove_dir(&output).unwrap();
        } else {
            std::fs::remove_file(&output).unwrap();
        }
        std::fs::rename(&aside, &output).unwrap();
    }
    bench.run(&["journal", "verify"]).exits(0);
    // What the operator names may be a link, and is neither waited for nor read without end.
    pipe(&bench.path("pipe"));
    for command in [
        ["journal", "verify", "--head", "/dev/zero"],
        ["journal", "verify", "/dev/zero", "--format=json"],
        ["journal", "verify", "--head", "pipe"],
        ["journal", "verify", "pipe", "--format=json"],
    ] {
        let ran = bench.run(&command);
        assert!(ran.code.is_some_and(|code| code != 0), "{command:?}");
        assert!(ran.stdout.contains("not a plain file") || ran.stderr.contains("not a plain file"), "{command:?}: {ran:?}");
    }
    // A head may come from another command.
    let through = format!("{} journal head | {0} journal verify --head /dev/stdin", env!("CARGO_BIN_EXE_halligan"));
    let ran = Ran::of(bench.program("bash").args(["-c", &through]).output().unwrap()).exits(0);
    assert!(ran.stdout.starts_with("valid, anchored to "), "{}", ran.stdout);
}

/// All that is archived in these tests is older than this.
const ARCHIVE: [&str; 4] = ["journal", "archive", "--before", "2100-01-01"];

/// A screen of `journal archive`, whenever that is.
fn of_any_month(bench: &Workbench, text: &str) -> String {
    let text = steady(text).replace(&bench.path("").display().to_string(), "HOME/");
    regex::Regex::new(r"\d{4}-\d\d\.jsonl").unwrap().replace_all(&text, "MONTH.jsonl").into_owned()
}

/// The files of archived records, in the order of the shell.
fn archived(bench: &Workbench) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(bench.path("journal/archive")).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn archived_runs_are_listed_shown_verified_and_taken_up_as_before() {
    let bench = bench();
    bench.runbook("look", "steps:\n  - {id: look, run: [pwd], effect: read}\n");
    bench.run(&ARCHIVE).exits(9);
    bench.run(&["run", "look", "--yes"]).exits(0);
    let none = bench.run(&["journal", "archive"]).exits(0);
    assert!(none.stdout.starts_with("Nothing to archive: no closed runs of before ") && archived(&bench).is_empty(), "{none:?}");
    bench.run(&["run", "look", "--yes"]).exits(0);
    killed(&bench, "after-a");
    bench.run(&["run", "look", "--yes"]).exits(0);
    let told = |words: &[&str]| bench.run(words).stdout;
    let list = told(&["journal", "list"]);
    let first = list.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let look: [&[&str]; 5] =
        [&["journal", "list"], &["journal", "show", &first], &["debts"], &["journal", "tail", "-n", "5"], &["status", "--format", "json"]];
    let before = look.map(told);
    bench.file("head", &told(&["journal", "head"]));

    let done = bench.run(&ARCHIVE).exits(0);
    golden("journal-archive", &of_any_month(&bench, &done.stdout));
    assert_eq!(archived(&bench).len(), 1, "one month");
    let after = look.map(told);
    assert_eq!(after[..3], before[..3]);
    assert!(after[3].lines().last().unwrap().ends_with(" were archived"), "{}", after[3]);
    let verified = bench.run(&["journal", "verify", "--head", "head"]).exits(0);
    assert!(verified.stdout.starts_with("valid, anchored to ") && verified.stdout.contains(": 1 records follow"), "{}", verified.stdout);
    bench.run(&["journal", "export", &first, "--to", "run.tar"]).exits(0);
    bench.run(&["journal", "verify", "run.tar"]).exits(0);

    // What was left is taken up in this very journal, which is no copy; then its records may go, too.
    let left = list.lines().nth(3).unwrap().split(' ').next().unwrap();
    let resumed = bench.run(&["resume", left, "--yes"]).exits(0);
    assert_eq!(bench.read("log").unwrap().lines().filter(|line| line.starts_with("a ")).count(), 1, "{}", resumed.stdout);
    bench.run(&ARCHIVE).exits(0);
    assert_eq!(archived(&bench).len(), 2);
    assert_eq!(bench.read("journal/journal.jsonl").unwrap().lines().count(), 1, "what says that they were archived");
    bench.run(&["journal", "verify", "--head", "head"]).exits(0);
    bench.run(&["run", "look", "--yes"]).exits(0);
    let verified = bench.run(&["journal", "verify", "--head", "head", "--format", "json"]).exits(0);
    assert!(verified.stdout.contains("\"file\":null") && verified.stdout.contains("\"runs\":5"), "{}", verified.stdout);

    // One that is missing is missed, and the line told where it stands.
    std::fs::rename(&archived(&bench)[0], bench.path("aside")).unwrap();
    let found = bench.run(&["journal", "verify"]).exits(1);
    golden("journal-archive-missing", &of_any_month(&bench, &found.stdout));
    let found = bench.run(&["journal", "verify", "--format", "json"]).exits(1);
    assert!(found.stdout.contains("\"file\":\"archive/") && found.stdout.contains("\"file_line\":1,"), "{}", found.stdout);
    let refused = bench.run(&ARCHIVE).exits(1);
    assert!(refused.stderr.contains("failed verification, so nothing was archived"), "{}", refused.stderr);
}

#[test]
fn what_killed_runs_leave_is_listed_and_removed_and_what_is_needed_stays() {
    let bench = bench();
    let runtime = tempfile::tempdir().unwrap();
    let bench = bench.variable("TMPDIR", &runtime.path().display().to_string());
    bench.run(&["journal", "leftovers"]).exits(9);
    // One that is killed in the midst of what a command prints.
    killed(&bench, "blind");
    let here = |name: &str| {
        std::fs::read_dir(bench.path("journal").join(name)).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    let half = |bench: &Workbench| {
        let names = std::fs::read_dir(bench.path("journal/output")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect::<Vec<_>>()
    };
    assert!(!half(&bench).is_empty() && !here("live").is_empty(), "it leaves both: {:?}", here("live"));
    std::fs::create_dir(runtime.path().join("halligan-reads-abandoned")).unwrap();
    std::fs::create_dir(runtime.path().join("halligan-mine")).unwrap();
    let listed = bench.run(&["journal", "leftovers"]).exits(0).stdout;
    let run = bench.run(&["journal", "list"]).stdout.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    for told in [format!("live/{run}  "), "halligan-reads-abandoned".to_owned(), format!("run {run}: `halligan resume` shows it")] {
        assert!(listed.contains(&told), "{told}: {listed}");
    }
    assert!(!listed.contains("halligan-mine"), "{listed}");
    // Nobody is asked without a terminal, and nothing goes.
    let refused = bench.run(&["journal", "leftovers", "--remove"]).exits(5);
    assert!(flat(&refused.stderr).contains("nothing was removed") && refused.stderr.contains("--remove --yes"), "{}", refused.stderr);
    assert!(!here("live").is_empty() && runtime.path().join("halligan-reads-abandoned").exists());
    bench.run(&["journal", "leftovers", "--remove", "--yes"]).exits(0);
    assert!(here("live").is_empty() && !runtime.path().join("halligan-reads-abandoned").exists());
    assert!(!half(&bench).is_empty() && runtime.path().join("halligan-mine").exists(), "what is needed, and what is not ours");
    let last = bench.read("journal/journal.jsonl").unwrap().lines().last().unwrap().to_owned();
    assert!(
        last.contains("\"type\":\"removed\"") && last.contains("halligan-reads-abandoned") && last.contains("\"run\":\"00000000\""),
        "{last}"
    );
    bench.run(&["journal", "verify"]).exits(0);

    // When the run is over, nobody needs what its command had printed then.
    let mut terminal = bench.terminal(100, &["resume"]);
    terminal.expect("Continue? [y/N]").send("y\r");
    terminal.expect("output:     blind-begins").expect("[d/n/t/q]").send("n\r");
    assert_eq!(terminal.end().0, 0);
    assert!(!half(&bench).is_empty());
    bench.run(&["journal", "leftovers", "--remove", "--yes"]).exits(0);
    assert_eq!(
        bench.run(&["journal", "leftovers"]).exits(0).stdout,
        "Nothing to remove: no killed run has left anything that nobody needs.\n"
    );
}

#[test]
fn what_a_run_under_way_has_made_is_no_leftover() {
    let bench = Workbench::new();
    bench.runbook("act", "steps:\n  - {id: act, run: ['true'], effect: change, undo: {impossible: x}}\n");
    bench.run(&["run", "act", "--yes"]).exits(0);
    let mut waiting = bench.terminal(100, &["run", "act"]);
    waiting.expect("Run this?");
    let live = || std::fs::read_dir(bench.path("journal/live")).unwrap().count();
    assert_eq!(live(), 1);
    bench.run(&["journal", "leftovers", "--remove", "--yes"]).exits(0);
    assert_eq!(live(), 1, "it is asking now");
    waiting.send("n\r");
    assert_eq!(waiting.end().0, 5);
}

#[test]
fn a_run_under_way_keeps_its_journal_and_who_follows_goes_on_after_it() {
    let bench = Workbench::new();
    bench.runbook("act", "steps:\n  - {id: act, run: ['true'], effect: change, undo: {impossible: x}}\n");
    let mut waiting = bench.terminal(100, &["run", "act"]);
    waiting.expect("Run this?");
    let refused = bench.run(&ARCHIVE).exits(6);
    assert!(refused.stderr.contains("nothing was archived: a run is under way"), "{}", refused.stderr);
    assert!(archived(&bench).is_empty());
    waiting.send("n\r");
    assert_eq!(waiting.end().0, 5);
    let mut tail = bench.terminal(100, &["journal", "tail", "-n", "1", "--follow"]);
    tail.expect("not confirmed");
    bench.run(&ARCHIVE).exits(0);
    tail.expect("were archived");
    bench.run(&["run", "act", "--yes"]).exits(0);
    tail.expect_after("were archived", "completed: 1 step done");
    tail.send("\u{3}");
    assert_eq!(tail.end().0, 130);
}

/// The whole journal is longer than what is verified in no time, and no command has printed anything.
fn long_journal() -> Workbench {
    let bench = Workbench::new();
    let comment = format!("# {}\n", "so much that it is worth to know how far it was verified ".repeat(300)).repeat(50);
    bench.runbook("long", &format!("{comment}steps:\n  - {{id: look, run: [\"true\"], effect: read}}\n"));
    bench.runbook(
        "owing",
        "steps:\n  - {id: set, run: [touch, flag], effect: change, cleanup: {run: [test, -e, back]}}\n  - {id: go, run: [test, -e, go], effect: read}\n",
    );
    bench.run(&["run", "long", "--yes"]).exits(0);
    bench.run(&["run", "owing", "--yes"]);
    for _ in 0..5 {
        bench.run(&["run", "long", "--yes"]).exits(0);
    }
    bench
}

#[test]
fn what_was_verified_before_changes_no_answer() {
    let bench = long_journal();
    let (journal, mark) = (bench.path("journal/journal.jsonl"), bench.path("journal/verified.json"));
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let owing = list.lines().find(|line| line.contains("owing")).unwrap().split(' ').next().unwrap().to_owned();
    let look: [&[&str]; 6] = [
        &["debts"],
        &["debts", "--format", "json"],
        &["journal", "list"],
        &["status", "--format", "json"],
        &["journal", "show", &owing],
        &["journal", "verify"],
    ];
    let told = || look.map(|words| bench.run(words)).map(|ran| (ran.code, ran.stdout, ran.stderr));
    assert!(!mark.exists());
    let before = told();
    assert!(before[0].0 == Some(1) && before[0].1.contains("owed  set"), "{:?}", before[0]);
    let text = std::fs::read(&mark).unwrap();
    assert_eq!(told(), before);
    // The next one goes by it, and need not write it again: what it has not read it does not know.
    assert_eq!(std::fs::read(&mark).unwrap(), text);
    for spoilt in [&b""[..], b"{}", b"\0\xff", &text[..text.len() / 2], &[&text[..], b"\n}"].concat(), &text.to_ascii_uppercase()] {
        std::fs::write(&mark, spoilt).unwrap();
        assert_eq!(told(), before, "{}", String::from_utf8_lossy(spoilt));
        // Written anew, at another time.
        let until = memchr::memmem::find(&text, b"outputs_until_ns").unwrap();
        assert_eq!(std::fs::read(&mark).unwrap()[..until], text[..until]);
    }
    std::fs::remove_file(&mark).unwrap();
    std::fs::create_dir_all(mark.join("folder")).unwrap();
    assert_eq!(told(), before);
    std::fs::remove_dir_all(&mark).unwrap();
    std::fs::write(&mark, &text).unwrap();

    // One letter in the midst of what was verified, and all that decides is told so.
    let whole = std::fs::read(&journal).unwrap();
    let mut edited = whole.clone();
    let at = whole.len() / 2;
    edited[at] = if whole[at] == b'o' { b'a' } else { b'o' };
    std::fs::write(&journal, &edited).unwrap();
    let refused = bench.run(&["debts"]).exits(9);
    assert!(refused.stdout.contains("owed  set") && refused.stderr.contains("its bytes have changed"), "{refused:?}");
    let refused = bench.run(&["resume", &owing, "--yes"]).exits(9);
    assert!(refused.stderr.contains("the journal failed verification"), "{refused:?}");
    assert_eq!(std::fs::read(&mark).unwrap(), text);
    // An older copy that ends where a record does is what it was without the mark, too: only a head shows it.
    let cut = whole[..at].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    std::fs::write(&journal, &whole[..cut]).unwrap();
    bench.run(&["debts"]).exits(1);
    std::fs::write(&journal, &whole).unwrap();
    std::fs::write(&mark, &text).unwrap();
    // Archived, it is the same journal.
    bench.file("back", "");
    bench.run(&["debts", "--settle", "--yes"]).exits(0);
    bench.run(&ARCHIVE).exits(0);
    assert_eq!(bench.run(&["debts"]).exits(0).stdout, "No debts: no cleanup is owed on this host.\n");
}
