//! The plan, as it is confirmed and as a dry run begins.

use super::{
    block,
    layout::{self, Page},
};
use crate::{
    event::{Effect, StepKind},
    words::{self, mark::Mark, sanitise},
};

/// What would be done, as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PlanView {
    pub name: String,
    pub title: String,
    /// The runbook's path or where else it was found.
    pub source: String,
    /// Of the runbook's text.
    pub sha256: String,
    /// `bundled`, or nothing for a file.
    pub origin: String,
    pub params: Vec<(String, String)>,
    /// Variables that say which system is meant.
    pub variables: Vec<(String, String)>,
    /// The names of those that the runbook has passed on.
    pub passed_on: Option<String>,
    pub steps: Vec<PlanLine>,
    pub counts: Counts,
    /// The system that the run is bound to.
    pub system: Option<String>,
    /// What else should be known, a sentence each.
    pub notes: Vec<String>,
}

/// How many steps there are, and how many commands of each kind they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub steps: usize,
    pub read: usize,
    pub change: usize,
    pub destroy: usize,
    /// What stands before the number of commands (`up to `, `about `, nothing), where steps are done more than once.
    pub times: Option<&'static str>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanLine {
    /// `2.1`
    pub number: String,
    pub id: String,
    pub kind: StepKind,
    pub effect: Effect,
    /// The command line (see [`crate::words::quote`]), `until …`, or `for each of 4 OSDs, first 1, then 1, then 2`.
    pub text: String,
    /// `undone at the end`, `known only at run time: needs gate.output`, `asks for a phrase`; or nothing.
    pub remark: String,
    /// 0 for a step at the top.
    pub depth: usize,
}

/// How wide the column of kinds is, its gap included.
const LABEL: usize = 9;

impl PlanView {
    /// All of it.
    #[must_use]
    pub(crate) fn render(&self, page: &Page) -> String {
        format!("{}\n{}", self.render_header(page), self.render_steps(page))
    }

    /// What runbook it is and its parameters: what the header of a run says.
    #[must_use]
    pub(crate) fn render_header(&self, page: &Page) -> String {
        let mut lines = block::title(page, &self.name, &self.title);
        lines.extend(block::source(page, &self.source, &self.sha256, &self.origin));
        lines.extend(block::parameters(page, &self.params));
        lines.extend(block::parameters(page, &self.variables));
        lines.extend(block::passed_on(page, self.passed_on.as_deref()));
        finished(&lines)
    }

