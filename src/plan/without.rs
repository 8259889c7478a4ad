//! What can still be done of a runbook where something is missing: what of it needs that, and how far a run would come.
//!
//! Nothing is run and nothing is evaluated: what an expression will yield is told as what it may yield.

use std::collections::BTreeSet;

use super::{Called, missing::Missing};
use crate::{
    expression,
    inventory::{Inventory, KindName},
    runbook::{
        model::{Choices, Command, Effect, Kind, OnFail, Probe, Program, Runbook, Severity, Step, Template, Undo},
        words,
    },
};

/// How much depends on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// The run goes on without it: a warning that is not given, something that cannot be taken back.
    Passes,
    /// It may stop the run: under a condition, or for some values.
    MayStop,
    Stops,
}

/// Something in a runbook that needs what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependence {
    /// `check health`, `step restart`.
    pub at: String,
    pub why: String,
    pub weight: Weight,
    /// Before anything is changed.
    pub before: bool,
}

/// What comes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// Nothing in it needs what is missing.
    Whole,
    /// It depends on values and conditions that a run has.
    Depends,
    /// It comes to a step that needs it, or can be run and lacks something.
    Part,
    /// It does not begin.
    Blocked,
}

/// All that a runbook needs of what is missing, in the order in which a run comes to it.
#[must_use]
pub(crate) fn needs(runbook: &Runbook, called: &Called, inventory: Option<&Inventory>, missing: &[Missing]) -> Vec<Dependence> {
    let mut search = Search { called, inventory, missing, found: Vec::new(), inside: Vec::new() };
    search.runbook(runbook, "", false);
    search.found
}

/// What comes of a run that needs all this, and the step at which it stops.
#[must_use]
pub(crate) fn judged(needs: &[Dependence]) -> (Without, Option<&str>) {
    let stops = || needs.iter().filter(|need| need.weight == Weight::Stops);
    if stops().any(|need| need.before) {
        return (Without::Blocked, None);
    }
    if let Some(first) = stops().next() {
        return (Without::Part, Some(&first.at));
    }
    let most = needs.iter().map(|need| need.weight).max();
    let verdict = match most {
        None => Without::Whole,
        Some(Weight::Passes) => Without::Part,
        Some(Weight::MayStop | Weight::Stops) => Without::Depends,
    };
    (verdict, None)
}

struct Search<'a> {
    called: &'a Called,
    inventory: Option<&'a Inventory>,
    missing: &'a [Missing],
    found: Vec<Dependence>,
    /// Runbooks that are being gone through.
    inside: Vec<&'a str>,
}

/// A text that a template may stand for.
struct SaidText {
    text: String,
    /// It does, whatever the values are.
    surely: bool,
}

/// Why something is needed, and whether it surely is.
type Reason = (String, bool);

impl<'a> Search<'a> {
    fn add(&mut self, at: &str, before: bool, weight: Weight, reasons: Vec<Reason>) {
        for (why, surely) in reasons {
            let weight = if surely { weight } else { weight.min(Weight::MayStop) };
            let need = Dependence { at: at.to_owned(), why, weight, before };
            if !self.found.contains(&need) {
                self.found.push(need);
            }
        }
    }

    fn runbook(&mut self, runbook: &'a Runbook, at: &str, conditional: bool) {
        // A call that leads back to where it came from is a fault that is found elsewhere.
        if self.inside.contains(&runbook.name.as_str()) {
            return;
        }
        self.inside.push(runbook.name.as_str());
        let (before, stops) = (at.is_empty(), if conditional { Weight::MayStop } else { Weight::Stops });
        let here = |what: &str| format!("{at}{what}");
        for name in &runbook.requires.commands {
            let required = self.missing.iter().any(|missing| missing.is_run(std::slice::from_ref(name)));
            self.add(
                &here("requires"),
                before,
                stops,
                required.then(|| (format!("requires the program {name}"), true)).into_iter().collect(),
            );
        }
        if let Some(user) = runbook.requires.user.as_ref().filter(|user| self.missing.contains(&Missing::User((*user).clone()))) {
            self.add(&here("requires"), before, stops, vec![(format!("is run by the user {user}"), true)]);
        }
        for missing in self.missing {
            let Missing::Variable(name) = missing else { continue };
            let passed: BTreeSet<&str> = runbook.environment.iter().flat_map(|passed| passed.among(&[name.as_str()].into())).collect();
            let passes = passed.iter().map(|name| (format!("its commands are given {name}"), false));
            let given = runbook.params.iter().filter(|param| param.from_env.as_ref() == Some(name));
            let given = given.map(|param| (format!("params.{} is taken from {name} where it is not given", param.name), false));
            let reasons = passes.chain(given).collect();
            self.add(&here("environment"), before, Weight::MayStop, reasons);
        }
        for param in &runbook.params {
            if let Some(Choices::Live { command, .. }) = &param.choices {
                let reasons = self.command(runbook, command);
                self.add(&here(&format!("choices of {}", param.name)), before, Weight::MayStop, reasons);
            }
        }
        self.locks(runbook, &here("locks"), before, stops);
        if let Some(probe) = &runbook.identity {
            let reasons = self.probe(runbook, probe);
            self.add(&here("identity"), before, stops, reasons);
        }
        for probe in &runbook.preflight {
            let name = probe.id.as_ref().map_or("", |id| id.as_str());
            let reasons = self.probe(runbook, probe);
            let weight = weight_of(probe, conditional);
            self.add(&here(&format!("check {name}")), before, weight, reasons);
        }
        self.steps(runbook, &runbook.steps, at, conditional);
        self.inside.pop();
    }

