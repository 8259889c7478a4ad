//! A secret that a command prints, in whatever form, is nowhere afterwards: not on the terminal, not in a record, in no output.

use std::{fs, path::Path};

use crate::workbench::Workbench;

/// Awkward enough that every way of quoting makes something else of it.
const SECRET: &str = "s3/cr et+\"q'uo$te&ü";

/// Prints it plainly, encoded and quoted, in one piece and byte by byte, on both streams, and then fails with it.
const SCRIPT: &str = r#"
import base64, json, os, shlex, sys, time, urllib.parse
secret = os.environ["TOKEN"]
forms = [secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret), urllib.parse.quote(secret, safe=""), shlex.quote(secret),
         json.dumps(secret), json.dumps(secret, ensure_ascii=False), json.dumps({"a": [secret]})]
for before in ["", "x", "xy"]:
    for after in ["", "z", "zz"]:
        raw = (before + secret + after).encode()
        forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
for stream in (1, 2):
    for form in forms:
        os.write(stream, b"form: " + form.encode() + b"\n")
    for form in forms[:3] + forms[-2:]:
        for byte in form.encode():
            os.write(stream, bytes([byte]))
            time.sleep(0.0001)
        os.write(stream, b"\n")
    # Across the border of a read, wherever that is.
    os.write(stream, b"." * 262140 + secret.encode() + b"\n")
sys.exit("cannot log in with " + secret + " as the token")
"#;

/// What must be nowhere: the secret, and what would give it away once decoded.
fn forbidden() -> Vec<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut all = vec![SECRET.as_bytes().to_vec(), b"s3%2Fcr".to_vec(), b"s3/cr%20et".to_vec(), b"s3/cr et".to_vec()];
    for before in ["", "x", "xy"] {
        let text = STANDARD.encode(format!("{before}{SECRET}"));
        all.push(text.as_bytes()[4..16].to_vec());
    }
    all
}

fn check(name: &str, bytes: &[u8]) {
    for form in forbidden() {
        let at = bytes.windows(form.len()).position(|window| window == form);
        assert!(
            at.is_none(),
            "{name} holds {} at {at:?}: {}",
            String::from_utf8_lossy(&form),
            String::from_utf8_lossy(&bytes[at.unwrap().saturating_sub(40)..(at.unwrap() + 60).min(bytes.len())])
        );
    }
}

