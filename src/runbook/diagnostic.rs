//! Faults in a runbook: what, where, and what would be right.

use std::fmt::{self, Write as _};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceSpan};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    character,
    model::{SourceText, Span},
};

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultSeverity {
    /// The runbook cannot be used.
    Error,
    /// Legal, and dangerous or careless.
    Warning,
    /// Could be written better. Only programs are told, and nothing fails for it.
    Note,
}

impl FaultSeverity {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable name for this kind of fault, in kebab-case.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    pub span: Span,
    /// A few words that stand under the source line.
    pub label: String,
    /// What would be right.
    pub hint: Option<String>,
    pub severity: FaultSeverity,
    /// Another place that has to do with it, such as the first use of an id.
    pub also: Option<Box<(Span, String)>>,
}

/// A fault for a program to read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PlacedFault {
    file: String,
    #[serde(flatten)]
    begin: TextPosition,
    /// Where the text in question ends.
    end: TextPosition,
    severity: &'static str,
    /// A stable name for this kind of fault.
    code: &'static str,
    message: String,
    /// What would be right.
    hint: Option<String>,
}

/// A place in a file, from 1.
#[derive(Debug, Serialize, JsonSchema)]
struct TextPosition {
    line: usize,
    column: usize,
}

impl Fault {
    #[must_use]
    pub fn error(code: &'static str, span: Span, message: impl AsRef<str>) -> Self {
        Self {
            code,
            message: character::visible(message.as_ref()),
            span,
            label: String::new(),
            hint: None,
            severity: FaultSeverity::Error,
            also: None,
        }
    }

    #[must_use]
    pub fn warning(code: &'static str, span: Span, message: impl AsRef<str>) -> Self {
        Self { severity: FaultSeverity::Warning, ..Self::error(code, span, message) }
    }

    #[must_use]
    pub fn note(code: &'static str, span: Span, message: impl AsRef<str>) -> Self {
        Self { severity: FaultSeverity::Note, ..Self::error(code, span, message) }
    }

    #[must_use]
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = character::visible(label.as_ref());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(character::visible(hint.as_ref()));
        self
    }

    #[must_use]
    pub fn also(mut self, span: Span, label: impl AsRef<str>) -> Self {
        self.also = Some(Box::new((span, character::visible(label.as_ref()))));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            FaultSeverity::Error => miette::Severity::Error,
            FaultSeverity::Warning => miette::Severity::Warning,
            FaultSeverity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = |span: Span| SourceSpan::from((span.offset, span.len));
        let label = (!self.label.is_empty()).then(|| self.label.clone());
        let first = LabeledSpan::new_primary_with_span(label, at(self.span));
        let also = self.also.as_deref().map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), at(*span)));
        Some(Box::new(std::iter::once(first).chain(also)))
    }
}

/// So many faults of one file are listed.
const MOST_FAULTS: usize = 300;

/// Every fault of one file.
#[derive(Debug, Clone)]
pub struct Report {
    pub source: SourceText,
    /// In the order of their positions.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Sorts the faults, and drops what was found twice.
    #[must_use]
    pub fn new(source: SourceText, mut faults: Vec<Fault>) -> Self {
        let end = source.text.len();
        for fault in &mut faults {
            fault.span = within(fault.span, end);
            if let Some((span, _)) = fault.also.as_deref_mut() {
                *span = within(*span, end);
            }
        }
        faults.sort_by(|a, b| (a.span.offset, a.severity, a.code).cmp(&(b.span.offset, b.severity, b.code)));
        faults.dedup();
        if faults.len() > MOST_FAULTS {
            // Errors first: that there are any must be seen.
            faults.sort_by_key(|fault| fault.severity);
            let left = faults.split_off(MOST_FAULTS - 1);
            let end = Span { offset: end, len: 0 };
            let text = format!("{} more faults are not listed", left.len());
            let hint = "mend those above first";
            let last = if left.iter().any(|fault| fault.severity == FaultSeverity::Error) {
                Fault::error("too-many-faults", end, text)
            } else {
                Fault::warning("too-many-faults", end, text)
            };
            faults.sort_by_key(|fault| fault.span.offset);
            faults.push(last.hint(hint));
        }
        Self { source, faults }
    }

    /// Adds what was found later.
    #[must_use]
    pub fn with(self, more: Vec<Fault>) -> Self {
        let mut faults = self.faults;
        faults.extend(more);
        Self::new(self.source, faults)
    }

    #[must_use]
    pub fn errors(&self) -> usize {
        self.faults.iter().filter(|fault| fault.severity == FaultSeverity::Error).count()
    }