    fn steps(&mut self, runbook: &'a Runbook, steps: &'a [Step], at: &str, conditional: bool) {
        for step in steps {
            self.step(runbook, step, at, conditional);
        }
    }

    fn step(&mut self, runbook: &'a Runbook, step: &'a Step, at: &str, conditional: bool) {
        let conditional = conditional || step.when.is_some();
        let name = format!("{at}step {}{}", step.id, step.case.as_ref().map(|case| format!(" ({case})")).unwrap_or_default());
        let stops = match step.on_fail {
            OnFail::Continue => Weight::Passes,
            OnFail::Stop | OnFail::Ask | OnFail::Rollback if conditional => Weight::MayStop,
            OnFail::Stop | OnFail::Ask | OnFail::Rollback => Weight::Stops,
        };
        for probe in &step.holds {
            let reasons = self.probe(runbook, probe);
            self.add(&format!("{name}, what must hold"), false, stops.min(weight_of(probe, conditional)), reasons);
        }
        if let Some(probe) = &step.done_if {
            let reasons = self.probe(runbook, probe);
            self.add(&format!("{name}, whether it is done"), false, stops.min(Weight::MayStop), reasons);
        }
        match &step.kind {
            Kind::Command(command) => {
                let reasons = self.command(runbook, command);
                self.add(&name, false, stops, reasons);
            }
            Kind::Wait(wait) => {
                let reasons = wait.command.iter().flat_map(|command| self.command(runbook, command)).collect();
                self.add(&name, false, stops, reasons);
            }
            Kind::Probe(probe) => {
                let reasons = self.probe(runbook, probe);
                self.add(&name, false, stops.min(weight_of(probe, conditional)), reasons);
            }
            Kind::Confirm(confirm) => {
                let reasons = confirm.show.iter().flat_map(|probe| self.probe(runbook, probe)).collect();
                self.add(&format!("{name}, what is shown"), false, Weight::Passes, reasons);
            }
            Kind::Manual(manual) => {
                let reasons = manual.verify.iter().flat_map(|probe| self.probe(runbook, probe)).collect();
                self.add(&format!("{name}, its proof"), false, stops, reasons);
            }
            Kind::ForEach(each) => {
                let reasons = each.before_batch.iter().flat_map(|probe| self.probe(runbook, probe)).collect();
                self.add(&format!("{name}, before a batch"), false, stops, reasons);
                self.steps(runbook, &each.steps, at, conditional || stops != Weight::Stops);
            }
            Kind::Group { steps, .. } => self.steps(runbook, steps, at, conditional || stops != Weight::Stops),
            Kind::Choose(choose) => choose.cases.values().for_each(|case| self.step(runbook, case, at, true)),
            Kind::Call(call) => {
                let called = self.called;
                if let Some(inner) = called.get(&call.runbook) {
                    self.runbook(inner, &format!("{name} > "), conditional || stops != Weight::Stops);
                }
            }
        }
        if let Some(probe) = &step.verify {
            let reasons = self.probe(runbook, probe);
            self.add(&format!("{name}, its proof"), false, stops, reasons);
        }
        if let Undo::Command(remedy) = &step.undo {
            let reasons = self.command(runbook, &remedy.command);
            self.add(&format!("{name}, its undo"), false, Weight::Passes, reasons);
        }
        if let Some(remedy) = &step.cleanup {
            let reasons = self.command(runbook, &remedy.command);
            self.add(&format!("{name}, its cleanup"), false, Weight::Passes, reasons);
        }
    }

