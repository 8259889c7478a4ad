//! What is wrong with a scenario or with how it went, with the line that says so.

use crate::{
    app::{command::check, session::load::Loaded},
    rehearse::{ScenarioFault, line::Spot},
    runbook::{
        diagnostic::{self, Report},
        library,
        model::{Origin, SourceText, Span},
    },
    ui::out::Out,
    words::sanitise,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub file: String,
    /// From 1, where it is known.
    pub line: Option<usize>,
    pub what: String,
    pub hint: Option<String>,
}

impl From<&ScenarioFault> for Wrong {
    fn from(fault: &ScenarioFault) -> Self {
        Self { file: fault.file.clone(), line: fault.line, what: fault.what.clone(), hint: fault.hint.clone() }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl Wrong {
    #[must_use]
    pub(crate) fn at(file: &str, spot: Option<Spot>, what: impl Into<String>) -> Self {
        Self::from(&ScenarioFault::at(file, spot, what))
    }

    /// With its line, drawn as the faults of runbooks are.
    #[must_use]
    pub(crate) fn told(&self, loaded: &Loaded, out: &Out) -> String {
        let source = self.line.and_then(|line| Some((source(&self.file, loaded)?, line)));
        let mut text = match source {
            Some((source, line)) => {
                // What is wanted and what was found stand below one another, which a drawn message cannot do.
                let mut lines = self.what.lines();
                let span = span(&source.text, line);
                let fault = diagnostic::Fault::error("scenario", span, lines.next().unwrap_or_default());
                let page = out.stdout.page();
                let drawn = out.stdout.is_terminal().then_some(&page);
                let mut text = check::faults(&Report::new(source, vec![fault]), drawn).trim_end().to_owned();
                for line in lines {
                    text.push('\n');
                    text.push_str(&sanitise::line(line));
                }
                text
            }
            None => sanitise::text(&self.to_string()).into_owned(),
        };
        if let Some(hint) = &self.hint {
            text.push('\n');
            text.push_str(&sanitise::text(hint.trim_end()));
        }
        text
    }
}

/// The text of the file, as it was read.
fn source(file: &str, loaded: &Loaded) -> Option<SourceText> {
    let runbooks = std::iter::once(&loaded.runbook).chain(loaded.called.values());
    if let Some(runbook) = runbooks.into_iter().find(|runbook| runbook.source.name == file) {
        return Some(runbook.source.clone());
    }
    if let Some(path) = SourceText::bundled_path(file) {
        let (folder, name) = path.rsplit_once('/')?;
        let bytes = library::bundled_fixture(folder, name).ok()?;
        return SourceText::from_bytes(file.to_owned(), Origin::Bundled, &bytes).ok();
    }
    library::read(std::path::Path::new(file)).ok().flatten()
}

/// What stands on a line.
fn span(text: &str, line: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let whole = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let indent = whole.len() - whole.trim_start().len();
    Span { offset: start + indent, len: whole.trim().len() }
}
