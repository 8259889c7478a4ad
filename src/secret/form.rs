//! How a secret looks once something has quoted, encoded or cut it: what `docs/guide.md` promises to mask, and no more.

use std::{collections::BTreeSet, fmt::Write as _};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// A secret shorter than this, in bytes, is not masked by value: it would mask half of all output and so betray itself.
pub(super) const SHORTEST: usize = 4;

/// How a credential begins that is sent in a header: what follows is the secret by itself.
const SCHEMES: [&str; 3] = ["bearer ", "basic ", "token "];

/// The pieces of a secret that are printed by themselves as well as the whole.
pub(super) fn parts_of(value: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    // A secret of several lines, such as a key, is printed line by line as often as whole.
    for line in std::iter::once(value).chain(value.lines()) {
        let bare = line.trim_start_matches('\u{feff}');
        let scheme =
            SCHEMES.iter().find(|scheme| bare.trim_start().get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)));
        let credential = scheme.map_or(bare, |scheme| &bare.trim_start()[scheme.len()..]);
        for part in [line, bare, credential] {
            // As it is; without the last newline that it was read with, or the blanks that a shell cuts off; and as a shell makes
            // it into words and joins them.
            parts.insert(part.to_owned());
            parts.insert(part.trim_end().to_owned());
            parts.insert(part.trim_start().to_owned());
            parts.insert(part.trim().to_owned());
            parts.insert(part.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    parts.retain(|part| part.len() >= SHORTEST);
    parts
}

/// The text itself, and what stands in its place, byte by byte.
pub(super) fn plain(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_owned()];
    for left in &LEFT {
        let form = utf8_percent_encode(value, left).to_string();
        forms.push(lower_hex(&form));
        forms.push(form.replace("%20", "+"));
        forms.push(form);
    }
    forms.extend(quoted(value));
    forms.extend(json(value));
    forms.extend(json_in_json(value));
    forms.into_iter().map(String::into_bytes).collect()
}

/// As base64, wherever in a text it stands, and in a JSON text.
pub(super) fn base64(value: &str) -> Vec<Vec<u8>> {
    let mut texts = json(value);
    texts.insert(value.to_owned());
    let inside = |text: &String| {
        (0..3)
            .flat_map(|skip| [base64_inside(&STANDARD_NO_PAD, text, skip), base64_inside(&URL_SAFE_NO_PAD, text, skip)])
            .collect::<Vec<_>>()
    };
    texts.iter().flat_map(inside).collect()
}

/// Whether a byte can be part of base64.
pub(super) fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
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

/// As shells write it: in single or double quotes, with backslashes, and as `$'…'`. Without the quotes around it.
fn quoted(value: &str) -> Vec<String> {
    let mut forms = vec![
        value.replace('\'', r"'\''"),
        // Python's shlex; dash puts a run of quotes between one pair.
        value.replace('\'', r#"'"'"'"#),
        runs_of_quotes(value),
        value.replace('\'', r"\'"),
        // In double quotes: bash's `declare -p` and files of variables; a shell with a history wants the `!` quoted, too.
        escaped(value, |c, _| matches!(c, '"' | '\\' | '$' | '`')),
        escaped(value, |c, _| matches!(c, '"' | '\\' | '$' | '`' | '!')),
        // With backslashes: whatever is special to any shell, and what is to bash's `printf %q`.
        escaped(value, |c, _| !(c.is_alphanumeric() || "@%+=:,./-_".contains(c))),
        escaped(value, special_to_bash),
        dollar_quoted(value, false),
        dollar_quoted(value, true),
    ];
    if let Ok(quoted) = shlex::try_quote(value) {
        forms.push(quoted.into_owned());
    }
    forms
}

/// What `printf %q` of bash puts a backslash before.
fn special_to_bash(c: char, before: Option<char>) -> bool {
    match c {
        '#' => before.is_none(),
        '~' => matches!(before, None | Some(':' | '=')),
        c => " \t\n!\"$&'()*,;<>?[\\]^`{|}".contains(c),
    }
}

/// What bash writes between `$'` and `'` where something cannot be printed; with everything beyond ASCII as bytes, in a locale
/// without it.
fn dollar_quoted(value: &str, ascii: bool) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\u{7}' => text.push_str("\\a"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{b}' => text.push_str("\\v"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\u{1b}' => text.push_str("\\E"),
            c if c.is_control() || (ascii && !c.is_ascii()) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            c => text.push(c),
        }
    }
    text
}

