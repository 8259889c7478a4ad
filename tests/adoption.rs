//! A journal whose host was renamed, or whose disk is mounted in a rescue system: asked for by the host's name, and recorded.

use crate::{
    resume::{bench, killed},
    workbench::{Ran, Workbench},
};

/// Other than that of the machine that runs the tests.
const RESCUE: &str = "5d1c0f4b8e6a49d2b7c3f09e1a2d4c68\n";

fn host() -> String {
    nix::unistd::gethostname().unwrap().to_string_lossy().into_owned()
}

/// Where this host is called something else; with `machine`, it is another one, as far as a program can see.
fn elsewhere(bench: &Workbench, machine: bool, arguments: &[&str]) -> Ran {
    let mut command = bench.program("unshare");
    command.args(["--uts", "--mount", "--map-root-user", "bash", "-c"]);
    let id = bench.file("machine-id", RESCUE);
    let mount = if machine { format!("mount --bind {} /etc/machine-id && ", id.display()) } else { String::new() };
    command.arg(format!("{mount}hostname rescue && exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_halligan")).args(arguments);
    Ran::of(command.output().unwrap())
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn adoptions(bench: &Workbench) -> usize {
    bench.read("journal/journal.jsonl").unwrap().matches("\"adopted\":\"").count()
}

#[test]
fn a_renamed_host_goes_on_when_its_old_name_is_typed_and_is_not_asked_again() {
    let bench = bench();
    killed(&bench, "after-a");
    let before = bench.read("journal/journal.jsonl").unwrap();
    let was = host();
    let refused = elsewhere(&bench, false, &["resume", "--yes"]).exits(10);
    let told = flat(&refused.stderr);
    assert!(told.contains(&format!("belongs to host {was}, and this is rescue")) && told.contains(&format!("--adopt {was}")), "{told}");
    assert!(told.contains("it has another name now"), "{told}");
    // No other flag stands for the name, and no other name does.
    elsewhere(&bench, false, &["resume", "--yes", "--accept-copy"]).exits(10);
    let wrong = elsewhere(&bench, false, &["resume", "--yes", "--adopt", "db3"]).exits(2);
    assert!(flat(&wrong.stderr).contains("--adopt names db3, and run"), "{}", wrong.stderr);
    assert_eq!(bench.read("journal/journal.jsonl").unwrap(), before, "nothing was recorded");

    let script = "exec unshare --uts --map-root-user bash -c 'hostname rescue; exec \"$0\" resume --yes' \"$HALLIGAN\"";
    let mut terminal = bench.shell(100, script);
    terminal.expect(&format!("Adopt the journal of host {was}?")).expect("another name").expect("or q to stop:").send("rescue\r");
    terminal.expect_after("does not match", "stop:").send("q\r");
    assert_eq!(terminal.end().0, 10);
    assert_eq!(bench.read("journal/journal.jsonl").unwrap(), before, "nothing was recorded");
    let mut terminal = bench.shell(100, script);
    terminal.expect(&format!("Adopt the journal of host {was}?")).expect("or q to stop:").send(&format!("{was}\r"));
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(adoptions(&bench), 1);
    let journal = bench.read("journal/journal.jsonl").unwrap();
    assert!(journal.contains(&format!("\"typed\":\"{was}\",\"by\":\"terminal\"")), "{journal}");
    bench.run(&["journal", "verify"]).exits(0);
    let again = elsewhere(&bench, false, &["resume", "--yes"]).exits(2);
    assert!(again.stderr.contains("nothing to resume"), "{}", again.stderr);
    assert_eq!(adoptions(&bench), 1);
}

#[test]
fn in_a_rescue_system_what_was_put_back_by_hand_is_recorded_and_nothing_is_run() {
    let bench = bench();
    killed(&bench, "after-a");
    let was = host();
    // Its steps would change the rescue system.
    let refused = elsewhere(&bench, true, &["resume", "--yes", "--adopt", &was]).exits(4);
    assert!(refused.stderr.contains("this is another system than the run is bound to"), "{}", refused.stderr);
    elsewhere(&bench, true, &["debts", "--settle", "--yes", "--adopt", &was]).exits(4);
    assert_eq!(adoptions(&bench), 0);
    let by_hand = ["debts", "--settled-by-hand", "set_flag=unset in the rescue system", "--yes"];
    let refused = flat(&elsewhere(&bench, true, &by_hand).exits(10).stderr);
    assert!(refused.contains("it was written on another machine") && refused.contains(&format!("--adopt {was}")), "{refused}");
    let settled = elsewhere(&bench, true, &[&by_hand[..], &["--adopt", &was]].concat()).exits(0);
    assert!(settled.stdout.contains("settled by hand"), "{}", settled.stdout);
    assert_eq!(adoptions(&bench), 1);
    assert_eq!(bench.read("log").unwrap().lines().filter(|line| *line == "unset").count(), 0, "nothing was run");
    elsewhere(&bench, true, &["debts"]).exits(0);
    // Back on the host itself, the journal is one that was gone on with elsewhere.
    let refused = bench.run(&["resume", "--yes"]).exits(10);
    assert!(flat(&refused.stderr).contains("is a copy: it was written on another machine"), "{}", refused.stderr);
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn who_only_looks_is_told_whose_it_is_and_offered_what_is_not_refused() {
    let bench = bench();
    killed(&bench, "after-a");
    let was = host();
    let (resume, settle) = ("halligan resume ", "halligan debts --settle ");
    let adopting = format!("--adopt {was}");
    let looks = |machine: Option<bool>, words: &[&str]| {
        let ran = machine.map_or_else(|| bench.run(words), |machine| elsewhere(&bench, machine, words));
        flat(&ran.stdout)
    };
    let run = looks(None, &["journal", "list", "--format", "json"]);
    let run = run.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    for words in [&["status"][..], &["debts"], &["handover", run]] {
        // Here it is ours, and nothing is said.
        let home = looks(None, words);
        assert!(home.contains(resume) && !home.contains("not ours") && !home.contains("--adopt"), "{home}");
        let renamed = looks(Some(false), words);
        assert!(renamed.contains(&format!("not ours it belongs to host {was}, and this is rescue. This is the machine")), "{renamed}");
        assert!(renamed.contains(resume) && renamed.contains(&adopting), "{renamed}");
        // What would be refused on another machine is not offered.
        let rescue = looks(Some(true), words);
        assert!(rescue.contains(&format!("not ours it belongs to host {was}, and this is rescue. The journal is a copy")), "{rescue}");
        assert!(!rescue.contains(resume) && !rescue.contains(settle), "{rescue}");
        assert!(rescue.contains("--settled-by-hand 'set_flag=WHAT WAS DONE'") && rescue.contains(&adopting), "{rescue}");
    }
    let json = looks(Some(true), &["status", "--format", "json"]);
    assert!(json.contains("\"elsewhere\":\"it belongs to host"), "{json}");
    // What is offered is what is taken.
    elsewhere(&bench, true, &["debts", "--settled-by-hand", "set_flag=WHAT WAS DONE", "--adopt", &was, "--yes"]).exits(0);
    let refused = flat(&elsewhere(&bench, true, &["resume", "--yes"]).exits(4).stderr);
    assert!(refused.contains("--settled-by-hand PLACE=REASON"), "{refused}");
}
