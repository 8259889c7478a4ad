//! A runbook as a page of Markdown: what `halligan show --markdown` prints, and what `docs/runbooks/` holds.

use super::{
    aloud,
    markdown::{code, list, paragraph, prose},
};
use crate::{
    runbook::model::{Choose, Command, Effect, Kind, Probe, Program, Reference, Runbook, Severity, Step, Undo},
    words,
};

/// Points of a list, each with its depth.
type Points = Vec<(usize, String)>;

/// The whole page.
#[must_use]
pub(crate) fn of(runbook: &Runbook) -> String {
    let (not, purpose): (Vec<&str>, Vec<&str>) = sentences(&runbook.summary).into_iter().partition(|sentence| sentence.starts_with("Not "));
    let (incidents, references): (Vec<&Reference>, Vec<&Reference>) = runbook.references.iter().partition(|one| names_a_year(&one.title));
    let points = |points: Points| if points.is_empty() { Vec::new() } else { vec![list(&points)] };
    let said = |sentences: Vec<&str>| if sentences.is_empty() { Vec::new() } else { vec![paragraph(&prose(&sentences.join(" ")))] };
    let mut blocks = vec![format!("# {}", prose(&runbook.title)), paragraph(&introduction(runbook))];
    for (heading, own) in [
        ("Purpose", said(purpose)),
        ("When not", said(not)),
        ("Parameters", points(parameters(runbook))),
        ("What it needs", points(needs(runbook))),
        ("The system", system(runbook)),
        ("Checks before the first change", points(preflight(runbook))),
        ("Steps", points(steps(&runbook.steps, "", 0))),
        ("Questions", points(questions(runbook))),
        ("What must hold on the way", points(gates(runbook))),
        ("What takes it back, and what stays", points(taken_back(runbook))),
        ("The incident behind it", points(linked(&incidents))),
        ("References", points(linked(&references))),
    ] {
        if !own.is_empty() {
            blocks.push(format!("## {heading}"));
            blocks.extend(own);
        }
    }
    blocks.join("\n\n") + "\n"
}

fn introduction(runbook: &Runbook) -> String {
    let name = runbook.name.as_str();
    let mut text = format!(
        "{} asks and changes; {} shows first what it would do. This page is made from the runbook by {}.",
        code(&format!("halligan run {name}")),
        code(&format!("halligan run {name} --dry-run")),
        code(&format!("halligan show {name} --markdown")),
    );
    if let Some(owner) = &runbook.owner {
        text.extend([" Owner: ", &prose(owner), "."]);
    }
    if let Some(reviewed) = &runbook.reviewed {
        text.extend([" Reviewed: ", &reviewed.to_string(), "."]);
    }
    text
}

/// A text cut at the ends of its sentences.
fn sentences(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(['.', '?', '!']) {
        let rest = &text[at + 1..];
        let next = rest.trim_start();
        let ends = rest.starts_with(char::is_whitespace) && next.starts_with(|c: char| c.is_uppercase() || c == '`');
        if ends {
            all.push(text[start..=at].trim());
            start = text.len() - next.len();
        }
    }
    all.push(text[start..].trim());
    all.retain(|sentence| !sentence.is_empty());
    all
}

/// Whether a title says what happened when: a year stands before its first colon.
fn names_a_year(title: &str) -> bool {
    let Some((when, _)) = title.split_once(':') else { return false };
    let mut words = when.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.len() == 4 && word.parse::<u16>().is_ok_and(|year| (1990..2100).contains(&year)))
}

fn parameters(runbook: &Runbook) -> Points {
    let mut points = Points::new();
    for parameter in &runbook.params {
        points.push((0, format!("{}: {}", code(parameter.name.as_str()), prose(&parameter.help))));
        points.push((1, prose(&aloud::parameter(parameter).join("; "))));
    }
    points
}

fn needs(runbook: &Runbook) -> Points {
    let each = |texts: Vec<String>| texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ");
    let mut points = Points::new();
    if !runbook.requires.commands.is_empty() {
        points.push((0, format!("Programs: {}", each(runbook.requires.commands.clone()))));
    }
    if let Some(user) = &runbook.requires.user {
        points.push((0, format!("User: {}", code(user))));
    }
    if !runbook.environment.is_empty() {
        let names = runbook.environment.iter().map(ToString::to_string).collect();
        points.push((0, format!("Variables of your environment that its commands get, where they are set: {}", each(names))));
    }
    if !runbook.locks.is_empty() {
        let locks = runbook.locks.iter().map(|lock| aloud::text(&lock.text)).collect();
        points.push((0, format!("Lock, so that no two runs do this at once: {}", each(locks))));
    }
    points
}

