//! No threads, no processes, no descriptors, no memory: a run ends with its cleanups, or with what it owes named.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    row::{Outcome, Setup},
    surroundings,
};

/// Nobody else runs anything as this user: its processes are those of one run.
const USER: u32 = 61_337;

/// What ends a run, by README. Neither a bug nor a panic is among them.
const DOCUMENTED: &[i32] = &[0, 1, 4, 6, 7, 8, 9, 10, 71];

/// Where runs are, with a binary that another user can reach.
struct Ground {
    directory: PathBuf,
    binary: PathBuf,
}

/// How a run ended.
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Ground {
    fn new(setup: &Setup, name: &str) -> Self {
        // As root, limits of processes count for nobody.
        fs::set_permissions(&setup.memory, fs::Permissions::from_mode(0o711)).unwrap();
        let directory = setup.memory.join(name);
        fs::create_dir_all(&directory).unwrap();
        let binary = directory.join("halligan");
        fs::copy(&setup.binary, &binary).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory, binary }
    }

    fn place(&self, number: usize) -> PathBuf {
        let place = self.directory.join(number.to_string());
        fs::create_dir(&place).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&place, Some(USER), Some(USER)).unwrap();
        }
        place
    }

    /// Runs a program under limits, as words of `prlimit`.
    fn under(program: &Path, limits: &[String], place: &Path, words: &[&str]) -> Ended {
        let mut command = Command::new("prlimit");
        surroundings::plain(&mut command)
            .args(limits)
            .arg(program)
            .args(words)
            .env_clear()
            .envs([("HOME", place), ("PATH", Path::new("/usr/local/bin:/usr/bin:/bin")), ("HALLIGAN_JOURNAL_DIR", &place.join("journal"))])
            .current_dir(place)
            .stdin(Stdio::null());
        if nix::unistd::geteuid().is_root() {
            command.uid(USER).gid(USER);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Ended { code: output.status.code(), said }
    }

    /// Whether the end of a run is what was promised.
    fn judge(&self, place: &Path, ended: &Ended) -> Result<(), String> {
        let Ended { code, said, .. } = ended;
        if !code.is_some_and(|code| DOCUMENTED.contains(&code)) {
            return Err(format!("exit {code:?}: {}", tail(said)));
        }
        // Of memory that could not be had, Rust itself tells, with its own note.
        let own = ["panicked", "halligan itself has failed"].iter().chain(["RUST_BACKTRACE"].iter().filter(|_| *code != Some(71)));
        if own.into_iter().any(|word| said.contains(word)) {
            return Err(format!("exit {code:?}, a panic: {}", tail(said)));
        }
        if !place.join("journal/journal.jsonl").exists() {
            return if place.join("flag").exists() { Err("the flag stands, and there is no journal".to_owned()) } else { Ok(()) };
        }
        let verdict = Self::under(&self.binary, &[], place, &["journal", "verify"]);
        if verdict.code != Some(0) && !verdict.said.contains("cut short") {
            return Err(format!("the journal: {}", tail(&verdict.said)));
        }
        let debts = Self::under(&self.binary, &[], place, &["debts"]);
        if place.join("flag").exists() && !debts.said.contains("flag") {
            return Err(format!("exit {code:?}: the flag stands, and nobody says so: {}", tail(&debts.said)));
        }
        if *code == Some(0) && (place.join("flag").exists() || effects(place) != ITEMS) {
            return Err(format!("completed with {} of {ITEMS} effects", effects(place)));
        }
        Ok(())
    }
}

fn tail(said: &str) -> String {
    let from = said.char_indices().rev().nth(400).map_or(0, |(at, _)| at);
    said[from..].replace('\n', " / ")
}

const ITEMS: usize = 8;

fn effects(place: &Path) -> usize {
    fs::read_to_string(place.join("effects")).unwrap_or_default().lines().count()
}

/// A flag that is set and put back; a wait; a loop in parallel.
fn book(place: &Path) {
    let place = place.display();
    let text = format!(
        "halligan: 1\nname: scarce\ntitle: Scarce\nsummary: For the torture.\nsteps:\n- {{id: flag, run: [touch, {place}/flag], effect: change, cleanup: {{run: \
         [rm, -f, {place}/flag]}}}}\n- id: ready\n  wait: {{run: [test, -e, {place}/flag], until: code == 0, every: 1s, timeout: 5s}}\n- id: \
         each\n  for_each: {{items: '{{{{ range({ITEMS}) | list }}}}', as: n, batch: {ITEMS}, parallel: {ITEMS}}}\n  steps:\n  - {{id: act, shell: 'echo $N >> \
         {place}/effects; sleep 0.1', env: {{N: '{{{{ n }}}}'}}, effect: change, undo: {{impossible: no need}}}}\n"
    );
    fs::write(format!("{place}/scarce.yaml"), text).unwrap();
}

