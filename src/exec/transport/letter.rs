//! What is sent to the far side: the command with all that surrounds it, as a script in one line of plain characters.
//!
//! The far login shell sees nothing but [`line`]: words and one quoted text without backslash, exclamation mark, newline or
//! inner quote, which sh, bash, zsh, fish and csh all read alike. The command itself comes through standard input, so it may hold
//! any byte but NUL, may be longer than an argument may be, and stands in no process list before it runs.

use std::{fmt::Write, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::ports::EnvValue;

/// Reads one line, and obeys it only if it is the letter that was sent, and whole. What follows the line stays for the command.
const PROLOGUE: &str = "IFS=\" \" read -r m n p; if [ \"$m $n\" = \"$0 ${#p}\" ]; then eval \"$(printf %b \"$p\")\"; \
                        else echo \"[$0 unread]\" >&2; exit 1; fi";

/// The same where standard input does not reach the far side: the letter is an argument.
const BY_ARGUMENT: &str = "if [ ${#1} = \"$2\" ]; then eval \"$(printf %b \"$1\")\"; else exit 1; fi";

/// The longest input that goes in the letter itself, in bytes: the far shell reads a letter byte by byte.
const IN_LETTER: usize = 16 << 10;

/// Said by the far side when all is ready for the command; by the word after the mark, which [`FarReply`](super::reply::FarReply) hears.
const OPENED: &str = "printf '[%s opened 1]\\n' \"$0\" && printf '[%s opened 2]\\n' \"$0\" >&2 || exit 1; ";
/// Said when the command has ended.
const ENDED: &str = "c=$?; printf '[%s ended 1 %s]\\n' \"$0\" $c; printf '[%s ended 2 %s]\\n' \"$0\" $c >&2; exit $c";

/// What the far side is to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter<'a> {
    pub argv: &'a [String],
    pub env: &'a [EnvValue],
    pub cwd: Option<&'a Path>,
    /// Run by sudo as this user.
    pub user: Option<&'a str>,
    /// Sudo's password, where it asks for one.
    pub password: Option<&'a str>,
    pub input: LetterInput<'a>,
    pub answer: LetterAnswer,
}

/// What the command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterInput<'a> {
    Nothing,
    /// Whatever follows the letter, as it is.
    Rest,
    /// This. It never stands on the far standard input as it is: whatever read that before the letter's own shell would obey it,
    /// if it were a shell.
    Text(&'a str),
}

/// How the far side answers a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterAnswer {
    /// Not at all: it carries another letter, which is answered.
    Nothing,
    /// With a mark when it is opened and when the command has ended, on both streams.
    Marks,
    /// Where the operator sees all that it prints: with this exit code for 0. A command's own code of that number, and 255, which
    /// is the transport's, become 1.
    Code(i32),
}

impl LetterInput<'_> {
    /// What follows the letter in the stream.
    pub(super) fn rest(self) -> String {
        match self {
            Self::Text(text) if !in_letter(text) => STANDARD.encode(text) + "\n",
            _ => String::new(),
        }
    }
}

fn in_letter(text: &str) -> bool {
    text.len() <= IN_LETTER && !text.contains('\0')
}

