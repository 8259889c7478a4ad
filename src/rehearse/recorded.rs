//! A scenario from what a run has recorded: each command answers as it did then.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use indexmap::IndexMap;

use crate::{
    event::{Captured, Event, Exit, Finding, Part, Place, Shortfall, Shown, Words},
    runbook::name::PLAN,
};

use super::{account::Account, suggestion::scalar};

/// What is longer stands in a file of its own, in bytes.
const INLINE: usize = 300;

/// A run as it was recorded.
pub(crate) struct Recorded<'a> {
    /// What to call the scenario.
    pub name: &'a str,
    pub run: String,
    pub events: &'a [Event],
    pub began: jiff::Timestamp,
    /// What a command had printed; the error says why it is not there.
    pub output: &'a dyn Fn(&Captured) -> Result<Vec<u8>, String>,
    /// What the runbook says that it needs.
    pub programs: &'a [String],
}

impl std::fmt::Debug for Recorded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("run", &self.run).finish_non_exhaustive()
    }
}

/// A scenario's text, with the files beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WrittenScenario {
    pub text: String,
    /// By their path beside the scenario.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// How a command answered.
#[derive(Debug, Clone, PartialEq)]
struct RecordedAnswer {
    exit: Exit,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    took: Duration,
    /// It was asked again and again, and this was the last.
    waited: bool,
}

impl RecordedAnswer {
    fn same(&self, other: &Self) -> bool {
        (&self.exit, &self.stdout, &self.stderr) == (&other.exit, &other.stdout, &other.stderr)
    }
}

/// Its words, and its host.
type RecordedCommand = (Words, Option<String>);
/// Its answers, by where it ran.
type RecordedAnswers = IndexMap<(Place, Part), Vec<RecordedAnswer>>;

