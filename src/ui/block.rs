//! What a person is shown of each thing that happens, as lines for a page.

use std::time::Duration;

use super::{
    layout::{self, Page},
    style::Style,
};
use crate::{
    event::{Effect, Excerpt, Exit, Mode, Opening, Part, Place, Prediction, Shown, Verdict},
    quantity::show_duration,
    words::{self, mark::Mark, sanitise},
};

/// Where details begin, under their step's name.
const INDENT: usize = 4;
/// How wide the column of labels is.
const LABEL: usize = 9;
/// How many lines of each stream a failure shows; the journal has them all.
const TAIL: usize = 10;

/// What a run is, at its beginning. That it is a rehearsal stands above already while it goes on, and is told `afterwards`.
#[must_use]
pub(crate) fn header(page: &Page, opening: &Opening, afterwards: bool) -> Vec<String> {
    let params: Vec<_> = opening.params.iter().map(|(name, value)| (sanitise::line(name).into_owned(), words::value(value))).collect();
    let mut lines = title(page, &opening.runbook, &opening.title);
    lines.extend(source(page, &opening.source, &opening.runbook_sha256, ""));
    lines.extend(parameters(page, &params));
    lines.extend(parameters(page, &opening.surroundings.as_ref().map(words::variables).unwrap_or_default()));
    lines.extend(passed_on(page, opening.surroundings.as_ref().and_then(words::passed_on).as_deref()));
    if let Some(mode) = words::mode(opening.mode).filter(|_| afterwards || opening.mode != Mode::Rehearsal) {
        lines.extend(layout::wrap(mode, page.width, "  ", "  ").iter().map(|line| page.style.bold(line)));
    }
    lines
}

/// The name of a runbook and what it is for.
#[must_use]
pub(crate) fn title(page: &Page, name: &str, title: &str) -> Vec<String> {
    named(page, &sanitise::line(name), &sanitise::line(title), "", "  ")
}

/// Where a runbook comes from.
#[must_use]
pub(crate) fn source(page: &Page, source: &str, sha256: &str, origin: &str) -> Vec<String> {
    let digest = format!("sha256 {}", page.style.short(&sanitise::line(sha256)));
    let items: Vec<_> = [sanitise::line(source).into_owned(), digest, sanitise::line(origin).into_owned()]
        .into_iter()
        .filter(|item| !item.is_empty())
        .collect();
    layout::flow(&items, page.width, 2, 3).iter().map(|line| page.style.dim(line)).collect()
}

/// Names with their values.
#[must_use]
pub(crate) fn parameters(page: &Page, params: &[(String, String)]) -> Vec<String> {
    let items: Vec<_> = params.iter().map(|(name, value)| format!("{} {}", sanitise::line(name), sanitise::line(value))).collect();
    layout::flow(&items, page.width, 2, 3)
}

/// The variables that a runbook has passed on.
#[must_use]
pub(crate) fn passed_on(page: &Page, names: Option<&str>) -> Vec<String> {
    names.map_or_else(Vec::new, |names| layout::wrap(&sanitise::line(names), page.width, "  ", "    "))
}

/// `name  text`, the name bold, wrapped.
fn named(page: &Page, name: &str, text: &str, first: &str, rest: &str) -> Vec<String> {
    let whole = match (name, text) {
        (_, "") => name.to_owned(),
        ("", text) => text.to_owned(),
        (name, text) if name == text => name.to_owned(),
        (name, text) => format!("{name}  {text}"),
    };
    let mut lines = layout::wrap(&whole, page.width, first, rest);
    if let Some(line) = lines.first_mut().filter(|line| !name.is_empty() && line.contains(name)) {
        *line = line.replacen(name, &page.style.bold(name), 1);
    }
    lines
}

/// The line of a step: its mark, where it is, what it is, and what stands at the right.
#[must_use]
pub(crate) fn step(page: &Page, mark: Mark, place: &Place, part: Option<&str>, text: &str, right: &str) -> Vec<String> {
    line(page, mark, &called(page, place, part, text.is_empty() && part.is_none()), text, right)
}