/// `a''b` as `a'"''"'b`.
fn runs_of_quotes(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut inside = false;
    for c in value.chars() {
        if (c == '\'') != inside {
            text.push_str(if inside { "\"'" } else { "'\"" });
            inside = !inside;
        }
        text.push(c);
    }
    if inside {
        // Nothing follows that would have to be quoted.
        text.push('"');
    }
    text
}

/// With a backslash before each special character; it is told what stands before.
fn escaped(value: &str, special: impl Fn(char, Option<char>) -> bool) -> String {
    let mut text = String::with_capacity(value.len());
    let mut before = None;
    for c in value.chars() {
        if special(c, before) {
            text.push('\\');
        }
        text.push(c);
        before = Some(c);
    }
    text
}

/// A writer of JSON: what it escapes beside what it must.
#[derive(Clone, Copy)]
struct JsonWriter {
    /// `\u00E4`, not `\u00e4`.
    upper: bool,
    /// The slash (PHP).
    slash: bool,
    /// What HTML or a script would take for its own (Go, Rails).
    html: bool,
    beyond: Beyond,
}

/// What more a writer of JSON escapes.
#[derive(Clone, Copy)]
enum Beyond {
    Nothing,
    /// Whatever is not ASCII (Python, PHP).
    Ascii,
    /// That and DEL.
    Printable,
    /// What is not ASCII, and all sorts of quotes (.NET).
    Quotes,
}

const WRITERS: [JsonWriter; 32] = {
    let mut all = [JsonWriter { upper: false, slash: false, html: false, beyond: Beyond::Nothing }; 32];
    let mut at = 0;
    while at < all.len() {
        all[at] = JsonWriter {
            upper: at & 1 != 0,
            slash: at & 2 != 0,
            html: at & 4 != 0,
            beyond: match at >> 3 {
                0 => Beyond::Nothing,
                1 => Beyond::Ascii,
                2 => Beyond::Printable,
                _ => Beyond::Quotes,
            },
        };
        at += 1;
    }
    all
};

impl JsonWriter {
    /// As it writes a text, without the quotes around it.
    fn write(self, value: &str) -> String {
        let text = Value::from(value).to_string();
        let mut text = text[1..text.len() - 1].to_owned();
        if self.upper {
            // Control characters have a `\u` already.
            text = upper_escapes(&text);
        }
        if self.slash {
            text = text.replace('/', "\\/");
        }
        let quotes = matches!(self.beyond, Beyond::Quotes);
        if quotes {
            text = text.replace("\\\"", "\u{1}");
        }
        let html = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let which = |c: char| {
            let beyond = match self.beyond {
                Beyond::Nothing => false,
                Beyond::Ascii => !c.is_ascii(),
                Beyond::Printable => !c.is_ascii() || c == '\u{7f}',
                Beyond::Quotes => !c.is_ascii() || matches!(c, '\u{1}' | '\'' | '+' | '`'),
            };
            beyond || (self.html && html(c))
        };
        let text = unicode(&text, self.upper, which);
        if quotes { text.replace("\\u0001", "\\u0022") } else { text }
    }
}

/// As JSON, and in as many ways.
fn json(value: &str) -> BTreeSet<String> {
    WRITERS.iter().map(|writer| writer.write(value)).collect()
}

/// As JSON in a text that is written as JSON again, by one writer or by two.
fn json_in_json(value: &str) -> BTreeSet<String> {
    let by_one = WRITERS.iter().map(|writer| writer.write(&writer.write(value)));
    // Of two different ones those are left out that hardly anybody joins.
    let usual = || WRITERS.iter().filter(|writer| !writer.upper && matches!(writer.beyond, Beyond::Nothing | Beyond::Ascii));
    let inner: BTreeSet<String> = usual().map(|writer| writer.write(value)).collect();
    let by_two = inner.iter().flat_map(|inner| usual().map(move |writer| writer.write(inner)));
    // A text that is escaped once is put into another as often by a writer that escapes no more.
    let [least, ..] = WRITERS;
    by_one.chain(by_two).chain(WRITERS.iter().map(|writer| least.write(&writer.write(value)))).collect()
}

/// These characters as `\uXXXX`.
fn unicode(json: &str, upper: bool, which: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if !which(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = if upper { write!(text, "\\u{unit:04X}") } else { write!(text, "\\u{unit:04x}") };
        }
    }
    text
}

/// `\u001f` as `\u001F`.
fn upper_escapes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut characters = json.chars();
    while let Some(c) = characters.next() {
        text.push(c);
        if c != '\\' {
            continue;
        }
        if let Some(kind) = characters.next() {
            text.push(kind);
            if kind == 'u' {
                text.extend(characters.by_ref().take(4).map(|digit| digit.to_ascii_uppercase()));
            }
        }
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
