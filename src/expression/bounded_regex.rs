//! Regular expressions, which must come to an end in time whatever they are and whatever they are held against.

use std::sync::Arc;

use minijinja::{Error, ErrorKind};
use regex::{Regex, RegexBuilder};
use regex_automata::{
    Input, MatchErrorKind, hybrid,
    nfa::thompson,
    util::{iter::Searcher, syntax},
};

use super::{cache::Cache, error::brief, limit};

/// Bytes that one may become.
const LARGEST: usize = 1 << 18;
/// Bytes of text that the largest goes through within the time of an evaluation, however slowly: some seconds.
const SHORT: usize = 1 << 16;
/// How many are kept: they may come from data.
pub(super) const PATTERNS: usize = 256;

/// Shared and not cloned: each clone begins with no room to search in, and makes its own.
pub(super) static REGEXES: Cache<Arc<BoundedRegex>> = Cache::new(PATTERNS);

/// A regular expression, with what tells beforehand whether it is quick on a text.
///
/// `regex` goes through a text in time proportional to the length of the text times that of the expression: 4 MB against
/// `[ab]*a[ab]{3000}c` took 86 s. As a rule it is quick, by an automaton that it builds on the way, and it falls back where that
/// grows too fast. So that automaton is tried first, and says so instead.
pub(super) struct BoundedRegex {
    regex: Regex,
    quick: Option<hybrid::regex::Regex>,
}

impl BoundedRegex {
    /// # Errors
    /// It is no regular expression, or becomes too large.
    pub(super) fn of(text: &str) -> Result<Arc<Self>, Error> {
        REGEXES
            .get(text, |text| {
                let regex = RegexBuilder::new(text).size_limit(LARGEST).build()?;
                Ok(Arc::new(Self { regex, quick: quick(text) }))
            })
            .map_err(|error: regex::Error| refuse(format!("`{text}` is not a regular expression: {error}")))
    }

    /// For the first match in a text.
    ///
    /// # Errors
    /// It may take too long.
    pub(super) fn once(&self, text: &str) -> Result<&Regex, Error> {
        self.within(text, false)
    }

    /// For all matches in a text.
    ///
    /// # Errors
    /// It may take too long.
    pub(super) fn throughout(&self, text: &str) -> Result<&Regex, Error> {
        self.within(text, true)
    }

    fn within(&self, text: &str, all: bool) -> Result<&Regex, Error> {
        limit::in_time()?;
        if text.len() <= SHORT {
            return Ok(&self.regex);
        }
        let slow = || {
            limit::exceeded(format!(
                "it would take too long to go through {} bytes with `{}`",
                text.len(),
                brief(&self.regex.as_str().into())
            ))
        };
        let Some(quick) = &self.quick else { return Err(slow()) };
        // What the groups of a match are is found out without the automaton.
        let grouped = self.regex.captures_len() > 1;
        let mut cache = quick.create_cache();
        let mut searcher = Searcher::new(Input::new(text));
        loop {
            match searcher.try_advance(|input| quick.try_search(&mut cache, input)) {
                Ok(Some(found)) if grouped && found.len() > SHORT => return Err(slow()),
                Ok(Some(_)) if all => limit::in_time()?,
                Ok(_) => return Ok(&self.regex),
                // `\b` beside a letter beyond ASCII is nothing for an automaton, and such an expression is small as a rule.
                Err(error) if matches!(error.kind(), MatchErrorKind::Quit { .. }) => return Ok(&self.regex),
                Err(_) => return Err(slow()),
            }
        }
    }
}

fn quick(text: &str) -> Option<hybrid::regex::Regex> {
    let lazy = hybrid::dfa::Config::new()
        .unicode_word_boundary(true)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(3))
        .minimum_bytes_per_state(Some(10));
    let mut builder = hybrid::regex::Builder::new();
    builder.syntax(syntax::Config::new()).thompson(thompson::Config::new().nfa_size_limit(Some(LARGEST))).dfa(lazy);
    builder.build(text).ok()
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Letters of which nobody could tell the next.
    fn noise(length: usize) -> String {
        let mut state = 7_u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if state >> 63 == 0 { 'a' } else { 'b' }
        };
        (0..length).map(|_| letter()).collect()
    }

    #[test]
    fn what_would_take_minutes_is_refused_at_once() {
        let text = noise(4_000_000);
        let began = Instant::now();
        for bomb in ["[ab]*a[ab]{3000}c", "^(?:[ab]*a[ab]{300}c)", "(a|b)*a(a|b){200}c"] {
            let told = BoundedRegex::of(bomb).unwrap().once(&text).unwrap_err().to_string();
            assert!(told.contains("it would take too long to go through 4000000 bytes"), "{told}");
        }
        // The groups of a long match.
        assert!(BoundedRegex::of("([ab]*)").unwrap().once(&text).is_err());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    }

    #[test]
    fn the_slowest_on_a_short_text_ends_in_time() {
        let text = noise(SHORT);
        let slowest =
            (1..100).map(|n| format!("[ab]*a[ab]{{{}}}c", n * 500)).map(|text| BoundedRegex::of(&text)).take_while(Result::is_ok).last();
        let began = Instant::now();
        assert!(!slowest.unwrap().unwrap().once(&text).unwrap().is_match(&text));
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }

    #[test]
    fn what_is_quick_goes_through_long_texts() {
        let lines = "osd.17 up in weight 1.00000 (größer)\n".repeat(200_000);
        for ordinary in [r"osd\.(\d+) up", r"\bweight\s+([0-9.]+)", "(?m)^osd.*$", r"\w+\s+down", "no such thing"] {
            let pattern = BoundedRegex::of(ordinary).unwrap();
            pattern.once(&lines).unwrap_or_else(|error| panic!("{ordinary}: {error}"));
            assert_eq!(pattern.throughout(&lines).unwrap().find_iter(&lines).count() % 200_000, 0, "{ordinary}");
        }
    }
}
