//! Answers commands from the simulated world instead of running them.

use std::{
    collections::HashMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use minijinja::{Value, value::ValueKind};

use crate::{
    event::Exit,
    ports::{Executor, Interrupts, LedgerError, Order, Printed, Ran, Site, Urgency, Words},
};

use super::{
    document::Mishap,
    fault::Fault,
    rule::{Code, Injection, Printout, Rule},
    scenario::exit_code,
    stage::{Call, Stage, Violation},
    suggestion,
    world::Locals,
};

/// Where the steps of the runbook stand: file and line, by step id.
pub type StepLines = HashMap<String, (String, usize)>;

/// The simulated world as an executor. What it cannot answer it fails, and remembers why.
#[derive(Debug)]
pub struct Simulator {
    stage: Arc<Mutex<Stage>>,
    steps: StepLines,
}

/// How a command ends.
struct Ending {
    exit: Exit,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    rule: Option<usize>,
}

impl Ending {
    fn silent(exit: Exit) -> Self {
        Self { exit, stdout: Vec::new(), stderr: Vec::new(), rule: None }
    }

    fn not_started(why: impl Into<String>) -> Self {
        Self::silent(Exit::NotStarted { why: why.into() })
    }

    /// Over time, and killed.
    fn late(limit: Duration) -> Self {
        Self::silent(Exit::TimedOut { after_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX), killed: true })
    }
}

impl Simulator {
    pub(super) fn new(stage: Arc<Mutex<Stage>>, steps: StepLines) -> Self {
        Self { stage, steps }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong with the scenario itself so far; asked again, only what is new.
    pub fn take_faults(&self) -> Vec<Fault> {
        std::mem::take(&mut self.stage().faults)
    }

    /// Every command so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.stage().calls.clone()
    }

    /// What must never be true, and was; each once.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.stage().violations.clone()
    }

    /// A value of the world as it is now, by its path.
    #[must_use]
    pub fn world(&self, path: &str) -> Option<Value> {
        self.stage().world.get(path)
    }

    /// Faults that have not struck, by their index, with how often their command was called.
    #[must_use]
    pub fn injections_left(&self) -> Vec<(usize, u32)> {
        let stage = self.stage();
        let left = stage.scenario.injections.iter().zip(&stage.counted).enumerate();
        left.filter(|(_, (injection, counted))| **counted < injection.call).map(|(index, (_, counted))| (index, *counted)).collect()
    }

    fn answer(&self, stage: &mut Stage, order: &Order) -> (Ending, Option<usize>) {
        let scenario = Arc::clone(&stage.scenario);
        let mut struck: Option<(usize, &Injection)> = None;
        for (index, injection) in scenario.injections.iter().enumerate() {
            let here = injection.part == order.part && (injection.step == order.place.as_str() || injection.step == order.place.step());
            if here {
                stage.counted[index] += 1;
                if stage.counted[index] == injection.call && struck.is_none() {
                    struck = Some((index, injection));
                }
            }
        }
        let index = struck.map(|(index, _)| index);
        let mishap = struck.map(|(_, injection)| injection);
        let ending = match mishap.map(|injection| injection.mishap) {
            Some(Mishap::Fail) => Ending {
                stderr: mishap.map(|injection| injection.stderr.clone().into_bytes()).unwrap_or_default(),
                ..Ending::silent(Exit::Code(mishap.map_or(1, |injection| injection.code)))
            },
            Some(Mishap::Hang) => hang(stage, order, Duration::ZERO, mishap.and_then(|injection| injection.line)),
            Some(Mishap::Slow) => self.by_rule(stage, order, mishap.map(|injection| injection.takes).unwrap_or_default()),
            Some(Mishap::Garble) => {
                let mut ending = self.by_rule(stage, order, Duration::ZERO);
                garble(&mut ending.stdout);
                ending
            }
            None => self.by_rule(stage, order, Duration::ZERO),
        };
        (ending, index)
    }

    fn by_rule(&self, stage: &mut Stage, order: &Order, longer: Duration) -> Ending {
        let scenario = Arc::clone(&stage.scenario);
        if let Words::Argv(argv) = &order.words
            && scenario.programs_listed
            && let Some(program) = argv.first()
            && !installed(&scenario.programs, program)
        {
            return Ending::not_started(format!("{program}: command not found"));
        }
        for (index, rule) in scenario.rules.iter().enumerate() {
            let Some(captures) = rule.pattern.matches(&order.words, order.host.as_deref()) else { continue };
            let locals = locals(stage, order, captures, index);
            if let Some(when) = &rule.when {
                match when.evaluate_bool(&stage.scope(&locals)) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => return broken(stage, rule, &format!("commands[{index}].when: {error}")),
                }
            }
            stage.answered[index] += 1;
            let mut ending = obey(stage, order, rule, index, &locals, longer);
            ending.rule = Some(index);
            return ending;
        }
        self.unanswered(stage, order)
    }

    fn unanswered(&self, stage: &mut Stage, order: &Order) -> Ending {
        let what = format!("no rule answers `{}` ({})", suggestion::command(order), order.place);
        let (file, line) = match self.steps.get(order.place.step()) {
            Some((file, line)) => (file.clone(), Some(*line)),
            None => (stage.scenario.name.clone(), None),
        };
        let hint = format!("add to `commands:` in {}:\n{}", stage.scenario.name, suggestion::rule(order));
        stage.remember(Fault { file, line, what: what.clone(), hint: Some(hint) });
        Ending::not_started(what)
    }
}

