//! Random secrets in every form that is promised, made by the programs that make them, and at every place where one may get.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use fastrand::Rng;
use halligan::door::Secrets;

use super::{
    row::{Outcome, Setup},
    story, surroundings,
};

/// How many secrets are tried in every form, masked as a whole run would mask them.
const MANY: usize = 1000;

/// The name of what a control has planted among what is looked at.
const PLANTED: &str = "what was planted";

/// Writes each form of each secret: a JSON object of names to texts a line.
const FORMS: &str = r#"
import base64, json, re, shlex, sys, urllib.parse

def wrapped(text, width, end="\n"):
    return end.join(text[at:at + width] for at in range(0, len(text), width))

for line in sys.stdin:
    secret = json.loads(line)
    raw = secret.encode()
    forms = {"as it is": secret, "without its last newline": secret.rstrip("\n"), "trimmed": secret.strip(),
             "as words": " ".join(secret.split()), "in a header": "Authorization: Bearer " + secret,
             "its first line": secret.splitlines()[0], "its last line": secret.splitlines()[-1]}
    for name, text in (("", raw), ("of JSON ", json.dumps({"password": secret}).encode()),
                       ("of JSON, as UTF-8, ", json.dumps([secret], ensure_ascii=False).encode())):
        for skip in range(3):
            whole = b"xyz"[:skip] + text + b"end"
            encoded = base64.b64encode(whole).decode()
            forms[f"base64 {name}after {skip}"] = encoded
            forms[f"base64 {name}for URLs, after {skip}"] = base64.urlsafe_b64encode(whole).decode().rstrip("=")
            for width in (64, 76):
                forms[f"base64 {name}wrapped at {width}, after {skip}"] = wrapped(encoded, width)
                forms[f"base64 {name}wrapped at {width} with CR, after {skip}"] = wrapped(encoded, width, "\r\n")
                long = base64.b64encode(b"x" * (30 + skip) + text + b"end").decode()
                forms[f"base64 {name}wrapped at {width} within, after {skip}"] = wrapped(long, width)
    for safe in ("", "/", "!*'()", ";/?:@&=+$,#!*'()", "/:@!$&'()*+,;="):
        quoted = urllib.parse.quote(secret, safe=safe)
        forms[f"URL-encoded but {safe}"] = quoted
        forms[f"URL-encoded but {safe}, in small letters"] = re.sub("%..", lambda found: found[0].lower(), quoted)
        forms[f"URL-encoded but {safe}, with +"] = quoted.replace("%20", "+")
    forms["shlex.quote"] = shlex.quote(secret)
    for name, text in (("JSON", json.dumps(secret)), ("JSON as UTF-8", json.dumps(secret, ensure_ascii=False)),
                       ("JSON with slashes", json.dumps(secret).replace("/", "\\/")),
                       ("JSON with \\U", re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), json.dumps(secret))),
                       ("JSON for HTML", json.dumps(secret, ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))):
        forms[name] = text
        forms[f"{name} in JSON"] = json.dumps({"body": '{"a": ' + text + "}"})
        forms[f"{name} in JSON as UTF-8"] = json.dumps({"body": '{"a": ' + text + "}"}, ensure_ascii=False)
    print(json.dumps({"secret": secret, "forms": forms}))
"#;

/// The same as shells write it: NUL after each, five to a secret.
const SHELL: &str = r#"
while IFS= read -r -d '' secret; do
    T=$secret
    printf '%q\0' "$T"
    printf '%s\0' "${T@Q}"
    declare -p T; printf '\0'
    export T; export -p | sed -n '/^declare -x T=/,$p'; printf '\0'
    LC_ALL=C bash -c 'printf "%q\0" "$T"'
    sh -c 'set -- "$T"; T=$1; export -p | sed -n "/^export T=/,\$p"; printf "\0"'
done
"#;
const SHELL_FORMS: [&str; 6] = ["printf %q", "${x@Q}", "declare -p", "export -p", "printf %q without UTF-8", "export -p of sh"];