    /// The steps, their counts and the notes.
    #[must_use]
    pub(crate) fn render_steps(&self, page: &Page) -> String {
        let Counts { steps, read, change, destroy, times } = self.counts;
        let destroy = if destroy > 0 { page.style.bad(&format!("{destroy} destroy")) } else { "0 destroy".to_owned() };
        let steps = words::counted(steps, "step", "steps");
        let times = times.map(|about| {
            let all = words::counted(read + change + self.counts.destroy, "command", "commands");
            format!(", {about}{all}")
        });
        let counts = format!("{steps}{}: {read} read, {change} change, {destroy}", times.unwrap_or_default());
        let mut lines = page.spread(&page.style.bold("Plan"), &counts, 2);
        if lines.iter().any(|line| layout::width(line) > page.width) {
            lines = vec![page.style.bold("Plan")];
            lines.extend(layout::wrap(&counts, page.width, "  ", "  "));
        }
        if let Some(system) = &self.system {
            lines.extend(layout::wrap(&sanitise::line(system), page.width, "  ", "    "));
        }
        let columns = Columns::of(page, &self.steps);
        for step in &self.steps {
            lines.extend(columns.step(page, step));
        }
        for note in &self.notes {
            let first = format!("  {} ", page.style.mark(Mark::Noted));
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

/// On a page that is narrower than this depth costs little room: the number tells it, too.
const ROOMY: usize = 100;

impl PlanLine {
    fn indent(&self, page: &Page) -> usize {
        2 + if page.width < ROOMY { 1 } else { 2 } * self.depth.min(6)
    }

    fn name(&self, page: &Page) -> String {
        format!("{}{} {}", " ".repeat(self.indent(page)), layout::pad(&sanitise::line(&self.number), 2), sanitise::line(&self.id))
    }

    /// A script has lines; everything else is one.
    fn shown(&self) -> String {
        sanitise::text(self.text.trim_end()).into_owned()
    }
}

impl Columns {
    fn of(page: &Page, steps: &[PlanLine]) -> Self {
        let names: Vec<_> = steps.iter().map(|step| step.name(page)).collect();
        let label = layout::widest(names.iter().map(String::as_str), 34) + 2;
        if page.width < label + LABEL + 30 {
            return Self { label: None, remark: 0 };
        }
        let texts: Vec<_> = steps.iter().filter(|step| !step.remark.is_empty()).map(PlanLine::shown).collect();
        let text = layout::widest(texts.iter().flat_map(|text| text.lines()), 56);
        Self { label: Some(label), remark: label + LABEL + text + 3 }
    }

    fn step(&self, page: &Page, step: &PlanLine) -> Vec<String> {
        let name = step.name(page);
        let label = page.style.kind(step.kind, step.effect);
        let Some(column) = self.label else {
            let word = words::kind(step.kind, step.effect);
            let indent = step.indent(page) + 2;
            let margin = " ".repeat(indent);
            let mut lines = layout::wrap(&format!("{}  {}", name.trim_start(), word), page.width, &" ".repeat(step.indent(page)), &margin);
            if let Some(last) = lines.last_mut().filter(|last| last.ends_with(word)) {
                let cut = last.len() - word.len();
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
            lines.extend(layout::wrap(name.trim_start(), page.width, &" ".repeat(step.indent(page)), &" ".repeat(step.indent(page) + 2)));
            first = " ".repeat(column) + &layout::pad(&label, LABEL);
        }
        lines.extend(layout::wrap(&step.shown(), page.width, &first, &" ".repeat(text_column)));
        if step.remark.is_empty() {
            return lines;
        }
        let remark_text = sanitise::line(&step.remark);
        let single = !step.text.trim_end().contains('\n');
        let fits = |column: usize| column + layout::width(&remark_text) <= page.width;
        match lines.last_mut().filter(|_| single) {
            Some(last) if layout::width(last) + 3 <= self.remark && fits(self.remark) => {
                *last = layout::pad(last, self.remark) + &page.style.dim(&remark_text);
            }
            Some(last) if fits(layout::width(last) + 5) => {
                *last = format!("{last}   {}", page.style.dim(&format!("({remark_text})")));
            }
            _ => lines.extend(remark(page, &step.remark, text_column)),
        }
        lines
    }
}

/// Out of its column a remark stands in parentheses, or it would read as part of the command.
fn remark(page: &Page, text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    layout::wrap(&format!("({})", sanitise::line(text)), page.width, &margin, &margin).iter().map(|line| page.style.dim(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{script::golden, style::Style},
        *,
    };

    fn line(number: &str, id: &str, (kind, effect): (StepKind, Effect), text: &str, remark: &str, depth: usize) -> PlanLine {
        PlanLine { number: number.into(), id: id.into(), kind, effect, text: text.into(), remark: remark.into(), depth }
    }

    fn view() -> PlanView {
        let steps = vec![
            line("1", "set_noout", (StepKind::Run, Effect::Change), "ceph osd set noout", "undone at the end", 0),
            line("2", "restart", (StepKind::Loop, Effect::Read), "for each of 4 OSDs, first 1, then 1, then 2", "", 0),
            line("2.1", "gate", (StepKind::Probe, Effect::Read), "ceph osd ok-to-stop {osd} --format json", "", 1),
            line("2.2", "bounce", (StepKind::Run, Effect::Change), "ssh osd-host-{n} systemctl restart ceph-osd@{osd}", "", 1),
            line("2.3", "settled", (StepKind::Wait, Effect::Read), "until its up_from is new and all PGs are active+clean", "up to 15m", 1),
            line("3", "sure", (StepKind::Ask, Effect::Read), "Overwrite /dev/sdd?", "asks for a phrase", 0),
            line("4", "wipe_the_disk", (StepKind::Run, Effect::Destroy), "ddrescue -f \"$FROM\" \"$TO\"\nsync", "irreversible", 0),
            line("5", "check", (StepKind::Run, Effect::Read), "cat {map}", "known only at run time: needs wipe_the_disk.output", 0),
        ];
        PlanView {
            name: "staggered-osd-restart".into(),
            title: "Restart Ceph OSDs one at a time".into(),
            source: "runbooks/staggered-osd-restart.yaml".into(),
            sha256: "4be1aaaaaaaaaaaaaaaaaaaa9f02".into(),
            origin: "bundled".into(),
            variables: vec![("KUBECONFIG".into(), "/etc/kubernetes/admin.conf".into())],
            passed_on: Some("passed on: AWS_PROFILE, HTTPS_PROXY; not set: OS_CLOUD".into()),
            params: vec![("osds".into(), "0, 1, 2, 3".into()), ("batch".into(), "1, 1, 25%".into()), ("settle".into(), "30s".into())],
            steps,
            counts: Counts { steps: 8, read: 20, change: 5, destroy: 1, times: Some("up to ") },
            system: None,
            notes: vec!["the result of 2.1 is known only at run time".into()],
        }
    }

    #[test]
    fn is_laid_out_on_any_width() {
        for width in [120, 80, 60, 40] {
            let text = view().render(&Page::new(width, Style { colour: false, unicode: true }));
            golden(&format!("plan-{width}.txt"), &text);
            assert!(text.lines().all(|line| layout::width(line) <= width), "{text}");
            let coloured = view().render(&Page::new(width, Style { colour: true, unicode: true }));
            assert_eq!(console::strip_ansi_codes(&coloured), text);
        }
    }
}