impl Recorded<'_> {
    /// Writes the scenario. `at`: whether it expects the run to end where it did.
    ///
    /// # Errors
    /// Something that it would need is not there.
    pub(crate) fn written(&self, at: bool) -> Result<WrittenScenario, String> {
        let opening = self.events.iter().find_map(|event| match event {
            Event::RunOpened(opening) => Some(opening),
            _ => None,
        });
        let opening = opening.ok_or("the run was never opened")?;
        let mut made = WrittenScenario::default();
        let out = &mut made.text;
        let mut line = |text: String| out.extend([text.as_str(), "\n"]);
        line("halligan_scenario: 1".to_owned());
        line(format!("runbook: {}", opening.runbook));
        line(format!("title: {}", scalar(&format!("As in run {}", self.run))));
        line(format!(
            "summary: {}",
            scalar(
                "Written from a recorded run. Each command answers what it did then, at its place: give it a world and rules that hold for more."
            )
        ));
        line(format!("now: {}", scalar(&self.began.to_string())));
        let whole = |name: &String, value: &serde_json::Value| !value.is_null() && !opening.plan.masked.contains(name);
        let any = opening.params.iter().any(|(name, value)| whole(name, value));
        line(if any { "params:".to_owned() } else { "params: {}".to_owned() });
        for (name, value) in &opening.params {
            line(if whole(name, value) { format!("  {}: {value}", scalar(name)) } else { format!("  # {name}: it was not recorded") });
        }
        self.installed(&mut line);
        let commands = self.commands()?;
        line(if commands.is_empty() { "commands: []".to_owned() } else { "commands:".to_owned() });
        let mut faults = Vec::new();
        for ((words, host), answers) in &commands {
            let first = answers.values().flatten().next();
            let all_same = answers.values().flatten().all(|answer| first.is_some_and(|first| answer.same(first)));
            for ((place, part), here) in answers {
                for (index, answer) in here.iter().enumerate() {
                    if matches!(answer.exit, Exit::Lost { .. }) {
                        faults.push(format!(
                            "  - {{step: {}, part: {}, call: {}, do: drop}}",
                            scalar(place.as_str()),
                            part.name(),
                            index + 1
                        ));
                    }
                    let mut when =
                        format!("place == '{}' and part == '{}'", place.as_str().replace('\\', "\\\\").replace('\'', "\\'"), part.name());
                    if index + 1 < here.len() {
                        when.push_str(" and calls < 1");
                    }
                    let when = (!all_same).then_some(when);
                    rule(self.name, words, host.as_deref(), when.as_deref(), answer, &mut line, &mut made.files);
                    if all_same {
                        break;
                    }
                }
                if all_same {
                    break;
                }
            }
        }
        if !faults.is_empty() {
            line("faults:".to_owned());
            faults.into_iter().for_each(&mut line);
        }
        self.decisions(&mut line);
        self.expectations(at, &mut line);
        Ok(made)
    }

    /// Every command with its answers, by where it ran.
    fn commands(&self) -> Result<IndexMap<RecordedCommand, RecordedAnswers>, String> {
        let mut commands: IndexMap<RecordedCommand, RecordedAnswers> = IndexMap::new();
        let mut under_way: BTreeMap<(Place, Part), Shown> = BTreeMap::new();
        for event in self.events {
            match event {
                Event::StepBegan { place, part, command, .. } => {
                    under_way.insert((place.clone(), *part), command.clone());
                }
                Event::StepEnded { place, part, exit, stdout, stderr, took, askings, .. } => {
                    let Some(command) = under_way.remove(&(place.clone(), *part)) else { continue };
                    if command.words.is_empty() {
                        continue;
                    }
                    let (stdout, stderr) = ((self.output)(stdout)?, (self.output)(stderr)?);
                    let waited = *askings > 1;
                    let took = if waited { Duration::ZERO } else { *took };
                    let answer = RecordedAnswer { exit: exit.clone(), stdout, stderr, took, waited };
                    let answers = commands.entry((command.words, command.host)).or_default();
                    answers.entry((place.clone(), *part)).or_default().push(answer);
                }
                _ => {}
            }
        }
        Ok(commands)
    }

    /// Who ran it, and which programs there were.
    fn installed(&self, line: &mut impl FnMut(String)) {
        let mut missing: Vec<&str> = Vec::new();
        for event in self.events {
            let Event::Checked { finding: Finding::Block { lacks: Some(lacks), .. }, .. } = event else { continue };
            match lacks {
                Shortfall::User { is } => line(format!("user: {}", scalar(is))),
                Shortfall::Programs(names) => missing.extend(names.iter().map(String::as_str)),
            }
        }
        let ran = self.events.iter().filter_map(|event| match event {
            Event::StepBegan { command, .. } => command.words.program(),
            _ => None,
        });
        let mut programs: Vec<&str> = self.programs.iter().map(String::as_str).chain(ran).filter(|name| !missing.contains(name)).collect();
        programs.sort_unstable();
        programs.dedup();
        line(format!("commands_present: [{}]", programs.into_iter().map(scalar).collect::<Vec<_>>().join(", ")));
    }

    /// What the operator said.
    fn decisions(&self, line: &mut impl FnMut(String)) {
        let mut answers: IndexMap<&str, Vec<String>> = IndexMap::new();
        let mut overrides: IndexMap<&str, &str> = IndexMap::new();
        for event in self.events {
            match event {
                Event::Confirmed { place: Some(place), typed, .. } => {
                    let said = serde_json::Value::from(typed.as_str()).to_string();
                    answers.entry(place.as_str()).or_default().push(said);
                }
                Event::Declined { place, .. } => {
                    let name = place.as_ref().map_or(PLAN, Place::as_str);
                    answers.entry(name).or_default().push("false".to_owned());
                }
                Event::Overridden { place, reason, .. } | Event::HoldOverridden { place, reason, .. } => {
                    overrides.insert(place.as_str(), reason);
                }
                _ => {}
            }
        }
        if !answers.is_empty() {
            line("answers:".to_owned());
        }
        for (place, said) in answers {
            let said = if said.len() == 1 { said.join("") } else { format!("[{}]", said.join(", ")) };
            line(format!("  {}: {said}", scalar(place)));
        }
        if !overrides.is_empty() {
            line("overrides:".to_owned());
        }
        for (place, reason) in overrides {
            line(format!("  {}: {}", scalar(place), serde_json::Value::from(reason)));
        }
    }

    fn expectations(&self, at: bool, line: &mut impl FnMut(String)) {
        let account = Account::of(self.events);
        line("expect:".to_owned());
        if let Some(outcome) = account.outcome {
            line(format!("  outcome: {}", outcome.name()));
        }
        if let (true, Some(place)) = (at, &account.at) {
            line(format!("  at: {}", scalar(place.as_str())));
        }
        let changes = self.events.iter().filter_map(|event| match event {
            Event::StepBegan { command, .. } if command.effect != crate::event::Effect::Read && !command.words.is_empty() => Some(command),
            _ => None,
        });
        let changes: Vec<&Shown> = changes.collect();
        if !changes.is_empty() {
            line("  ran:".to_owned());
        }
        for command in changes {
            let on = command.host.as_ref().map(|host| format!(", on: {}", scalar(&super::matcher::escape(host)))).unwrap_or_default();
            line(format!("    - {{{}{on}}}", pattern(&command.words)));
        }
        let owed: Vec<String> = account.owed.iter().map(|place| scalar(place.as_str())).collect();
        line(format!("  owed: [{}]", owed.join(", ")));
    }
}