fn system(runbook: &Runbook) -> Vec<String> {
    let Some(identity) = &runbook.identity else { return Vec::new() };
    let answer = identity.message.as_ref().map(|message| prose(&aloud::text(&message.text))).unwrap_or_default();
    let asked = identity.command.as_ref().map(|command| format!(", as {} says", run(command))).unwrap_or_default();
    vec![paragraph(&format!(
        "A run is bound to: {answer}{asked}. It is asked first of all, before the first change, and when a run is taken up. Another \
         answer, or none, ends the run, and nothing overrides that."
    ))]
}

fn preflight(runbook: &Runbook) -> Points {
    let mut points = Points::new();
    let mut inside = 0;
    for (index, probe) in runbook.preflight.iter().enumerate() {
        if let Some(group) = runbook.groups.iter().find(|group| group.first == index) {
            points.push((0, prose(&aloud::text(&group.title))));
            inside = group.count;
        }
        let depth = usize::from(inside > 0);
        inside = inside.saturating_sub(1);
        points.extend(check(probe, depth));
    }
    points
}

/// A check: what it is called, what must hold, and what to do where it does not.
fn check(probe: &Probe, depth: usize) -> Points {
    let id = probe.id.as_ref().map(|id| code(id.as_str()));
    let title = probe.title.as_ref().map(|title| prose(&aloud::text(&title.text)));
    let mut head = [id, title].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if probe.severity == Severity::Warn {
        head += " (a warning)";
    }
    if let Some(each) = &probe.for_each {
        head.extend([", for each ", &prose(each.name.as_str())]);
    }
    let mut points = vec![(depth, head)];
    if let Some(when) = &probe.when {
        points.push((depth + 1, format!("only if {}", code(&when.to_string()))));
    }
    if let Some(command) = &probe.command {
        points.push((depth + 1, format!("asks {}", run(command))));
    }
    if let Some(expect) = &probe.expect {
        points.push((depth + 1, format!("must hold: {}", code(&expect.to_string()))));
    }
    if probe.once {
        points.push((depth + 1, "not checked again after the first change".to_owned()));
    }
    if let Some(hint) = &probe.hint {
        points.push((depth + 1, format!("if it fails: {}", prose(&aloud::text(&hint.text)))));
    }
    points
}

/// What is run, in few words: a script is named by its length, and `halligan show` has it whole.
fn run(command: &Command) -> String {
    let what = match &command.program {
        Program::Argv(_) => code(&aloud::command(command)),
        Program::Shell(script) => match script.trim_end().lines().count() {
            1 => code(script.trim()),
            lines => format!("a script of {lines} lines"),
        },
    };
    let on = command.on.as_ref().map(|host| format!(" on {}", prose(&aloud::text(&host.text)))).unwrap_or_default();
    format!("{what}{on}")
}

fn steps(steps: &[Step], prefix: &str, depth: usize) -> Points {
    let mut points = Points::new();
    for (index, step) in steps.iter().enumerate() {
        let number = format!("{prefix}{}", index + 1);
        let kind = words::kind(step.kind(), step.effect());
        let title = match &step.kind {
            Kind::Probe(probe) => step.title.as_ref().or(probe.title.as_ref()),
            Kind::Group { title, .. } => step.title.as_ref().or(Some(title)),
            _ => step.title.as_ref(),
        };
        let title = title.map(|title| format!(": {}", prose(&aloud::text(&title.text)))).unwrap_or_default();
        points.push((depth, format!("**{number}** {} ({kind}){title}", code(step.id.as_str()))));
        points.extend(within(step, depth + 1));
        points.extend(self::steps(step.children(), &format!("{number}."), depth + 1));
    }
    points
}

/// What a step does, but for the steps inside it.
fn within(step: &Step, depth: usize) -> Points {
    let mut texts = Vec::new();
    texts.extend(step.why.as_deref().map(prose));
    texts.extend(step.when.as_ref().map(|when| format!("only if {}", code(&when.to_string()))));
    let done = step.done_if.as_ref().and_then(|probe| probe.expect.as_ref());
    texts.extend(done.map(|expect| format!("done already if {}", code(&expect.to_string()))));
    let mut points: Points = texts.into_iter().map(|text| (depth, text)).collect();
    points.extend(kind(step, depth));
    if let Some(expect) = step.verify.as_ref().and_then(|probe| probe.expect.as_ref()) {
        points.push((depth, format!("then must hold: {}", code(&expect.to_string()))));
    }
    points
}