    /// Locks that operators on different hosts share are taken by commands of the inventory.
    fn locks(&mut self, runbook: &Runbook, at: &str, before: bool, stops: Weight) {
        let Some(inventory) = self.inventory else { return };
        for name in &runbook.locks {
            let names: Vec<_> = Self::said(runbook, name);
            for (lock, shared) in &inventory.locks {
                let Some(said) = names.iter().find(|said| said.text == *lock) else { continue };
                let on = shared.on.as_deref().unwrap_or("local");
                let mut reasons = self.way(on, said.surely);
                let commands = shared.commands();
                for argv in commands.iter().flat_map(|words| words::commands_of_argv(words)) {
                    let program = self.missing.iter().filter(|missing| missing.is_run(&argv));
                    reasons.extend(program.map(|missing| (format!("the lock {lock} is taken with {missing}"), said.surely)));
                }
                let texts = commands.iter().flatten();
                let named = self.missing.iter().filter(|missing| texts.clone().any(|text| missing.is_named_in(text, false)));
                reasons.extend(named.map(|missing| (format!("the lock {lock} names {missing}"), said.surely)));
                self.add(at, before, stops, reasons);
            }
        }
    }

    fn probe(&self, runbook: &Runbook, probe: &Probe) -> Vec<Reason> {
        probe.command.iter().flat_map(|command| self.command(runbook, command)).collect()
    }

    /// Why a command needs what is missing.
    fn command(&self, runbook: &Runbook, command: &Command) -> Vec<Reason> {
        let asked = command.query.as_ref().map(|query| format!("query {query}: ")).unwrap_or_default();
        let mut reasons = self.host(runbook, command);
        reasons.extend(self.program(runbook, command));
        for missing in self.missing {
            if let (Missing::User(user), Some(wanted)) = (missing, &command.user) {
                let said = Self::said(runbook, wanted).into_iter().filter(|said| said.text == *user);
                reasons.extend(said.map(|said| (format!("is run as {user}"), said.surely)));
            }
            if let (Missing::Variable(name), true) = (missing, matches!(command.program, Program::Shell(_)))
                && command.env.contains_key(name)
            {
                continue;
            }
            let words: Vec<(&Template, bool)> = match &command.program {
                Program::Argv(words) => words.iter().map(|word| (word, false)).collect(),
                Program::Shell(script) => {
                    if missing.is_named_in(script, true) {
                        reasons.push((format!("its script names {missing}"), true));
                    }
                    Vec::new()
                }
            };
            let writes = command.reads.may_write.iter();
            let beside = command.env.values().chain(&command.stdin).chain(&command.cwd).chain(writes).map(|text| (text, false));
            for (text, expanded) in words.into_iter().chain(beside) {
                let named = Self::said(runbook, text).into_iter().find(|said| missing.is_named_in(&said.text, expanded));
                reasons.extend(named.map(|said| (format!("is given {missing}"), said.surely)));
            }
        }
        if let Some(inventory) = self.inventory.filter(|_| command.effect == Effect::Read) {
            let reads = inventory.reads_on(command.on.as_ref().map(|on| &*on.text));
            for missing in self.missing {
                let named = reads.iter().find(|(name, value)| !command.env.contains_key(**name) && missing.is_named_in(value, false));
                reasons.extend(named.map(|(name, _)| (format!("reads with {missing} ({name} of the inventory)"), true)));
            }
        }
        reasons.into_iter().map(|(why, surely)| (format!("{asked}{why}"), surely)).collect()
    }

