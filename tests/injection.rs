//! Hostile text in parameters and output: none of it is run, and none of it reaches the terminal as it is.

use crate::workbench::Workbench;

/// What a value may hold to be run by a careless shell, or obeyed by a careless terminal. `TRAP` is a path that must never exist.
const VALUES: [&str; 40] = [
    "$(touch TRAP)",
    "`touch TRAP`",
    "; touch TRAP",
    "| touch TRAP",
    "&& touch TRAP",
    "& touch TRAP &",
    "\ntouch TRAP\n",
    "'; touch TRAP; '",
    "\"; touch TRAP; \"",
    "'\"; touch TRAP; \"'",
    "$(touch${IFS}TRAP)",
    "${x:-$(touch TRAP)}",
    "a[$(touch TRAP)]",
    "<(touch TRAP)",
    ">TRAP",
    "> TRAP",
    "\\$(touch TRAP)",
    "\\\"; touch TRAP; \\\"",
    "x'$(touch TRAP)'x",
    "!touch TRAP",
    "{{ 7 * 7 }}",
    "{% for x in range(9) %}x{% endfor %}",
    "{{ params }}",
    "%s%n%x",
    "~root",
    "*",
    "/etc/*",
    "$HOME",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;a title\u{7}",
    "\u{1b}]8;;http://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{9b}31m",
    "\u{202e}txt.exe",
    "\u{2066}a\u{2069}",
    "a\u{200b}b\u{200d}c\u{feff}",
    "line\rover",
    "a\u{8}\u{8}\u{8}b",
    "\u{7}\u{5}\u{e}",
    "\u{90}q\u{9c}\u{85}",
];

/// What a command may print to lie to whoever looks on: in printf's own notation.
const OUTPUTS: [&str; 20] = [
    r"\033[2J\033[H",
    r"\033]0;a title\007",
    r"\033]8;;http://evil.example\033\\click\033]8;;\033\\",
    r"\033]52;c;ZXZpbA==\007",
    r"\033[6n",
    r"\033[c",
    r"\033P+q544e\033\\",
    r"\033_G a\033\\",
    r"\033^x\033\\",
    r"\033[?1049h",
    r"\033[?25l",
    r"\033[1000;1000Hx",
    r"\033c",
    r"\302\2332J",
    r"\342\200\256txt.exe",
    r"\342\200\213\342\200\215\357\273\277",
    r"over\rwritten",
    r"a\010\010b\007\005\016",
    r"\377\376\300\200",
    r"\033[",
];

/// Every escape sequence in what reached a terminal, up to its final byte.
fn sequences(raw: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.find('\u{1b}') {
        let tail = &rest[at + 1..];
        let length = match tail.strip_prefix('[') {
            Some(body) => 1 + body.find(|c: char| ('\u{40}'..='\u{7e}').contains(&c)).map_or(body.len(), |end| end + 1),
            None => tail.chars().next().map_or(0, char::len_utf8),
        };
        found.push(tail[..length].to_owned());
        rest = &tail[length..];
    }
    found
}

/// A bench on which no title and no bell of halligan's own is to be told from a hostile one: those are looked at beside `ui/bell.rs`.
fn silent() -> Workbench {
    Workbench::new().variable("HALLIGAN_NO_BELL", "1")
}