fn kind(step: &Step, depth: usize) -> Points {
    let texts = match &step.kind {
        Kind::Command(command) => vec![format!("runs {}", run(command))],
        Kind::Probe(probe) => {
            let mut points = check(probe, depth);
            points.remove(0);
            return points.into_iter().map(|(_, text)| (depth, text)).collect();
        }
        Kind::Wait(wait) => {
            let limit =
                wait.timeout.as_ref().map_or_else(|| "without a limit".to_owned(), |limit| format!("up to {}", aloud::timespan(limit)));
            let asked = wait.command.as_ref().map(|command| format!("asks {}", run(command)));
            asked.into_iter().chain([format!("until {}, {}", code(&wait.until.to_string()), prose(&limit))]).collect()
        }
        Kind::Confirm(confirm) => vec![format!("asks: {}", prose(&aloud::text(&confirm.message.text)))],
        Kind::Manual(manual) => vec![format!("a person does it: {}", prose(&aloud::text(&manual.message.text)))],
        Kind::ForEach(each) => vec![prose(&aloud::for_each(each))],
        Kind::Group { .. } => Vec::new(),
        Kind::Choose(choose) => return cases(choose, depth),
        Kind::Call(call) => vec![format!("carries out the runbook {}", code(call.runbook.as_str()))],
    };
    texts.into_iter().map(|text| (depth, text)).collect()
}

/// The ways of a step. What all of them have in common is said once.
fn cases(choose: &Choose, depth: usize) -> Points {
    let own = |case: &Step| within(&Step { why: None, ..case.clone() }, depth + 2);
    let ways: Vec<(&String, Points)> = choose.cases.iter().map(|(name, case)| (name, own(case))).collect();
    let common = |point: &(usize, String)| ways.len() > 1 && ways.iter().all(|(_, points)| points.contains(point));
    let mut points: Points = ways.first().into_iter().flat_map(|(_, points)| points).filter(|point| common(point)).cloned().collect();
    for point in &mut points {
        point.0 = depth;
    }
    points.push((depth, format!("one of these, by {}:", code(&choose.by.to_string()))));
    for (name, own) in &ways {
        points.push((depth + 1, code(name)));
        points.extend(own.iter().filter(|point| !common(point)).cloned());
    }
    points
}

/// What a person is asked, in the order of the steps.
fn questions(runbook: &Runbook) -> Points {
    let mut points = vec![(0, "The plan, before the first step: run it?".to_owned())];
    let mut destroys: Vec<&str> = Vec::new();
    for step in runbook.all_steps() {
        let id = step.id.as_str();
        match &step.kind {
            Kind::Confirm(confirm) => {
                points.push((0, format!("{}: {}", code(id), prose(&aloud::text(&confirm.message.text)))));
                points.extend(confirm.phrase.as_ref().map(|phrase| (1, format!("to be typed: {}", code(&aloud::text(&phrase.text))))));
                if !confirm.covers.is_empty() {
                    let covered = confirm.covers.iter().map(|id| code(id.as_str())).collect::<Vec<_>>().join(", ");
                    points.push((1, format!("answers for {covered}")));
                }
            }
            Kind::Manual(manual) => {
                let ask = manual.ask.as_ref().map_or_else(|| "is it done?".to_owned(), |ask| prose(&aloud::text(&ask.text)));
                points.push((0, format!("{}, work by hand: {ask}", code(id))));
            }
            _ if step.effect() == Effect::Destroy && !destroys.contains(&id) => destroys.push(id),
            _ => {}
        }
    }
    let destroys = destroys.into_iter().map(code).collect::<Vec<_>>().join(", ");
    points.push((
        0,
        if destroys.is_empty() {
            "No step destroys anything.".to_owned()
        } else {
            format!("What destroys begins only after a phrase was typed for it: {destroys}")
        },
    ));
    points
}

/// What is asked before a batch of a loop, and right before each change.
fn gates(runbook: &Runbook) -> Points {
    let mut points = Points::new();
    for step in runbook.all_steps() {
        let id = code(step.id.as_str());
        if let Kind::ForEach(each) = &step.kind
            && !each.before_batch.is_empty()
        {
            points.push((0, format!("Before each batch of {id}:")));
            points.extend(each.before_batch.iter().flat_map(|probe| check(probe, 1)));
        }
        if !step.holds.is_empty() {
            points.push((0, format!("Right before each change inside {id}, and at each look of a wait:")));
            points.extend(step.holds.iter().flat_map(|probe| check(probe, 1)));
        }
    }
    points
}

