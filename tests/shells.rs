//! Arguments are completed in bash, fish and zsh themselves, each on a terminal, by real keys; and each of them tells its commands where it is
//! recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod surroundings;
#[allow(dead_code, reason = "the other tests use more of it")]
mod workbench;

use std::path::Path;

use workbench::{Terminal, Workbench};

/// A runbook with something of each kind to complete, a scenario of it, and one run in the journal, which is returned.
fn bench() -> (Workbench, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_halligan")).parent().unwrap();
    let bench = Workbench::new().variable("PATH", &format!("{}:/usr/bin:/bin", folder.display())).variable("PS1", "ready> ");
    bench.runbook(
        "drill",
        "params:\n  loudness: {type: enum, choices: [quiet, loud], help: How loud it is}\n  \
         hosts: {list: enum, choices: [alpha, beta, gamma], default: [alpha], help: Where}\n\
         preflight:\n  - {id: room, title: Room is left, run: ['true'], expect: 'code == 0'}\n\
         steps:\n  - {id: sure, title: Ask, confirm: {message: Really?, phrase: yes really}}\n  \
         - {id: mark, title: Mark it, run: [touch, mark], effect: change, undo: {impossible: a test}}\n",
    );
    bench.file(
        "runbooks/scenarios/drill/all-well.yaml",
        "halligan_scenario: 1\nrunbook: drill\ntitle: All well\ncommands:\n  - {match: [touch, mark]}\nexpect: {outcome: completed}\n",
    );
    bench.run(&["run", "drill", "--yes", "--set", "loudness=loud", "--confirm", "sure=yes really"]).exits(0);
    let runs = bench.run(&["journal", "list"]).exits(0).stdout;
    let run = runs.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    (bench, run)
}

/// What is typed before the tabulator, and what stands there afterwards. All of them are the only one that fits.
fn cases(run: &str) -> Vec<(String, String)> {
    let plain = [
        ("halligan resu", "halligan resume "),
        ("halligan run dri", "halligan run drill "),
        ("halligan show staggered-osd-r", "halligan show staggered-osd-restart "),
        ("halligan run drill --expe", "halligan run drill --expect-sha256 "),
        ("halligan run drill --set lou", "halligan run drill --set loudness="),
        ("halligan run drill --set loudness=q", "halligan run drill --set loudness=quiet "),
        ("halligan run drill --set=loudness=q", "halligan run drill --set=loudness=quiet "),
        ("halligan run drill --set hosts=alpha,b", "halligan run drill --set hosts=alpha,beta "),
        ("halligan rehearse drill --scenario al", "halligan rehearse drill --scenario all-well "),
        ("halligan run drill --confirm s", "halligan run drill --confirm sure="),
        ("halligan run drill --override r", "halligan run drill --override room="),
        ("halligan rehearse drill --fault mark=ga", "halligan rehearse drill --fault mark=garble "),
        ("halligan doctor ./runbooks/dri", "halligan doctor ./runbooks/drill.yaml "),
    ];
    let mut cases: Vec<_> = plain.map(|(typed, told)| (typed.to_owned(), told.to_owned())).into();
    let begun = &run[..4];
    cases.push((format!("halligan journal show {begun}"), format!("halligan journal show {run} ")));
    cases.push((format!("halligan rollback {run} --set lou"), format!("halligan rollback {run} --set loudness=")));
    cases
}

/// Types each, and looks at what becomes of it. The last letter is typed behind it: it shows whether a space is.
fn complete(shell: &mut Terminal, run: &str) {
    for (number, (typed, told)) in cases(run).into_iter().enumerate() {
        let behind = format!("{told}<{number}");
        shell.send(&typed).shows(&typed).send("\t").send(&format!("<{number}")).shows(&behind);
        // The line is left without being carried out.
        shell.send("\u{15}");
    }
}

#[test]
fn bash_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(100, "bash", &["--norc", "--noprofile", "-i"]);
    shell.expect("ready> ").send("source <(halligan completions bash); echo lo''aded\r").expect("loaded");
    complete(&mut shell, &run);
    // What fits is listed, in a quoted word too.
    shell.send("halligan run drill --set 'loudness=l").send("\t").shows("'loudness=loud'");
    shell.send("\u{15}").send("halligan run drill --set ").send("\t\t").shows("hosts=");
    shell.shows("loudness=").send("\u{15}exit\r");
    assert_eq!(shell.end().0, 0);
}

