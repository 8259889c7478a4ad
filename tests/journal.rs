//! The journal's own commands: what is told, signed, exported and followed.

use std::process::Command;

use crate::{
    resume::{bench, killed},
    workbench::Workbench,
};

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
    std::fs::write(&head, text.replace("halligan-head v1 ", "halligan-head v1 1")).unwrap();
    assert!(bench.run(&verify).exits(1).stderr.contains("signature"));
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
    let tail = bench.run(&["journal", "tail", "-n", "3"]).exits(0).stdout;
    assert!(tail.lines().count() == 3 && tail.contains("the run is closed: completed"), "{tail}");
}

#[test]
fn tail_follows_runs_until_it_is_told_to_stop_or_nobody_reads() {
    let bench = bench();
    bench.runbook("look", "steps:\n  - {id: look, run: [pwd], effect: read}\n");
    bench.run(&["run", "look", "--yes"]).exits(0);
    let mut tail = bench.terminal(100, &["journal", "tail", "-n", "1", "--follow"]);
    tail.expect("the run is closed: completed");
    assert_eq!(tail.text().lines().count(), 1, "{}", tail.text());
    bench.run(&["run", "look", "--yes"]).exits(0);
    tail.expect_after("closed: completed", "opened").expect_after("opened", "the run is closed: completed");
    tail.send("\u{3}");
    assert_eq!(tail.end().0, 130);

    // A reader that goes away ends it at the next record, and not with a failure of its own.
    let mut tail = bench.shell(100, "$HALLIGAN journal tail -n 1 --follow | head -n 2; echo \"ended with ${PIPESTATUS[0]}\"");
    tail.expect("the run is closed: completed");
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
    tail.expect("the run is closed: completed");
    std::fs::File::options().write(true).open(bench.path("journal/journal.jsonl")).unwrap().set_len(100).unwrap();
    let (code, text) = tail.end();
    assert!(code == 9 && text.contains("and has 100"), "{code}: {text}");
}

#[test]
fn a_story_has_each_script_once_and_what_a_failure_printed() {
    let bench = bench();
    bench.runbook(
        "tell",
        "steps:\n\
         - {id: short, run: [echo, forty-two], effect: read}\n\
         - {id: first, shell: \"set +e\\necho one\\n\", effect: read}\n\
         - {id: second, shell: \"set +e\\necho one\\n\", effect: read}\n\
         - {id: asked, run: ['true'], effect: change, done_if: {run: ['false']}}\n\
         - {id: broken, shell: 'seq 30; echo it is broken >&2; exit 3', effect: read}\n",
    );
    bench.run(&["run", "tell", "--yes"]).exits(6);
    let list = bench.run(&["journal", "list"]).exits(0).stdout;
    let id = list.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    let story = bench.run(&["journal", "show", &id]).exits(0).stdout;
    for part in [
        "          stdout: forty-two\n",
        "first began (read): bash script\n          | set +e\n          | echo one\n",
        "second began (read): the bash script of first\n",
        "asked (done_if) says that it is not so yet (exit 1, ",
        "          | (18 lines before)\n          | 19\n",
        "          stderr: it is broken\n",
    ] {
        assert!(story.contains(part), "{part:?} is not in:\n{story}");
    }
    // On a terminal nothing is wider than it, but for the head, which is there to be copied.
    let (code, text) = bench.terminal(60, &["journal", "show", &id]).end();
    assert_eq!(code, 0);
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 60 && !line.starts_with("  head ")).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(text.contains('…') && !text.contains("(18 lines before)\n          | 18"), "{text}");
}