/// A secret with something awkward in it: blanks before and within, quotes, letters beyond ASCII, a newline, digits alone.
fn random(rng: &mut Rng) -> String {
    const AWKWARD: &[&str] = &[
        "'", "\"", "\\", "$", "`", "!", " ", "  ", "&", "<", ">", "/", "+", "%", "#", "~", "=", ":", ",", ";", "|", "*", "?", "(", ")",
        "[", "]", "{", "}", "^", "@", "-", "_", ".", "ä", "ß", "é", "λ", "中", "😀", "''", "\\n", "\t",
    ];
    let letters = |rng: &mut Rng, count: usize| (0..count).map(|_| rng.alphanumeric()).collect::<String>();
    let length = rng.usize(8..40);
    let mut secret = String::new();
    match rng.u8(0..6) {
        0 => return (0..length).map(|_| rng.digit(10)).collect(),
        1 => return format!("{}{}", " ".repeat(rng.usize(1..3)), letters(rng, length)),
        2 => return format!("{}\n{}{}", letters(rng, length), letters(rng, length), rng.choice(["", "\n"]).unwrap_or_default()),
        3 => return letters(rng, length * 4),
        _ => {}
    }
    while secret.chars().count() < length {
        match rng.u8(0..3) {
            // A value that begins with a dash is refused.
            0 => secret += rng.choice(AWKWARD).filter(|awkward| **awkward != "-" || !secret.is_empty()).unwrap_or(&"x"),
            _ => secret.push(rng.alphanumeric()),
        }
    }
    secret
}

fn fed(program: &str, words: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut command = Command::new(program);
    surroundings::plain(&mut command).args(words).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// Each secret with all its forms.
fn forms(secrets: &[String]) -> Vec<(String, BTreeMap<String, String>)> {
    let lines = secrets.iter().fold(String::new(), |text, secret| text + &format!("{}\n", serde_json::json!(secret)));
    let python = String::from_utf8(fed("python3", &["-c", FORMS], lines.into_bytes())).unwrap();
    let shells = fed("bash", &["-c", SHELL], secrets.iter().flat_map(|secret| [secret.as_bytes(), b"\0"]).flatten().copied().collect());
    let shells: Vec<&[u8]> = shells.split(|byte| *byte == 0).collect();
    assert_eq!(shells.len(), secrets.len() * SHELL_FORMS.len() + 1);
    let each = python.lines().zip(shells.chunks(SHELL_FORMS.len())).map(|(line, shells)| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let mut forms: BTreeMap<String, String> = serde_json::from_value(value["forms"].clone()).unwrap();
        forms.extend(SHELL_FORMS.iter().zip(shells).map(|(name, text)| ((*name).to_owned(), String::from_utf8_lossy(text).into_owned())));
        (value["secret"].as_str().unwrap().to_owned(), forms)
    });
    each.collect()
}

/// Whether a text in some form is masked so that nothing of the secret is left: only what stands around it in that form.
fn masked(secret: &str, form: &str, text: &str, secrets: &Secrets) -> Result<(), String> {
    let out = secrets.mask(text).into_owned();
    let wrong = |why: &str| Err(format!("{form} of {secret:?}: {why}: {text:?} became {out:?}"));
    if !out.contains("[secret]") {
        return wrong("not masked");
    }
    let around = if form.starts_with("base64") { 76 } else { 30 };
    if out.split("[secret]").any(|piece| piece.chars().count() > around) {
        return wrong("a long piece is left");
    }
    let left: String = out.replace("[secret]", "\0");
    match needles(secret).into_iter().find(|needle| left.contains(needle.as_str())) {
        Some(_) => wrong("a part of it is left"),
        None => Ok(()),
    }
}

/// What would give a secret away: the whole, its lines, eight of its letters in a row, and the same as base64.
fn needles(secret: &str) -> BTreeSet<String> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let mut needles: BTreeSet<String> = secret.lines().map(|line| line.trim().to_owned()).filter(|line| line.len() >= 6).collect();
    let runs = secret.split(|c: char| !c.is_ascii_alphanumeric());
    needles
        .extend(runs.flat_map(|run| run.as_bytes().windows(8).map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>()));
    for skip in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"xyz"[..skip], secret.trim().as_bytes()].concat());
        needles.extend(encoded.as_bytes()[4..].chunks_exact(10).map(|part| String::from_utf8_lossy(part).into_owned()));
    }
    needles
}