/// What undoes a step, what puts it back at the end, and what a run that stops leaves as it is.
fn taken_back(runbook: &Runbook) -> Points {
    /// The name of a way, and what is said of it.
    type Way<'a> = (&'a str, Vec<String>);
    let mut all: Vec<(&str, Vec<Way<'_>>)> = Vec::new();
    for step in runbook.all_steps() {
        let said = remedies(step);
        if said.is_empty() {
            continue;
        }
        let way = (step.case.as_deref().unwrap_or_default(), said);
        match all.last_mut() {
            Some((id, ways)) if *id == step.id.as_str() => ways.push(way),
            _ => all.push((step.id.as_str(), vec![way])),
        }
    }
    let mut points = Points::new();
    for (id, ways) in &all {
        // What is the same in all of them is said once.
        let alike = ways.iter().all(|(_, said)| Some(said) == ways.first().map(|(_, said)| said));
        for (case, said) in ways.iter().take(if alike { 1 } else { ways.len() }) {
            let which = if alike || case.is_empty() { String::new() } else { format!(", by {}", code(case)) };
            points.push((0, format!("{}{which}", code(id))));
            points.extend(said.iter().map(|said| (1, said.clone())));
        }
    }
    if !points.is_empty() {
        points.push((
            0,
            "A cleanup that fails, or that a run cannot come to, stays owed: `halligan debts` lists it, and `--settle` runs it.".to_owned(),
        ));
    }
    points
}

fn remedies(step: &Step) -> Vec<String> {
    let mut said = Vec::new();
    // Many scripts begin with what they are for.
    let line = |command: &Command| match (&command.program, aloud::first_line(command)) {
        (Program::Shell(_), line) if line.starts_with('#') => format!("a script: {}", prose(line.trim_start_matches(['#', ' ']))),
        (_, line) => code(&line),
    };
    match &step.undo {
        Undo::Command(remedy) => said.push(format!("undone by {}", line(&remedy.command))),
        Undo::Impossible { why } => said.push(format!("not undone: {}", prose(why))),
        Undo::Unsaid => {}
    }
    if let Some(cleanup) = &step.cleanup {
        said.push(format!("at the end: {}", line(&cleanup.command)));
        if cleanup.owed_when_stopped {
            said.push("a run that stops leaves it, and owes it: a resume goes on from there".to_owned());
        }
    }
    said
}

fn linked(references: &[&Reference]) -> Points {
    let link = |reference: &&Reference| match &reference.url {
        Some(url) => format!("[{}]({})", prose(&reference.title), url.replace(' ', "%20").replace(')', "%29")),
        None => prose(&reference.title),
    };
    references.iter().map(|reference| (0, link(reference))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    #[test]
    fn it_says_what_an_operator_asks() {
        let text = include_str!("../../../tests/good/everything.yaml");
        let (runbook, report) = resolve(SourceText::new("everything.yaml", Origin::File("everything.yaml".into()), text));
        let page = of(&runbook.unwrap_or_else(|| panic!("{}", report.plain())));
        for heading in ["Purpose", "Parameters", "What it needs", "Checks before the first change", "Steps", "Questions", "References"] {
            assert!(page.contains(&format!("\n\n## {heading}\n\n")), "{heading}\n{page}");
        }
        // What linters of Markdown ask for: no line is too long or ends with a space, and blocks stand apart, by one empty line.
        for line in page.lines() {
            assert!(line.chars().count() <= 140 && line == line.trim_end(), "{line}");
        }
        assert!(!page.contains("\n\n\n") && page.ends_with('\n') && !page.ends_with("\n\n"), "{page}");
    }

    #[test]
    fn a_summary_is_cut_at_sentences_and_an_incident_is_told_by_its_year() {
        assert_eq!(
            sentences("One, e.g. this. Not for `x` 1.2. `move` does. End"),
            ["One, e.g. this.", "Not for `x` 1.2.", "`move` does.", "End"]
        );
        assert!(names_a_year("Python Discord, July 2021: it hung") && names_a_year("2014: all at once"));
        assert!(!names_a_year("Kubernetes, 2021") && !names_a_year("RFC 2119: words") && !names_a_year("ceph-volume lvm: encryption"));
    }
}