fn scarce(ground: &Ground, number: usize, limit: &str) -> Result<(), String> {
    let place = ground.place(number);
    book(&place);
    let ended = Ground::under(&ground.binary, &[limit.to_owned()], &place, &["run", "./scarce.yaml", "--yes"]);
    let result = ground.judge(&place, &ended);
    if result.is_ok() {
        fs::remove_dir_all(&place).unwrap();
    }
    result
}

/// A program of some lines in halligan's place.
fn instead(ground: &Ground, number: usize, lines: &str, limits: &[String]) -> Result<(), String> {
    let place = ground.place(number);
    let program = ground.directory.join(format!("instead-{number}"));
    fs::write(&program, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = Ground::under(&program, limits, &place, &[]);
    ground.judge(&place, &ended)
}

/// Sets its flag and ends as halligan did when no thread could be had.
fn careless(ground: &Ground, number: usize) -> Result<(), String> {
    instead(ground, number, "touch flag\necho \"thread 'main' panicked\"\nexit 101", &[])
}

/// Computes until the system ends it.
fn endless(ground: &Ground, number: usize) -> Result<(), String> {
    instead(ground, number, "while :; do :; done", &["--cpu=1".to_owned()])
}

pub fn threads(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let ground = Ground::new(setup, "threads");
    let step = if setup.long { 1 } else { 3 };
    let processes = (1..=40).step_by(step).map(|limit| format!("--nproc={limit}:{limit}"));
    // With three the system cannot even load it.
    let descriptors = (4..=80).step_by(step * 2).map(|limit| format!("--nofile={limit}:{limit}"));
    let mut number = 0;
    for limit in processes.chain(descriptors) {
        number += 1;
        outcome.point(&limit, scarce(&ground, number, &limit));
    }
    outcome.control("a program that ends as after a panic", (1..4).map(|more| careless(&ground, number + more)));
    outcome
}

/// Expressions that made gigabytes, or took minutes.
const BOMBS: &[&str] = &[
    "{{ 'x' * 100000000 * 1000 }}",
    "{{ 'a' | indent(4000000000) }}",
    "{{ '%4000000000d' | format(1) }}",
    "{{ [1] | slice(4000000000) | list }}",
    "{{ range(100000) | list | join('x' * 1000000) }}",
    "{{ vars.v30 }}",
    "{{ range(99999) | list | select('in', range(99999) | list) | list | length }}",
    "{{ ('x' * 5000000) | replace('x', 'y' * 5000000) | length }}",
    "{{ ('x' * 5000000) | regex_replace('x', 'y' * 5000000) | length }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}a text that stands there{% endfor %}{% endfor %}",
];

/// A bomb in a step after a flag was set: the step fails within 15 s of processor time, the flag is put back.
fn bomb(ground: &Ground, number: usize, bomb: &str) -> Result<(), String> {
    let place = ground.place(number);
    let doubling = (1..=30).fold(String::new(), |text, n| text + &format!("  v{n}: '{{{{ vars.v{0} ~ vars.v{0} }}}}'\n", n - 1));
    let text = format!(
        "halligan: 1\nname: scarce\ntitle: Scarce\nsummary: For the torture.\nvars:\n  v0: xxxxxxxx\n{doubling}steps:\n- {{id: flag, run: [touch, flag], cwd: '{0}', effect: \
         change, cleanup: {{run: [rm, -f, {0}/flag]}}}}\n- {{id: bomb, run: [test, -n, {1}], when: flag.ok, effect: read}}\n",
        place.display(),
        serde_json::Value::from(bomb)
    );
    fs::write(place.join("scarce.yaml"), text).unwrap();
    let ended =
        Ground::under(&ground.binary, &["--as=1073741824".to_owned(), "--cpu=15".to_owned()], &place, &["run", "./scarce.yaml", "--yes"]);
    ground.judge(&place, &ended)?;
    if !matches!(ended.code, Some(4 | 6)) || !ended.said.contains("too much") {
        return Err(format!("exit {:?}: {}", ended.code, tail(&ended.said)));
    }
    if place.join("flag").exists() {
        return Err("the flag stands".to_owned());
    }
    fs::remove_dir_all(&place).unwrap();
    Ok(())
}

/// Files of 1 MiB that are dear to read.
fn dear() -> Vec<(&'static str, String)> {
    const HEAD: &str = "halligan: 1\nname: scarce\ntitle: Scarce\nsummary: For the torture.\n";
    const STEP: &str = "steps:\n- {id: a, run: [x], effect: read}\n";
    const SIZE: usize = 1 << 20;
    let filled = |before: &str, line: &dyn Fn(usize) -> String, after: &str| {
        let mut text = format!("{HEAD}{before}");
        for n in 0.. {
            let line = line(n);
            if text.len() + line.len() + after.len() > SIZE {
                break;
            }
            text.push_str(&line);
        }
        text + after
    };
    vec![
        (
            "steps",
            filled("steps:\n", &|n| format!("- {{id: step_number_{n}, run: [x, '{{{{ step_number_0.ok }}}}'], effect: read}}\n"), ""),
        ),
        ("groups", filled("steps:\n", &|n| format!("- {{id: g{n}, steps: [{{id: s{n}, run: [x], effect: read}}]}}\n"), "")),
        ("variables", filled("vars:\n", &|n| format!("  v{n}: '{{{{ vars.v{} }}}}'\n", n + 1), STEP)),
        ("a chain of them", {
            let vars = (0..999).fold(String::new(), |text, n| text + &format!("  v{n}: '{{{{ vars.v{} }}}}'\n", n + 1));
            filled(
                &format!("vars:\n{vars}  v999: x\nsteps:\n- id: a\n  effect: read\n  run:\n  - x\n"),
                &|_| "  - '{{ vars.v0 }}'\n".to_owned(),
                "",
            )
        }),
        ("faults", filled("steps:\n", &|_| "- {}\n".to_owned(), "")),
        ("unknown keys", filled("steps:\n", &|n| format!("- {{id: s{n}, rum: [x], efect: read}}\n"), "")),
        ("a long key", format!("{HEAD}{}: 1\n{STEP}", "k".repeat(SIZE - 200))),
        ("a long anchor", format!("{HEAD}owner: &{} x\n{STEP}", "a".repeat(SIZE - 200))),
        ("aliases", filled(STEP, &|_| "- *a\n".to_owned(), "")),
        ("depth", format!("{HEAD}tags: {}", "[".repeat(SIZE - 200))),
        ("block depth", format!("{HEAD}tags:\n  {}", "- ".repeat(SIZE / 2 - 200))),
        ("question marks", format!("{HEAD}tags:\n  {}", "? ".repeat(SIZE / 2 - 200))),
        ("control characters", filled("", &|_| "#\u{1}\n".to_owned(), STEP)),
        ("one expression", format!("{HEAD}vars:\n  v: \"{{{{ {}1 }}}}\"\n{STEP}", "1 + ".repeat(SIZE / 4 - 100))),
        ("parentheses", format!("{HEAD}vars:\n  v: \"{{{{ {} }}}}\"\n{STEP}", "(".repeat(SIZE - 300))),
        ("comparisons", format!("{HEAD}vars:\n  v: \"{{{{ {}1 }}}}\"\n{STEP}", "1 < ".repeat(SIZE / 4 - 100))),
        ("filters", format!("{HEAD}vars:\n  v: \"{{{{ 1{} }}}}\"\n{STEP}", "|int".repeat(SIZE / 4 - 100))),
        ("templates", format!("{HEAD}vars:\n  v: \"{}\"\n{STEP}", "{{ run.id }}".repeat(SIZE / 12 - 30))),
    ]
}

/// The most processor time, in seconds, that `check` may take: the system kills what takes more. The clock tells what others do, too.
const CHECKED: u64 = 2;

fn checked(ground: &Ground, number: usize, text: &str) -> Result<(), String> {
    let place = ground.place(number);
    fs::write(place.join("scarce.yaml"), text).unwrap();
    let limits = ["--as=1073741824".to_owned(), format!("--cpu={CHECKED}")];
    let ended = Ground::under(&ground.binary, &limits, &place, &["check", "./scarce.yaml"]);
    if !matches!(ended.code, Some(0 | 3)) {
        return Err(format!("exit {:?} (none: ended by a signal, as by the limit of {CHECKED} s): {}", ended.code, tail(&ended.said)));
    }
    fs::remove_dir_all(&place).unwrap();
    Ok(())
}

pub fn memory(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let ground = Ground::new(setup, "memory");
    let mut number = 0;
    let step = if setup.long { 1 } else { 8 };
    for mebibytes in (4..=120).step_by(step) {
        number += 1;
        let limit = format!("--as={}", mebibytes << 20);
        let place = ground.place(number);
        // With less, the system does not even start it.
        if Ground::under(&ground.binary, std::slice::from_ref(&limit), &place, &["--version"]).code == Some(0) {
            number += 1;
            outcome.point(&limit, scarce(&ground, number, &limit));
        }
    }
    for text in BOMBS {
        number += 1;
        outcome.point(text, bomb(&ground, number, text));
    }
    for (name, text) in dear() {
        number += 1;
        outcome.point(format!("check of 1 MiB: {name}"), checked(&ground, number, &text));
    }
    outcome.control(
        "a program that ends as after a panic, and one that computes without end",
        (1..4).map(|more| careless(&ground, number + more)).chain([endless(&ground, number + 4)]),
    );
    outcome
}
