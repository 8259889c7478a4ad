//! Patterns that commands are matched with, word by word.

use std::sync::Arc;

use minijinja::Value;
use regex::Regex;

use crate::{expression::cache::Cache, ports::Words, runbook::name::Name};

use super::document::{FlagDocument, Word};

/// The scenarios of a runbook answer the same commands, so most of their words are the same.
static WORDS: Cache<Arc<WordPattern>> = Cache::new(4096);
static SCRIPTS: Cache<Arc<Regex>> = Cache::new(256);

/// What a pattern has captured, by name.
pub(crate) type Captures = Vec<(String, Value)>;

/// A pattern for commands: which words, on which host.
#[derive(Debug, Clone)]
pub struct Pattern {
    subject: Subject,
    flags: Vec<Vec<Arc<WordPattern>>>,
    may_have: Vec<Vec<Arc<WordPattern>>>,
    on: Option<Arc<WordPattern>>,
}

#[derive(Debug, Clone)]
enum Subject {
    /// The words before a `rest`, the name of the rest if there is one, and the words after it.
    Argv {
        before: Vec<Arc<WordPattern>>,
        rest: Option<String>,
        after: Vec<Arc<WordPattern>>,
    },
    Script(Arc<Regex>),
    /// A query of the runbook, whatever its words are.
    Query(String),
}

/// How a captured word is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CaptureKind {
    Text,
    Int,
}

/// A pattern for one word.
#[derive(Debug)]
enum WordPattern {
    Literal(String),
    /// Matches the whole word; a group for each capture.
    Pattern {
        regex: Regex,
        captures: Vec<(String, CaptureKind)>,
        alternatives: Vec<String>,
    },
    Rest(String),
}

/// The parts of a pattern as they are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WrittenPattern<'a> {
    pub words: Option<&'a [Word]>,
    pub script: Option<&'a str>,
    pub query: Option<&'a str>,
    pub flags: &'a [FlagDocument],
    pub may_have: &'a [FlagDocument],
    pub on: Option<&'a str>,
}

impl Pattern {
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(written: WrittenPattern<'_>) -> Result<Self, String> {
        let subject = match (written.words, written.script, written.query) {
            (Some(words), None, None) => {
                let mut words = words.iter().map(WordPattern::new).collect::<Result<Vec<_>, _>>()?;
                if words.is_empty() {
                    return Err("`match` is empty: write the command, word by word".to_owned());
                }
                match words.iter().position(|word| matches!(**word, WordPattern::Rest(_))) {
                    None => Subject::Argv { before: words, rest: None, after: Vec::new() },
                    Some(at) => {
                        let after = words.split_off(at + 1);
                        let last = words.pop();
                        let Some(WordPattern::Rest(name)) = last.as_deref() else { return Err("no rest".to_owned()) };
                        if after.iter().any(|word| matches!(**word, WordPattern::Rest(_))) {
                            return Err("only one `:rest` can stand in a pattern".to_owned());
                        }
                        Subject::Argv { before: words, rest: Some(name.clone()), after }
                    }
                }
            }
            (None, Some(script), None) => {
                let regex = SCRIPTS.get(script, |script| Regex::new(script).map(Arc::new));
                Subject::Script(regex.map_err(|error| format!("`script` is not a regular expression: {error}"))?)
            }
            (None, None, Some(query)) => Subject::Query(query.to_owned()),
            (None, None, None) => {
                return Err("it needs `match` (the command, word by word), `script` (for a shell step) or `query` (by its name)".to_owned());
            }
            _ => return Err("it has two of `match`, `script` and `query`: keep the one that says which command is meant".to_owned()),
        };
        let flags = |written: &[FlagDocument]| {
            let groups = written.iter().map(|flag| match flag {
                FlagDocument::One(word) => Ok(vec![WordPattern::new(word)?]),
                FlagDocument::Many(words) => words.iter().map(WordPattern::new).collect(),
            });
            let groups: Vec<Vec<Arc<WordPattern>>> = groups.collect::<Result<_, String>>()?;
            if groups.iter().any(|group| group.is_empty() || group.iter().any(|word| matches!(**word, WordPattern::Rest(_)))) {
                return Err("a flag is at least one word, and never a `:rest`".to_owned());
            }
            Ok(groups)
        };
        let pattern = Self {
            subject,
            flags: flags(written.flags)?,
            may_have: flags(written.may_have)?,
            on: written.on.map(WordPattern::shared).transpose()?,
        };
        if matches!(pattern.on.as_deref(), Some(WordPattern::Rest(_))) {
            return Err("`on` is one word, never a `:rest`".to_owned());
        }
        Ok(pattern)
    }