impl Letter<'_> {
    /// The script for the far POSIX shell.
    ///
    /// # Errors
    /// A word holds NUL.
    pub(super) fn script(&self) -> Result<String, String> {
        let mut script = String::new();
        let mut words: Vec<String> = Vec::new();
        if let Some(user) = self.user {
            if let Some(password) = self.password {
                // sudo alone reads it, from a pipe; printf is the shell's own, so it stands in no argument. Where none is asked
                // for, none is sent.
                let _ = write!(script, "sudo -n -v 2>/dev/null || printf '%s\\n' {} | sudo -S -p '' -v || exit 1; ", quote(password)?);
            }
            words.extend(["sudo", "-n", "-u"].map(String::from));
            words.push(quote(user)?);
            if !self.env.is_empty() {
                let names: Vec<&str> = self.env.iter().map(|variable| variable.name.as_str()).collect();
                words.push(format!("--preserve-env={}", names.join(",")));
            }
            words.push("--".to_owned());
        }
        for word in self.argv {
            words.push(quote(word)?);
        }
        if let Some(cwd) = self.cwd {
            let cwd = cwd.to_str().ok_or("the working directory is not UTF-8")?;
            let _ = write!(script, "cd -- {} || exit 1; ", quote(cwd)?);
        }
        // The shell stays until the command has ended: it is the head of a group that can be signalled, and it tells the code.
        // A bash that the command starts reads no start file: not because of a variable, and not because it takes itself for the
        // first one that sshd has started.
        script += "trap : TERM INT HUP; unset BASH_ENV ENV; SHLVL=2; export SHLVL; LC_ALL=C.UTF-8; export LC_ALL; ";
        for variable in self.env {
            let _ = write!(script, "{}={}; export {}; ", variable.name, quote(&variable.value)?, variable.name);
        }
        let (before, after) = match self.input {
            LetterInput::Nothing => (String::new(), " </dev/null"),
            LetterInput::Rest => (String::new(), ""),
            // In the background: the letter's end waits for the command alone, which need not read.
            LetterInput::Text(text) if in_letter(text) => (format!("{{ printf %s {} 2>/dev/null & }} | ", quote(text)?), ""),
            LetterInput::Text(_) => {
                script += "command -v base64 >/dev/null || { echo 'there is no program base64 on the host' >&2; exit 1; }; ";
                ("{ base64 -d <&3 2>/dev/null 3<&- & } 3<&0 | ".to_owned(), "")
            }
        };
        if self.answer == LetterAnswer::Marks {
            script += OPENED;
        }
        let _ = write!(script, "{before}{}{after}; ", words.join(" "));
        match self.answer {
            LetterAnswer::Nothing => script += "exit $?",
            LetterAnswer::Marks => script += ENDED,
            LetterAnswer::Code(code) => {
                let _ = write!(script, "c=$?; case $c in 0) c={code} ;; {code}|255) c=1 ;; esac; exit $c");
            }
        }
        Ok(script)
    }
}

/// A question of halligan's own, which is answered with marks.
#[must_use]
pub(super) fn question(script: &str) -> String {
    format!("{OPENED}(\n{script}\n) </dev/null; {ENDED}")
}

/// A script that signals whatever the letter with this mark has started. It ends with 0 only if there was something.
///
/// The mark stands in the arguments of the far shell alone, which every user may read.
#[must_use]
pub(super) fn signal_script(mark: &str, signal: &str, user: Option<&str>) -> String {
    let sudo = user.map(|_| format!("sudo -n kill -s {signal} -- \"-$5\" 2>/dev/null\n")).unwrap_or_default();
    format!(
        "f=1\nfor d in $(grep -l -F -f - /proc/[0-9]*/cmdline 2>/dev/null <<E\n{mark}\nE\n); do\n\
         case $(tr '\\000' ' ' <\"$d\" 2>/dev/null) in 'sh -c '*) ;; *) continue ;; esac\n\
         read -r s <\"${{d%cmdline}}stat\" || continue\nset -- ${{s#* (}}\nset -- x x x x \"$4\"\n[ \"$5\" -gt 1 ] || continue\n\
         kill -s {signal} -- \"-$5\" 2>/dev/null && f=0\n{sudo}done\nexit $f\n"
    )
}

/// A script that prints which of these programs are missing, one a line.
///
/// # Errors
/// A name holds NUL.
pub(super) fn missing_script(programs: &[String]) -> Result<String, String> {
    let names = programs.iter().map(|program| quote(program)).collect::<Result<Vec<_>, _>>()?.join(" ");
    Ok(format!(
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\nfor p in {names}; do command -v \"$p\" >/dev/null || printf '%s\\n' \"$p\"; done\nexit 0\n"
    ))
}