/// The names that a rule sees beside the world.
fn locals(stage: &Stage, order: &Order, captures: Vec<(String, Value)>, rule: usize) -> Locals {
    let mut locals = captures;
    let argv: Vec<Value> = match &order.words {
        Words::Argv(argv) => argv.iter().map(Value::from).collect(),
        Words::Script(script) => vec![Value::from(script)],
    };
    locals.push(("argv".to_owned(), Value::from(argv)));
    locals.push(("host".to_owned(), Value::from(order.host.as_deref())));
    locals.push(("user".to_owned(), Value::from(order.user.as_deref().unwrap_or(&stage.scenario.user))));
    locals.push(("stdin".to_owned(), Value::from(order.stdin.as_deref())));
    locals.push(("env".to_owned(), Value::from_pairs(order.env.iter().map(|variable| (variable.name.as_str(), variable.value.as_str())))));
    locals.push(("params".to_owned(), stage.params.clone()));
    locals.push(("calls".to_owned(), Value::from(stage.answered.get(rule).copied().unwrap_or_default())));
    Arc::new(locals)
}

/// A rule that cannot be followed: the scenario has failed, whatever the runbook makes of it.
fn broken(stage: &mut Stage, rule: &Rule, what: &str) -> Ending {
    stage.fault(rule.line, what);
    Ending::not_started(format!("the scenario is broken: {what}"))
}

/// Never ends by itself. `already` is how long it has been under way.
fn hang(stage: &mut Stage, order: &Order, already: Duration, line: Option<usize>) -> Ending {
    if let Some(limit) = order.timeout {
        stage.advance(limit.saturating_sub(already));
        return Ending::late(limit);
    }
    let what = format!("`{}` hangs for ever: {} has no timeout", suggestion::command(order), order.place);
    stage.fault(line, what.clone());
    Ending::not_started(what)
}

