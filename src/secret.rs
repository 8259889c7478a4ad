//! Secrets, masked by value in everything that is printed, kept or shown, before it is.

mod form;

use std::{
    borrow::Cow,
    io::{self, Write},
    ops::Range,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde_json::Value;

/// What stands in a secret's place.
pub(crate) const MASK: &[u8] = b"[secret]";

/// The values to mask, in each form in which they are promised to be.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// What is found in a text as it stands; `None` if there is nothing to mask.
    forms: Option<AhoCorasick>,
    /// Base64, which is found in a text without its line ends too; `None` if there is nothing to mask.
    wrapped: Option<AhoCorasick>,
    /// So many bytes decide whether a secret begins at the first of them.
    longest: usize,
}

impl Secrets {
    #[must_use]
    pub fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let (mut plain, mut wrapped) = (Vec::new(), Vec::new());
        for value in values {
            for part in form::parts_of(value) {
                plain.extend(form::plain(&part));
                wrapped.extend(form::base64(&part));
            }
        }
        // A line end is up to two bytes, and what is wrapped has no two of them in a row.
        let longest = longest(&plain).max(longest(&wrapped) * 3);
        Self { forms: automaton(plain), wrapped: automaton(wrapped), longest }
    }

    /// Nothing is masked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_none() && self.wrapped.is_none()
    }

    /// Whether the text holds a secret in any of its forms.
    #[must_use]
    pub fn found_in(&self, text: &str) -> bool {
        self.forms.as_ref().is_some_and(|forms| forms.is_match(text))
            || self.wrapped.as_ref().is_some_and(|forms| forms.is_match(Unwrapped::of(text.as_bytes()).bytes.as_ref()))
    }

    /// Whether the text holds a secret, or the mask of one.
    #[must_use]
    pub(crate) fn stands_in(&self, text: &str) -> bool {
        self.found_in(text) || (!self.is_empty() && text.as_bytes().windows(MASK.len()).any(|part| part == MASK))
    }

    /// The text with every secret masked.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.found_in(text) {
            return Cow::Borrowed(text);
        }
        let mut masker = Masker::new(self, Vec::with_capacity(text.len()));
        let whole = masker.write_all(text.as_bytes()).and_then(|()| masker.finish());
        // A vector takes whatever is written to it.
        Cow::Owned(whole.map_or_else(|_| String::new(), |(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Masks every secret in the text.
    pub(crate) fn hide(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.mask(text) {
            *text = masked;
        }
    }
}

impl Secrets {
    /// Where secrets stand, one after the other; those that overlap are one.
    fn places_in(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = self.forms.iter().flat_map(|forms| forms.find_iter(bytes)).map(|found| found.range()).collect();
        if let Some(forms) = &self.wrapped {
            let unwrapped = Unwrapped::of(bytes);
            // A form has a last byte: it ends after that.
            found.extend(
                forms.find_iter(unwrapped.bytes.as_ref()).map(|found| unwrapped.place(found.start())..unwrapped.place(found.end() - 1) + 1),
            );
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut places: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match places.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => places.push(range),
            }
        }
        places
    }

    /// The value with every secret masked: in each text of a list or a map, and in a number that reads as one.
    #[must_use]
    pub(crate) fn mask_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.mask(text)),
            Value::Number(number) => match self.mask(&number.to_string()) {
                Cow::Owned(masked) => Value::from(masked),
                Cow::Borrowed(_) => value.clone(),
            },
            Value::Array(members) => members.iter().map(|member| self.mask_value(member)).collect(),
            Value::Object(members) => members.iter().map(|(key, member)| (self.mask(key).into_owned(), self.mask_value(member))).collect(),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

fn longest(forms: &[Vec<u8>]) -> usize {
    forms.iter().map(Vec::len).max().unwrap_or_default()
}

/// Finds any of these; the longest of those that begin at one place.
fn automaton(mut forms: Vec<Vec<u8>>) -> Option<AhoCorasick> {
    forms.retain(|form| form.len() >= form::SHORTEST);
    forms.sort_unstable();
    forms.dedup();
    if forms.is_empty() {
        return None;
    }
    let build = |kind| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(kind).build(&forms).ok();
    // A table too large for the fast kind fits the plain one, whose only limit is at two thousand million states: that
    // many bytes of secrets no command line and no file of parameters (at most 1 MiB) can hold.
    build(None).or_else(|| build(Some(AhoCorasickKind::NoncontiguousNFA)))
}

/// Bytes without the line ends at which base64 is wrapped: those that stand alone.
struct Unwrapped<'b> {
    bytes: Cow<'b, [u8]>,
    /// The places in `bytes` before which something was left out, with all that was left out up to there.
    left_out: Vec<(usize, usize)>,
}

impl<'b> Unwrapped<'b> {
    fn of(whole: &'b [u8]) -> Self {
        let mut left_out = Vec::new();
        let (mut bytes, mut from, mut total) = (Vec::new(), 0, 0);
        for newline in memchr::memchr_iter(b'\n', whole) {
            let begin = if newline > 0 && whole[newline - 1] == b'\r' { newline - 1 } else { newline };
            let within = |at: Option<usize>| at.and_then(|at| whole.get(at)).is_some_and(|byte| form::in_base64(*byte));
            if begin < from || !within(begin.checked_sub(1)) || !within(Some(newline + 1)) {
                continue;
            }
            bytes.extend_from_slice(&whole[from..begin]);
            from = newline + 1;
            total += from - begin;
            left_out.push((bytes.len(), total));
        }
        if left_out.is_empty() {
            return Self { bytes: Cow::Borrowed(whole), left_out };
        }
        bytes.extend_from_slice(&whole[from..]);
        Self { bytes: Cow::Owned(bytes), left_out }
    }