/// A step that begins, with a remark: beside its title where there is room, or below.
#[must_use]
pub(crate) fn with_remark(page: &Page, place: &Place, title: &str, text: &str) -> Vec<String> {
    let both = step(page, Mark::Noted, place, None, &format!("{title}  {text}"), "");
    if both.len() == 1 && !title.is_empty() {
        return both;
    }
    let mut lines = step(page, Mark::Noted, place, None, title, "");
    lines.extend(remark(page, text));
    lines
}

/// A line with its mark: a name, if there is one, a text, and what stands at the right.
#[must_use]
pub(crate) fn line(page: &Page, mark: Mark, name: &str, text: &str, right: &str) -> Vec<String> {
    let first = format!("  {} ", page.style.mark(mark));
    let text = sanitise::text(text);
    let mut lines = named(page, name, &text, &first, "    ");
    if right.is_empty() {
        return lines;
    }
    if lines.last().is_some_and(|last| layout::width(last) + 2 + layout::width(right) > page.width) {
        let narrower = Page { width: page.width.saturating_sub(layout::width(right) + 2).max(Page::LEAST), ..*page };
        lines = named(&narrower, name, &text, &first, "    ");
    }
    if let Some(last) = lines.pop() {
        lines.extend(page.spread(&last, &page.style.dim(right), INDENT));
    }
    lines
}

/// What stands before what is said of a step: in a record its place, on a screen the items of the loops around it; and its `id` where no
/// title follows that tells which step it is.
#[must_use]
pub(crate) fn called(page: &Page, place: &Place, part: Option<&str>, id: bool) -> String {
    let part = part.map(str::to_owned);
    let names: Vec<String> = if page.titles {
        let own = (id || part.is_some()).then(|| words::aloud(place.step()));
        let own: Vec<String> = own.into_iter().chain(part).collect();
        place.items().into_iter().map(|(variable, item)| words::item(variable, item)).chain([own.join(" ")]).collect()
    } else {
        vec![std::iter::once(sanitise::line(place.as_str()).into_owned()).chain(part).collect::<Vec<_>>().join(" ")]
    };
    names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(page.style.separator())
}

/// What a step had set is as it was, by its cleanup or its undo.
#[must_use]
pub(crate) fn put_back(page: &Page, place: &Place, part: Part, verdict: &Verdict, time: &str) -> Vec<String> {
    line(page, Mark::Passed, &called(page, place, None, true), words::part_outcome(part, verdict), time)
}

/// A line of its own, with its mark.
#[must_use]
pub(crate) fn marked(page: &Page, mark: Mark, text: &str) -> Vec<String> {
    layout::wrap(&sanitise::text(text), page.width, &format!("  {} ", page.style.mark(mark)), "    ")
}

/// The same, of a step where there is one.
#[must_use]
pub(crate) fn told(page: &Page, mark: Mark, place: Option<&Place>, text: &str) -> Vec<String> {
    match place {
        Some(place) if page.titles => {
            let first = format!("  {} ", page.style.mark(mark));
            named(page, &called(page, place, None, true), &sanitise::text(text), &first, "    ")
        }
        Some(place) => step(page, mark, place, None, text, ""),
        None => marked(page, mark, text),
    }
}

/// A labelled detail under a step.
#[must_use]
pub(crate) fn detail(page: &Page, label: &str, text: &str) -> Vec<String> {
    page.field(INDENT, LABEL, label, text)
}

/// The same of a command, on one line: a terminal wraps it where it must, and whoever copies it has it whole.
#[must_use]
pub(crate) fn unbroken(page: &Page, label: &str, command: &str) -> Vec<String> {
    if command.contains('\n') {
        return detail(page, label, command);
    }
    vec![format!("{}{}{command}", " ".repeat(INDENT), layout::pad(label, LABEL))]
}

/// Where it is kept what a command printed.
#[must_use]
pub(crate) fn kept(page: &Page, files: &[String]) -> Vec<String> {
    files.iter().flat_map(|file| detail(page, "kept", file)).collect()
}