/// Prints its secret in some forms on both streams, and fails with it.
const PRINTS: &str = r#"printf '%s\n' "$T"; printf '%q\n' "$T"; printf %s "$T" | base64; declare -p T; printf %s "$T" | base64 -w 0 >&2; echo "cannot log in: $T" >&2; exit 1"#;

/// A run whose secrets get to every place that there is, and all that is kept and shown of it.
fn places(setup: &Setup, own: &str, inner: &str, plant: Option<&[u8]>) -> Result<(), String> {
    let below = story::fresh(&setup.memory, "secrets");
    let journal = below.join("journal");
    fs::create_dir_all(below.join("runbooks")).unwrap();
    let head = |name: &str| format!("halligan: 1\nname: {name}\ntitle: Secrets\nsummary: For a test.\nreviewed: 2026-11-01\nparams:\n");
    let env = "env: {T: \"{{ params.token }}\"}";
    let script = serde_json::json!(PRINTS);
    let mut outer = head("outer");
    let _ = write!(
        outer,
        "  token: {{type: secret, help: t, from_env: OWN}}\n  notes: {{list: string, help: n}}\n  note: {{type: string, help: n}}\n\
         preflight:\n  - {{id: seen, shell: {script}, {env}, expect: \"code == 1\", message: \"{{{{ stderr }}}}\"}}\n\
         steps:\n  - {{id: reads, title: \"Of {{{{ params.note }}}}\", shell: {script}, {env}, effect: read, on_fail: continue}}\n  \
         - {{id: garbles, shell: 'echo \"{{$T\"', {env}, output: json, effect: read, on_fail: continue}}\n  \
         - {{id: waits, wait: {{shell: 'echo \"$T\"', {env}, until: \"output == 'never'\", every: 5ms, timeout: 20ms, message: \"has {{{{ output }}}}\"}}, on_fail: continue}}\n  \
         - {{id: asks, confirm: {{message: \"It was {{{{ seen.output }}}} and {{{{ reads.stderr }}}}\", phrase: go}}}}\n  \
         - id: each\n    title: Each\n    for_each: {{items: \"{{{{ params.notes }}}}\", as: it}}\n    steps:\n      - {{id: one, run: [test, -n, \"{{{{ it }}}}\"], effect: read}}\n  \
         - {{id: go, call: inner, params: {{}}}}\n  \
         - {{id: fails, shell: {script}, {env}, effect: change, idempotent: true, on_fail: stop, undo: {{impossible: a test}}}}\n"
    );
    let mut called = head("inner");
    let _ = write!(
        called,
        "  token: {{type: secret, help: t, from_env: INNER}}\n\
         preflight:\n  - {{id: seen, shell: {script}, {env}, expect: \"code == 1\", message: \"{{{{ stderr }}}}\"}}\n\
         steps:\n  - id: uses\n    shell: {}\n    {env}\n    effect: change\n    undo: {{shell: {script}, {env}}}\n    cleanup: {{shell: {script}, {env}}}\n",
        serde_json::json!(PRINTS.replace("exit 1", "exit 0")),
    );
    fs::write(below.join("runbooks/outer.yaml"), outer).unwrap();
    fs::write(below.join("runbooks/inner.yaml"), called).unwrap();
    let notes =
        serde_json::json!({"note": format!("a note with {own} and {inner}"), "notes": [format!("a-{own}"), format!("b-{inner}"), "c"]});
    fs::write(below.join("notes.yaml"), notes.to_string()).unwrap();
    // Started from another directory, where its runbooks are.
    let binary = fs::canonicalize(&setup.binary).unwrap();
    let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
    let mut call = |words: &[&str], code: i32| {
        let mut command = Command::new(&binary);
        surroundings::plain(&mut command).args(words).current_dir(&below).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("HALLIGAN_JOURNAL_DIR", &journal).env("OWN", own).env("INNER", inner).stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let told = String::from_utf8_lossy(&stdout).into_owned();
        let ended = if status.code() == Some(code) {
            Ok(told)
        } else {
            Err(format!("{words:?} ended with {:?}: {told}{}", status.code(), String::from_utf8_lossy(&stderr)))
        };
        kept.push((format!("{words:?}"), [stdout, stderr].concat()));
        ended
    };
    let given = ["--yes", "-vv", "--params", "notes.yaml", "--confirm", "asks=go"];
    call(&["run", "outer", "--dry-run", "-vv", "--params", "notes.yaml"], 0)?;
    for format in ["json", "plain"] {
        call(&[&["run", "outer", "--format", format], &given[..]].concat(), 6)?;
    }
    call(&["journal", "list"], 0)?;
    let list = call(&["journal", "list", "--format", "json"], 0)?;
    let last: serde_json::Value = serde_json::from_str(list.lines().last().unwrap_or_default()).unwrap_or_default();
    let id = last["id"].as_str().unwrap_or_default().to_owned();
    call(&[&["resume", &id], &given[..]].concat(), 6)?;
    call(&["rollback", &id, "--yes", "-vv", "--params", "notes.yaml"], 8)?;
    call(&["debts", "--settle", "--yes", "-vv", "--params", "notes.yaml", &id], 6)?;
    call(&["debts", "--format", "json"], 1)?;
    for words in [
        &["journal", "show", &id][..],
        &["journal", "show", &id, "--format", "json"],
        &["journal", "tail"],
        &["journal", "export", &id, "--to", "x.tar"],
    ] {
        call(words, 0)?;
    }
    kept.push(("the export".to_owned(), fs::read(below.join("x.tar")).unwrap()));
    files(&journal, &mut kept);
    if kept.len() < 20 {
        return Err(format!("there is little to look at: {}", kept.len()));
    }
    kept.extend(plant.map(|planted| (PLANTED.to_owned(), [&b"before "[..], planted, b" after"].concat())));
    let needles: Vec<String> = needles(own).into_iter().chain(needles(inner)).collect();
    let search = aho_corasick::AhoCorasick::new(&needles).unwrap();
    match kept.iter().find_map(|(name, bytes)| Some((name, search.find(bytes)?, bytes))) {
        None => Ok(()),
        Some((name, found, bytes)) => {
            let around = &bytes[found.start().saturating_sub(80)..(found.end() + 80).min(bytes.len())];
            Err(format!("{name} holds {:?}: {}", needles[found.pattern().as_usize()], String::from_utf8_lossy(around)))
        }
    }
}

