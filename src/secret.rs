//! Secrets, masked by value in everything that is printed, kept or shown, before it is.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands in a secret's place.
pub(crate) const MASK: &[u8] = b"[secret]";

/// A secret shorter than this, in bytes, is not masked by value: it would mask half of all output and so betray itself.
pub(crate) const SHORTEST: usize = 4;

/// The values to mask, in each form in which they are likely to be printed.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// `None` if there is nothing to mask.
    forms: Option<AhoCorasick>,
    /// Of the longest form, in bytes.
    longest: usize,
}

impl Secrets {
    #[must_use]
    pub fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for value in values {
            // A secret of several lines, such as a key, is printed line by line as often as whole; so is one that was read
            // with its last newline.
            for part in std::iter::once(value).chain(value.lines()).map(str::trim_end).chain([value]) {
                if part.len() >= SHORTEST {
                    forms.extend(forms_of(part));
                }
            }
        }
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort_unstable();
        forms.dedup();
        let longest = forms.iter().map(Vec::len).max().unwrap_or_default();
        if forms.is_empty() {
            return Self::default();
        }
        let build = |kind| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(kind).build(&forms).ok();
        // A table too large for the fast kind fits the plain one, whose only limit is at two thousand million states: that
        // many bytes of secrets no command line and no file of parameters (at most 1 MiB) can hold.
        let forms = build(None).or_else(|| build(Some(AhoCorasickKind::NoncontiguousNFA)));
        Self { forms, longest }
    }

    /// Nothing is masked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_none()
    }

    /// Whether the text holds a secret in any of its forms.
    #[must_use]
    pub fn found_in(&self, text: &str) -> bool {
        self.forms.as_ref().is_some_and(|forms| forms.is_match(text))
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
}

impl Secrets {
    /// The value with every secret masked: in each text of a list or a map, and in a number that reads as one.
    #[must_use]
    pub(crate) fn mask_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.mask(text)),
            Value::Number(number) => {
                let text = number.to_string();
                if self.found_in(&text) { Value::from(self.mask(&text)) } else { value.clone() }
            }
            Value::Array(members) => members.iter().map(|member| self.mask_value(member)).collect(),
            Value::Object(members) => members.iter().map(|(key, member)| (self.mask(key).into_owned(), self.mask_value(member))).collect(),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

/// What different encoders leave as it is besides: nothing, a path's slashes (Python), what JavaScript's `encodeURIComponent`
/// and `encodeURI` leave, and what may stand in a path (RFC 3986, section 3.3).
const LEFT: [AsciiSet; 5] = [
    UNRESERVED,
    UNRESERVED.remove(b'/'),
    COMPONENT,
    COMPONENT
        .remove(b';')
        .remove(b'/')
        .remove(b'?')
        .remove(b':')
        .remove(b'@')
        .remove(b'&')
        .remove(b'=')
        .remove(b'+')
        .remove(b'$')
        .remove(b',')
        .remove(b'#'),
    COMPONENT
        .remove(b'/')
        .remove(b':')
        .remove(b'@')
        .remove(b'!')
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b',')
        .remove(b';')
        .remove(b'='),
];
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What a URL leaves as it is (RFC 3986, section 2.3).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The plain text, and how it looks once something has quoted or encoded it.
fn forms_of(value: &str) -> Vec<Vec<u8>> {
    use std::fmt::Write as _;
    let mut forms = vec![value.as_bytes().to_vec()];
    for skip in 0..3 {
        forms.push(base64_inside(&STANDARD_NO_PAD, value, skip));
        forms.push(base64_inside(&URL_SAFE_NO_PAD, value, skip));
    }
    for left in &LEFT {
        let form = utf8_percent_encode(value, left).to_string();
        forms.push(lower_hex(&form).into_bytes());
        forms.push(form.replace("%20", "+").into_bytes());
        forms.push(form.into_bytes());
    }
    // As shells write it: in single or double quotes, with backslashes, and as `$'…'`.
    forms.push(value.replace('\'', r"'\''").into_bytes());
    forms.push(value.replace('\'', r#"'"'"'"#).into_bytes());
    forms.push(value.replace('\'', r"\'").into_bytes());
    forms.push(escaped(value, |c| matches!(c, '"' | '\\' | '$' | '`' | '!')).into_bytes());
    forms.push(escaped(value, |c| !(c.is_alphanumeric() || "@%+=:,./-_".contains(c))).into_bytes());
    forms.push(escaped(value, |c| matches!(c, '\'' | '\\')).replace('\n', "\\n").replace('\t', "\\t").into_bytes());
    if let Ok(quoted) = shlex::try_quote(value) {
        forms.push(quoted.into_owned().into_bytes());
    }
    // As JSON writes it: plainly, with slashes escaped (PHP), and with everything beyond ASCII as \uXXXX (Python).
    let json = Value::from(value).to_string();
    let json = &json[1..json.len() - 1];
    let ascii = json.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    });
    forms.push(json.replace('/', "\\/").into_bytes());
    // What Go and Rails write for HTML's sake.
    forms.push(json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e").into_bytes());
    forms.push(ascii.into_bytes());
    forms.push(json.as_bytes().to_vec());
    forms
}

fn escaped(value: &str, special: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if special(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// `%2F` as `%2f`.
fn lower_hex(text: &str) -> String {
    let mut after = 0;
    text.chars()
        .map(|c| match (c, after) {
            ('%', _) => {
                after = 2;
                c
            }
            (c, 1..) => {
                after -= 1;
                c.to_ascii_lowercase()
            }
            (c, _) => c,
        })
        .collect()
}

/// What of the base64 form depends on the secret alone, when it stands `skip` bytes (modulo 3) into what is encoded.
fn base64_inside(engine: &impl Engine, value: &str, skip: usize) -> Vec<u8> {
    let mut bytes = vec![0; skip];
    bytes.extend_from_slice(value.as_bytes());
    let text = engine.encode(&bytes).into_bytes();
    // Characters of which some bits belong to what stands before or after are no part of it.
    let from = (skip * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    text[from.min(to)..to].to_vec()
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

    /// Writes out what is left.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn finish(mut self) -> io::Result<(W, u32)> {
        self.pass(true)?;
        Ok((self.inner, self.redactions))
    }

    fn pass(&mut self, last: bool) -> io::Result<()> {
        let Some(forms) = &self.secrets.forms else { return Ok(()) };
        // A form that begins after this may still be growing, so only beginnings before it are decided.
        let decided = if last { self.pending.len() } else { self.pending.len().saturating_sub(self.secrets.longest - 1) };
        let mut from = 0;
        for found in forms.find_iter(&self.pending) {
            if found.start() >= decided {
                break;
            }
            self.inner.write_all(&self.pending[from..found.start()])?;
            self.inner.write_all(MASK)?;
            self.redactions = self.redactions.saturating_add(1);
            from = found.end();
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