    #[must_use]
    pub fn warnings(&self) -> usize {
        self.faults.iter().filter(|fault| fault.severity == FaultSeverity::Warning).count()
    }

    /// What people are told of.
    fn told(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.severity != FaultSeverity::Note)
    }

    /// The faults as text without colour, the same everywhere.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for fault in self.told() {
            // Writing to a String cannot fail.
            let _ = self.plain_fault(&mut out, fault);
        }
        out
    }

    fn plain_fault(&self, out: &mut String, fault: &Fault) -> fmt::Result {
        let text = &self.source.text;
        let (line, column) = position(text, fault.span.offset);
        writeln!(out, "{}[{}]: {}", fault.severity.word(), fault.code, fault.message)?;
        let gutter = line.to_string().len();
        writeln!(out, "{:gutter$}--> {}:{line}:{column}", "", self.source.name)?;
        let (from, source_line) = line_at(text, fault.span.offset);
        let shown: String = source_line.chars().map(|c| if c == '\t' { ' ' } else { character::stand_in(c) }).take(200).collect();
        writeln!(out, "{line} | {shown}")?;
        let until = (fault.span.offset + fault.span.len).min(from + source_line.len());
        let width = text.get(fault.span.offset..until).map_or(1, |part| part.chars().count().clamp(1, 200));
        let marks = format!("{:gutter$} | {:>skip$}{}", "", "", "^".repeat(width), skip = column.saturating_sub(1).min(200));
        writeln!(out, "{marks} {}", fault.label).map(|()| trim_line(out))?;
        if let Some((span, label)) = fault.also.as_deref() {
            let (line, column) = position(text, span.offset);
            writeln!(out, "{:gutter$} = {}:{line}:{column}: {label}", "", self.source.name)?;
        }
        if let Some(hint) = &fault.hint {
            writeln!(out, "{:gutter$} = help: {hint}", "")?;
        }
        writeln!(out)
    }

    /// The faults for a terminal of so many columns.
    #[must_use]
    pub fn graphical(&self, width: usize, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
        let text: String = self.source.text.chars().flat_map(character::stand_in_bytes).collect();
        let source = NamedSource::new(&self.source.name, text);
        let mut out = String::new();
        for fault in self.told() {
            if handler.render_report(&mut out, &Located { fault, source: &source }).is_err() {
                let _ = self.plain_fault(&mut out, fault);
            }
            out.push('\n');
        }
        out
    }

    /// The faults for a program to read.
    #[must_use]
    pub(crate) fn placed(&self) -> Vec<PlacedFault> {
        let at = |offset| {
            let (line, column) = position(&self.source.text, offset);
            TextPosition { line, column }
        };
        let faults = self.faults.iter().map(|fault| PlacedFault {
            file: self.source.name.clone(),
            begin: at(fault.span.offset),
            end: at(fault.span.offset + fault.span.len),
            severity: fault.severity.word(),
            code: fault.code,
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        });
        faults.collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        write!(f, "{}: {}, {}", self.source.name, count(self.errors(), "error"), count(self.warnings(), "warning"))
    }
}

impl std::error::Error for Report {}

impl Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source.text)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.faults.iter().map(|fault| fault as &dyn Diagnostic)))
    }
}

/// A fault together with its text, for miette.
#[derive(Debug)]
struct Located<'a> {
    fault: &'a Fault,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Located<'_> {}

impl Diagnostic for Located<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault.code()
    }
    fn severity(&self) -> Option<miette::Severity> {
        self.fault.severity()
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault.help()
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.fault.labels()
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.source)
    }
}

fn within(span: Span, end: usize) -> Span {
    let offset = span.offset.min(end);
    Span { offset, len: span.len.min(end - offset) }
}

fn trim_line(out: &mut String) {
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push('\n');
}

/// The start of the line that holds this byte, and the line without its end.
fn line_at(text: &str, offset: usize) -> (usize, &str) {
    let bytes = text.as_bytes();
    let offset = offset.min(bytes.len());
    let from = bytes[..offset].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let until = bytes[offset..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| offset + at);
    (from, text.get(from..until).unwrap_or_default().trim_end_matches('\r'))
}

/// Line and column of a byte, both from 1; columns count characters.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let offset = offset.min(text.len());
    let (from, _) = line_at(text, offset);
    let line = text.get(..from).map_or(0, |before| memchr::memchr_iter(b'\n', before.as_bytes()).count()) + 1;
    let column = text.get(from..offset).map_or(offset - from, |part| part.chars().count()) + 1;
    (line, column)
}
