//! `halligan show`: a runbook in words, for reading before it is needed.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use super::{
    aloud,
    check::{faults, refused},
    runbook_page,
};
use crate::{
    app::exit::ProgramExit,
    cli,
    runbook::{
        character,
        library::{Library, LibraryError},
        model::{Choose, Command, Effect, Kind, Parameter, Probe, Program, Runbook, Step, Undo},
        query, resolve,
        value::plain,
    },
    ui::layout::{Page, flow, wrap},
};

/// Describes a runbook, given by path or by name, in columns or as Markdown; or prints its text, byte for byte to `unchanged`. `terminal` decides how
/// faults are drawn, and keeps what a terminal would obey away from it.
///
/// # Errors
/// The output cannot be written.
pub(super) fn show(
    library: &Library,
    args: &cli::Show,
    page: &Page,
    terminal: bool,
    unchanged: &mut dyn Write,
    out: &mut dyn Write,
) -> io::Result<ProgramExit> {
    let source = match library.find(&args.runbook) {
        Ok(source) => source,
        Err(LibraryError::Refused(report)) => {
            write!(out, "{}", faults(&report, terminal.then_some(page)))?;
            return Ok(ProgramExit::BadRunbook);
        }
        Err(error) => {
            write!(out, "{}", refused(&error))?;
            return Ok(ProgramExit::Usage);
        }
    };
    let mut print = |text: &str, out: &mut dyn Write| {
        if terminal {
            out.write_all(text.chars().map(character::stand_in).collect::<String>().as_bytes())
        } else {
            unchanged.write_all(text.as_bytes())
        }
    };
    if args.source {
        print(&source.text, out)?;
        return Ok(ProgramExit::Completed);
    }
    let (runbook, report) = resolve(source);
    let Some(runbook) = runbook else {
        write!(out, "{}", faults(&report, terminal.then_some(page)))?;
        return Ok(ProgramExit::BadRunbook);
    };
    if args.expanded {
        print(&query::expanded(&runbook.source).unwrap_or_default(), out)?;
        return Ok(ProgramExit::Completed);
    }
    if args.markdown {
        print(&runbook_page::of(&runbook), out)?;
        return Ok(ProgramExit::Completed);
    }
    out.write_all(describe(&runbook, page).as_bytes())?;
    Ok(ProgramExit::Completed)
}

/// The whole description, in lines that fit the page.
#[must_use]
pub(super) fn describe(runbook: &Runbook, page: &Page) -> String {
    let mut writer = Writer { page: *page, lines: Vec::new(), asked: BTreeSet::new() };
    writer.head(runbook);
    writer.params(&runbook.params);
    writer.identity(runbook);
    writer.preflight(runbook);
    writer.heading("Steps");
    writer.steps(&runbook.steps, "", 0);
    writer.destroys(runbook);
    writer.references(runbook);
    let mut text = writer.lines.join("\n");
    text.push('\n');
    text
}

#[derive(Debug)]
struct Writer {
    page: Page,
    lines: Vec<String>,
    /// Queries whose script has been printed.
    asked: BTreeSet<Arc<str>>,
}

impl Writer {
    fn heading(&mut self, text: &str) {
        self.lines.push(String::new());
        self.lines.push(self.page.style.bold(text));
    }

    fn text(&mut self, first: usize, rest: usize, text: &str) {
        self.lines.extend(wrap(text.trim_end(), self.page.measure(), &" ".repeat(first), &" ".repeat(rest)));
    }

    fn head(&mut self, runbook: &Runbook) {
        let name = self.page.style.bold(runbook.name.as_str());
        self.lines.extend(wrap(&format!("{name}  {}", runbook.title), self.page.measure(), "", "  "));
        self.text(2, 2, &format!("{}  sha256 {}", runbook.source.name, self.page.style.short(&runbook.source.sha256)));
        let mut facts = Vec::new();
        if let Some(owner) = &runbook.owner {
            facts.push(format!("owner {owner}"));
        }
        if let Some(reviewed) = &runbook.reviewed {
            facts.push(format!("reviewed {reviewed}"));
        }
        if !runbook.tags.is_empty() {
            facts.push(format!("tags {}", runbook.tags.join(", ")));
        }
        if !runbook.requires.commands.is_empty() {
            facts.push(format!("needs {}", runbook.requires.commands.join(", ")));
        }
        if let Some(user) = &runbook.requires.user {
            facts.push(format!("runs as {user}"));
        }
        if !runbook.environment.is_empty() {
            let names: Vec<String> = runbook.environment.iter().map(ToString::to_string).collect();
            facts.push(format!("passes on {}", names.join(", ")));
        }
        if !runbook.locks.is_empty() {
            let locks: Vec<String> = runbook.locks.iter().map(|lock| aloud::text(&lock.text)).collect();
            facts.push(format!("takes the lock {}", locks.join(", ")));
        }
        self.lines.extend(flow(&facts, self.page.measure(), 2, 3));
        self.lines.push(String::new());
        self.text(0, 0, &runbook.summary);
    }

