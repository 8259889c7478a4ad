//! What is called a read cannot change anything that the screen has not named before: 60 hostile ones, in every place where a read may
//! stand, in a dry run and in a run. An independent ledger looks at all that they aim at.
//!
//! All they aim at is the test's own: files, processes, listeners, and namespaces for the name of the host, mounts, the network and
//! System V objects. Two values of the whole machine are put back.

#[path = "held/hostile.rs"]
mod hostile;
#[path = "held/ledger.rs"]
mod ledger;

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, process::Command};

use hostile::{Hostile, hostile, named};
use ledger::Ledger;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use crate::{
    signals::{is_halligan, processes, until},
    workbench::{Ran, Workbench},
};

/// Who is not root can neither make a world of its own nor do most of the harm.
fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| serde_json::to_string(word).unwrap()).collect::<Vec<_>>().join(", ")
}

/// Every place where a read may stand, but for choices, which are asked for at a terminal.
const FORMS: [&str; 4] = ["probe", "step", "wait", "done_if"];

fn body(form: &str, all: &[Hostile]) -> String {
    let mut body = if form == "probe" { "preflight:\n".to_owned() } else { "steps:\n".to_owned() };
    for one in all {
        let (id, run) = (one.id(form), format!("run: [{}], reads_because: it is a test", quoted(&one.words)));
        let step = match form {
            "probe" => format!("  - {{id: {id}, title: Ask, {run}, severity: warn, expect: \"true\"}}\n"),
            "step" => format!("  - {{id: {id}, {run}, effect: read, on_fail: continue}}\n"),
            "wait" => format!("  - {{id: {id}, on_fail: continue, wait: {{{run}, until: \"true\", every: 1s, timeout: 1s}}}}\n"),
            _ => format!(
                "  - id: {id}\n    run: [\"true\"]\n    effect: change\n    undo: {{impossible: a test}}\n    done_if: {{{run}, expect: \"true\"}}\n"
            ),
        };
        body.push_str(&step);
    }
    if form == "probe" { body + "steps:\n  - {id: only, run: [\"true\"], effect: read}\n" } else { body }
}

/// How many commands the journal says were held, and how many not wholly.
fn recorded(bench: &Workbench) -> (usize, usize) {
    let journal = bench.read("journal/journal.jsonl").unwrap();
    let count = |what: &str| journal.matches(what).count();
    (count("\"held\":\"held\""), count("\"held\":\"but_sockets\"") + count("\"held\":{\"not_held\""))
}

fn forget(bench: &Workbench) {
    let _ = fs::remove_dir_all(bench.path("journal"));
}

