//! Secrets, masked by value in everything that a command prints, before it is hashed, kept or shown.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a secret's place.
pub const MASK: &[u8] = b"[secret]";

/// A secret shorter than this is not masked by value: it would mask half of all output and so betray itself.
const SHORTEST: usize = 4;

/// The values to mask, in each form in which they are likely to be printed.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Longest first, so that no form is hidden by a part of it.
    forms: Vec<Vec<u8>>,
}

impl Secrets {
    #[must_use]
    pub fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for value in values.filter(|value| value.len() >= SHORTEST) {
            forms.push(value.as_bytes().to_vec());
            forms.push(base64_start(value).into_bytes());
            forms.push(utf8_percent_encode(value, &UNRESERVED).to_string().into_bytes());
            if let Ok(quoted) = shlex::try_quote(value) {
                forms.push(quoted.into_owned().into_bytes());
            }
            let json = serde_json::Value::from(value).to_string();
            forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
        }
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// Whether the text holds a secret in any of its forms.
    #[must_use]
    pub fn found_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.as_bytes().windows(form.len()).any(|window| window == form))
    }

    fn longest(&self) -> usize {
        self.forms.first().map_or(0, Vec::len)
    }
}

/// What a URL leaves as it is (RFC 3986, section 2.3).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The base64 form, up to where what follows the secret may change it.
fn base64_start(value: &str) -> String {
    let mut text = STANDARD_NO_PAD.encode(value);
    if !value.len().is_multiple_of(3) {
        text.pop();
    }
    text
}

/// Masks what passes through, across the borders of writes.
#[derive(Debug)]
pub struct Masker<'a, W> {
    secrets: &'a Secrets,
    inner: W,
    /// What could still be the beginning of a secret.
    pending: Vec<u8>,
    /// How many secrets were masked.
    pub redactions: u32,
}

impl<'a, W: Write> Masker<'a, W> {
    pub fn new(secrets: &'a Secrets, inner: W) -> Self {
        Self { secrets, inner, pending: Vec::new(), redactions: 0 }
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(mut self) -> io::Result<(W, u32)> {
        self.pass(true)?;
        Ok((self.inner, self.redactions))
    }

    fn pass(&mut self, last: bool) -> io::Result<()> {
        let keep = if last { 0 } else { self.secrets.longest().saturating_sub(1) };
        let mut from = 0;
        let mut at = 0;
        // A form that begins in the kept tail may still be growing, so only beginnings before it are decided.
        while at < self.pending.len().saturating_sub(keep) {
            match self.secrets.forms.iter().find(|form| self.pending[at..].starts_with(form)) {
                Some(form) => {
                    self.inner.write_all(&self.pending[from..at])?;
                    self.inner.write_all(MASK)?;
                    self.redactions += 1;
                    at += form.len();
                    from = at;
                }
                None => at += 1,
            }
        }
        self.inner.write_all(&self.pending[from..at])?;
        self.pending.drain(..at);
        Ok(())
    }
}

impl<W: Write> Write for Masker<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.secrets.forms.is_empty() {
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

    fn masked(secrets: &Secrets, chunks: &[&[u8]]) -> Vec<u8> {
        let mut masker = Masker::new(secrets, Vec::new());
        for chunk in chunks {
            masker.write_all(chunk).unwrap();
        }
        masker.finish().unwrap().0
    }

    #[test]
    fn each_form_is_masked() {
        let secrets = Secrets::new(["pa ss/w\"ord"].into_iter());
        for form in ["pa ss/w\"ord", "pa%20ss%2Fw%22ord", "pa ss/w\\\"ord", "cGEgc3MvdyJvcm"] {
            let text = format!("x{form}y");
            let out = String::from_utf8(masked(&secrets, &[text.as_bytes()])).unwrap();
            assert!(!out.contains(form), "{form}: {out}");
        }
    }

    proptest! {
        #[test]
        fn no_border_lets_a_secret_through(before in "[a-z]{0,20}", after in "[a-z]{0,20}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let secrets = Secrets::new(["hunter22"].into_iter());
            let text = format!("{before}hunter22{after}hunter2hunter22");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let out = String::from_utf8(masked(&secrets, &chunks)).unwrap();
            prop_assert_eq!(out, format!("{before}[secret]{after}hunter2[secret]"));
        }
    }
}