#[test]
fn zsh_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(100, "zsh", &["-f", "-i"]);
    shell
        .expect("ready> ")
        .send("autoload -Uz compinit; compinit -D -u; source <(halligan completions zsh); echo lo''aded\r")
        .expect("loaded");
    complete(&mut shell, &run);
    shell.send("halligan run drill --set ").send("\t").shows("How loud it is").shows("Where");
    // As a package installs it: read when it is needed.
    let bench = bench.variable("FPATH", &format!("{}/completions:{}", env!("CARGO_MANIFEST_DIR"), functions()));
    let mut shell = bench.other(100, "zsh", &["-f", "-i"]);
    shell.expect("ready> ").send("autoload -Uz compinit; compinit -D -u; echo lo''aded\r").expect("loaded");
    shell.send("halligan run dri").send("\t").send("<").shows("halligan run drill <");
    shell.send("\u{15}exit\r");
    assert_eq!(shell.end().0, 0);
}

/// Where zsh keeps its own functions.
fn functions() -> String {
    let output = std::process::Command::new("zsh").args(["-fc", "print -r -- ${(j.:.)fpath}"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn fish_completes_values() {
    let (bench, run) = bench();
    let mut shell = bench.other(
        100,
        "fish",
        &[
            "--no-config",
            "--interactive",
            "--init-command",
            "function fish_prompt; echo 'ready> '; end; set -g fish_autosuggestion_enabled 0",
        ],
    );
    shell.expect("ready> ").send("halligan completions fish | source; echo lo''aded\r").expect("loaded");
    complete(&mut shell, &run);
    shell.send("halligan run drill --set ").send("\t").shows("How loud it is").shows("Where");
}

/// The records of a type, of one run.
fn records(bench: &Workbench, run: &str, kind: &str) -> Vec<serde_json::Value> {
    let records = bench.run(&["journal", "show", run, "--format", "json"]).exits(0).stdout;
    let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter(|record| record["type"] == kind).collect()
}

/// Each command that was told, with its exit code; -1 where no end of it was.
fn commands(bench: &Workbench, run: &str) -> Vec<(String, i64)> {
    let ended = records(bench, run, "shell_command_ended");
    let code = |number: &serde_json::Value| {
        ended.iter().find(|ended| ended["number"] == *number).map_or(-1, |ended| ended["code"].as_i64().unwrap())
    };
    let told = records(bench, run, "shell_command");
    told.iter().map(|told| (told["text"].as_str().unwrap().to_owned(), code(&told["number"]))).collect()
}

#[test]
fn zsh_tells_its_commands_where_it_is_recorded() {
    let (bench, run) = bench();
    let bench = bench.variable("SHELL", "/usr/bin/zsh");
    bench.file(".zshenv", "FROM_ENV=zshenv-read\n");
    bench.file(".zshrc", "PS1='zsh-is-here> '\nprecmd() { : }\n");
    let mut shell = bench.terminal(100, &["shell", &run]);
    shell.expect("zsh-is-here>").send("echo $FROM_ENV-$((1+1)) '\\' \"b;c\"; (exit 3)\r").expect("zshenv-read-2");
    shell.send("\r").send("for word in one two\rdo echo $word-said\rdone\r").expect("two-said");
    shell.send("echo \"in-<$ZDOTDIR>-<$HALLIGAN_MARK>\"\r").expect("in-<>-<>").send("exit 7\r");
    let (code, text) = shell.end();
    assert_eq!(code, 0, "{text}");
    let expected = [
        ("echo $FROM_ENV-$((1+1)) '\\' \"b;c\"; (exit 3)", 3),
        ("for word in one two\ndo echo $word-said\ndone", 0),
        ("echo \"in-<$ZDOTDIR>-<$HALLIGAN_MARK>\"", 0),
        ("exit 7", -1),
    ];
    assert_eq!(commands(&bench, &run), expected.map(|(text, code)| (text.to_owned(), code)));
    let closed = &records(&bench, &run, "shell_closed")[0];
    assert_eq!((&closed["hook"], &closed["code"]), (&"zsh".into(), &7.into()));
    assert!(bench.read(".zsh_history").is_none());
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn fish_tells_its_commands_where_it_is_recorded() {
    let (bench, run) = bench();
    let bench = bench.variable("SHELL", "/usr/bin/fish");
    bench.file(".config/fish/config.fish", "set -g fish_greeting\nfunction fish_prompt; echo -n 'fish-is-here> '; end\n");
    let mut shell = bench.terminal(100, &["shell", &run]);
    shell.expect("fish-is-here>").send("echo a-(math 1+1) '\\\\' \"b;c\"; sh -c 'exit 3'\r").expect("a-2 \\ b;c");
    shell.send("\r").send("for word in one two\r").send("echo $word-said\r").send("end\r").expect("two-said").send("exit 7\r");
    let (code, text) = shell.end();
    assert_eq!(code, 0, "{text}");
    let told = commands(&bench, &run);
    assert_eq!(told[0], ("echo a-(math 1+1) '\\\\' \"b;c\"; sh -c 'exit 3'".to_owned(), 3));
    let lines: Vec<_> = told[1].0.lines().map(str::trim).collect();
    assert_eq!((lines, told[1].1), (vec!["for word in one two", "echo $word-said", "end"], 0));
    assert_eq!(told[2].0, "exit 7");
    let closed = &records(&bench, &run, "shell_closed")[0];
    assert_eq!((&closed["hook"], &closed["code"]), (&"fish".into(), &7.into()));
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn a_shell_on_a_host_behind_ssh_is_recorded() {
    let (bench, run) = bench();
    let home = bench.path("").display().to_string();
    let home = home.trim_end_matches('/');
    for key in ["host", "user"] {
        assert!(bench.program("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", key]).status().unwrap().success());
    }
    std::fs::copy(bench.path("user.pub"), bench.path("authorized_keys")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listens = format!("Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nPidFile none\n");
    bench.file("sshd_config", &format!("{listens}AuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\n"));
    let key = std::fs::read_to_string(bench.path("host.pub")).unwrap();
    bench.file("known", &format!("[127.0.0.1]:{port} {key}"));
    let reached = format!("Host far\n HostName 127.0.0.1\n Port {port}\n IdentityFile {home}/user\n IdentitiesOnly yes\n");
    bench.file("ssh_config", &format!("{reached} UserKnownHostsFile {home}/known\n"));
    let transports = format!("transports: {{lab: {{kind: ssh, options: [-F, {home}/ssh_config]}}}}");
    bench.file("inventory.yaml", &format!("halligan_inventory: 1\ntransport: lab\n{transports}\nhosts: {{far: {{}}}}\n"));
    // sshd as root does not start without it, and a container has not made it.
    let _ = std::fs::create_dir_all("/run/sshd");
    let mut server = bench.program("/usr/sbin/sshd").args(["-D", "-f"]).arg(bench.path("sshd_config")).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "sshd does not listen");
    }
    let mut shell = bench.terminal_of(40, 100, &["shell", &run, "--host", "far", "--inventory", "inventory.yaml"]);
    shell.expect("Shell on host far").expect(&format!("(recorded {run})"));
    shell.send("echo far-$((1+1)); tty; stty size\r").expect("far-2").expect("/dev/pts/").expect("40 100");
    shell.resize(30, 60).send("sleep 0; stty size\r").expect("30 60").send("exit 7\r");
    let (code, text) = shell.end();
    let _ = server.kill();
    let _ = server.wait();
    assert_eq!(code, 0, "{text}");
    assert_eq!(records(&bench, &run, "shell_opened")[0]["host"], "far");
    assert_eq!(records(&bench, &run, "shell_closed")[0]["code"], 7);
    assert_eq!(commands(&bench, &run)[0], ("echo far-$((1+1)); tty; stty size".to_owned(), 0));
    bench.run(&["journal", "verify"]).exits(0);
}
