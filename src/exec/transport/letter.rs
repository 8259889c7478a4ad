//! What is sent to the far side: the command with all that surrounds it, as a script in one line of plain characters.
//!
//! The far login shell sees nothing but [`line`]: words and one quoted text without backslash, exclamation mark, newline or
//! inner quote, which sh, bash, zsh, fish and csh all read alike. The command itself comes through standard input, so it may hold
//! any byte but NUL, may be longer than an argument may be, and stands in no process list before it runs.

use std::{fmt::Write, path::Path};

use crate::ports::EnvValue;

/// Reads one line, and obeys it only if it came whole. What follows the line stays for the command.
const PROLOGUE: &str = "IFS= read -r p && eval \"$p\"";

/// The same where standard input does not reach the far side: the letter is an argument.
const BY_ARGUMENT: &str = "eval \"$(printf %b \"$1\")\"";

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
    /// The command's own standard input follows the letter; else it has none.
    pub stdin: bool,
    /// With this exit code the far side says that it was the command's own: the transport has it for itself too.
    pub ambiguous: Option<i32>,
}

/// What the far side says of an exit code that could be the transport's.
#[must_use]
pub(super) fn proof(mark: &str, code: i32) -> String {
    format!("{mark}: exit code {code} is the command's own")
}

impl Letter<'_> {
    /// The script for the far POSIX shell. A line ends only within a word.
    ///
    /// # Errors
    /// A word holds NUL.
    pub(super) fn script(&self, mark: &str) -> Result<String, String> {
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
        script += "trap : TERM INT HUP; LC_ALL=C.UTF-8; export LC_ALL; ";
        for variable in self.env {
            let _ = write!(script, "{}={}; export {}; ", variable.name, quote(&variable.value)?, variable.name);
        }
        script += &words.join(" ");
        script += if self.stdin { "; " } else { " </dev/null; " };
        if let Some(code) = self.ambiguous {
            let _ = write!(script, "c=$?; [ $c -ne {code} ] || printf '%s\\n' {} >&2; exit $c", quote(&proof(mark, code))?);
        } else {
            script += "exit $?";
        }
        Ok(script)
    }
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

/// A script as the one line that is sent. What is plain is obeyed as it is; to open what is sealed takes the far side a process more.
#[must_use]
pub(super) fn posted(script: &str) -> String {
    if script.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return script.to_owned();
    }
    format!("eval \"$(printf %b '{}')\"", seal(script))
}

/// A script in one line of characters that mean nothing to any shell within single quotes.
fn seal(script: &str) -> String {
    let mut line = String::with_capacity(script.len() + script.len() / 2);
    for byte in script.bytes() {
        if byte.is_ascii_alphanumeric() || b" ./_-=:,@%+".contains(&byte) {
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
    words.push(seal(script));
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
        writeln!(stdin, "{}", posted(&letter.script("halligan-test").unwrap())).unwrap();
        stdin.write_all(rest).unwrap();
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
        let letter = Letter { argv: &argv, env: &env, cwd: None, user: None, password: None, stdin: false, ambiguous: None };
        for shell in [&["sh", "-c"][..], &["bash", "-c"], &["bash", "--posix", "-c"]] {
            let (code, stdout, stderr) = deliver(shell, &letter, b"");
            assert_eq!((code, String::from_utf8(stderr).unwrap()), (Some(0), String::new()));
            let words: Vec<&str> = std::str::from_utf8(&stdout).unwrap().split_terminator('\0').collect();
            assert_eq!(words, argv[2..].iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_follows_the_letter_is_the_commands_input() {
        let argv = ["bash", "-c", "printf '%s' \"$A\"; cat; exit 255"].map(String::from);
        let env = [EnvValue { name: "A".into(), value: "it's".into() }];
        let letter =
            Letter { argv: &argv, env: &env, cwd: Some(Path::new("/")), user: None, password: None, stdin: true, ambiguous: Some(255) };
        let (code, stdout, stderr) = deliver(&["sh", "-c"], &letter, b"\0\xffrest");
        assert_eq!((code, stdout), (Some(255), b"it's\0\xffrest".to_vec()));
        assert_eq!(String::from_utf8(stderr).unwrap().trim_end(), proof("halligan-test", 255));
    }

    #[test]
    fn what_is_plain_is_sent_as_it_is_and_means_the_same() {
        let words = ["printf", "%s|", "it's", "$(x)`y`!!\\", "a  b", "; exit 3", "-n", ""].map(String::from);
        let env = [EnvValue { name: "A".into(), value: "a 'b' \\n".into() }];
        let argv = ["sh", "-c", "printf '%s|' \"$A\"; exec \"$@\"", "sh"].map(String::from).into_iter().chain(words).collect::<Vec<_>>();
        let cwd = Some(Path::new("/tmp"));
        let letter = Letter { argv: &argv, env: &env, cwd, user: None, password: None, stdin: false, ambiguous: Some(255) };
        let script = letter.script("halligan-test").unwrap();
        assert_eq!(posted(&script), script);
        assert!(posted(&script.replace('b', "\n")).starts_with("eval ") && posted(&script.replace('b', "\u{e9}")).starts_with("eval "));
        for shell in [&["sh", "-c"][..], &["bash", "-c"], &["bash", "--posix", "-c"]] {
            let (code, stdout, stderr) = deliver(shell, &letter, b"");
            assert_eq!((code, String::from_utf8(stderr).unwrap()), (Some(0), String::new()));
            assert_eq!(String::from_utf8(stdout).unwrap(), "a 'b' \\n|it's|$(x)`y`!!\\|a  b|; exit 3|-n||");
        }
    }

    #[test]
    fn half_a_letter_is_not_obeyed() {
        signals::heed_children().unwrap();
        let mut child = Command::new("sh").args(["-c", PROLOGUE, "x"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"echo obeyed; rm -rf /x").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"");
    }

    #[test]
    fn nothing_in_the_line_means_anything_to_a_login_shell() {
        let words = holding("halligan-0", "printf '%s' \"it's\" !x \\n \n");
        assert!(!line(&words).replace(BY_ARGUMENT, "").contains(['!', '\n', '"', '$', '`']));
        assert!(!PROLOGUE.contains(['!', '\'', '\\', '\n']) && !BY_ARGUMENT.contains(['!', '\'', '\\', '\n']));
    }
}