/// Only what halligan itself draws with: colours, and steps of the cursor over lines that it drew.
fn harmless(raw: &[u8], what: &str) {
    let text = String::from_utf8(raw.to_vec()).unwrap_or_else(|error| panic!("{what}: not UTF-8: {error}"));
    for sequence in sequences(&text) {
        let own = sequence.strip_prefix('[').is_some_and(|body| {
            let (numbers, last) = body.split_at(body.len() - 1);
            numbers.chars().all(|c| c.is_ascii_digit() || c == ';') && matches!(last, "m" | "A" | "B" | "C" | "D" | "K")
                // What is below a question is taken away with it, and pastes are marked while it is open.
                || matches!(body, "?25l" | "?25h" | "?2004h" | "?2004l" | "J")
        });
        // Clearing the screen, titles, links, questions to the terminal and the like are nobody's business.
        assert!(own, "{what}: ESC {sequence:?} reached the terminal");
    }
    let hidden = |c: &char| {
        matches!(*c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1a}' | '\u{7f}'..='\u{9f}')
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    assert_eq!(text.chars().find(hidden), None, "{what}: a hidden character reached the terminal");
}

#[test]
fn hostile_values_are_only_values() {
    let bench = silent();
    let trap = bench.path("trap").display().to_string();
    let out = bench.path("out").display().to_string();
    bench.runbook(
        "takes",
        &format!(
            "params:\n  value: {{type: string, help: Anything}}\nsteps:\n\
             - {{id: seen, title: \"Look at {{{{ params.value }}}}\", run: [printf, '%s', \"{{{{ params.value }}}}\"], effect: read}}\n\
             - {{id: sure, confirm: {{message: \"Shall it be {{{{ params.value }}}}?\"}}}}\n\
             - id: keep\n  shell: printf '%s' \"$VALUE\" >{out}\n  env: {{VALUE: \"{{{{ params.value }}}}\"}}\n  effect: change\n  \
               undo: {{impossible: x}}\n"
        ),
    );
    for value in VALUES {
        let value = value.replace("TRAP", &trap);
        let mut terminal = bench.terminal(100, &["run", "takes", "--set", &format!("value={value}")]);
        terminal.expect("Run this?").send("y\r");
        terminal.expect("Continue?").send("y\r");
        terminal.expect("exit 0");
        harmless(&terminal.raw, &value);
        let (code, text) = terminal.end();
        assert_eq!(code, 0, "{value:?}\n{text}");
        assert_eq!(bench.read("out").as_deref(), Some(value.as_str()));
        assert!(!bench.path("trap").exists(), "{value:?} was run");
        std::fs::remove_file(bench.path("out")).unwrap();
    }
    bench.run(&["journal", "verify"]).exits(0);
}

#[test]
fn hostile_output_is_only_shown() {
    let bench = silent();
    let trap = bench.path("trap").display().to_string();
    for (index, output) in OUTPUTS.iter().enumerate() {
        let name = format!("prints-{index}");
        let script = format!("printf '{output} $(touch {trap}) `touch {trap}` %s' '\"' | tee /dev/stderr");
        let quoted = script.replace('\'', "''");
        bench.runbook(
            &name,
            &format!(
                "preflight:\n- {{id: probe, title: It prints, run: [bash, -c, '{quoted}'], reads_because: it prints, message: \"{{{{ output }}}}\"}}\n\
                 steps:\n- {{id: sure, confirm: {{message: \"It printed {{{{ probe.output }}}}\"}}}}\n\
                 - {{id: say, run: [bash, -c, '{quoted}'], reads_because: it prints, effect: read}}\n\
                 - {{id: again, run: [echo, \"{{{{ say.output }}}}\"], effect: change, on_fail: stop, undo: {{impossible: x}}}}\n\
                 - {{id: fail, run: [bash, -c, '{quoted}; exit 3'], reads_because: it prints, effect: read, on_fail: stop}}\n"
            ),
        );
        let mut terminal = bench.terminal(100, &["run", &name]);
        terminal.expect("Run this?").send("y\r");
        terminal.expect("Continue?").send("y\r");
        terminal.expect("exit 6");
        harmless(&terminal.raw, output);
        let (code, text) = terminal.end();
        assert_eq!(code, 6, "{output:?}\n{text}");
        assert!(!bench.path("trap").exists(), "{output:?} was run");
        let run = text.rsplit_once("\nrun ").and_then(|(_, rest)| rest.split(' ').next()).unwrap();
        let story = bench.run(&["journal", "show", run]).exits(0);
        harmless(story.stdout.as_bytes(), output);
    }
}

/// Names of files and arguments are shown, too, and JSON is looked at on terminals.
#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    let bench = Workbench::new();
    let name = "a\u{1b}]0;title\u{7}\u{9b}31m\u{202e}b\u{7f}\u{3164}";
    let hidden = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{7f}', '\u{3164}'];
    bench.file(&format!("runbooks/{name}.yaml"), "title: Anything\n");
    let path = format!("./runbooks/{name}.yaml");
    let nowhere = format!("./{name}");
    for arguments in [
        &["list"][..],
        &["list", "--format", "json"],
        &["check", name],
        &["check", &path],
        &["check", &nowhere, "--format", "json"],
        &["show", &path],
        &["show", &nowhere],
        &["run", name],
        &["run", &path],
        &["-vv", "run", &path],
        &["run", "hello", "--inventory", &path],
        &["test", &path],
        &["rehearse", &path],
        &["rehearse", "hello", name],
        &["resume", name],
        &["debts", name],
        &["journal", "show", name],
        &["journal", "list", "--since", name],
        &["status", name],
        &["status", "--journal-dir", &nowhere],
        &["watch", name],
        &["handover", name],
        &["report", name],
        &["doctor", name],
        &["doctor", &path, "--journal-dir", &nowhere],
        &["journal", "list", "--journal-dir", &nowhere],
        &["journal", "verify", "--journal-dir", &nowhere],
        &["journal", "verify", "--head", &path],
        &["journal", "verify", "--export", &path],
        &["generate", &path],
        &["scenario", "new", name, "--from-run", "1"],
        &[name],
        &["list", "--color", name],
    ] {
        let ran = bench.run(arguments);
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(hidden), "{arguments:?}: {text:?}");
        }
    }
    let ran = bench.run(&["list", "--format", "json"]).exits(0);
    let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let names: Vec<_> = listed["runbooks"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&name), "it means the same: {names:?}");
    // Records as they stand hold such characters; a terminal is given them escaped.
    bench.runbook("say", "steps:\n- {id: say, run: [printf, \"\\x9b31m\\u202e\"], effect: read}\n- {id: on, run: [echo, \"{{ 'a' ~ '\u{ad}' }}\"], effect: read}\n");
    bench.run(&["run", "say", "--yes"]);
    let (_, text) = bench.terminal(200, &["journal", "tail", "--format", "json"]).end();
    assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{ad}']), "{text:?}");
}