    fn params(&mut self, params: &[Parameter]) {
        if params.is_empty() {
            return;
        }
        self.heading("Parameters");
        for parameter in params {
            let name = self.page.style.bold(parameter.name.as_str());
            self.lines.extend(wrap(&format!("{name}  {}", parameter.help), self.page.measure(), "  ", "      "));
            self.text(6, 6, &aloud::parameter(parameter).join("; "));
        }
    }

    fn identity(&mut self, runbook: &Runbook) {
        let Some(identity) = &runbook.identity else { return };
        self.heading("System");
        self.text(2, 4, &identity.message.as_ref().map(|message| aloud::text(&message.text)).unwrap_or_default());
        if let Some(command) = &identity.command {
            self.command(command, 5);
        }
        self.text(5, 7, "asked first, before the first change, and when a run is taken up; another answer is refused");
    }

    fn preflight(&mut self, runbook: &Runbook) {
        let probes = &runbook.preflight;
        if probes.is_empty() {
            return;
        }
        self.heading("Preflight");
        for (index, probe) in probes.iter().enumerate() {
            for group in runbook.groups.iter().filter(|group| group.first == index) {
                let count = if group.count == 1 { "the next check".to_owned() } else { format!("the next {} checks", group.count) };
                self.text(2, 4, &format!("{} ({count})", aloud::text(&group.title)));
            }
            let id = probe.id.as_ref().map_or("", |id| id.as_str());
            let title = probe.title.as_ref().map(|title| aloud::text(&title.text)).unwrap_or_default();
            let head = format!("  {:<2} ", index + 1);
            self.lines.extend(wrap(&format!("{}  {title}", self.page.style.bold(id)), self.page.measure(), &head, "       "));
            self.probe(probe, 5);
        }
    }

    fn probe(&mut self, probe: &Probe, indent: usize) {
        if let Some(each) = &probe.for_each {
            self.text(indent, indent + 2, &format!("for each {}", each.name));
        }
        if let Some(when) = &probe.when {
            self.text(indent, indent + 2, &format!("only if {when}"));
        }
        if let Some(command) = &probe.command {
            self.command(command, indent);
        }
        let expectation = probe.expect.as_ref().map_or_else(|| "exit code 0".to_owned(), ToString::to_string);
        let severity = match probe.severity {
            crate::runbook::model::Severity::Block => "must hold",
            crate::runbook::model::Severity::Warn => "should hold",
        };
        self.text(indent, indent + 2, &format!("{severity}: {expectation}"));
        if probe.once {
            self.text(indent, indent + 2, "not checked again after the first change");
        }
        if let Some(hint) = &probe.hint {
            self.text(indent, indent + 2, &format!("if it fails: {}", aloud::text(&hint.text)));
        }
    }

    fn command(&mut self, command: &Command, indent: usize) {
        let on = command.on.as_ref().map(|host| format!("   on {}", aloud::text(&host.text))).unwrap_or_default();
        match &command.program {
            Program::Argv(_) => self.text(indent, indent + 4, &format!("$ {}{on}", aloud::command(command))),
            Program::Shell(script) => {
                let named = command.query.as_ref().map(|query| format!(", the query {query}")).unwrap_or_default();
                if command.query.as_ref().is_some_and(|query| !self.asked.insert(query.clone())) {
                    self.text(indent, indent + 4, &format!("bash script{on}{named}: as above"));
                    return;
                }
                self.text(indent, indent + 4, &format!("bash script{on}{named}:"));
                for one in script.trim_end().lines() {
                    self.text(indent + 4, indent + 8, one);
                }
            }
        }
    }