/// A word as a POSIX shell reads it: single quotes are safe for every byte but NUL.
fn quote(word: &str) -> Result<String, String> {
    if word.contains('\0') {
        return Err("an argument cannot contain a NUL byte".to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', "'\\''")))
}

/// A script as the one line that is sent: which letter it is, how long, and itself as one word that no shell would obey, in whole
/// or in part.
#[must_use]
pub(super) fn posted(mark: &str, script: &str) -> String {
    let sealed = seal(script);
    format!("{mark} {} {sealed}\n", sealed.len())
}

/// A script as one word for `printf %b`, of characters that mean nothing to any shell within single quotes, and but for the
/// backslash nothing without.
pub(super) fn seal(script: &str) -> String {
    let mut line = String::with_capacity(script.len() + script.len() / 2);
    for byte in script.bytes() {
        if byte.is_ascii_alphanumeric() {
            line.push(char::from(byte));
        } else {
            let _ = write!(line, "\\0{byte:03o}");
        }
    }
    line
}

/// The words that await a letter on standard input.
#[must_use]
pub(super) fn awaiting(mark: &str) -> Vec<String> {
    ["sh", "-c", PROLOGUE, mark].map(String::from).to_vec()
}

/// The words that hold their letter themselves.
#[must_use]
pub(super) fn holding(mark: &str, script: &str) -> Vec<String> {
    let mut words = ["sh", "-c", BY_ARGUMENT, mark].map(String::from).to_vec();
    let sealed = seal(script);
    let length = sealed.len().to_string();
    words.extend([sealed, length]);
    words
}

/// Words as one text for whatever login shell takes it apart: each in single quotes. None of them holds one.
#[must_use]
pub(super) fn line(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("exec {}", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::exec::signals;

    fn deliver(shell: &[&str], letter: &Letter<'_>, rest: &[u8]) -> (Option<i32>, Vec<u8>, Vec<u8>) {
        signals::heed_children().unwrap();
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .arg(line(&awaiting("halligan-test")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(posted("halligan-test", &letter.script().unwrap()).as_bytes()).unwrap();
        // A command need not read all of it.
        let _ = stdin.write_all(letter.input.rest().as_bytes()).and_then(|()| stdin.write_all(rest));
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), output.stdout, output.stderr)
    }

    #[test]
    fn every_word_arrives_byte_for_byte_whatever_the_shell() {
        let all: String = ('\u{1}'..='\u{2ff}').chain("漢字\u{202e}\u{fffd}🦀".chars()).collect();
        let mut argv = vec!["printf".to_owned(), "%s\\0".to_owned()];
        argv.extend([all, String::new(), "-n".into(), "a\n\n".into(), "'\"$(x)`y`!!\\".into(), "x".repeat(100_000)]);
        let env = [EnvValue { name: "A".into(), value: "it's\n$b".into() }];
        let letter = Letter {
            argv: &argv,
            env: &env,
            cwd: None,
            user: None,
            password: None,
            input: LetterInput::Nothing,
            answer: LetterAnswer::Nothing,
        };
        for shell in [&["sh", "-c"][..], &["bash", "-c"], &["bash", "--posix", "-c"]] {
            let (code, stdout, stderr) = deliver(shell, &letter, b"");
            assert_eq!((code, String::from_utf8(stderr).unwrap()), (Some(0), String::new()));
            let words: Vec<&str> = std::str::from_utf8(&stdout).unwrap().split_terminator('\0').collect();
            assert_eq!(words, argv[2..].iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn its_input_arrives_and_its_end_is_told_on_both_streams() {
        let long = "a\0é'\n".repeat(20_000);
        let argv = ["bash", "-c", "printf '%s' \"$A\"; cat; exit 255"].map(String::from);
        let env = [EnvValue { name: "A".into(), value: "it's".into() }];
        for (input, rest, read) in [
            (LetterInput::Text("f'irst\nsecond"), "not for it", "f'irst\nsecond"),
            (LetterInput::Text(&long), "", long.as_str()),
            (LetterInput::Rest, "\0rest", "\0rest"),
            (LetterInput::Nothing, "not for it", ""),
        ] {
            let cwd = Some(Path::new("/"));
            let letter = Letter { argv: &argv, env: &env, cwd, user: None, password: None, input, answer: LetterAnswer::Marks };
            let (code, stdout, stderr) = deliver(&["sh", "-c"], &letter, rest.as_bytes());
            let [stdout, stderr] = [stdout, stderr].map(|stream| String::from_utf8(stream).unwrap());
            assert_eq!(code, Some(255), "{stderr}");
            assert!(stdout == format!("[halligan-test opened 1]\nit's{read}[halligan-test ended 1 255]\n"), "{stdout:.200}");
            assert_eq!(stderr, "[halligan-test opened 2]\n[halligan-test ended 2 255]\n");
        }
    }

    #[test]
    fn an_input_that_nobody_reads_keeps_nobody_waiting() {
        let argv = ["sh", "-c", "exec 3<&0; sleep 30 <&3 >/dev/null 2>&1 & echo $!"].map(String::from);
        // More than fits into a pipe.
        for length in [10_000, 90_000] {
            let text = "x".repeat(length);
            let input = LetterInput::Text(&text);
            let letter = Letter { argv: &argv, env: &[], cwd: None, user: None, password: None, input, answer: LetterAnswer::Nothing };
            let began = std::time::Instant::now();
            let (code, stdout, _) = deliver(&["sh", "-c"], &letter, b"");
            let pid = String::from_utf8(stdout).unwrap();
            let _ = Command::new("kill").arg(pid.trim()).status();
            assert!(code == Some(0) && began.elapsed().as_secs() < 25, "{length}");
        }
    }

    #[test]
    fn what_is_not_the_letter_or_not_whole_is_not_obeyed() {
        signals::heed_children().unwrap();
        let whole = posted("halligan-x", "echo obeyed");
        assert!(whole.starts_with("halligan-x "));
        let [cut, other, bare] = [&whole[..whole.len() - 3], "halligan-y 4 echo\n", "echo obeyed\n"];
        let wrong = whole.replace("obeyed", "obeye");
        for (sent, obeyed) in [(whole.as_str(), true), (cut, false), (&wrong, false), (other, false), (bare, false), ("", false)] {
            let mut child = Command::new("sh")
                .args(["-c", PROLOGUE, "halligan-x"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(sent.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let [stdout, stderr] = [output.stdout, output.stderr].map(|stream| String::from_utf8(stream).unwrap());
            let expected = if obeyed { ("obeyed\n", "") } else { ("", "[halligan-x unread]\n") };
            assert_eq!((stdout.as_str(), stderr.as_str()), expected, "{sent:?}");
        }
    }

    #[test]
    fn a_shell_that_reads_it_instead_obeys_nothing_of_it_wherever_it_begins() {
        signals::heed_children().unwrap();
        let argv = ["touch", "/tmp/halligan-never"].map(String::from);
        let input = "touch /tmp/halligan-never\necho obeyed\n".repeat(2000);
        for input in [LetterInput::Text("echo obeyed\n"), LetterInput::Text(&input)] {
            let letter = Letter { argv: &argv, env: &[], cwd: None, user: None, password: None, input, answer: LetterAnswer::Marks };
            let all = posted("halligan-x", &letter.script().unwrap()) + &input.rest();
            for from in (0..400).step_by(7) {
                for shell in ["sh", "bash"] {
                    let mut child = Command::new(shell).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
                    let _ = child.stdin.take().unwrap().write_all(&all.as_bytes()[from..]);
                    assert_eq!(child.wait_with_output().unwrap().stdout, b"", "{shell} from byte {from}");
                }
            }
        }
        assert!(!Path::new("/tmp/halligan-never").exists());
    }

    #[test]
    fn no_bash_that_it_starts_reads_a_start_file() {
        let home = tempfile::tempdir().unwrap();
        let noise = home.path().join(".bashrc");
        std::fs::write(&noise, "echo noise").unwrap();
        let argv = ["bash", "-c", "echo quiet"].map(String::from);
        let (input, answer) = (LetterInput::Nothing, LetterAnswer::Nothing);
        let letter = Letter { argv: &argv, env: &[], cwd: None, user: None, password: None, input, answer };
        signals::heed_children().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", PROLOGUE, "halligan-x"])
            .env_clear()
            .envs([("HOME", home.path().to_str().unwrap()), ("SSH_CLIENT", "x"), ("PATH", "/usr/bin:/bin")])
            .env("BASH_ENV", &noise)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(posted("halligan-x", &letter.script().unwrap()).as_bytes()).unwrap();
        assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), "quiet\n");
    }

    #[test]
    fn nothing_in_the_line_means_anything_to_a_login_shell() {
        let words = holding("halligan-0", "printf '%s' \"it's\" !x \\n \n");
        assert!(!line(&words).replace(BY_ARGUMENT, "").contains(['!', '\n', '"', '$', '`']));
        assert!(!seal("printf '%s' \"it's\" !x \\n \n").contains(|c: char| !c.is_ascii_alphanumeric() && c != '\\'));
        assert!(!PROLOGUE.contains(['!', '\'', '\\', '\n']) && !BY_ARGUMENT.contains(['!', '\'', '\\', '\n']));
    }
}