/// Text under a step.
#[must_use]
pub(crate) fn remark(page: &Page, text: &str) -> Vec<String> {
    let indent = " ".repeat(INDENT);
    layout::wrap(&sanitise::text(text), page.width, &indent, &indent)
}

fn effect(style: Style, effect: Effect) -> String {
    let word = words::effect(effect);
    match effect {
        Effect::Read => style.dim(word),
        Effect::Change => word.to_owned(),
        Effect::Destroy => style.bad(word),
    }
}

/// A command with its effect; a script is shown line by line.
#[must_use]
pub(crate) fn command(page: &Page, command: &Shown) -> Vec<String> {
    if command.words.is_empty() {
        return Vec::new();
    }
    let label = effect(page.style, command.effect);
    match words::script(command) {
        Some(script) if script.trim_end().contains('\n') => {
            let mut lines = detail(page, &label, &format!("bash script{}", words::place_of(command)));
            let indent = " ".repeat(INDENT + LABEL + 2);
            lines.extend(layout::wrap(&sanitise::text(script.trim_end()), page.width, &indent, &indent));
            lines
        }
        _ => unbroken(page, &label, &words::command(command)),
    }
}

/// The same on one line: of a script of several lines the first stands for it. What is told of many at once, or drawn anew each second, is to
/// stay short.
#[must_use]
pub(crate) fn in_brief(page: &Page, command: &Shown) -> Vec<String> {
    if command.words.is_empty() {
        return Vec::new();
    }
    unbroken(page, &effect(page.style, command.effect), &words::brief(command))
}

/// The last lines of a stream.
fn tail(page: &Page, label: &str, text: &str) -> Vec<String> {
    let clean = sanitise::output(text.trim_end(), page.style.colour);
    if clean.trim().is_empty() {
        return Vec::new();
    }
    let all: Vec<_> = clean.split('\n').collect();
    let cut = all.len().saturating_sub(TAIL);
    let mut shown = String::new();
    if cut > 0 {
        shown = format!("({cut} earlier lines)\n");
    }
    shown.push_str(&all[cut..].join("\n"));
    let mut lines = detail(page, label, &shown);
    // A colour that began in what is cut off, or ends after it, must not run on.
    if page.style.colour && clean.contains('\u{1b}') {
        for line in &mut lines {
            line.push_str("\u{1b}[0m");
        }
    }
    lines
}

/// How a command ended that did not end well: what was run, its exit, and the end of what it printed.
#[must_use]
pub(crate) fn ending(page: &Page, ran: Option<&Shown>, exit: &Exit, askings: u32, excerpt: &Excerpt) -> Vec<String> {
    let mut lines = ran.map(|ran| command(page, ran)).unwrap_or_default();
    let asked = if askings > 1 { format!(", asked {askings} times") } else { String::new() };
    lines.extend(detail(page, "exit", &format!("{}{asked}", words::exit(exit).trim_start_matches("exit "))));
    lines.extend(tail(page, "stderr", &excerpt.stderr));
    lines.extend(tail(page, "stdout", &excerpt.stdout));
    lines
}

/// The answer of a preflight probe; of one that failed, what is wrong comes first.
#[must_use]
pub(crate) fn checked(page: &Page, mark: Mark, title: &str, message: &str, hint: Option<&str>) -> Vec<String> {
    const COLUMN: usize = 48;
    let title = sanitise::line(title);
    let first = format!("  {} ", page.style.mark(mark));
    if matches!(mark, Mark::Failed | Mark::Warned) && !message.is_empty() {
        let mut lines = layout::wrap(&words::failed_check(message, &title), page.width, &first, "    ");
        if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
            lines.extend(detail(page, "next", &sanitise::text(hint)));
        }
        return lines;
    }
    let left = format!("{first}{title}");
    let aligned = page.width >= 80 && layout::width(&left) + 2 <= COLUMN;
    // Beside the title a long message takes more lines than below it.
    let beside = || layout::wrap(message, page.width, &layout::pad(&left, COLUMN), &" ".repeat(COLUMN));
    let mut lines = if message.is_empty() {
        layout::wrap(&title, page.width, &first, "    ")
    } else if let Some(lines) = aligned.then(beside).filter(|lines| lines.len() <= 2 || message.contains('\n')) {
        lines
    } else if page.width >= 80 && !message.contains('\n') && layout::width(&left) + 2 + layout::width(message) <= page.width {
        vec![format!("{left}  {message}")]
    } else {
        let mut lines = layout::wrap(&title, page.width, &first, "    ");
        lines.extend(layout::wrap(message, page.width, "      ", "      "));
        lines
    };
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        lines.extend(detail(page, "next", &sanitise::text(hint)));
    }
    lines
}

