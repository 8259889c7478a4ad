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