/// Does what the rule says: lets its time pass, changes the world, prints.
fn obey(stage: &mut Stage, order: &Order, rule: &Rule, index: usize, locals: &Locals, longer: Duration) -> Ending {
    let takes = rule.takes.saturating_add(longer);
    if let Some(limit) = order.timeout
        && limit < takes
    {
        stage.advance(limit);
        return Ending::late(limit);
    }
    stage.advance(takes);
    if let Err(what) = stage.change(&rule.set, locals) {
        return Ending::not_started(format!("the scenario is broken: {what}"));
    }
    for (delay, set) in &rule.after {
        stage.later(*delay, Arc::clone(set), Arc::clone(locals), order.place.clone());
    }
    if rule.hang {
        return hang(stage, order, takes, rule.line);
    }
    let scope = stage.scope(locals);
    let stdout = match &rule.stdout {
        Printout::Nothing => Ok(Vec::new()),
        Printout::Template(template) => template.evaluate(&scope).map_err(|error| error.message).and_then(|value| text(&value)),
        Printout::Json(formula) => formula.evaluate(&scope).and_then(|value| serde_json::to_vec(&value).map_err(|error| error.to_string())),
        Printout::Bytes(bytes) => Ok(bytes.to_vec()),
        Printout::Unread(path) => Err(format!("the fixture {path} has not been read")),
    };
    let stdout = match stdout {
        Ok(stdout) => stdout,
        Err(what) => return broken(stage, rule, &format!("commands[{index}].stdout: {what}")),
    };
    let stderr = rule.stderr.as_ref().map(|template| template.evaluate(&scope).map_err(|error| error.message));
    let stderr = match stderr.unwrap_or_else(|| Ok(Value::from(""))).and_then(|value| text(&value)) {
        Ok(stderr) => stderr,
        Err(what) => return broken(stage, rule, &format!("commands[{index}].stderr: {what}")),
    };
    let code = match &rule.code {
        Code::Fixed(code) => Ok(*code),
        Code::Template(template) => template.evaluate(&scope).map_err(|error| error.message).and_then(|value| {
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            exit_code(number.ok_or_else(|| format!("`{value}` is no whole number"))?)
        }),
    };
    match code {
        Ok(code) => Ending { exit: Exit::Code(code), stdout, stderr, rule: None },
        Err(what) => broken(stage, rule, &format!("commands[{index}].code: {what}")),
    }
}

/// A value as a command prints it. What only Jinja would print so is refused: `True`, `[1, 2]`.
fn text(value: &Value) -> Result<Vec<u8>, String> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string().into_bytes()),
        kind => Err(format!("no command prints a {kind}; write it with `| tojson`, or use `json:`")),
    }
}

/// Cuts output in half and leaves bytes that are no text.
fn garble(output: &mut Vec<u8>) {
    output.truncate(output.len() / 2);
    output.extend_from_slice(b"\xff\xfe\x00#");
}

fn installed(programs: &[String], program: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    programs.iter().any(|other| other == program || (name(other) == name(program) && (!other.contains('/') || !program.contains('/'))))
}

fn print(site: &dyn Site, bytes: &[u8]) -> Result<Printed, LedgerError> {
    let mut capture = site.capture()?;
    capture.write_all(bytes).map_err(|source| LedgerError { what: "its output could not be kept".to_owned(), source: Some(source) })?;
    for line in String::from_utf8_lossy(bytes).lines() {
        site.line(line);
    }
    Ok(Printed::new(capture.finish()?, bytes[..bytes.len().min(Printed::LIMIT)].to_vec()))
}