fn fine(ran: Ran) -> Ran {
    assert!(!matches!(ran.code, Some(3 | 70) | None), "\n-- stdout\n{}\n-- stderr\n{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn sixty_hostile_reads_have_no_effect_that_was_not_named() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    let mut ledger = Ledger::make(&bench.path("world"));
    let all = hostile(&ledger);
    assert!(all.len() >= 60, "{}", all.len());

    // Control: each works where nothing holds it.
    let mut idle = Vec::new();
    for index in 0..all.len() {
        // The victim is another one each time.
        let one = hostile(&ledger).swap_remove(index);
        let before = ledger.look();
        let _ = Command::new(&one.words[0]).args(&one.words[1..]).output().unwrap();
        if ledger.look() == before {
            idle.push(one.name);
        }
        ledger.mend();
    }
    assert!(all.len() - idle.len() >= 50, "without effect though not held: {idle:?}");

    let all = hostile(&ledger);
    let before = ledger.look();
    let untouched = |ledger: &mut Ledger, what: &str, ran: &Ran| {
        let now = ledger.look();
        let differs: Vec<_> =
            now.iter().filter(|line| !before.contains(line)).chain(before.iter().filter(|line| !now.contains(line))).collect();
        assert!(differs.is_empty(), "{what}: {differs:#?}\n-- stdout\n{}\n-- stderr\n{}", ran.stdout, ran.stderr);
    };
    for form in FORMS {
        let name = format!("hostile-{}", form.replace('_', "-"));
        bench.runbook(&name, &body(form, &all));
        for command in [&["check", &name][..], &["show", &name], &["show", &name, "--expanded"]] {
            let ran = fine(bench.run(command));
            untouched(&mut ledger, &format!("{form} {}", command[0]), &ran);
        }
        for mode in ["--dry-run", "--yes"] {
            forget(&bench);
            let ran = fine(bench.run(&["run", &name, mode]));
            untouched(&mut ledger, &format!("{form} {mode}"), &ran);
            let (held, not_held) = recorded(&bench);
            assert!(held >= all.len() && not_held == 0, "{form} {mode}: {held} held, {not_held} not\n{}", ran.stdout);
            assert!(!ran.stdout.contains("Reads: held"), "{}", ran.stdout);
            assert!(mode != "--dry-run" || ran.stdout.contains("Nothing was changed"), "{}", ran.stdout);
        }
    }
    // All of them list the choices of one parameter.
    let script: Vec<String> = all.iter().map(|one| format!("{} || true", one.shell())).collect();
    let shell = script.iter().fold(String::new(), |text, line| text + &format!("          {line}\n"));
    bench.runbook(
        "chosen",
        &format!(
            "params:\n  one:\n    type: string\n    help: One\n    choices:\n        reads_because: it is a test\n        shell: |\n{shell}          echo a\nsteps:\n  - {{id: only, run: [\"true\"], effect: read}}\n"
        ),
    );
    for mode in ["--dry-run", "--yes"] {
        let mut terminal = bench.terminal(100, &["run", "chosen", mode]);
        terminal.expect("One").expect("Enter takes: ").send("\r");
        let (code, text) = terminal.end();
        assert_eq!(code, 0, "{text}");
        untouched(&mut ledger, &format!("choices {mode}"), &Ran { code: None, stdout: text, stderr: String::new() });
    }
}

#[test]
fn what_is_not_wholly_held_is_named_before_it_runs() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    let ledger = Ledger::make(&bench.path("world"));
    let (talking, unheld) = named(&ledger);
    for form in FORMS {
        let name = format!("named-{}", form.replace('_', "-"));
        let all: Vec<Hostile> = talking.iter().chain(&unheld).cloned().collect();
        bench.runbook(&name, &body(form, &all));
        for flags in [&["--dry-run"][..], &["--dry-run", "--allow-unheld"], &["--yes"]] {
            let mut words = vec!["run", &name];
            words.extend(flags);
            forget(&bench);
            let ran = fine(bench.run(&words));
            // The first lines, before anything has run.
            let beforehand = ran.stdout.lines().take_while(|line| line.starts_with("Reads: ")).collect::<Vec<_>>().join("\n");
            let effects = ledger.effects();
            let expected = talking.len() + if flags == ["--dry-run"] { 0 } else { unheld.len() };
            // What asks through a socket has its effect here: nobody on the other side says no.
            assert_eq!(effects.len(), expected, "{form} {flags:?}: {effects:?}\n{}\n{}", ran.stdout, ran.stderr);
            for one in &talking {
                assert!(beforehand.contains(one.name), "{} is not named:\n{}", one.name, ran.stdout);
            }
            for one in &unheld {
                assert!(beforehand.contains(&format!("{}: ", one.name)), "{} is not named:\n{}", one.name, ran.stdout);
            }
            assert!(!ran.stdout.contains("Nothing was changed"), "{}", ran.stdout);
            assert!(flags != ["--dry-run"] || beforehand.contains("not run (--allow-unheld runs them)"), "{}", ran.stdout);
        }
    }
}

