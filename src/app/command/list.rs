//! `halligan list`: the runbooks at hand, where they come from, and which of them hides another.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::printed;
use crate::{
    app::exit::ProgramExit,
    runbook::library::{Library, Listed},
    ui::layout::{Page, pad, widest, width},
    words::sanitise,
};

/// What `halligan list --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct RunbookList<'a> {
    runbooks: Vec<RunbookLine<'a>>,
}

/// A runbook at hand.
#[derive(Debug, Serialize, JsonSchema)]
struct RunbookLine<'a> {
    name: &'a str,
    title: Option<&'a str>,
    /// Its file, or `bundled`.
    from: &'a str,
    /// Which other is taken when this name is given.
    hidden_by: Option<&'a str>,
}

/// Writes what there is, in the order of names.
///
/// # Errors
/// The output cannot be written.
pub(super) fn list(library: &Library, as_json: bool, page: &Page, out: &mut dyn Write) -> io::Result<ProgramExit> {
    let mut all = library.list();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if as_json {
        let runbooks = all.iter().map(|one| RunbookLine {
            name: &one.name,
            title: one.title.as_deref(),
            from: &one.from,
            hidden_by: one.hidden_by.as_deref(),
        });
        let list = RunbookList { runbooks: runbooks.collect() };
        writeln!(out, "{}", printed::page(&list)?)?;
        return Ok(ProgramExit::Completed);
    }
    let visible = |text: &str| sanitise::line(text).into_owned();
    for one in &mut all {
        one.name = visible(&one.name);
        one.from = visible(&one.from);
        one.title = one.title.as_deref().map(visible);
        one.hidden_by = one.hidden_by.as_deref().map(visible);
    }
    let (hidden, found): (Vec<&Listed>, Vec<&Listed>) = all.iter().partition(|one| one.hidden_by.is_some());
    let title = |one: &Listed| one.title.clone().unwrap_or_else(|| "(no title)".to_owned());
    let names = widest(found.iter().map(|one| one.name.as_str()), 40);
    let titles = widest(found.iter().map(|one| title(one)).collect::<Vec<_>>().iter().map(String::as_str), 60);
    for one in &found {
        let left = format!("{}  {}", page.style.bold(&pad(&one.name, names)), pad(&title(one), titles));
        if width(&left) + 2 + width(&one.from) <= page.width {
            writeln!(out, "{left}  {}", page.style.dim(&one.from))?;
        } else {
            writeln!(out, "{}", left.trim_end())?;
            writeln!(out, "{}  {}", " ".repeat(names), page.style.dim(&one.from))?;
        }
    }
    if found.is_empty() {
        writeln!(out, "no runbooks found: put one into ./runbooks, or set $HALLIGAN_PATH")?;
    }
    for one in hidden.iter().filter(|one| !one.is_copy) {
        let by = one.hidden_by.as_deref().unwrap_or_default();
        writeln!(out, "{} {}: {by} hides {}", page.style.warn("warning"), one.name, one.from)?;
    }
    Ok(ProgramExit::Completed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{runbook::library::Shelf, ui::style::Style};

    #[test]
    fn what_is_hidden_is_said() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(a.path().join("one.yaml"), "title: First\n").unwrap();
        std::fs::write(b.path().join("one.yaml"), "title: Second\n").unwrap();
        let library = Library::new(vec![Shelf::Folder(a.path().to_owned()), Shelf::Folder(b.path().to_owned())]);
        let mut out = Vec::new();
        list(&library, false, &Page::new(200, Style::default()), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (first, second) = (a.path().display(), b.path().display());
        assert_eq!(text, format!("one  First  {first}/one.yaml\nwarning one: {first}/one.yaml hides {second}/one.yaml\n"));
        // A copy hides nothing.
        std::fs::write(b.path().join("one.yaml"), "title: First\n").unwrap();
        let mut out = Vec::new();
        list(&library, false, &Page::new(200, Style::default()), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("one  First  {first}/one.yaml\n"));
    }
}