    /// Programs that a command runs.
    fn program(&self, runbook: &Runbook, command: &Command) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let is = |name: &str| self.missing.iter().find(|missing| missing.is_run(&[name.to_owned()]));
        let commands = match &command.program {
            Program::Argv(words) => words::commands_of_argv(&words.iter().map(|word| word.text.to_string()).collect::<Vec<_>>()),
            Program::Shell(script) => {
                reasons.extend(is("bash").map(|_| ("is a script of bash".to_owned(), true)));
                words::commands_of_script(script)
            }
        };
        for argv in &commands {
            let Some(first) = argv.first() else { continue };
            reasons.extend(
                self.missing.iter().filter(|missing| missing.is_run(argv)).map(|_| (format!("runs {}", words::program(argv)), true)),
            );
            // A script may be given the name of a program in its environment.
            let given = first.strip_prefix('$').map(|name| name.trim_matches(['{', '}'])).and_then(|name| command.env.get(name));
            let written = match &command.program {
                Program::Argv(words) => words.iter().find(|word| *word.text == **first),
                Program::Shell(_) => None,
            };
            let Some(template) = given.or(written).filter(|template| template.text.contains("{{")) else { continue };
            let said = Self::said(runbook, template);
            let found = said.iter().find(|said| is(&said.text).is_some());
            let any = self.missing.iter().any(|missing| matches!(missing, Missing::Program(_)));
            reasons.extend(match found {
                Some(said) => Some((format!("runs {}, which may be {}", template.text, said.text), false)),
                None if any && said.len() < 2 => Some((format!("runs {}, which is known in a run", template.text), false)),
                None => None,
            });
        }
        if command.user.is_some() {
            reasons.extend(is("sudo").map(|_| ("is run as another user, by sudo".to_owned(), true)));
        }
        reasons
    }

    /// Where a command runs, and how it gets there.
    fn host(&self, runbook: &Runbook, command: &Command) -> Vec<Reason> {
        let Some(on) = &command.on else { return Vec::new() };
        if !on.text.contains("{{") {
            return self.way(&on.text, true);
        }
        let said: Vec<SaidText> = Self::said(runbook, on).into_iter().skip(1).collect();
        let mut reasons: Vec<Reason> = said.iter().flat_map(|said| self.way(&said.text, false)).collect();
        let by_ssh = |missing: &Missing| missing.is_run(&["ssh".to_owned()]);
        for missing in self.missing {
            let known = self.inventory.is_none_or(|inventory| matches!(missing, Missing::Host(host) if inventory.hosts.contains_key(host)));
            let may_be = matches!(missing, Missing::Host(_)) && known || by_ssh(missing);
            if may_be && said.is_empty() {
                reasons.push((format!("runs on {}, which is known in a run", on.text), false));
            }
        }
        reasons
    }

    /// Why a host cannot be used: it is missing, or on the way to it something is.
    fn way(&self, host: &str, surely: bool) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let (mut at, mut seen) = (host, BTreeSet::new());
        while seen.insert(at) && at != "local" {
            let through = if at == host { format!("runs on {host}") } else { format!("runs on {host}, through {at}") };
            let known = self.inventory.and_then(|inventory| inventory.hosts.get(at));
            let (kind, words): (KindName, &[String]) = known.map_or((KindName::Ssh, &[]), |known| {
                let words = if known.transport.kind == KindName::Command { &known.transport.command } else { &known.transport.options };
                (known.transport.kind, words)
            });
            let program = match kind {
                KindName::Local => None,
                KindName::Ssh => Some("ssh"),
                KindName::KubectlExec => Some("kubectl"),
                KindName::Chroot => Some("chroot"),
                KindName::Nsenter => Some("nsenter"),
                KindName::CephadmShell => Some("cephadm"),
                KindName::Command => words.first().map(String::as_str),
            };
            for missing in self.missing {
                if *missing == Missing::Host(at.to_owned()) {
                    reasons.push((through.clone(), surely));
                } else if known.is_some_and(|known| missing.is_named_in(&known.address, false))
                    || words.iter().any(|word| missing.is_named_in(word, false))
                {
                    reasons.push((format!("{through}, whose way names {missing}"), surely));
                }
                if let Some(program) = program.filter(|program| missing.is_run(&[(*program).to_owned()])) {
                    reasons.push((format!("{through}, by {program}"), surely));
                }
            }
            match known.and_then(|known| known.via.as_deref()) {
                Some(via) => at = via,
                None => break,
            }
        }
        reasons
    }

    /// What a template stands for: itself first, then the texts of variables that it speaks of, and what parameters may be.
    fn said(runbook: &Runbook, template: &Template) -> Vec<SaidText> {
        let (mut said, mut seen) = (Vec::new(), BTreeSet::new());
        let mut open = vec![(template.text.to_string(), true)];
        while let Some((text, surely)) = open.pop() {
            let names = expression::names_in_template(&text).unwrap_or_default();
            for name in names.iter() {
                let mut parts = name.split('.');
                let (root, Some(own)) = (parts.next().unwrap_or_default(), parts.next()) else { continue };
                if !seen.insert(name.to_owned()) {
                    continue;
                }
                if let (true, Some(variable)) = (root == "vars", runbook.vars.get(own)) {
                    open.push((variable.text.to_string(), surely));
                }
                if let (true, Some(param)) = (root == "params", runbook.params.iter().find(|param| param.name.as_str() == own)) {
                    let fixed = if let Some(Choices::Fixed(choices)) = &param.choices { choices.as_slice() } else { &[] };
                    let values = param.default.iter().chain(fixed).flat_map(texts);
                    open.extend(values.map(|value| (value, false)));
                }
            }
            said.push(SaidText { text, surely });
        }
        said
    }
}

/// How much depends on a probe.
fn weight_of(probe: &Probe, conditional: bool) -> Weight {
    match probe.severity {
        Severity::Warn => Weight::Passes,
        Severity::Block if conditional || probe.when.is_some() || probe.for_each.is_some() => Weight::MayStop,
        Severity::Block => Weight::Stops,
    }
}

/// The texts in a value.
fn texts(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(all) => all.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
