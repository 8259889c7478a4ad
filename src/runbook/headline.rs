//! The title of a runbook, told without a parser. `build.rs` uses this, too: it knows nothing else of this crate.

/// What stands after `title:`, or in the line below where that is a block; `None` when nothing does.
pub(crate) fn headline(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("title:"))?.trim();
    let value = if value.starts_with(['>', '|']) { lines.next().unwrap_or_default().trim() } else { value };
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    (!value.is_empty()).then_some(value)
}