    fn steps(&mut self, steps: &[Step], prefix: &str, depth: usize) {
        for (index, step) in steps.iter().enumerate() {
            let number = format!("{prefix}{}", index + 1);
            let margin = 2 + 2 * depth;
            let indent = margin + 4;
            let head = format!("{}{number}  ", " ".repeat(margin));
            let own = match &step.kind {
                Kind::Probe(probe) => probe.title.as_ref(),
                _ => None,
            };
            let title = step.title.as_ref().or(own).map(|title| aloud::text(&title.text)).unwrap_or_default();
            let line = format!("{}  {}  {title}", self.page.style.bold(step.id.as_str()), self.page.style.kind(step.kind(), step.effect()));
            self.lines.extend(wrap(line.trim_end(), self.page.measure(), &head, &" ".repeat(head.len())));
            if let Some(why) = &step.why {
                self.text(indent, indent, why);
            }
            if let Some(when) = &step.when {
                self.text(indent, indent + 2, &format!("only if {when}"));
            }
            self.before(step, indent);
            self.kind(step, &number, depth, indent);
            self.after(step, indent);
        }
    }

    /// What is said before what a step does.
    fn before(&mut self, step: &Step, indent: usize) {
        if let Some(expect) = step.done_if.as_ref().and_then(|probe| probe.expect.as_ref()) {
            self.text(indent, indent + 2, &format!("done already if {expect}"));
        }
        for probe in &step.holds {
            let title = probe.title.as_ref().map(|title| aloud::text(&title.text));
            let title = title.or_else(|| probe.expect.as_ref().map(ToString::to_string)).unwrap_or_default();
            self.text(indent, indent + 2, &format!("must hold before each change inside: {title}"));
        }
    }

    /// How it is proved, and what takes it back.
    fn after(&mut self, step: &Step, indent: usize) {
        if let Some(expect) = step.verify.as_ref().and_then(|probe| probe.expect.as_ref()) {
            self.text(indent, indent + 2, &format!("then must hold: {expect}"));
        }
        match &step.undo {
            Undo::Command(remedy) => self.text(indent, indent + 4, &format!("undo: {}", aloud::first_line(&remedy.command))),
            Undo::Impossible { why } => self.text(indent, indent + 2, &format!("irreversible: {}", why.trim())),
            Undo::Unsaid => {}
        }
        if let Some(cleanup) = &step.cleanup {
            self.text(indent, indent + 4, &format!("at the end: {}", aloud::first_line(&cleanup.command)));
        }
    }

    /// The ways of a step. What all of them have in common is said once.
    fn cases(&mut self, choose: &Choose, number: &str, depth: usize, indent: usize) {
        let Some(first) = choose.cases.values().next() else { return };
        let shared = |same: &dyn Fn(&Step) -> bool| choose.cases.values().all(same);
        let mut common = first.clone();
        common.done_if.take_if(|probe| !shared(&|case| case.done_if.as_ref() == Some(&*probe)));
        common.verify.take_if(|probe| !shared(&|case| case.verify.as_ref() == Some(&*probe)));
        common.cleanup.take_if(|remedy| !shared(&|case| case.cleanup.as_ref() == Some(&*remedy)));
        if !shared(&|case| case.undo == first.undo) {
            common.undo = Undo::Unsaid;
        }
        self.text(indent, indent + 2, &format!("by {}:", choose.by));
        self.before(&common, indent);
        for (name, case) in &choose.cases {
            let mut own = case.clone();
            own.done_if.take_if(|_| common.done_if.is_some());
            own.verify.take_if(|_| common.verify.is_some());
            own.cleanup.take_if(|_| common.cleanup.is_some());
            if common.undo != Undo::Unsaid {
                own.undo = Undo::Unsaid;
            }
            self.text(indent, indent + 2, &format!("{name}:"));
            self.before(&own, indent + 2);
            self.kind(&own, number, depth, indent + 2);
            self.after(&own, indent + 2);
        }
        self.after(&common, indent);
    }