/// How far something has come: a bar with its percentage, where there is a figure.
fn figure(page: &Page, (done, total): (f64, f64)) -> Option<String> {
    let percent = Style::percent(done, total)?;
    Some(format!("{} {percent:>3}%", page.style.bar((page.width / 3).clamp(8, 24), done, total)))
}

/// The figure of a command under way, on a line of its own.
#[must_use]
pub(crate) fn progress(page: &Page, done: f64, total: f64) -> Vec<String> {
    figure(page, (done, total)).map(|line| format!("{}{line}", " ".repeat(INDENT))).into_iter().collect()
}

/// What a wait shows of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WaitBlock<'a> {
    pub want: &'a str,
    pub have: &'a str,
    pub elapsed: Duration,
    pub limit: Option<Duration>,
    pub figure: Option<(f64, f64)>,
    pub still: Option<Duration>,
    pub held: Option<(Duration, Duration)>,
}

impl WaitBlock<'_> {
    /// `1m 12s of 15m`
    #[must_use]
    pub(crate) fn time(&self) -> String {
        let elapsed = show_duration(Duration::from_secs(self.elapsed.as_secs()));
        let elapsed = if self.elapsed.as_secs() == 0 { "0s".to_owned() } else { elapsed };
        self.limit.map_or_else(|| elapsed.clone(), |limit| format!("{elapsed} of {}", show_duration(limit)))
    }

    /// `not moving for 40s`
    #[must_use]
    pub(crate) fn stillness(&self) -> Option<String> {
        self.still.filter(|still| still.as_secs() > 0).map(|still| format!("no progress for {}", show_duration(still)))
    }

    /// `20s of 30s`
    #[must_use]
    pub(crate) fn holding(&self) -> Option<String> {
        self.held.map(|(held, must)| format!("stable for {} of {}", show_duration(held), show_duration(must)))
    }
}

/// A wait under way.
#[must_use]
pub(crate) fn waiting(page: &Page, wait: &WaitBlock<'_>) -> Vec<String> {
    let time = wait.time();
    let items: Vec<_> = wait
        .figure
        .and_then(|at| figure(page, at))
        .into_iter()
        .chain([time])
        .chain(wait.stillness().map(|still| page.style.warn(&still)))
        .collect();
    let mut lines = layout::flow(&items, page.width, INDENT, 3);
    lines.extend(detail(page, "waiting", &sanitise::text(wait.want)));
    if !wait.have.is_empty() {
        lines.extend(detail(page, "now", &sanitise::text(wait.have)));
    }
    lines.extend(wait.holding().map(|held| detail(page, "", &held)).unwrap_or_default());
    lines.extend(remark(page, "Ctrl-C ends the wait and stops here").iter().map(|line| page.style.dim(line)));
    lines
}

/// What a dry run says of a step that it does not do.
#[must_use]
pub(crate) fn predicted(page: &Page, place: &Place, part: Part, prediction: &Prediction, title: &str) -> Vec<String> {
    let (mark, word, text) = words::prediction(prediction);
    let right = if matches!(prediction, Prediction::AtRunTime { .. }) { "" } else { word };
    let mut lines = step(page, mark, place, words::part(part), title, right);
    lines.extend(match prediction {
        Prediction::WouldRun { command: shown } => command(page, shown),
        Prediction::AtRunTime { .. } | Prediction::WouldAsk { .. } => remark(page, &text),
    });
    lines
}