impl Executor for Simulator {
    fn admits(&self, _order: &Order) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        let stage = self.stage();
        installed(&stage.scenario.programs, program)
            .then(|| if program.contains('/') { PathBuf::from(program) } else { PathBuf::from("/usr/bin").join(program) })
    }

    fn user(&self) -> String {
        self.stage().scenario.user.clone()
    }

    fn execute(&self, order: &Order, site: &dyn Site, stop: &Interrupts) -> Result<Ran, LedgerError> {
        // The lock is gone before the site is spoken to: it may look at the clock.
        let (ending, took) = {
            let mut stage = self.stage();
            let at = stage.now();
            stage.place = Some(order.place.clone());
            let (ending, injection) = self.answer(&mut stage, order);
            stage.place = None;
            let took = stage.now().saturating_sub(at);
            stage.calls.push(Call {
                at,
                took,
                place: order.place.clone(),
                part: order.part,
                words: order.words.clone(),
                host: order.host.clone(),
                exit: ending.exit.clone(),
                rule: ending.rule,
                injection,
            });
            if stage.endless() {
                stop.raise(Urgency::AtOnce);
            }
            (ending, took)
        };
        let stdout = print(site, &ending.stdout)?;
        let stderr = print(site, &ending.stderr)?;
        Ok(Ran { exit: ending.exit, stdout, stderr, took, leaked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::bench::{Bench, execute, order, rehearsal, run},
        *,
    };
    use crate::{event::Part, ports::Clock};

    const RESTART: &str = "
world: {up: [0, 1, 2, 3], noout: false, osd: {'3': {up: true}}}
commands:
  - match: [ceph, osd, '{what:set|unset}', noout]
    set: {noout: \"{{ what == 'set' }}\"}
    stderr: \"noout is {{ what }}\\n\"
  - match: [systemctl, restart, 'ceph-osd@{id:int}']
    on: osd-host-{n:int}
    takes: 4s
    set: {up: \"{{ up | reject('equalto', id) | list }}\", 'osd.{{ id }}.up': false}
    after:
      5s: {set: {up: \"{{ up + [id] }}\"}}
  - match: [ceph, -s]
    json: {up: '{{ up }}', noout: '{{ noout }}', n: 3}
  - match: [ceph, osd, ok-to-stop, '{id:int}']
    when: up | length < 4
    code: 16
  - match: [ceph, osd, ok-to-stop, '{id:int}']
    stdout: \"osd.{{ id }} {{ calls }} {{ env.A }} {{ argv | length }} {{ user }}\\n\"
  - script: 'rm (?P<file>\\S+)'
    stdout: \"{{ file }}\"
";

    #[test]
    fn the_world_keeps_its_state_and_its_time() {
        let rehearsal = rehearsal(RESTART);
        assert_eq!(run(&rehearsal, "ceph osd set noout"), "Code(0) ");
        assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 3"), "Code(0) osd.3 0 b 4 root\n");
        let restart = Order { host: Some("osd-host-2".into()), ..order("systemctl restart ceph-osd@3") };
        let ran = execute(&rehearsal, &restart);
        assert_eq!((ran.exit, ran.took), (Exit::Code(0), Duration::from_secs(4)));
        assert_eq!(run(&rehearsal, "ceph -s"), r#"Code(0) {"up":[0,1,2],"noout":true,"n":3}"#);
        assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(16) ");
        assert_eq!(rehearsal.simulator.world("osd.3.up"), Some(Value::from(false)));
        rehearsal.clock.pause(Duration::from_millis(4999), &Interrupts::default());
        assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(16) ");
        rehearsal.clock.pause(Duration::from_millis(1), &Interrupts::default());
        assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(0) osd.2 1 b 4 root\n");
        assert_eq!(rehearsal.clock.elapsed(), Duration::from_secs(9));
        let calls = rehearsal.simulator.calls();
        assert_eq!((calls[2].at, calls[2].host.as_deref(), calls[2].rule), (Duration::ZERO, Some("osd-host-2"), Some(1)));
        assert_eq!(rehearsal.simulator.take_faults(), []);
    }

    #[test]
    fn scripts_and_the_lines_that_they_print() {
        let rehearsal = rehearsal(RESTART);
        let bench = Bench::default();
        let script = Order { words: Words::Script("cd /\nrm /tmp/x\n".into()), ..order("x") };
        let ran = rehearsal.simulator.execute(&script, &bench, &Interrupts::default()).unwrap();
        assert_eq!(ran.stdout.captured.bytes, 6);
        assert_eq!(*bench.lines.lock().unwrap(), ["/tmp/x"]);
    }

    #[test]
    fn a_command_without_a_rule_is_a_fault_with_the_rule_to_write() {
        let mut rehearsal = rehearsal(RESTART);
        rehearsal.simulator.steps.insert("step".into(), ("x.yaml".into(), 12));
        let ran = execute(&rehearsal, &Order { host: Some("h1".into()), ..order("kubectl get -o jsonpath={.x} 3 it's") });
        assert!(matches!(ran.exit, Exit::NotStarted { .. }));
        let faults = rehearsal.simulator.take_faults();
        assert_eq!(
            faults[0].to_string(),
            "x.yaml:12: no rule answers `kubectl get -o jsonpath={.x} 3 it's on h1` (each[i=1].step)\n\
             add to `commands:` in s.yaml:\n  - match: [kubectl, get, '-o', 'jsonpath=\\{.x\\}', '3', 'it''s']\n    on: h1\n    \
             stdout: ''    # what does it print?\n"
        );
        assert!(rehearsal.simulator.take_faults().is_empty());
    }

    #[test]
    fn the_suggested_rule_answers_the_command() {
        let odd = Words::Argv(["kubectl", "yes", "", "a b", "{x}", "it's", "\\{", "a: b", "#", "tab\t", "-"].map(ToOwned::to_owned).into());
        for order in [
            Order { words: odd, host: Some("h-{1}".into()), ..order("x") },
            Order { words: Words::Script("# a comment\n  echo 'a' | tee $(x)\n".into()), ..order("x") },
        ] {
            let rehearsal = rehearsal(&format!("commands:\n{}", suggestion::rule(&order)));
            assert_eq!(execute(&rehearsal, &order).exit, Exit::Code(0), "{}", suggestion::rule(&order));
        }
    }

    #[test]
    fn what_cannot_be_evaluated_fails_the_command_and_the_scenario() {
        for (rule, line) in [
            ("stdout: '{{ w.gone }}'", 6),
            ("stdout: '{{ w.n < 3 }}'", 6),
            ("stdout: '{{ w }}'", 6),
            ("stderr: '{{ true }}'", 6),
            ("when: w.gone", 6),
            ("when: w", 6),
            ("code: '{{ w.n }}'", 6),
            ("code: '{{ 300 }}'", 6),
            ("stderr: 'x {{ w.gone }}'", 6),
            ("set: {w: '{{ w.gone }}'}", 7),
            ("set: {w.x.y: 1}", 7),
        ] {
            let rehearsal = rehearsal(&format!("world: {{w: {{n: text}}}}\ncommands:\n  - match: [x]\n    {rule}\n"));
            assert!(run(&rehearsal, "x").starts_with("NotStarted"), "{rule}");
            let faults = rehearsal.simulator.take_faults();
            assert_eq!((faults.len(), faults[0].file.as_str(), faults[0].line), (1, "s.yaml", Some(line)), "{rule}: {faults:?}");
        }
    }

    #[test]
    fn what_hangs_is_killed_at_its_timeout_and_has_done_its_work() {
        let rehearsal = rehearsal("world: {w: 0}\ncommands:\n  - match: [x]\n    takes: 2s\n    set: {w: 1}\n    hang: true\n");
        let ran = execute(&rehearsal, &order("x"));
        assert_eq!((ran.exit, ran.took), (Exit::TimedOut { after_ms: 60_000, killed: true }, Duration::from_secs(60)));
        assert_eq!(rehearsal.simulator.world("w"), Some(Value::from(1)));
        let forever = execute(&rehearsal, &Order { timeout: None, ..order("x") });
        assert!(matches!(forever.exit, Exit::NotStarted { .. }));
        assert!(rehearsal.simulator.take_faults()[0].what.contains("has no timeout"));
    }

    #[test]
    fn each_kind_of_fault_strikes_its_call_and_no_other() {
        let world = "world: {w: 0}\ncommands:\n  - match: [x]\n    set: {w: '{{ w + 1 }}'}\n    stdout: abcdefgh\nfaults:\n";
        let third = |fault: &str| {
            let rehearsal = rehearsal(&format!("{world}  - {{step: step, call: 3, {fault}}}\n"));
            let _ = (run(&rehearsal, "x"), run(&rehearsal, "x"));
            // Another part of the step is not counted.
            execute(&rehearsal, &Order { part: Part::Verify, ..order("x") });
            assert_eq!(rehearsal.simulator.injections_left(), [(0, 2)]);
            let struck = execute(&rehearsal, &order("x"));
            assert!(rehearsal.simulator.injections_left().is_empty());
            assert_eq!(rehearsal.simulator.calls()[3].injection, Some(0));
            let world = rehearsal.simulator.world("w").unwrap().to_string();
            assert_eq!(run(&rehearsal, "x"), "Code(0) abcdefgh");
            (struck, world)
        };
        let (ran, world_after) = third("do: fail, code: 5, stderr: no");
        assert_eq!((ran.exit, ran.stderr.head, world_after.as_str()), (Exit::Code(5), b"no".to_vec(), "3"));
        let (ran, world_after) = third("do: hang");
        assert_eq!((ran.exit, world_after.as_str()), (Exit::TimedOut { after_ms: 60_000, killed: true }, "3"));
        let (ran, world_after) = third("do: garble");
        assert_eq!((ran.exit, world_after.as_str()), (Exit::Code(0), "4"));
        assert!(ran.stdout.head.starts_with(b"abcd\xff") && std::str::from_utf8(&ran.stdout.head).is_err());
        let (ran, world_after) = third("do: slow, takes: 59s");
        assert_eq!((ran.exit, ran.took.as_secs(), world_after.as_str()), (Exit::Code(0), 59, "4"));
        let (ran, world_after) = third("do: slow, takes: 61s");
        assert_eq!((ran.exit, world_after.as_str()), (Exit::TimedOut { after_ms: 60_000, killed: true }, "3"));
    }

    #[test]
    fn events_happen_in_their_order_and_conditions_once() {
        let rehearsal = rehearsal(
            "world: {log: [], degraded: 20, alarm: false}
events:
  - {at: 3s, set: {log: \"{{ log + ['c'] }}\"}}
  - {at: 1s, set: {log: \"{{ log + ['a'] }}\"}}
  - {at: 1s, set: {log: \"{{ log + ['b'] }}\"}}
  - {every: 1s, at: 2s, when: degraded > 0, set: {degraded: '{{ [degraded - 5, 0] | max }}'}}
  - {when: degraded <= 10, set: {alarm: true, log: \"{{ log + [elapsed] }}\"}}
",
        );
        rehearsal.clock.pause(Duration::from_secs(600), &Interrupts::default());
        let log = serde_json::to_string(&rehearsal.simulator.world("log").unwrap()).unwrap();
        assert_eq!(log, r#"["a","b","c",3.0]"#);
        assert_eq!(rehearsal.simulator.world("degraded"), Some(Value::from(0)));
        assert_eq!(rehearsal.clock.now(), "2026-11-01T03:10:00Z".parse().unwrap());
        assert_eq!(rehearsal.simulator.take_faults(), []);
    }

    #[test]
    fn what_is_not_installed_is_not_started() {
        let rehearsal = rehearsal("commands_present: [ceph]\ncommands:\n  - match: [ceph]\n  - match: ['{any}']\n");
        assert!(rehearsal.simulator.locate("ceph").is_some() && rehearsal.simulator.locate("rbd").is_none());
        assert!(run(&rehearsal, "rbd").starts_with("NotStarted"));
        assert!(rehearsal.simulator.take_faults().is_empty(), "a missing program is part of the scenario");
        assert_eq!(run(&rehearsal, "/usr/bin/ceph"), "Code(0) ");
    }

    #[test]
    fn what_never_ends_is_ended() {
        let rehearsal = rehearsal("commands: [{match: [x]}]\n");
        let stop = Interrupts::default();
        for _ in 0..367 {
            rehearsal.clock.pause(Duration::from_secs(86400), &stop);
        }
        assert_eq!(stop.urgency(), Urgency::AtOnce);
        assert!(rehearsal.simulator.take_faults()[0].what.contains("does not end"));
    }

    #[test]
    fn a_thousand_steps_and_six_hours_pass_in_no_time() {
        let rehearsal = rehearsal(
            "world: {n: 0, degraded: 100000, up: [1, 2, 3]}
commands:
  - match: [set, '{id:int}']
    set: {n: '{{ n + 1 }}'}
  - match: [status]
    stdout: \"{ 'n': {{ n }}, {% for id in up %}'osd.{{ id }}': {{ degraded }}, {% endfor %} }\"
events:
  - {every: 5s, when: degraded > 0, set: {degraded: '{{ degraded - 1 }}'}}
expect:
  never: [n < 0, 'degraded < 0', 'up | length < 3']
",
        );
        let began = std::time::Instant::now();
        let stop = Interrupts::default();
        for step in 0..1000 {
            run(&rehearsal, &format!("set {step}"));
        }
        while rehearsal.clock.elapsed() < Duration::from_secs(6 * 3600) {
            run(&rehearsal, "status");
            rehearsal.clock.pause(Duration::from_secs(5), &stop);
        }
        assert_eq!(rehearsal.simulator.world("degraded"), Some(Value::from(100_000 - 4320)));
        // Generous, for a debug build on a busy machine.
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}
