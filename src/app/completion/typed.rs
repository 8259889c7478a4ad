//! What is typed so far: as bash tells it, and what it says of the values to come.

use std::{ffi::OsString, iter, os::unix::ffi::OsStrExt, path::PathBuf};

use clap::ArgMatches;

use crate::{
    app::command_line::command_line,
    settings::{self, Settings},
};

/// What the arguments before the cursor name.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedWords {
    /// The command.
    pub command: String,
    pub runbook: Option<String>,
    pub run: Option<String>,
    pub journal: Option<PathBuf>,
    /// The file of settings that is named.
    config: Option<PathBuf>,
    /// What files say; nothing where one has a fault, of which whoever completes says nothing either.
    pub settings: Settings,
    /// The names of parameters that have a value.
    pub set: Vec<String>,
}

impl TypedWords {
    /// Of all words before the one that is completed. They are not whole, and may be wrong.
    pub(super) fn of(words: &[OsString]) -> Self {
        let command = command_line().ignore_errors(true);
        let Ok(matches) = command.try_get_matches_from(words) else { return Self::default() };
        let mut typed = Self::default();
        let mut inner = &matches;
        loop {
            typed.take(inner);
            let Some((name, deeper)) = inner.subcommand() else { break };
            name.clone_into(&mut typed.command);
            inner = deeper;
        }
        typed.settings = settings::read(typed.config.as_deref()).unwrap_or_default();
        typed
    }

    fn take(&mut self, matches: &ArgMatches) {
        let first = |name: &str| matches.try_get_many::<String>(name).ok().flatten().and_then(|mut all| all.next().cloned());
        self.runbook = self.runbook.take().or_else(|| first("runbook")).or_else(|| first("runbooks"));
        self.run = self.run.take().or_else(|| first("run")).or_else(|| first("from_run"));
        let path = |name: &str| matches.try_get_one::<PathBuf>(name).ok().flatten().cloned();
        self.journal = path("journal_dir").or_else(|| self.journal.take());
        self.config = path("config").or_else(|| self.config.take());
        let set = matches.try_get_many::<(String, String)>("set").ok().flatten();
        self.set.extend(set.into_iter().flatten().map(|(name, _)| name.clone()));
    }
}

/// What stands before the cursor in bash, which takes only a part of the last word for the one to complete: `:` and `=` end its words
/// (`COMP_WORDBREAKS`), and what it is given replaces what stands behind the last of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BashLine {
    pub words: Vec<OsString>,
    /// So many bytes of the last word are not replaced.
    kept: usize,
    /// It begins with a quote.
    quoted: bool,
}

impl BashLine {
    /// `line` up to the cursor, and the part that is replaced. `None` where the line cannot be understood.
    pub(super) fn of(line: &OsString, part: &OsString) -> Option<Self> {
        let line = String::from_utf8(line.as_bytes().to_vec()).ok()?;
        // A quote may be open.
        let (mut words, quoted) =
            ["", "'", "\""].iter().find_map(|quote| Some((shlex::split(&format!("{line}{quote}"))?, !quote.is_empty())))?;
        if line.ends_with([' ', '\t']) && !quoted && !line.ends_with("\\ ") {
            words.push(String::new());
        }
        let part = shlex::split(part.to_str()?).map_or_else(|| part.to_str().unwrap_or_default().to_owned(), |parts| parts.concat());
        let kept = words.last()?.strip_suffix(&part)?.len();
        Some(Self { words: words.into_iter().map(OsString::from).collect(), kept, quoted })
    }

    /// A value as bash puts it there. `None` if it does not begin with what stays.
    pub(super) fn told(&self, value: &str) -> Option<String> {
        let value = value.get(self.kept..)?;
        if self.quoted {
            return Some(value.to_owned());
        }
        let plain = |c: char| c.is_alphanumeric() || "_-./,:=@%+".contains(c);
        Some(value.chars().flat_map(|c| iter::once('\\').filter(move |_| !plain(c)).chain([c])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str, part: &str) -> BashLine {
        BashLine::of(&line.into(), &part.into()).unwrap()
    }

    #[test]
    fn a_word_of_bash_is_a_part_of_what_is_typed() {
        for (typed, part, words, told) in [
            ("halligan ru", "ru", &["halligan", "ru"][..], ("run", "run")),
            ("halligan run ", "", &["halligan", "run", ""], ("hello", "hello")),
            ("halligan run hello --set na", "na", &["halligan", "run", "hello", "--set", "na"], ("name=", "name=")),
            ("halligan run hello --set name=", "", &["halligan", "run", "hello", "--set", "name="], ("name=a b", "a\\ b")),
            ("halligan run hello --set name=wo", "wo", &["halligan", "run", "hello", "--set", "name=wo"], ("name=world", "world")),
            ("halligan run hello --set=name=wo", "wo", &["halligan", "run", "hello", "--set=name=wo"], ("--set=name=world", "world")),
            (
                "halligan run hello --set 'name=wo",
                "name=wo",
                &["halligan", "run", "hello", "--set", "name=wo"],
                ("name=wo rld", "name=wo rld"),
            ),
            ("halligan run a\\ b", "a\\ b", &["halligan", "run", "a b"], ("a bc", "a\\ bc")),
            ("halligan run a\\ ", "a\\ ", &["halligan", "run", "a "], ("a b", "a\\ b")),
        ] {
            let line = line(typed, part);
            assert_eq!(line.words, words, "{typed}");
            assert_eq!(line.told(told.0).as_deref(), Some(told.1), "{typed}");
        }
        assert_eq!(line("halligan run x=a", "a").told("y"), None);
    }

    #[test]
    fn what_is_typed_names_the_runbook_and_the_run() {
        let typed = |words: &str| TypedWords::of(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        let run = typed("halligan --journal-dir /j run drill --yes --set a=1 --set b=2 --set");
        assert_eq!((run.command.as_str(), run.runbook.as_deref(), run.set), ("run", Some("drill"), vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(run.journal, Some(PathBuf::from("/j")));
        assert_eq!(typed("halligan rehearse drill --nonsense --scenario").runbook.as_deref(), Some("drill"));
        assert_eq!(typed("halligan test drill other --scenario").runbook.as_deref(), Some("drill"));
        assert_eq!(typed("halligan resume 0000000a --set").run.as_deref(), Some("0000000a"));
        assert_eq!(typed("halligan journal show").command, "show");
        assert_eq!(typed("halligan run").runbook, None);
    }
}