#[test]
fn an_operator_is_asked_before_a_dry_run_runs_what_is_not_held() {
    if !root() {
        return;
    }
    for (key, effects) in [("n", 0), ("y", 1)] {
        let bench = Workbench::new();
        let tool = bench.file("bin/fuser", &format!("#!/bin/sh\necho x >>{}\n", bench.path("effect").display()));
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        bench.runbook("asked", &format!("steps:\n  - {{id: only, run: [{}], effect: read}}\n", tool.display()));
        let mut terminal = bench.terminal(100, &["run", "asked", "--dry-run"]);
        terminal.expect("Run these in this dry run?").expect("[y/N]").send(&format!("{key}\r"));
        let (code, text) = terminal.end();
        assert_eq!((code, bench.read("effect").map_or(0, |text| text.lines().count())), (0, effects), "{text}");
    }
}

#[test]
fn a_read_as_another_user_is_held_and_has_that_users_rights() {
    if !root() {
        return;
    }
    let bench = Workbench::new();
    let open = bench.path("open");
    fs::create_dir(&open).unwrap();
    for path in [bench.path(""), open.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let path = open.display();
    bench.runbook(
        "other",
        &format!(
            "steps:\n  - id: who\n    probe: {{shell: 'id -u; id -G; echo $HOME; echo x >$TMPDIR/x; cat $TMPDIR/x; cat /etc/shadow 2>&1 || true; echo x 2>&1 >{path}/x || true', user: nobody, reads_because: a test, message: \"{{{{ output }}}}\"}}\n"
        ),
    );
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let ran = bench.run(&["run", "other", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("65534\\n65534\\n/nonexistent\\nx\\ncat: /etc/shadow: Permission denied"), "{}", ran.stdout);
    assert!(fs::read_dir(&open).unwrap().next().is_none() && ran.stdout.contains("1 held but for sockets"), "{}", ran.stdout);
    let missing = bench.runbook("missing", "steps:\n  - {id: only, run: [id], effect: read, user: no-such-user}\n");
    let ran = bench.run(&["run", missing.to_str().unwrap(), "--yes"]).exits(6);
    assert!(ran.stderr.contains("there is no user no-such-user"), "{}", ran.stderr);
}

#[test]
fn a_read_writes_where_it_may_and_nowhere_else() {
    let bench = Workbench::new();
    fs::create_dir_all(bench.path("may")).unwrap();
    let (may, not) = (bench.path("may").display().to_string(), bench.path("").display().to_string());
    bench.runbook(
        "writes",
        &format!(
            "steps:\n  - {{id: only, shell: 'echo x >{may}/x; mktemp >/dev/null; echo x >{not}/x', may_write: [{may}], effect: read}}\n"
        ),
    );
    let ran = bench.run(&["run", "writes", "--dry-run"]).exits(6);
    assert!(ran.stdout.contains(&format!("Reads: may write below {may}")), "{}", ran.stdout);
    assert_eq!((bench.read("may/x").as_deref(), bench.read("x")), (Some("x\n"), None));
    // What changes something is not held, and has no such key.
    bench.runbook(
        "wrong",
        "steps:\n  - {id: only, run: [touch, x], effect: change, undo: {impossible: x}, may_write: [/x], may_connect: true}\n",
    );
    let ran = bench.run(&["check", "wrong"]).exits(3);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("`may_write` is only for a command with `effect: read`"), "{said}");
}

#[test]
fn what_a_client_keeps_of_its_server_is_kept_in_its_home_and_nothing_else() {
    let bench = Workbench::new();
    let home = bench.path("home");
    let client = bench.file(
        "kubectl",
        "#!/bin/sh\nset -e; echo x >\"$HOME/.kube/cache/x\"; chmod 600 \"$HOME/.kube/cache/x\" \"$HOME\"; echo x >\"$HOME/.kube/config\"\n",
    );
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&home).unwrap();
    let bench = bench.variable("HOME", &home.display().to_string());
    bench.runbook("asks", &format!("steps:\n  - {{id: only, run: [{}, get, pods], effect: read}}\n", client.display()));
    let ran = bench.run(&["run", "asks", "--dry-run"]).exits(6);
    assert!(ran.stdout.contains("Reads: may write below ~/.kube/cache"), "{}", ran.stdout);
    assert!(home.join(".kube/cache/x").exists() && !home.join(".kube/config").exists());
    assert!(ran.stdout.contains(".kube/config: Permission denied"), "it goes on after the modes: {}", ran.stdout);
    assert_ne!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o600, "no mode is changed");
}

