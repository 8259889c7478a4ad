//! Commands as they would be typed into bash: for reading and copying, never for running.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt::{self, Write as _},
    os::unix::ffi::OsStrExt,
};

use super::sanitise;

/// A command line that is suggested: shown as it would be typed into a shell, and never broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// Of these words, the program's name first.
    #[must_use]
    pub(crate) fn new(words: Vec<OsString>) -> Self {
        Self(words)
    }

    /// Its words.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn argv(&self) -> &[OsString] {
        &self.0
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|each| any_word(each)).collect::<Vec<_>>().join(" "))
    }
}

/// Needs no quotes anywhere in a command line.
pub(crate) fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c)
}

/// Would not be seen for what it is, even inside quotes.
fn unseen(c: char) -> bool {
    sanitise::is_hidden(c) || (c.is_whitespace() && c != ' ')
}

/// One word, so that its limits and every character of it can be seen.
#[must_use]
pub(crate) fn word(word: &str) -> Cow<'_, str> {
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    if !word.chars().any(unseen) {
        return Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")));
    }
    let mut quoted = String::from("$'");
    escape(word, &mut quoted);
    quoted.push('\'');
    Cow::Owned(quoted)
}

/// One word of any bytes: those that are no UTF-8 by their numbers.
#[must_use]
fn any_word(given: &OsStr) -> Cow<'_, str> {
    if let Some(text) = given.to_str() {
        return word(text);
    }
    let mut quoted = String::from("$'");
    for chunk in given.as_bytes().utf8_chunks() {
        escape(chunk.valid(), &mut quoted);
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

/// As it stands between `$'` and `'`.
fn escape(text: &str, quoted: &mut String) {
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{1b}' => quoted.push_str("\\e"),
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if unseen(c) => {
                // Writing to a string cannot fail.
                let _ = match u32::from(c) {
                    code @ 0..0x80 => write!(quoted, "\\x{code:02x}"),
                    code @ 0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                    code => write!(quoted, "\\U{code:08x}"),
                };
            }
            c => quoted.push(c),
        }
    }
}

/// A command line.
#[must_use]
pub(crate) fn argv(argv: &[String]) -> String {
    argv.iter().map(|each| word(each)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{os::unix::ffi::OsStringExt, process::Command};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_show_their_limits() {
        for (given, shown) in [
            ("ceph-osd@3", "ceph-osd@3"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("a\nb", r"$'a\nb'"),
            ("a\u{202e}'b", r"$'a\u202e\'b'"),
            ("a\u{a0}b", r"$'a\u00a0b'"),
            ("größe", "'größe'"),
            ("$(reboot)", "'$(reboot)'"),
            ("~", "'~'"),
        ] {
            assert_eq!(word(given), shown);
        }
        assert_eq!(argv(&["rm".into(), "a b".into(), String::new()]), "rm 'a b' ''");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn bash_reads_back_what_was_meant(words in prop::collection::vec("([\u{1}-\u{7f}]|\\PC|\u{202e}|\u{e0041}|['\"\\\\$`!{}]){0,12}", 1..40)) {
            crate::exec::signals::heed_children().unwrap();
            let script = format!("printf '%s\\0' {}", argv(&words));
            let ran = Command::new("bash").args(["-c", &script]).env_clear().env("LC_ALL", "C.UTF-8").output().unwrap();
            let mut read: Vec<_> = String::from_utf8(ran.stdout).unwrap().split('\0').map(String::from).collect();
            read.pop();
            prop_assert_eq!(read, words);
        }

        #[test]
        fn bash_reads_back_words_that_are_no_text(words in prop::collection::vec(prop::collection::vec(1_u8.., 0..12), 1..40)) {
            crate::exec::signals::heed_children().unwrap();
            let words: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
            let line = CommandLine::new(words.clone()).to_string();
            prop_assert!(!line.chars().any(unseen), "{line:?}");
            let ran = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).env_clear().env("LC_ALL", "C.UTF-8").output().unwrap();
            let mut read: Vec<_> = ran.stdout.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
            read.pop();
            prop_assert_eq!(read, words);
        }

        #[test]
        fn nothing_hidden_is_left(given in any::<String>()) {
            prop_assert!(!word(&given).chars().any(unseen));
        }
    }
}
