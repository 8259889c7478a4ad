//! What a program said last: most often why it failed.

/// The last line of a text with something in it, without blanks around it.
#[must_use]
pub(crate) fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn blank_lines_say_nothing() {
        assert_eq!(last_line("first\n  why \n\n \t\n"), Some("why"));
        assert_eq!(last_line("\n \n"), None);
    }
}
