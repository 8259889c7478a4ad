//! A runbook drafted from what was typed: a step for each command, and marks for a person where something is to be decided.

use std::fmt::Write;

use super::{danger, words};
use crate::character;

/// The mark of what a person has to look at.
const LOOK: &str = "TODO";

/// A command that was typed.
#[derive(Debug, Clone)]
pub(crate) struct DraftedCommand {
    pub text: String,
    /// `None` is this machine.
    pub host: Option<String>,
    /// With which it ended; `None` where that is not known.
    pub code: Option<i32>,
}

/// Programs that only read, whatever words they are given. Those that some option makes write or set something are not among them.
const READERS: &[&str] = &[
    "[",
    "basename",
    "cat",
    "cut",
    "df",
    "dirname",
    "du",
    "echo",
    "free",
    "getent",
    "grep",
    "head",
    "id",
    "ls",
    "lsblk",
    "lscpu",
    "nproc",
    "pgrep",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "sha256sum",
    "stat",
    "tail",
    "test",
    "tr",
    "true",
    "uname",
    "uptime",
    "wc",
    "which",
    "whoami",
];
/// What means something to the shell alone, and is no step.
const OF_THE_SHELL: &[&str] =
    &["alias", "bg", "clear", "exit", "export", "fg", "help", "history", "jobs", "logout", "popd", "pushd", "reset", "set", "unset"];

/// Drafts a runbook of this name; `origin` says where the commands are from.
#[must_use]
pub(crate) fn draft(name: &str, origin: &str, commands: &[DraftedCommand]) -> String {
    let mut text = format!(
        "# Drafted from {origin}. Nothing in it was judged: look at each {LOOK}, and rehearse it before it is run.\n\
         halligan: 1\nname: {name}\ntitle: \"{LOOK} what this does\"\nsummary: \"{LOOK} when it is needed, and when it is not.\"\n\
         # {LOOK} preflight: what must be so before anything is changed?\nsteps:\n"
    );
    let (mut number, mut cwd, mut host) = (0, None::<String>, &None);
    for command in commands {
        // Another shell stands elsewhere.
        if std::mem::replace(&mut host, &command.host) != &command.host {
            cwd = None;
        }
        let typed = command.text.trim();
        let remark = |text: &mut String, why: &str| {
            let _ = writeln!(text, "  # {LOOK} left out, {why}:");
            for line in typed.lines() {
                let _ = writeln!(text, "  #   {}", plain(line));
            }
        };
        let argv = simple(typed);
        match argv.as_deref() {
            Some([cd, to]) if cd == "cd" && to.starts_with('/') => {
                cwd = Some(to.clone());
                continue;
            }
            Some([cd, ..]) if cd == "cd" => {
                remark(&mut text, "for it depends on where the shell was");
                continue;
            }
            Some([first, ..]) if OF_THE_SHELL.contains(&first.as_str()) => {
                remark(&mut text, "for it is about the shell alone");
                continue;
            }
            _ => {}
        }
        // Braces are a template of halligan's in a script, too, but for those of Go with a point behind them.
        let spliced = typed.contains("{#") || typed.contains("{%") || typed.replace("{{.", "").contains("{{");
        if spliced || typed.chars().any(|c| c != '\n' && character::hidden(c).is_some()) {
            remark(&mut text, "for no runbook may hold what is in it");
            continue;
        }
        if let Some(code) = command.code.filter(|code| *code != 0) {
            remark(&mut text, &format!("for it failed (exit {code})"));
            continue;
        }
        number += 1;
        step(&mut text, number, typed, argv, cwd.as_deref(), command);
    }
    if number == 0 {
        let _ = writeln!(text, "  # {LOOK} no command was found that could be a step\n  - {{id: nothing, run: [\"true\"], effect: read}}");
    }
    text
}

fn step(text: &mut String, number: usize, typed: &str, argv: Option<Vec<String>>, cwd: Option<&str>, command: &DraftedCommand) {
    let commands = match &argv {
        Some(argv) => words::commands_of_argv(argv),
        None => words::commands_of_script(typed),
    };
    let changes = danger::changes(&commands);
    let reads = changes.is_none() && reads(typed, argv.is_some(), &commands);
    let _ = writeln!(text, "  - id: step_{number}");
    let _ = writeln!(text, "    title: {}", quoted(&format!("{LOOK} {}", first_line(typed))));
    if command.code.is_none() {
        let _ = writeln!(text, "    # {LOOK} how it ended is not known");
    }
    if typed.contains("[secret]") {
        let _ =
            writeln!(text, "    # {LOOK} a secret stood where [secret] stands: make it a parameter of type secret, and give it with env");
    }
    match argv {
        Some(argv) => {
            let words: Vec<_> = argv.iter().map(|word| quoted(word)).collect();
            let _ = writeln!(text, "    run: [{}]", words.join(", "));
        }
        None => {
            let _ = writeln!(text, "    shell: {}", quoted(typed));
        }
    }
    if let Some(host) = &command.host {
        let _ = writeln!(text, "    on: {}", quoted(host));
    }
    if let Some(cwd) = cwd {
        let _ = writeln!(text, "    cwd: {}", quoted(cwd));
    }
    match (changes, reads) {
        (None, true) => text.push_str("    effect: read\n"),
        (changed, _) => {
            let why = changed.map_or_else(
                || "whether it changes anything is not known here".to_owned(),
                |what| format!("`{}` changes something", plain(&what)),
            );
            let _ = writeln!(text, "    # {LOOK} {why}: what proves that it worked (verify), and what takes it back?");
            let _ = writeln!(text, "    effect: change\n    undo: {{impossible: \"{LOOK} say why, or what takes it back\"}}");
        }
    }
}