    /// The names of all captures.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut words: Vec<&Arc<WordPattern>> = self.flags.iter().chain(&self.may_have).flatten().chain(&self.on).collect();
        match &self.subject {
            Subject::Argv { before, rest, after } => {
                words.extend(before.iter().chain(after));
                names.extend(rest.clone());
            }
            Subject::Script(regex) => names.extend(regex.capture_names().flatten().map(ToOwned::to_owned)),
            Subject::Query(_) => {}
        }
        for word in words {
            if let WordPattern::Pattern { captures, .. } = &**word {
                names.extend(captures.iter().map(|(name, _)| name.clone()));
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The query that it answers, if it does.
    #[must_use]
    pub(super) fn query(&self) -> Option<&str> {
        if let Subject::Query(name) = &self.subject { Some(name) } else { None }
    }

    /// The programs that it can match, as far as they are written out.
    #[must_use]
    pub fn programs(&self) -> Vec<&str> {
        match &self.subject {
            Subject::Script(_) => vec!["bash"],
            // The runbook says what it runs.
            Subject::Query(_) => Vec::new(),
            Subject::Argv { before, .. } => match before.first().map(|word| &**word) {
                Some(WordPattern::Literal(program)) => vec![program],
                Some(WordPattern::Pattern { alternatives, .. }) => alternatives.iter().map(String::as_str).collect(),
                Some(WordPattern::Rest(_)) | None => Vec::new(),
            },
        }
    }

    /// What it captures of a command, or `None` if it is another command.
    #[must_use]
    pub fn matches(&self, command: &Words, host: Option<&str>, query: Option<&str>) -> Option<Captures> {
        let mut captures = Captures::new();
        match (&self.subject, command) {
            (Subject::Script(regex), Words::Script(script)) => {
                let found = regex.captures(script)?;
                for name in regex.capture_names().flatten() {
                    if let Some(text) = found.name(name) {
                        captures.push((name.to_owned(), Value::from(text.as_str())));
                    }
                }
            }
            (Subject::Argv { before, rest, after }, Words::Argv(argv)) => {
                // What most rules differ in is looked at before anything is copied.
                if let (Some(WordPattern::Literal(program)), Some(first)) = (before.first().map(|word| &**word), argv.first())
                    && program != first
                {
                    return None;
                }
                let mut words: Vec<&str> = argv.iter().map(String::as_str).collect();
                for flag in &self.flags {
                    take_flag(flag, &mut words, &mut captures)?;
                }
                for flag in &self.may_have {
                    let _ = take_flag(flag, &mut words, &mut captures);
                }
                let fixed = before.len() + after.len();
                if words.len() < fixed || (rest.is_none() && words.len() > fixed) {
                    return None;
                }
                let tail = words.len() - after.len();
                let pairs = before.iter().zip(&words).chain(after.iter().zip(&words[tail..]));
                for (pattern, word) in pairs {
                    pattern.matches(word, &mut captures)?;
                }
                if let Some(name) = rest {
                    let rest: Vec<Value> = words[before.len()..tail].iter().map(|word| Value::from(*word)).collect();
                    captures.push((name.clone(), Value::from(rest)));
                }
            }
            (Subject::Query(name), command) => {
                if query != Some(name.as_str()) {
                    return None;
                }
                let mut words: Vec<&str> = match command {
                    Words::Argv(argv) => argv.iter().map(String::as_str).collect(),
                    Words::Script(_) => Vec::new(),
                };
                for flag in &self.flags {
                    take_flag(flag, &mut words, &mut captures)?;
                }
                for flag in &self.may_have {
                    let _ = take_flag(flag, &mut words, &mut captures);
                }
            }
            _ => return None,
        }
        if let Some(on) = &self.on {
            on.matches(host?, &mut captures)?;
        }
        Some(captures)
    }
}

/// Takes the first words that are this flag out of the command.
fn take_flag(flag: &[Arc<WordPattern>], words: &mut Vec<&str>, captures: &mut Captures) -> Option<()> {
    for start in 1..(words.len() + 1).saturating_sub(flag.len()) {
        let mut found = captures.clone();
        if flag.iter().zip(&words[start..]).all(|(pattern, word)| pattern.matches(word, &mut found).is_some()) {
            words.drain(start..start + flag.len());
            *captures = found;
            return Some(());
        }
    }
    None
}

impl WordPattern {
    fn new(written: &Word) -> Result<Arc<Self>, String> {
        match written {
            Word::Int(number) => Ok(Arc::new(Self::Literal(number.to_string()))),
            Word::Text(text) => Self::shared(text),
        }
    }

    fn shared(text: &str) -> Result<Arc<Self>, String> {
        WORDS.get(text, |text| Self::parse(text).map(Arc::new))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut literal = String::new();
        let mut expression = String::from("(?s)^");
        let mut captures: Vec<(String, CaptureKind)> = Vec::new();
        let mut alternatives = Vec::new();
        let mut dynamic = false;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' if rest.starts_with(['{', '}', '\\']) => {
                    literal.push_str(&rest[..1]);
                    expression.push_str(&regex::escape(&rest[..1]));
                    rest = &rest[1..];
                }
                '{' if rest.starts_with('{') => {
                    return Err(format!("`{text}`: a pattern is no template; write `{{name}}` to capture, `\\{{` for a brace"));
                }
                '{' => {
                    let Some((inside, tail)) = rest.split_once('}') else {
                        return Err(format!("`{text}`: `{{` is never closed; write `\\{{` for a brace"));
                    };
                    rest = tail;
                    dynamic = true;
                    let (name, kind) = match inside.split_once(':') {
                        Some((name, kind)) if !name.contains('|') => (Some(name), Some(kind)),
                        _ if inside.contains('|') => (None, Some(inside)),
                        _ => (Some(inside), None),
                    };
                    if let Some(name) = name {
                        Name::new(name).map_err(|error| format!("`{text}`: {error}; write `\\{{` for a brace"))?;
                        if captures.iter().any(|(other, _)| other == name) {
                            return Err(format!("`{text}` captures `{name}` twice"));
                        }
                    }
                    let whole = inside.len() + 2 == text.len();
                    let (part, read) = match kind {
                        Some("rest") if whole => return Ok(Self::Rest(name.unwrap_or_default().to_owned())),
                        Some("rest") => return Err(format!("`{text}`: a `:rest` is a word of its own")),
                        Some("int") => ("-?[0-9]+".to_owned(), CaptureKind::Int),
                        Some("word") => ("[A-Za-z0-9_.-]+".to_owned(), CaptureKind::Text),
                        None if whole => (".*".to_owned(), CaptureKind::Text),
                        None => (".+".to_owned(), CaptureKind::Text),
                        Some(listed) if listed.contains('|') => {
                            let words: Vec<&str> = listed.split('|').collect();
                            if words.iter().any(|word| word.is_empty()) {
                                return Err(format!("`{text}` has an empty alternative"));
                            }
                            if whole {
                                alternatives = words.iter().map(|word| (*word).to_owned()).collect();
                            }
                            (words.iter().map(|word| regex::escape(word)).collect::<Vec<_>>().join("|"), CaptureKind::Text)
                        }
                        Some(other) => {
                            return Err(format!(
                                "`{text}`: there is no kind of word `{other}`; there are `int`, `word`, `rest`, and `a|b`"
                            ));
                        }
                    };
                    let open = if name.is_some() { "(" } else { "(?:" };
                    captures.extend(name.map(|name| (name.to_owned(), read)));
                    expression.extend([open, &part, ")"]);
                }
                '}' => return Err(format!("`{text}`: `}}` closes nothing; write `\\}}` for a brace")),
                c => {
                    literal.push(c);
                    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                }
            }
        }
        if !dynamic {
            return Ok(Self::Literal(literal));
        }
        expression.push('$');
        let regex = Regex::new(&expression).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self::Pattern { regex, captures, alternatives })
    }

    /// Adds what it captures. A name that is captured already must have captured the same.
    fn matches(&self, word: &str, captures: &mut Captures) -> Option<()> {
        match self {
            Self::Literal(literal) => (literal == word).then_some(()),
            Self::Rest(_) => None,
            Self::Pattern { regex, captures: wanted, .. } => {
                let found = regex.captures(word)?;
                for (index, (name, kind)) in wanted.iter().enumerate() {
                    let text = found.get(index + 1)?.as_str();
                    let value = match kind {
                        CaptureKind::Text => Value::from(text),
                        CaptureKind::Int => Value::from(text.parse::<i64>().ok()?),
                    };
                    match captures.iter().find(|(other, _)| other == name) {
                        Some((_, before)) if *before != value => return None,
                        Some(_) => {}
                        None => captures.push((name.clone(), value)),
                    }
                }
                Some(())
            }
        }
    }
}