/// The pattern that matches exactly this command.
fn pattern(words: &Words) -> String {
    match words {
        Words::Script(script) => format!("script: {}", serde_json::Value::from(format!("^{}$", regex::escape(script)))),
        Words::Argv(argv) => {
            let words: Vec<String> = argv.iter().map(|word| scalar(&super::matcher::escape(word))).collect();
            format!("match: [{}]", words.join(", "))
        }
    }
}

fn rule(
    name: &str,
    words: &Words,
    host: Option<&str>,
    when: Option<&str>,
    answer: &RecordedAnswer,
    line: &mut impl FnMut(String),
    files: &mut BTreeMap<String, Vec<u8>>,
) {
    line(format!("  - {}", pattern(words)));
    if let Some(host) = host {
        line(format!("    on: {}", scalar(&super::matcher::escape(host))));
    }
    if let Some(when) = when {
        line(format!("    when: {}", serde_json::Value::from(when)));
    }
    if answer.waited {
        line("    # It was asked again and again; only this last answer was recorded.".to_owned());
    }
    if !answer.took.is_zero() {
        line(format!("    takes: {}ms", answer.took.as_millis()));
    }
    match literal(&answer.stdout) {
        _ if answer.stdout.is_empty() => {}
        Some(text) => line(format!("    stdout: {text}")),
        None => {
            let path = format!("fixtures/{name}/{}", files.len() + 1);
            line(format!("    stdout_file: {path}"));
            files.insert(path, answer.stdout.clone());
        }
    }
    let mut stderr = String::from_utf8_lossy(&answer.stderr).into_owned();
    let code = match &answer.exit {
        Exit::Code(code) => *code,
        Exit::Signal(signal) => 128 + signal,
        Exit::Interrupted { .. } => 130,
        Exit::NotStarted { why } => {
            let _ = writeln!(stderr, "{why}");
            127
        }
        Exit::TimedOut { .. } | Exit::Lost { .. } => 0,
    };
    if !stderr.is_empty() {
        line(format!("    stderr: {}", quoted(&stderr)));
    }
    if code != 0 {
        line(format!("    code: {}", code & 0xff));
    }
    if matches!(answer.exit, Exit::TimedOut { .. }) {
        line("    hang: true".to_owned());
    }
}

/// Short text as a YAML scalar.
fn literal(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.len() <= INLINE).then(|| quoted(text))
}

/// Text that prints as it stands, though templates mean something by braces.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        // No file of ours holds a control character, not even escaped: a filter makes it again.
        return serde_json::Value::from(format!("{{{{ {} | from_json }}}}", serde_json::Value::from(json))).to_string();
    }
    if crate::expression::is_dynamic(text) {
        // A template that is one literal.
        return serde_json::Value::from(format!("{{{{ {json} }}}}")).to_string();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_printed_again() {
        use super::super::{bench, scenario::Scenario};
        for printed in ["plain\n", "{{ not a template }} {% x %}\t'\"", "it's: #1\n- [x]\n", "\u{1b}[31m"] {
            let answer = RecordedAnswer {
                exit: Exit::Code(3),
                stdout: printed.into(),
                stderr: Vec::new(),
                took: Duration::from_secs(1),
                waited: false,
            };
            let mut text = "halligan_scenario: 1\nrunbook: x\ntitle: t\ncommands:\n".to_owned();
            rule(
                "s",
                &Words::Argv(vec!["a".into(), "{x}".into()]),
                None,
                None,
                &answer,
                &mut |line| text.extend([line.as_str(), "\n"]),
                &mut BTreeMap::new(),
            );
            let scenario = Scenario::parse("s.yaml", &text).unwrap();
            let rehearsal = super::super::rehearsal::Rehearsal::new(scenario.into(), None);
            let ran = bench::execute(&rehearsal, &bench::order("a {x}"));
            assert_eq!((ran.exit, String::from_utf8(ran.stdout.head).unwrap().as_str()), (Exit::Code(3), printed), "{text}");
        }
    }
}
