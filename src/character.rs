//! Characters that a reader does not see, or that change how others are seen: the one list of them.

/// What a character is that shows nothing of its own or changes how others show; `None` for all others. A newline and a tab are
/// control characters here: who lets them pass says so.
///
/// Source: Unicode's general categories Cc, Cf, Zl and Zp and the property `Default_Ignorable_Code_Point` (UAX #44), less the
/// format characters that print something (`Prepended_Concatenation_Mark`).
#[must_use]
pub(crate) fn hidden(c: char) -> Option<&'static str> {
    match c {
        c if c.is_control() => Some("a control character"),
        '\u{feff}' => Some("a byte order mark"),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("a character that changes the text direction")
        }
        '\u{2028}' | '\u{2029}' => Some("a line separator that most editors do not show"),
        '\u{fff9}'..='\u{fffb}' => Some("an annotation character"),
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Some("a variation selector"),
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' => Some("a zero-width character"),
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => Some("an invisible character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_list_is_what_unicode_says() {
        let hidden_ones =
            Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}--\p{Prepended_Concatenation_Mark}]$").unwrap();
        let mut buffer = [0; 4];
        let wrong: Vec<_> = (char::MIN..=char::MAX)
            .filter(|c| hidden_ones.is_match(c.encode_utf8(&mut buffer)) != hidden(*c).is_some() && *c != '\n')
            .map(|c| format!("{:x}", u32::from(c)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(hidden('\n').is_some() && hidden('e').is_none() && hidden(' ').is_none());
    }
}