/// Whether all that a command runs is known to read.
fn reads(typed: &str, is_argv: bool, commands: &[Vec<String>]) -> bool {
    let writes = !is_argv && typed.contains('>');
    !writes && !commands.is_empty() && commands.iter().all(|argv| READERS.contains(&words::program(argv)))
}

/// The words of a command that means to a shell no more than its words.
fn simple(typed: &str) -> Option<Vec<String>> {
    let plain = !typed.chars().any(|c| c.is_control() || "|&;<>()$`*?[]{}~!#\\".contains(c));
    let argv = plain.then(|| shlex::split(typed)).flatten()?;
    // A variable is set for it.
    (!argv.first()?.contains('=')).then_some(argv)
}

/// Text as YAML reads it, and JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")
}

/// Without what could end a comment, and what nobody sees.
fn plain(text: &str) -> String {
    text.chars().map(|c| if character::hidden(c).is_some() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            model::{Origin, SourceText},
            resolve,
        },
        *,
    };

    fn drafted(commands: &[(&str, Option<&str>, Option<i32>)]) -> String {
        let commands: Vec<_> = commands
            .iter()
            .map(|(text, host, code)| DraftedCommand { text: (*text).to_owned(), host: host.map(str::to_owned), code: *code })
            .collect();
        draft("drafted", "shell 1 of run 7f3a0000", &commands)
    }

    #[test]
    fn a_draft_has_no_errors_whatever_was_typed() {
        let text = drafted(&[
            ("cd /srv", None, Some(0)),
            ("ls -l 'a b'", None, Some(0)),
            ("ceph osd set noout", Some("mon1"), Some(0)),
            ("for x in 1 2\ndo echo \"$x: \\\"\"\ndone", None, Some(0)),
            ("docker ps --format '{{.Names}}'", None, Some(0)),
            ("echo {# x #}", None, Some(0)),
            ("echo {% raw %} x", None, Some(0)),
            ("echo '{{ params.x }}'", None, Some(0)),
            ("frobnicate --all", None, None),
            ("curl -H 'X: [secret]' http://x/", None, Some(0)),
            ("A=1 rm -f /tmp/x", None, Some(0)),
            ("echo x > /etc/motd", None, Some(0)),
            ("false # why", None, Some(1)),
            ("exit 3", None, None),
            ("cd", None, Some(0)),
            ("- : 'é' \u{202e}", None, Some(0)),
        ]);
        let source = SourceText::from_bytes("drafted.yaml".to_owned(), Origin::Bundled, text.as_bytes());
        let (runbook, report) = resolve(source.unwrap());
        let runbook = runbook.unwrap_or_else(|| panic!("{}\n{text}", report.plain()));
        let effects: Vec<_> = runbook.all_steps().map(|step| format!("{} {}", step.id, words_of(step.effect()))).collect();
        assert_eq!(&effects[..2], ["step_1 read", "step_2 change"], "{text}");
        assert!(text.contains("run: [\"ls\", \"-l\", \"a b\"]\n    cwd: \"/srv\""), "{text}");
        assert!(text.contains("    on: \"mon1\"") && text.contains("# TODO `ceph osd set` changes something"), "{text}");
        assert!(
            text.contains("failed (exit 1)") && text.contains("about the shell alone") && text.contains("where the shell was"),
            "{text}"
        );
        assert!(text.contains("make it a parameter") && text.contains("how it ended is not known"), "{text}");
    }

    fn words_of(effect: super::super::model::Effect) -> &'static str {
        match effect {
            super::super::model::Effect::Read => "read",
            _ => "change",
        }
    }

    #[test]
    fn what_writes_is_never_called_a_read() {
        for (typed, read) in [
            ("cat /x", true),
            ("cat /x > /y", false),
            ("cat /x | tee /y", false),
            ("ceph -s", false),
            ("ceph osd out 1", false),
            ("x", false),
        ] {
            let text = drafted(&[(typed, None, Some(0))]);
            assert_eq!(text.contains("effect: read"), read, "{typed}: {text}");
        }
    }

    #[test]
    fn nothing_typed_is_a_draft_all_the_same() {
        let text = drafted(&[("exit", None, None)]);
        let source = SourceText::from_bytes("drafted.yaml".to_owned(), Origin::Bundled, text.as_bytes());
        assert!(resolve(source.unwrap()).0.is_some(), "{text}");
    }
}