/// The text as a pattern that matches exactly it.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '{' | '}') {
            escaped.push('\\');
        }
        // A backslash means itself except before a brace or another backslash.
        escaped.push(c);
        if c == '\\' {
            escaped.push('\\');
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &[&str]) -> Vec<Word> {
        text.iter().map(|word| Word::Text((*word).to_owned())).collect()
    }

    fn argv(text: &[&str]) -> Words {
        Words::Argv(text.iter().map(|word| (*word).to_owned()).collect())
    }

    fn captured(pattern: &[&str], command: &[&str]) -> Option<String> {
        let words = words(pattern);
        let pattern = Pattern::new(WrittenPattern { words: Some(&words), ..WrittenPattern::default() }).unwrap();
        pattern.matches(&argv(command), None, None).map(|found| serde_json::to_string(&Value::from_pairs(found)).unwrap())
    }

    #[test]
    fn words_are_matched_one_by_one() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(captured(&["ceph", "osd"], &["ceph", "osd"]), some("{}"));
        assert_eq!(captured(&["ceph", "osd"], &["ceph", "osd", "tree"]), None);
        assert_eq!(captured(&["restart", "ceph-osd@{id:int}"], &["restart", "ceph-osd@3"]), some(r#"{"id":3}"#));
        assert_eq!(captured(&["restart", "ceph-osd@{id:int}"], &["restart", "ceph-osd@3x"]), None);
        assert_eq!(captured(&["{cmd}", "{n:word}"], &["a b", "c.d"]), some(r#"{"cmd":"a b","n":"c.d"}"#));
        assert_eq!(captured(&["x", "{n:word}"], &["x", "c d"]), None);
        assert_eq!(captured(&["{set|unset}", "{flag:noout|nodown}"], &["unset", "noout"]), some(r#"{"flag":"noout"}"#));
        assert_eq!(captured(&["{set|unset}"], &["reset"]), None);
        assert_eq!(captured(&["a", "{r:rest}", "z"], &["a", "b", "c", "z"]), some(r#"{"r":["b","c"]}"#));
        assert_eq!(captured(&["a", "{r:rest}"], &["a"]), some(r#"{"r":[]}"#));
        assert_eq!(captured(&["mv", "{f}", "{f}.bak"], &["mv", "x", "x.bak"]), some(r#"{"f":"x"}"#));
        assert_eq!(captured(&["mv", "{f}", "{f}.bak"], &["mv", "x", "y.bak"]), None);
        assert_eq!(captured(&[r"jsonpath=\{.items\}"], &["jsonpath={.items}"]), some("{}"));
        assert_eq!(captured(&["{n:int}"], &["99999999999999999999"]), None);
    }

    #[test]
    fn flags_stand_anywhere_and_hosts_are_captured() {
        let positional = words(&["ceph", "osd", "tree"]);
        let flags = [FlagDocument::Many(words(&["--format", "{f:json|plain}"]))];
        let may_have = [FlagDocument::Many(words(&["--connect-timeout", "{t:int}"]))];
        let pattern = Pattern::new(WrittenPattern {
            words: Some(&positional),
            flags: &flags,
            may_have: &may_have,
            on: Some("mon-{n:int}"),
            ..WrittenPattern::default()
        })
        .unwrap();
        for command in [
            ["ceph", "--format", "json", "osd", "tree"].as_slice(),
            &["ceph", "osd", "tree", "--format", "json"],
            &["ceph", "--connect-timeout", "15", "osd", "--format", "json", "tree"],
        ] {
            let found = pattern.matches(&argv(command), Some("mon-2"), None).unwrap();
            assert!(found.contains(&("n".into(), Value::from(2))) && found.contains(&("f".into(), Value::from("json"))), "{found:?}");
        }
        assert!(pattern.matches(&argv(&["ceph", "osd", "tree"]), Some("mon-2"), None).is_none());
        assert!(pattern.matches(&argv(&["ceph", "osd", "tree", "--format", "xml"]), Some("mon-2"), None).is_none());
        assert!(pattern.matches(&argv(&["ceph", "osd", "tree", "--format", "json"]), None, None).is_none());
        assert_eq!(pattern.names(), ["f", "n", "t"]);
    }

    #[test]
    fn a_query_is_known_by_its_name() {
        let flags = [FlagDocument::One(Word::Text("osd.{id:int}".into()))];
        let pattern = Pattern::new(WrittenPattern { query: Some("status_of"), flags: &flags, ..WrittenPattern::default() }).unwrap();
        let found = |argv: &Words, query| pattern.matches(argv, None, query);
        let command = argv(&["ceph", "--some-new-option", "tell", "osd.3", "status"]);
        assert_eq!(found(&command, Some("status_of")).unwrap(), [("id".to_owned(), Value::from(3))]);
        assert!(found(&command, Some("other")).is_none() && found(&command, None).is_none());
        assert!(found(&argv(&["ceph", "tell", "status"]), Some("status_of")).is_none());
        let two = Pattern::new(WrittenPattern { query: Some("a"), script: Some("x"), ..WrittenPattern::default() });
        assert!(two.unwrap_err().contains("two of"), "one of them says which command is meant");
    }

    #[test]
    fn scripts_are_searched() {
        let pattern = Pattern::new(WrittenPattern { script: Some(r"rm (?P<what>\S+)"), ..WrittenPattern::default() }).unwrap();
        let found = pattern.matches(&Words::Script("set -x\nrm /tmp/x\n".into()), None, None).unwrap();
        assert_eq!(found, [("what".to_owned(), Value::from("/tmp/x"))]);
        assert!(pattern.matches(&argv(&["rm", "/tmp/x"]), None, None).is_none());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (bad, because) in [
            ("{{ id }}", "no template"),
            ("{id", "never closed"),
            ("id}", "closes nothing"),
            ("{id:integer}", "no kind of word"),
            ("{.items}", "not a valid name"),
            ("x{all:rest}", "word of its own"),
            ("{a|}", "empty alternative"),
            ("{a}{a}", "twice"),
        ] {
            let words = words(&["x", bad]);
            let error = Pattern::new(WrittenPattern { words: Some(&words), ..WrittenPattern::default() }).unwrap_err();
            assert!(error.contains(because), "{bad}: {error}");
        }
        assert!(Pattern::new(WrittenPattern::default()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(pattern in "\\PC{0,20}", word in "\\PC{0,20}") {
            if let Ok(pattern) = WordPattern::parse(&pattern) {
                let _ = pattern.matches(&word, &mut Captures::new());
            }
        }

        #[test]
        fn every_word_matches_itself_escaped_and_nothing_else(word in "[{}\\\\a-c|:.*]{0,12}", other in "[{}\\\\a-c|:.*]{0,12}") {
            let pattern = WordPattern::parse(&escape(&word)).unwrap();
            prop_assert!(pattern.matches(&word, &mut Captures::new()).is_some());
            prop_assert_eq!(pattern.matches(&other, &mut Captures::new()).is_some(), word == other);
        }

        #[test]
        fn what_surrounds_a_capture_is_what_was_written(before in "[a-z@=]{0,5}", number in any::<i64>(), after in "[a-z@=]{0,5}") {
            let pattern = WordPattern::parse(&format!("{before}{{n:int}}{after}")).unwrap();
            let mut found = Captures::new();
            let word = format!("{before}{number}{after}");
            prop_assert!(pattern.matches(&word, &mut found).is_some());
            prop_assert_eq!(&found[0].1, &Value::from(number));
        }
    }
}