    /// Where the byte at a place stood.
    fn place(&self, at: usize) -> usize {
        let before = self.left_out.partition_point(|(place, _)| *place <= at);
        at + before.checked_sub(1).map_or(0, |last| self.left_out[last].1)
    }
}

/// Masks what passes through, across the borders of writes.
#[derive(Debug)]
pub(crate) struct Masker<'a, W> {
    secrets: &'a Secrets,
    inner: W,
    /// What could still be the beginning of a secret.
    pending: Vec<u8>,
    /// How many secrets were masked.
    pub redactions: u32,
}

impl<'a, W: Write> Masker<'a, W> {
    pub(crate) fn new(secrets: &'a Secrets, inner: W) -> Self {
        Self { secrets, inner, pending: Vec::new(), redactions: 0 }
    }

    /// What it writes to.
    pub(crate) fn inner(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn finish(mut self) -> io::Result<(W, u32)> {
        self.pass(true)?;
        Ok((self.inner, self.redactions))
    }

    fn pass(&mut self, last: bool) -> io::Result<()> {
        // A form that begins after this may still be growing, so only beginnings before it are decided.
        let decided = if last { self.pending.len() } else { self.pending.len().saturating_sub(self.secrets.longest) };
        let mut from = 0;
        for found in self.secrets.places_in(&self.pending) {
            if found.start >= decided {
                break;
            }
            self.inner.write_all(&self.pending[from..found.start])?;
            self.inner.write_all(MASK)?;
            self.redactions = self.redactions.saturating_add(1);
            from = found.end;
        }
        let to = from.max(decided);
        self.inner.write_all(&self.pending[from..to])?;
        self.pending.drain(..to);
        Ok(())
    }
}

impl<W: Write> Write for Masker<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.secrets.is_empty() {
            self.inner.write_all(bytes)?;
        } else {
            self.pending.extend_from_slice(bytes);
            self.pass(false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn masked(secrets: &Secrets, chunks: &[&[u8]]) -> String {
        let mut masker = Masker::new(secrets, Vec::new());
        for chunk in chunks {
            masker.write_all(chunk).unwrap();
        }
        String::from_utf8(masker.finish().unwrap().0).unwrap()
    }

    #[test]
    fn each_form_is_masked() {
        let secrets = Secrets::new(["pä ss/w\"o'rd"].into_iter());
        for form in [
            "pä ss/w\"o'rd",
            "p%C3%A4%20ss%2Fw%22o%27rd",
            "p%c3%a4%20ss%2fw%22o%27rd",
            "p%C3%A4+ss%2Fw%22o%27rd",
            "p%C3%A4%20ss/w%22o%27rd",
            "p%C3%A4%20ss%2Fw%22o'rd",
            r#"pä ss/w\"o'rd"#,
            r#"p\u00e4 ss/w\"o'rd"#,
            r#"pä ss\/w\"o'rd"#,
            r#"pä ss/w"o'\''rd"#,
            r#"pä\ ss/w\"o\'rd"#,
        ] {
            assert_eq!(masked(&secrets, &[format!("x {form}, y").as_bytes()]), "x [secret], y", "{form}");
            assert_eq!(secrets.mask(&format!("<{form}>")), "<[secret]>");
            assert!(secrets.found_in(form));
        }
        assert_eq!(secrets.mask("nothing here"), "nothing here");
    }

    #[test]
    fn a_key_of_several_lines_is_masked_line_by_line() {
        let secrets = Secrets::new(["first line\nsecond line\n"].into_iter());
        assert_eq!(masked(&secrets, &[b"a first line", b"\nb second line\n"]), "a [secret]\nb [secret]\n");
        assert_eq!(secrets.mask("first line\nsecond line"), "[secret]");
    }

    #[test]
    fn values_are_masked_in_whatever_holds_them() {
        let secrets = Secrets::new(["hunter22", "4711"].into_iter());
        let value = serde_json::json!({"a hunter22": ["x hunter22", 4711, 12, true, null], "b": {"c": "none"}});
        let masked = serde_json::json!({"a [secret]": ["x [secret]", "[secret]", 12, true, null], "b": {"c": "none"}});
        assert_eq!(secrets.mask_value(&value), masked);
        assert_eq!(Secrets::default().mask_value(&value), value);
    }

    proptest! {
        #[test]
        fn no_border_lets_a_secret_through(before in "[a-z]{0,20}", after in "[a-z]{0,20}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let secrets = Secrets::new(["hunter22"].into_iter());
            let text = format!("{before}hunter22{after}hunter2hunter22");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(masked(&secrets, &chunks), format!("{before}[secret]{after}hunter2[secret]"));
        }

        #[test]
        fn base64_is_masked_wherever_it_stands(before in proptest::collection::vec(any::<u8>(), 0..9), after in proptest::collection::vec(any::<u8>(), 0..9)) {
            let secret = "correct horse";
            let secrets = Secrets::new([secret].into_iter());
            let text = STANDARD_NO_PAD.encode([&before[..], secret.as_bytes(), &after[..]].concat());
            let out = masked(&secrets, &[text.as_bytes()]);
            prop_assert!(out.contains("[secret]"), "{text} became {out}");
            // What is left beside the mask holds no whole byte of it.
            prop_assert!(out.len() - "[secret]".len() <= (before.len() + after.len()) * 8 / 6 + 4);
        }
    }
}