    fn kind(&mut self, step: &Step, number: &str, depth: usize, indent: usize) {
        let inner = format!("{number}.");
        match &step.kind {
            Kind::Command(command) => self.command(command, indent),
            Kind::Probe(probe) => self.probe(probe, indent),
            Kind::Wait(wait) => {
                if let Some(command) = &wait.command {
                    self.command(command, indent);
                }
                let limit =
                    wait.timeout.as_ref().map_or_else(|| "without a limit".to_owned(), |limit| format!("up to {}", aloud::timespan(limit)));
                self.text(indent, indent + 2, &format!("until {}, {limit}", wait.until));
            }
            Kind::Confirm(confirm) => {
                self.text(indent, indent + 2, &aloud::text(&confirm.message.text));
                if let Some(phrase) = &confirm.phrase {
                    self.text(indent, indent + 2, &format!("typed confirmation: {}", aloud::text(&phrase.text)));
                }
            }
            Kind::Manual(manual) => self.text(indent, indent + 2, &aloud::text(&manual.message.text)),
            Kind::ForEach(each) => {
                self.text(indent, indent + 2, &aloud::for_each(each));
                for gate in &each.before_batch {
                    let title =
                        gate.title.as_ref().map(|title| aloud::text(&title.text)).or_else(|| gate.expect.as_ref().map(ToString::to_string));
                    self.text(indent, indent + 2, &format!("before each batch: {}", title.unwrap_or_default()));
                }
                self.steps(&each.steps, &inner, depth + 1);
            }
            Kind::Group { title, steps } => {
                self.text(indent, indent + 2, &aloud::text(&title.text));
                self.steps(steps, &inner, depth + 1);
            }
            Kind::Choose(choose) => self.cases(choose, number, depth, indent),
            Kind::Call(call) => {
                let params: Vec<String> =
                    call.params.iter().map(|(name, value)| format!("{name}={}", aloud::text(&plain(value)))).collect();
                let with = if params.is_empty() { String::new() } else { format!(" with {}", params.join(", ")) };
                self.text(indent, indent + 2, &format!("the runbook {}{with}", call.runbook));
            }
        }
    }

    fn destroys(&mut self, runbook: &Runbook) {
        let mut all: Vec<&str> = runbook.all_steps().filter(|step| step.effect() == Effect::Destroy).map(|step| step.id.as_str()).collect();
        // A step may destroy in several of its ways.
        all.dedup();
        let text = if all.is_empty() {
            "No destructive steps.".to_owned()
        } else {
            self.page.style.bad(&format!("Destructive steps (typed confirmation): {}", all.join(", ")))
        };
        self.lines.push(String::new());
        self.text(0, 2, &text);
    }

    fn references(&mut self, runbook: &Runbook) {
        if runbook.references.is_empty() {
            return;
        }
        self.heading("References");
        for reference in &runbook.references {
            let url = reference.url.as_ref().map(|url| format!("  {url}")).unwrap_or_default();
            self.text(2, 4, &format!("{}{url}", reference.title));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        runbook::model::{Origin, SourceText},
        ui::{layout::width, style::Style},
    };

    #[test]
    fn it_fits_narrow_and_wide_terminals() {
        let text = include_str!("../../../tests/good/everything.yaml");
        let (runbook, report) = resolve(SourceText::new("everything.yaml", Origin::File("everything.yaml".into()), text));
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        for columns in [80, 120] {
            let text = describe(&runbook, &Page::new(columns, Style { colour: false, unicode: true }));
            assert!(text.lines().all(|line| width(line) <= columns), "{text}");
            for part in [
                "everything  Use every feature",
                "required",
                "  3.3  bounce  change",
                "Destructive steps (typed confirmation): clone",
                "References",
            ] {
                assert!(text.contains(part), "{part}\n{text}");
            }
        }
    }

    #[test]
    fn the_script_of_a_query_is_printed_once() {
        let text = "halligan: 1\nname: x\ntitle: X\nsummary: X\nqueries:\n  disks: {shell: look at disks, on: a}\npreflight:\n\
                    - {id: one, title: One, ask: disks}\n- {id: two, title: Two, ask: disks, expect: output == 'x'}\n\
                    - {id: own, title: Own, shell: look at disks}\nsteps:\n- {id: s, run: [x], effect: read}\n";
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), text));
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        let text = describe(&runbook, &Page::new(80, Style { colour: false, unicode: true }));
        let scripts: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("script") || line.contains("look")).collect();
        let told = [
            "bash script   on a, the query disks:",
            "look at disks",
            "bash script   on a, the query disks: as above",
            "bash script:",
            "look at disks",
        ];
        assert_eq!(scripts, told, "{text}");
    }
}
