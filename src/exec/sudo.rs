//! Whether it was sudo itself that refused: the command was not started then, whatever exit code stands there.

use std::{collections::BTreeMap, time::Duration};

use crate::{event::Exit, ports::Printed, tool::Tool};

/// How long sudo may take to say what it allows.
const ASKING: Duration = Duration::from_secs(10);

/// A command that is run by sudo as another user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SudoCall {
    /// The words that ask sudo whether it would run it.
    question: Vec<String>,
}

impl SudoCall {
    pub(crate) fn new(user: &str, argv: &[String]) -> Self {
        let words = ["-n", "-u", user, "-l", "--"].map(str::to_owned);
        Self { question: words.into_iter().chain(argv.iter().cloned()).collect() }
    }

    /// Why sudo has not started it; `None` if it has, or nobody can tell. sudo's own exit code is 1, which a command may have, too:
    /// so nothing but sudo's own words may have been printed, and sudo must refuse when it is asked again.
    pub(crate) fn refused(
        &self,
        exit: &Exit,
        stdout: &Printed,
        stderr: &Printed,
        environment: &BTreeMap<String, String>,
    ) -> Option<String> {
        if *exit != Exit::Code(1) || stdout.captured.bytes > 0 {
            return None;
        }
        let said = own_words(&stderr.head)?;
        let end = Tool::new("sudo", &self.question).environment(environment).limit(ASKING).run().ok()?;
        if end.code != Some(1) || own_words(&[end.stdout, end.stderr].concat()).is_none() {
            return None;
        }
        let hint =
            if said.contains("password is required") { ": give --ask-sudo-password, or allow it without one (NOPASSWD)" } else { "" };
        Some(format!("sudo has not started it: {said}{hint}"))
    }
}

/// The last line, if every line is sudo's own.
fn own_words(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let own = |line: &&str| line.starts_with("sudo: ") || line.starts_with("Sorry, user ");
    let last = lines.last().filter(|_| lines.iter().all(own))?;
    Some(last.trim_start_matches("sudo: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sudo_says_alone_is_sudos() {
        assert_eq!(own_words(b"sudo: a password is required\n").as_deref(), Some("a password is required"));
        assert_eq!(own_words(b"begun\nsudo: a password is required\n"), None);
        assert_eq!(own_words(b""), None);
    }
}