fn check_files(folder: &Path, count: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_files(&path, count);
        } else {
            *count += 1;
            check(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_planted_secret_is_nowhere() {
    let bench = Workbench::new().variable("TOKEN_VALUE", SECRET);
    let script = bench.file("prints.py", SCRIPT).display().to_string();
    let env = "env: {TOKEN: \"{{ params.token }}\"}";
    let impossible = "undo: {impossible: a test}";
    bench.runbook(
        "planted",
        &format!(
            "params:\n  token: {{type: secret, help: A token, from_env: TOKEN_VALUE}}\n\
             preflight:\n  - {{id: seen, run: [bash, -c, 'echo \"pre $TOKEN\"'], {env}, message: \"it said {{{{ output }}}}\"}}\n\
             steps:\n  - {{id: prints, run: [python3, {script}], {env}, effect: change, on_fail: continue, {impossible}}}\n  \
             - {{id: garbles, run: [bash, -c, 'echo \"{{$TOKEN\"'], {env}, output: json, effect: read, on_fail: continue}}\n  \
             - {{id: waits, wait: {{run: [bash, -c, 'echo \"$TOKEN\"'], {env}, until: \"output == 'never'\", every: 10ms, timeout: 50ms, message: \"has {{{{ output }}}}\"}}, on_fail: continue}}\n  \
             - {{id: sure, confirm: {{message: \"It was {{{{ seen.output }}}} and {{{{ prints.stderr }}}}\", phrase: go}}}}\n"
        ),
    );
    for output in [&["--format", "plain"][..], &["--format", "json"], &["--format", "text"]] {
        let ran = bench.run(&[&["run", "planted", "--yes", "--confirm", "sure=go"], output].concat());
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        check("standard output", ran.stdout.as_bytes());
        check("standard error", ran.stderr.as_bytes());
        assert!(ran.stdout.contains("[secret]"), "{}", ran.stdout);
    }
    let mut terminal = bench.terminal(100, &["run", "planted", "--yes"]);
    terminal.expect("Type go").send("go\r");
    terminal.expect("completed");
    check("the terminal", &terminal.raw);
    terminal.end();
    let list = bench.run(&["journal", "list"]).exits(0);
    let id = list.stdout.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    check("the story", bench.run(&["journal", "show", &id]).exits(0).stdout.as_bytes());
    let mut count = 0;
    check_files(&bench.path("journal"), &mut count);
    assert!(count > 4, "there is something to look at");
}

/// Fails where `$TOKEN` is not what it should be, or stands in the arguments of any process.
const UNSEEN: &str =
    "test \"$TOKEN\" = s3cret-of-\"the-test\" && ! printf \"%s\\n\" \"$TOKEN\" | grep -alF -f - /proc/[0-9]*/cmdline 2>/dev/null";

#[test]
fn a_secret_goes_to_another_host_unseen_or_not_at_all() {
    let bench = Workbench::new().variable("TOKEN_VALUE", "s3cret-of-the-test");
    for (name, stdin) in [("carries", true), ("carries-none", false)] {
        let transport =
            format!("kind: command, command: [env, bash, -c, '{{command}}'], quoting: shell, stdin: {stdin}, lost: {{codes: [255]}}");
        bench.file(
            "hosts.yaml",
            &format!("halligan_inventory: 1\ntransport: own\ntransports: {{own: {{{transport}}}}}\nhosts: {{h1: {{}}}}\n"),
        );
        bench.runbook(
            name,
            &format!(
                "params:\n  token: {{type: secret, help: A token, from_env: TOKEN_VALUE}}\nsteps:\n\
                 - {{id: uses, run: [bash, -c, '{UNSEEN}'], env: {{TOKEN: '{{{{ params.token }}}}'}}, on: h1, effect: read}}\n"
            ),
        );
        let ran = bench.run(&["run", name, "--yes", "--inventory", "hosts.yaml"]).exits(if stdin { 0 } else { 6 });
        let refused = ran.stdout.contains("a secret would be visible in the process list of h1: its transport carries no standard input");
        assert_eq!(refused, !stdin, "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_secret_inside_another_parameter_is_masked_there_and_the_run_can_be_resumed() {
    let bench = Workbench::new().variable("TOKEN_VALUE", SECRET).variable("URL_VALUE", &format!("https://u:{SECRET}@h"));
    bench.runbook(
        "uses",
        "params:\n  token: {type: secret, help: A token, from_env: TOKEN_VALUE}\n  \
         url: {type: string, help: An address, from_env: URL_VALUE, default: none}\n  \
         urls: {list: string, help: Addresses, default: []}\n\
         steps:\n  - id: each\n    title: Each of them\n    for_each: {items: \"{{ params.urls }}\", as: it}\n    steps:\n      \
         - {id: see, run: [test, -n, \"{{ it }}\"], effect: read}\n  \
         - {id: fails, run: [test, -e, done], effect: change, idempotent: true, on_fail: stop, undo: {impossible: a test}}\n",
    );
    let urls = bench.file("urls.yaml", &serde_json::json!({"urls": [format!("a-{SECRET}"), format!("b-{SECRET}")]}).to_string());
    let urls = urls.display().to_string();
    for output in [&["--format", "plain"][..], &["--format", "json"], &["--format", "text"]] {
        let ran = bench.run(&[&["run", "uses", "--yes", "--params", &urls], output].concat()).exits(6);
        check("standard output", ran.stdout.as_bytes());
        check("standard error", ran.stderr.as_bytes());
        assert!(ran.stdout.contains("https://u:[secret]@h"), "{}", ran.stdout);
    }
    bench.file("done", "");
    // What was masked is not recorded: it is given again, by its variable or by hand, and must be as it was.
    let refused = bench.run(&["resume", "--yes", "--set", "urls=c"]).exits(2);
    assert!(refused.stderr.contains("was started with other parameters"), "{}", refused.stderr);
    check("the refusal", refused.stderr.as_bytes());
    let refused = bench.run(&["resume", "--yes"]).exits(2);
    assert!(refused.stderr.contains("a secret was masked in the recorded value of urls"), "{}", refused.stderr);
    check("the refusal", refused.stderr.as_bytes());
    let resumed = bench.run(&["resume", "--yes", "--params", &urls]).exits(0);
    check("standard output", resumed.stdout.as_bytes());
    let list = bench.run(&["journal", "list"]).exits(0);
    let id = list.stdout.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    check("the story", bench.run(&["journal", "show", &id]).exits(0).stdout.as_bytes());
    let mut count = 0;
    check_files(&bench.path("journal"), &mut count);
    assert!(count > 1, "there is something to look at");
}

/// A secret that only called runbooks have, two calls deep.
const INNER: &str = "inner-hunter22/'q";

fn nested(bench: &Workbench) {
    bench.runbook("outer", "params:\n  note: {type: string, help: A note, default: none}\nsteps:\n  - {id: go, call: middle, params: {}}\n  - {id: fails, run: [test, -e, done], effect: change, idempotent: true, on_fail: stop, undo: {impossible: a test}}\n");
    bench.runbook("middle", "steps:\n  - {id: on, call: inner, params: {}}\n");
    bench.runbook(
        "inner",
        "params:\n  token: {type: secret, help: A token, from_env: INNER_TOKEN}\n\
         preflight:\n  - {id: seen, shell: 'echo pre $T', env: {T: \"{{ params.token }}\"}, message: \"it said {{ output }}\"}\n\
         steps:\n  - id: uses\n    shell: 'echo got \"$T\"; echo err \"$T\" >&2; printf %s \"$T\" | base64; printf \"%q\\n\" \"$T\"'\n    \
         env: {T: \"{{ params.token }}\"}\n    effect: change\n    undo: {shell: 'echo undone \"$T\"', env: {T: \"{{ params.token }}\"}}\n    \
         cleanup: {shell: 'echo cleaned \"$T\"; test -e clean', env: {T: \"{{ params.token }}\"}}\n",
    );
}

fn no_inner(name: &str, bytes: &[u8]) {
    for form in [INNER.as_bytes(), b"hunter22", &base64::Engine::encode(&base64::engine::general_purpose::STANDARD, INNER).as_bytes()[..20]]
    {
        let at = bytes.windows(form.len()).position(|window| window == form);
        assert!(at.is_none(), "{name}: {}", String::from_utf8_lossy(bytes));
    }
}

fn no_inner_below(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += no_inner_below(&path);
        } else {
            count += 1;
            no_inner(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
    count
}

#[test]
fn a_secret_of_a_called_runbook_is_nowhere() {
    let bench = Workbench::new().variable("INNER_TOKEN", INNER);
    nested(&bench);
    let look = |words: &[&str], code: i32| {
        let ran = bench.run(words).exits(code);
        no_inner(&format!("{words:?}"), format!("{}{}", ran.stdout, ran.stderr).as_bytes());
        ran.stdout
    };
    look(&["run", "outer", "--dry-run", "-vv"], 0);
    for format in ["plain", "json", "text"] {
        // A parameter of the outer runbook that holds it, too.
        let told = look(&["run", "outer", "--yes", "-vv", "--format", format, "--set", &format!("note=with {INNER} in it")], 6);
        assert!(told.contains("[secret]"), "{told}");
    }
    let id = look(&["journal", "list"], 0).lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
    look(&["journal", "show", &id], 0);
    look(&["journal", "show", &id, "--format", "json"], 0);
    look(&["debts"], 1);
    look(&["resume", &id, "--yes"], 2);
    look(&["resume", &id, "--yes", "--set", &format!("note=with {INNER} in it")], 6);
    look(&["journal", "export", &id, "--to", "x.tar"], 0);
    no_inner("the export", &fs::read(bench.path("x.tar")).unwrap());
    look(&["rollback", &id, "--yes", "--set", &format!("note=with {INNER} in it")], 7);
    bench.file("clean", "");
    look(&["debts", "--settle", "--yes", &id, "--set", &format!("note=with {INNER} in it")], 0);
    assert!(no_inner_below(&bench.path("journal")) > 4);
}

#[test]
fn a_secret_of_a_called_runbook_is_asked_for_before_the_run() {
    let bench = Workbench::new();
    nested(&bench);
    let refused = bench.run(&["run", "outer", "--yes"]).exits(2);
    assert!(refused.stderr.contains("the secret token of inner has no value, and there is no terminal"), "{}", refused.stderr);
    assert!(refused.stderr.contains("set the environment variable INNER_TOKEN"), "{}", refused.stderr);
    assert!(!bench.path("journal/journal.jsonl").exists());
    let mut terminal = bench.terminal(100, &["run", "outer", "--yes"]);
    terminal.expect("token of inner: ").send(&format!("{INNER}\r"));
    terminal.expect("stopped");
    no_inner("the terminal", &terminal.raw);
    terminal.end();
    no_inner_below(&bench.path("journal"));
}

#[test]
fn a_call_gives_no_value_to_a_secret() {
    let bench = Workbench::new();
    nested(&bench);
    bench.runbook("gives", "steps:\n  - {id: go, call: inner, params: {token: \"{{ run.id }}\"}}\n");
    let refused = bench.run(&["run", "gives", "--yes"]).exits(3);
    assert!(refused.stderr.contains("step go of gives gives a value to the secret token of inner"), "{}", refused.stderr);
}

#[test]
fn what_is_wrong_with_a_file_of_parameters_is_told_by_its_place() {
    let bench = Workbench::new();
    bench.runbook(
        "x",
        "params:\n  token: {type: secret, help: t}\n  other: {type: string, help: o, default: x}\n  count: {type: int, help: c, default: 1}\n\
         steps:\n  - {id: use, run: [ls, \"{{ params.other }}\", \"{{ params.count }}\"], env: {T: \"{{ params.token }}\"}, effect: read}\n",
    );
    for (text, told) in [
        ("token: hunter22: secret", "line 1, column 16: invalid YAML"),
        ("token: hunter22\n\tother: a", "line 2, column 1: invalid YAML"),
        ("{token: hunter22, other: &a b}", "anchors (`&name`) are not allowed"),
        ("token: \"hunter22\\\\0x", "invalid YAML"),
        ("token: [hunter22]", "line 1, column 8"),
        ("token: {a: hunter22}", "line 1, column 8"),
        ("token: !t hunter22", "tags (`!name`) are not allowed"),
        ("token: &hunter22 x", "anchors (`&name`) are not allowed"),
        ("token: *hunter22", "line 1, column 8: invalid YAML"),
        ("token: 'hunter22", "invalid YAML"),
        ("token: |\nhunter22: of a key\n", "line 2, column 1"),
        ("hunter22", "not a map"),
        ("[hunter22]", "not a map"),
        ("token: a\nhunter22: a\nhunter22: b", "line 3, column 1: the same name a second time"),
        ("token: a\ncount: hunter22", "line 2, column 8"),
        ("token: a\ncount: [hunter22]", "line 2, column 8"),
        ("token: a\nother: {hunter22: 1}", "line 2, column 8"),
        ("token: \"hunter22\\0\"", "line 1, column 8"),
        ("token: a\n7hunter22.: &7 \"\u{1}\"", "line 2"),
    ] {
        bench.file("p.yaml", &format!("{text}\n"));
        let ran = bench.run(&["run", "x", "--yes", "-vv", "--params", "p.yaml"]).exits(2);
        let said = format!("{}{}", ran.stdout, ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!said.contains("hunter"), "{text}: {said}");
        assert!(said.contains(told), "{text}: {said}");
    }
    fs::write(bench.path("p.yaml"), b"token: hunter22\xff\n").unwrap();
    let ran = bench.run(&["run", "x", "--yes", "--params", "p.yaml"]).exits(2);
    assert!(ran.stderr.contains("line 1, column 16: not UTF-8") && !ran.stderr.contains("hunter"), "{}", ran.stderr);
}

#[test]
fn a_secret_arrives_as_it_is_written() {
    let bench = Workbench::new();
    bench.runbook(
        "x",
        "params:\n  token: {type: secret, help: t}\nsteps:\n  - {id: use, shell: 'printf %s \"$T\" > got', env: {T: \"{{ params.token }}\"}, effect: change, undo: {impossible: a test}}\n",
    );
    for written in ["0xDEADBEEF", "+123456", "007", "~", "yes", "null", ".nan", "12e10", "1234567.5", "123456789012345678901234567890"] {
        bench.file("p.yaml", &format!("token: {written}\n"));
        bench.run(&["run", "x", "--yes", "--params", "p.yaml"]).exits(0);
        assert_eq!(bench.read("got").as_deref(), Some(written));
    }
}

#[test]
fn live_choices_show_no_secret() {
    let bench = Workbench::new().variable("TOKEN_VALUE", SECRET);
    bench.runbook(
        "x",
        "params:\n  token: {type: secret, help: t, from_env: TOKEN_VALUE}\n  \
         one: {type: string, help: o, choices: {shell: 'echo plain; echo \"with $T\"', env: {T: \"{{ params.token }}\"}}}\n  \
         two: {type: string, help: o, choices: {shell: 'echo \"cannot log in: $T\" >&2; exit 1', env: {T: \"{{ params.token }}\"}}}\n\
         steps:\n  - {id: use, run: [echo, \"{{ params.one }}\", \"{{ params.two }}\"], effect: read}\n",
    );
    let mut terminal = bench.terminal(100, &["run", "x", "--yes", "-vv"]);
    terminal.expect("1 more choices contain a secret").expect("Enter takes: plain").send("\r");
    terminal.expect("the choices could not be listed").expect("two: ").send("other\r");
    terminal.expect("completed");
    check("the terminal", &terminal.raw);
    terminal.end();
}

#[test]
fn halligan_is_not_dumped_and_its_steps_have_their_limits() {
    let bench = Workbench::new();
    bench.runbook(
        "x",
        "steps:\n  - {id: see, shell: '{ grep \"Max core\" /proc/$PPID/limits; ulimit -Sc; } > seen', effect: change, undo: {impossible: a test}}\n",
    );
    let output = bench
        .program("bash")
        .args([
            "-c",
            "ulimit -Sc \"$(ulimit -Hc)\" && ulimit -Sc 0 && ulimit -Sc 8 && exec \"$0\" run x --yes",
            env!("CARGO_BIN_EXE_halligan"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = bench.read("seen").unwrap();
    let words: Vec<&str> = told.split_whitespace().collect();
    assert!(words.windows(5).any(|words| words == ["Max", "core", "file", "size", "0"]), "{told}");
    assert!(told.lines().any(|line| line.trim().ends_with('8')), "{told}");
}

#[test]
fn the_name_of_a_lock_holds_no_secret() {
    let bench = Workbench::new().variable("TOKEN_VALUE", SECRET);
    let steps = "steps:\n  - {id: use, run: [ls], env: {T: \"{{ params.token }}\"}, effect: read}\n";
    let params = "params:\n  token: {type: secret, help: t, from_env: TOKEN_VALUE}\n";
    for lock in ["a-{{ params.token }}", "{{ vars.v }}", "{{ params | list | join }}", "{{ params['token'] }}", "{{ vars }}"] {
        bench.runbook("x", &format!("{params}vars:\n  v: \"{{{{ params.token }}}}x\"\nlocks: [\"{lock}\"]\n{steps}"));
        let refused = bench.run(&["check", "runbooks/x.yaml"]).exits(3);
        assert!(refused.stdout.contains("the secret `params.token` would be visible here"), "{lock}: {}", refused.stdout);
    }
    bench.runbook("x", &format!("{params}  name: {{type: string, help: n}}\nlocks: [\"{{{{ params.name }}}}\"]\n{steps}"));
    let refused = bench.run(&["run", "x", "--yes", "--set", &format!("name=x{SECRET}")]).exits(3);
    assert!(refused.stderr.contains("contains a secret, and would be visible"), "{}", refused.stderr);
    check("the refusal", refused.stderr.as_bytes());
}

#[test]
fn the_password_for_sudo_is_masked_in_what_halligan_itself_says() {
    let bench = Workbench::new();
    bench.runbook(
        "x",
        "params:\n  name: {type: string, help: n}\nsteps:\n  - {id: use, title: \"Use {{ params.name }}\", run: [echo, \"{{ params.name }}\"], effect: change, undo: {impossible: a test}}\n",
    );
    for (mut terminal, told) in [
        (bench.terminal(100, &["run", "x", "--dry-run", "--ask-sudo-password", "--set", "name=a-open-sesame"]), "a-[secret]"),
        (bench.terminal(100, &["run", "x", "--yes", "--ask-sudo-password", "--set", "name=a-open-sesame"]), "completed"),
    ] {
        terminal.expect("sudo password: ").send("open-sesame\r");
        terminal.expect(told);
        let (_, text) = terminal.end();
        assert!(!text.contains("open-sesame"), "{text}");
    }
    assert!(!bench.read("journal/journal.jsonl").unwrap().contains("open-sesame"));
}