fn files(folder: &Path, kept: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, kept);
        } else {
            kept.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let many: Vec<String> = (0..if setup.long { MANY * 10 } else { MANY }).map(|_| random(&mut rng)).collect();
    let all = forms(&many);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = |part: &[(String, BTreeMap<String, String>)]| {
        let mut results = Vec::new();
        for (secret, forms) in part {
            let secrets = Secrets::new(std::iter::once(secret.as_str()));
            results.extend(forms.iter().map(|(form, text)| masked(secret, form, text, &secrets)));
        }
        results
    };
    let results: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = all.chunks(all.len().div_ceil(threads)).map(|chunk| scope.spawn(move || part(chunk))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for result in results {
        outcome.point("a form", result);
    }
    outcome.notes.push(format!("{} secrets in {} forms each", all.len(), all.first().map_or(0, |(_, forms)| forms.len())));
    let rounds = if setup.long { 200 } else { 6 };
    for round in 0..rounds {
        let (own, inner) = (random(&mut rng), random(&mut rng));
        outcome.point(format!("run {round} with {own:?} and {inner:?}"), places(setup, &own, &inner, None));
    }
    // A secret that really stands somewhere, and forms that nobody masks.
    let secret: String = (0..24).map(|_| rng.alphanumeric()).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("x{secret}"));
    let planted = [secret.as_bytes(), &secret.as_bytes()[8..16], encoded.as_bytes()].map(|plant| {
        // Whatever else goes wrong shows nothing of what was planted.
        places(setup, &secret, "another-hunter22", Some(plant)).or_else(|why| if why.starts_with(PLANTED) { Err(why) } else { Ok(()) })
    });
    let unmasked = all.iter().take(50).map(|(secret, forms)| masked(secret, "the control", &forms["as it is"], &Secrets::default()));
    let results: Vec<_> = planted.into_iter().chain(unmasked).collect();
    let missed = results.iter().filter(|result| result.is_ok()).count();
    outcome.point("the control", if missed == 0 { Ok(()) } else { Err(format!("{missed} leaks were not found")) });
    outcome.control("a secret that is planted, and forms that nothing masks", results);
    outcome
}