/// Bytes that are no text are no other text either: a name with a stand-in would be the name of something else.
#[test]
fn output_that_is_no_text_is_acted_on_by_nobody() {
    let bench = Workbench::new();
    let fault = "the output is not UTF-8 text: invalid byte at offset 1";
    let prints = "run: [printf, 'a\\377b\\n'], effect: read";
    let touch = "effect: change, undo: {impossible: x}";
    let acts = [
        ("lines", "{id: use, run: ['true'], effect: read}", "{id: see, shell: \"printf 'a\\\\377b\\\\n'\", effect: read, output: lines}"),
        ("json", "{id: use, run: ['true'], effect: read}", "{id: see, shell: \"printf '\\\"\\\\377\\\"'\", effect: read, output: json}"),
        (
            "items",
            "{id: use, for_each: {items: \"{{ [see.output] }}\", as: name}, steps: [{id: one, run: [touch, '{{ name }}'], TOUCH}]}",
            "",
        ),
        ("argument", "{id: use, run: [touch, '{{ see.output }}'], TOUCH}", ""),
        ("argument-within", "{id: use, run: [touch, 'b-{{ see.stdout }}'], TOUCH}", ""),
        ("env", "{id: use, shell: touch \"$NAME\", env: {NAME: '{{ see.output }}'}, TOUCH}", ""),
        ("env-map", "{id: use, shell: touch \"$NAME\", env: {NAME: '{{ see }}'}, TOUCH}", ""),
        ("stdin", "{id: use, shell: xargs touch, stdin: '{{ see.output }}', TOUCH}", ""),
        ("condition", "{id: use, when: \"see.output != 'b'\", run: [touch, b], TOUCH}", ""),
        ("check", "{id: use, check: x, expect: \"see.output != 'b'\"}", ""),
        ("check-many", "{id: use, check: x, expect: \"[see] | selectattr('output', 'ne', 'b') | list | length == 1\"}", ""),
        ("phrase", "{id: use, confirm: {message: Go on?, phrase: '{{ see.output }}'}}", ""),
    ];
    for (name, uses, sees) in acts {
        let sees = if sees.is_empty() { format!("{{id: see, {prints}}}") } else { sees.to_owned() };
        let uses = uses.replace("TOUCH", touch);
        let uses = match uses.strip_prefix("{id: use, check: x, ") {
            Some(rest) => format!("{{id: use, probe: {{title: It is fine, {rest}}}"),
            None => uses,
        };
        bench.runbook(name, &format!("steps:\n- {sees}\n- {uses}\n"));
        let ran = bench.run(&["run", name, "--yes"]).exits(6);
        let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(fault), "{name}: {told}");
        let files: Vec<_> = std::fs::read_dir(bench.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!files.iter().any(|file| file.as_encoded_bytes().contains(&b'b') && file.len() < 6), "{name}: {files:?}");
    }
    // Nobody acts on it: it may be anything, and people may see it.
    bench.runbook(
        "seen",
        &format!(
            "steps:\n- {{id: see, {prints}}}\n- {{id: sure, title: \"Saw {{{{ see.output }}}}\", run: ['true'], effect: read}}\n\
                  - {{id: told, probe: {{title: It prints, run: [printf, '\\377'], message: \"It printed {{{{ output }}}}\"}}}}\n"
        ),
    );
    let ran = bench.run(&["run", "seen", "--yes"]).exits(0);
    assert!(ran.stdout.contains("Saw a\u{fffd}b") && ran.stdout.contains("It printed \u{fffd}"), "{}", ran.stdout);
}