/// Does as a kernel would that is older than Landlock, for what this thread starts.
fn without_landlock() {
    let rules = BTreeMap::from([(nix::libc::SYS_landlock_create_ruleset, Vec::new())]);
    let no_such_call = SeccompAction::Errno(nix::libc::ENOSYS.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, no_such_call, arch).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

#[test]
fn without_landlock_one_line_says_so_and_a_dry_run_runs_nothing_unasked() {
    let bench = Workbench::new();
    let script = format!("shell: 'echo x >>{}'", bench.path("effects").display());
    bench.runbook("old", &format!("steps:\n  - {{id: one, {script}, effect: read}}\n  - {{id: two, {script}, effect: read}}\n"));
    let run = |flags: &[&str]| {
        let words: Vec<&str> = ["run", "old"].iter().chain(flags).copied().collect();
        let old = || {
            without_landlock();
            bench.run(&words)
        };
        std::thread::scope(|threads| threads.spawn(old).join().unwrap()).exits(0)
    };
    let effects = || bench.read("effects").map_or(0, |text| text.lines().count());
    let ran = run(&["--dry-run"]);
    let line = "Reads: not held to reading, and not run (--allow-unheld runs them): one, two: this kernel has no Landlock\n";
    assert!(ran.stdout.starts_with(line) && effects() == 0, "{}", ran.stdout);
    for (flags, expected) in [(&["--dry-run", "--allow-unheld"][..], 2), (&["--yes"], 4)] {
        let ran = run(flags);
        let line = "Reads: not held to reading: one, two: this kernel has no Landlock\n";
        assert!(ran.stdout.starts_with(line) && effects() == expected, "{}", ran.stdout);
        assert!(!ran.stdout.contains("Nothing was changed"), "{}", ran.stdout);
    }
}

#[test]
fn what_only_reads_asks_as_whom_the_inventory_says() {
    let bench = Workbench::new();
    let inventory = bench.file(
        "inventory.yaml",
        "halligan_inventory: 1\nreads: {CEPH_ARGS: --id reader, PGUSER: reader}\nhosts:\n  here: {transport: local, reads: {PGUSER: here}}\n",
    );
    let ask = "shell: 'echo $CEPH_ARGS $PGUSER'";
    bench.runbook(
        "asking",
        &format!(
            "preflight:\n  - {{id: plain, {ask}, message: \"plain {{{{ output }}}}\"}}\n  - {{id: there, {ask}, on: here, message: \"there {{{{ output }}}}\"}}\n  - {{id: own, {ask}, env: {{PGUSER: mine}}, message: \"own {{{{ output }}}}\"}}\n\
             steps:\n  - {{id: change, shell: 'echo \"<${{CEPH_ARGS-}}${{PGUSER-}}>\"', effect: change, undo: {{impossible: x}}}}\n  - {{id: told, probe: {{run: ['true'], expect: change.ok, message: \"change {{{{ change.output }}}}\"}}}}\n"
        ),
    );
    let ran = bench.run(&["run", "asking", "--yes", "--inventory", inventory.to_str().unwrap()]).exits(0);
    for said in [
        "Reads: ask as the inventory says: CEPH_ARGS, PGUSER",
        "plain --id reader reader",
        "there --id reader here",
        "own --id reader mine",
        "change <>",
    ] {
        assert!(ran.stdout.contains(said), "{said}\n{}", ran.stdout);
    }
    for (reads, said) in [("{A-B: x}", "invalid environment variable name `A-B`"), ("{A: 1}", "inventory.yaml:2")] {
        let inventory = bench.file("inventory.yaml", &format!("halligan_inventory: 1\nreads: {reads}\n"));
        let ran = bench.run(&["run", "asking", "--yes", "--inventory", inventory.to_str().unwrap()]).exits(3);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn what_is_known_to_change_something_is_no_read() {
    let bench = Workbench::new();
    for (name, step) in [
        ("step", "steps:\n  - {id: only, run: [rm, x], effect: read}\n"),
        ("probe", "preflight:\n  - {id: only, run: [systemctl, stop, x]}\nsteps:\n  - {id: a, run: [ls], effect: read}\n"),
        ("wait", "steps:\n  - {id: only, wait: {run: [kubectl, delete, pod, x], until: code == 0, timeout: 1s}}\n"),
        (
            "choices",
            "params:\n  p: {type: string, help: P, choices: {run: [ceph, osd, set, noout]}}\nsteps:\n  - {id: a, run: [echo, '{{ params.p }}'], effect: read}\n",
        ),
        ("done", "steps:\n  - {id: only, run: [x], effect: change, undo: {impossible: x}, done_if: {shell: 'ls; mv a b'}}\n"),
    ] {
        bench.runbook(name, step);
        for command in [&["check", name][..], &["run", name, "--dry-run"]] {
            let ran = bench.run(command).exits(3);
            assert!(format!("{}{}", ran.stdout, ran.stderr).contains("read-changes"), "{name}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

/// What a command may write to for itself goes with halligan, also when that is killed: the next one removes it, and nobody else's.
#[test]
fn the_scratch_directory_of_one_that_was_killed_is_removed_by_the_next() {
    let bench = Workbench::new();
    let place = bench.path("tmp");
    fs::create_dir(&place).unwrap();
    let bench = bench.variable("TMPDIR", place.to_str().unwrap());
    let home = bench.path("").display().to_string().trim_end_matches('/').to_owned();
    bench.runbook(
        "scratches",
        &format!("steps:\n  - {{id: look, shell: 'echo x > $TMPDIR/x; echo $TMPDIR > {home}/seen; while [ -e {home}/stay ]; do sleep 0.01; done', effect: read, may_write: ['{home}']}}\n"),
    );
    let left = || fs::read_dir(&place).unwrap().count();
    bench.run(&["run", "scratches", "--yes"]).exits(0);
    let seen = bench.read("seen").unwrap();
    assert!(seen.starts_with(place.to_str().unwrap()) && left() == 0, "{seen}");
    bench.file("stay", "");
    fs::remove_file(bench.path("seen")).unwrap();
    let terminal = bench.terminal(100, &["run", "scratches", "--yes"]);
    until("it is there", || bench.read("seen").is_some_and(|seen| seen.ends_with('\n')));
    // One that is needed stays.
    bench.runbook("other", "steps:\n  - {id: look, run: [ls], effect: read}\n");
    bench.run(&["run", "other", "--yes"]).exits(0);
    assert_eq!(left(), 1);
    let halligan = processes(&bench).into_iter().find(|pid| is_halligan(*pid)).unwrap();
    kill(Pid::from_raw(halligan), Signal::SIGKILL).unwrap();
    terminal.end();
    fs::remove_file(bench.path("stay")).unwrap();
    until("nothing is left of it", || processes(&bench).is_empty());
    assert_eq!(left(), 1);
    fs::create_dir(place.join("halligan-reading")).unwrap();
    std::os::unix::fs::symlink(&home, place.join("halligan-reads-link")).unwrap();
    bench.run(&["run", "other", "--yes"]).exits(0);
    assert_eq!(left(), 2, "what is not ours stays");
    assert!(bench.path("runbooks").exists());
}
