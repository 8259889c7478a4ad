//! The plan, as it is confirmed and as a dry run begins.

use super::{
    block,
    layout::{self, Page},
    sanitise,
    style::Style,
};

/// What would be done, as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanView {
    pub name: String,
    pub title: String,
    /// The runbook's path or where else it was found.
    pub source: String,
    /// Of the runbook's text.
    pub sha256: String,
    /// `bundled`, or nothing for a file.
    pub origin: String,
    pub params: Vec<(String, String)>,
    pub steps: Vec<PlanLine>,
    pub counts: Counts,
    /// What else should be known, a sentence each.
    pub notes: Vec<String>,
}

/// How many steps there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub steps: usize,
    pub read: usize,
    pub change: usize,
    pub destroy: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine {
    /// `2.1`
    pub number: String,
    pub id: String,
    pub label: Label,
    /// The command line (see [`super::quote`]), `until …`, or `for each of 4 OSDs, first 1, then 1, then 2`.
    pub text: String,
    /// `undone at the end`, `known only at run time: needs gate.output`, `asks for a phrase`; or nothing.
    pub remark: String,
    /// 0 for a step at the top.
    pub depth: usize,
}

/// What kind of thing a step is, as far as the plan tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Read,
    Change,
    Destroy,
    Wait,
    Ask,
    Manual,
    Loop,
    Group,
    Call,
}

impl Label {
    /// `DESTROY` is the one word in capitals, so that it stands out without colour.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "DESTROY",
            Self::Wait => "wait",
            Self::Ask => "ask",
            Self::Manual => "manual",
            Self::Loop => "loop",
            Self::Group => "group",
            Self::Call => "call",
        }
    }

    fn shown(self, style: Style) -> String {
        match self {
            Self::Destroy => style.bad(self.word()),
            Self::Change => style.bold(self.word()),
            _ => style.dim(self.word()),
        }
    }
}

/// How wide the column of labels is, its gap included.
const LABEL: usize = 9;

impl PlanView {
    /// All of it.
    #[must_use]
    pub fn render(&self, page: &Page) -> String {
        format!("{}\n{}", self.render_header(page), self.render_steps(page))
    }

    /// What runbook it is and its parameters: what the header of a run says.
    #[must_use]
    pub fn render_header(&self, page: &Page) -> String {
        let mut lines = block::title(page, &self.name, &self.title);
        lines.extend(block::source(page, &self.source, &self.sha256, &self.origin));
        lines.extend(block::parameters(page, &self.params));
        finished(&lines)
    }

    /// The steps, their counts and the notes.
    #[must_use]
    pub fn render_steps(&self, page: &Page) -> String {
        let Counts { steps, read, change, destroy } = self.counts;
        let destroy = if destroy > 0 { page.style.bad(&format!("{destroy} destroy")) } else { "0 destroy".to_owned() };
        let step = if steps == 1 { "step" } else { "steps" };
        let counts = format!("{steps} {step}: {read} read, {change} change, {destroy}");
        let mut lines = page.spread(&page.style.bold("Plan"), &counts, 2);
        let columns = Columns::of(page, &self.steps);
        for step in &self.steps {
            lines.extend(columns.step(page, step));
        }
        for note in &self.notes {
            let first = format!("  {} ", page.style.mark(super::style::Mark::Noted));
            lines.extend(layout::wrap(&sanitise::text(note), page.width, &first, "    "));
        }
        finished(&lines)
    }
}

fn finished(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// Where the columns of the steps stand.
struct Columns {
    /// `None` where the page is too narrow for columns.
    label: Option<usize>,
    remark: usize,
}

impl PlanLine {
    fn indent(&self) -> usize {
        2 + 3 * self.depth.min(6)
    }

    fn name(&self) -> String {
        format!("{}{} {}", " ".repeat(self.indent()), sanitise::line(&self.number), sanitise::line(&self.id))
    }

    /// A script has lines; everything else is one.
    fn shown(&self) -> String {
        sanitise::text(self.text.trim_end()).into_owned()
    }
}

impl Columns {
    fn of(page: &Page, steps: &[PlanLine]) -> Self {
        let names: Vec<_> = steps.iter().map(PlanLine::name).collect();
        let label = layout::widest(names.iter().map(String::as_str), 34) + 2;
        if page.width < label + LABEL + 30 {
            return Self { label: None, remark: 0 };
        }
        let texts: Vec<_> = steps.iter().filter(|step| !step.remark.is_empty()).map(PlanLine::shown).collect();
        let text = layout::widest(texts.iter().flat_map(|text| text.lines()), 56);
        Self { label: Some(label), remark: label + LABEL + text + 3 }
    }

    fn step(&self, page: &Page, step: &PlanLine) -> Vec<String> {
        let name = step.name();
        let label = step.label.shown(page.style);
        let Some(column) = self.label else {
            let indent = step.indent() + 2;
            let margin = " ".repeat(indent);
            let mut lines =
                layout::wrap(&format!("{}  {}", name.trim_start(), step.label.word()), page.width, &" ".repeat(step.indent()), &margin);
            if let Some(last) = lines.last_mut().filter(|last| last.ends_with(step.label.word())) {
                let cut = last.len() - step.label.word().len();
                last.replace_range(cut.., &label);
            }
            lines.extend(layout::wrap(&step.shown(), page.width, &margin, &format!("{margin}  ")));
            if !step.remark.is_empty() {
                lines.extend(remark(page, &step.remark, indent));
            }
            return lines;
        };
        let text_column = column + LABEL;
        let mut first = layout::pad(&name, column) + &layout::pad(&label, LABEL);
        let mut lines = Vec::new();
        if layout::width(&name) + 2 > column {
            lines.extend(layout::wrap(name.trim_start(), page.width, &" ".repeat(step.indent()), &" ".repeat(step.indent() + 2)));
            first = " ".repeat(column) + &layout::pad(&label, LABEL);
        }
        lines.extend(layout::wrap(&step.shown(), page.width, &first, &" ".repeat(text_column)));
        if step.remark.is_empty() {
            return lines;
        }
        let remark_text = sanitise::line(&step.remark);
        let single = !step.text.trim_end().contains('\n');
        if let Some(last) = lines.last_mut().filter(|last| single && layout::width(last) + 3 <= self.remark)
            && self.remark + layout::width(&remark_text) <= page.width
        {
            *last = layout::pad(last, self.remark) + &page.style.dim(&remark_text);
        } else {
            lines.extend(remark(page, &step.remark, text_column));
        }
        lines
    }
}

fn remark(page: &Page, text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    layout::wrap(&sanitise::line(text), page.width, &margin, &margin).iter().map(|line| page.style.dim(line)).collect()
}
