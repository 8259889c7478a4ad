//! What a runbook requires before its own probes: the user, and its programs on each host where it uses them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{engine::Engine, halt::Halt, sweep::Sweep, unjudged::BlockedCheck};
use crate::{
    event::{Event, Finding, Place, Shortfall},
    expression::cache::Cache,
    parallel,
    plan::{Evaluated, Scope, item::list_of},
    runbook::{
        model::{Command, Items, Kind, Probe, Program, Runbook, Step, Undo},
        words,
    },
    secret::Secrets,
};

/// What is not so, in words, and as data where this machine lacks it.
type Unmet = (String, Option<Shortfall>);

/// Where the programs of a runbook are used, as far as it is known before the run.
#[derive(Debug, Default)]
pub(super) struct Uses {
    here: BTreeSet<String>,
    /// By host.
    far: BTreeMap<String, BTreeSet<String>>,
    /// On hosts that only the run will know.
    somewhere: BTreeSet<String>,
}

/// The programs of commands: a rehearsal looks them up in the same ones again and again.
static SCRIPTS: Cache<Arc<[String]>> = Cache::new(1024);
/// By the words with NUL bytes between, which no command that can be run holds.
static ARGVS: Cache<Arc<[String]>> = Cache::new(1024);

fn named(known: &Cache<Arc<[String]>>, text: &str, commands: impl Fn(&str) -> Vec<Vec<String>>) -> Arc<[String]> {
    known.of(text, |text| commands(text).iter().map(|argv| words::program(argv).to_owned()).collect())
}

impl Uses {
    pub(super) fn of(runbook: &Runbook, scope: &Scope) -> Self {
        let mut uses = Self::default();
        for probe in runbook.identity.iter().chain(&runbook.preflight) {
            uses.probe(probe, scope);
        }
        uses.steps(&runbook.steps, scope);
        uses
    }

    fn steps(&mut self, steps: &[Step], scope: &Scope) {
        for step in steps {
            if step.when.as_ref().is_some_and(|when| matches!(scope.holds(when), Ok(Evaluated::Known(false)))) {
                continue;
            }
            let own = match &step.kind {
                Kind::Command(command) => Some(command),
                Kind::Wait(wait) => wait.command.as_ref(),
                _ => None,
            };
            let undo = match &step.undo {
                Undo::Command(remedy) => Some(&remedy.command),
                _ => None,
            };
            for command in own.into_iter().chain(undo).chain(step.cleanup.as_ref().map(|remedy| &remedy.command)) {
                self.command(command, scope);
            }
            if let Kind::Probe(probe) = &step.kind {
                self.probe(probe, scope);
            }
            for probe in step.done_if.iter().chain(&step.verify).chain(&step.holds) {
                self.probe(probe, scope);
            }
            match &step.kind {
                Kind::ForEach(each) => {
                    each.before_batch.iter().for_each(|probe| self.probe(probe, scope));
                    Self::items(&each.items, scope, |scope| self.steps(&each.steps, scope));
                }
                Kind::Group { steps, .. } => self.steps(steps, scope),
                _ => {}
            }
        }
    }

    fn probe(&mut self, probe: &Probe, scope: &Scope) {
        let Some(command) = &probe.command else { return };
        match &probe.for_each {
            Some(items) => Self::items(items, scope, |scope| self.command(command, scope)),
            None => self.command(command, scope),
        }
    }

    /// Once for each item, or once for an item that is not known.
    fn items(items: &Items, scope: &Scope, mut each: impl FnMut(&Scope)) {
        let mut scope = scope.clone();
        // What the items are called does not matter here.
        if let Ok(Evaluated::Known(list)) = list_of(items, &scope, &Secrets::default()) {
            for item in list.into_vec() {
                scope.set(items.name.as_str(), item.value);
                each(&scope);
            }
        } else {
            scope.set_unknown(items.name.as_str());
            each(&scope);
        }
    }

    fn command(&mut self, command: &Command, scope: &Scope) {
        let programs = match &command.program {
            Program::Argv(argv) => {
                let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
                named(&ARGVS, &argv.join("\0"), |_| words::commands_of_argv(&argv))
            }
            Program::Shell(script) => named(&SCRIPTS, script, words::commands_of_script),
        };
        let place = match command.on.as_ref().map(|on| scope.text(on)) {
            None => &mut self.here,
            Some(Ok(Evaluated::Known(host))) if host.is_empty() || host == "local" => &mut self.here,
            Some(Ok(Evaluated::Known(host))) => self.far.entry(host).or_default(),
            Some(_) => &mut self.somewhere,
        };
        place.extend(programs.iter().cloned());
    }
}

/// What is not there, and what is there and cannot be started.
fn lacking(causes: &[(String, Option<String>)]) -> String {
    let absent: Vec<&str> = causes.iter().filter(|(_, why)| why.is_none()).map(|(program, _)| program.as_str()).collect();
    let absent = (!absent.is_empty()).then(|| format!("not found: {}", absent.join(", ")));
    let unfit = causes.iter().filter_map(|(program, why)| Some(format!("{program}: {}", why.as_ref()?)));
    absent.into_iter().chain(unfit).collect::<Vec<_>>().join("; ")
}

impl Engine<'_> {
    /// Tells whether something that the runbook requires is there. Returns what bars the run if not.
    fn required(&self, place: Place, title: &str, found: Result<String, Unmet>, hint: &str) -> Result<Option<BlockedCheck>, Halt> {
        let title = title.to_owned();
        let (finding, block) = match found {
            Ok(message) => (Finding::Pass { message }, None),
            Err((why, lacks)) => {
                let hint = Some(hint.to_owned());
                let (place, title) = (place.clone(), title.clone());
                let block = BlockedCheck { place, title, why: why.clone(), hint: hint.clone(), unanswered: false };
                (Finding::Block { message: why, hint, lacks }, Some(block))
            }
        };
        self.emit(Event::Checked { place, title, finding })?;
        Ok(block)
    }

    /// Checks who runs halligan.
    pub(super) fn required_user(&self, runbook: &Runbook, place: &Place) -> Result<Option<BlockedCheck>, Halt> {
        let Some(user) = &runbook.requires.user else { return Ok(None) };
        let is = self.ports.executor.user();
        let found = if is == *user { Ok(is) } else { Err((format!("halligan runs as {is}"), Some(Shortfall::User { is }))) };
        self.required(place.child("user"), &format!("Run as {user}"), found, "run halligan as that user, for example with sudo")
    }

    /// Looks up the required programs that are used on this machine. Returns those that are missing.
    pub(super) fn missing_here(&self, runbook: &Runbook, uses: &Uses, place: &Place) -> Result<Option<(BlockedCheck, Vec<String>)>, Halt> {
        // What is used elsewhere alone need not be here.
        let elsewhere = |program: &String| uses.somewhere.contains(program) || uses.far.values().any(|programs| programs.contains(program));
        let here: Vec<&String> =
            runbook.requires.commands.iter().filter(|program| uses.here.contains(*program) || !elsewhere(program)).collect();
        if here.is_empty() {
            return Ok(None);
        }
        let (mut found, mut missing, mut causes) = (Vec::new(), Vec::new(), Vec::new());
        for program in here {
            let path = self.ports.executor.locate(program);
            tracing::debug!(%program, path = ?path, "looked for a program that the runbook needs");
            if let Some(path) = path {
                found.push(path.display().to_string());
            } else {
                causes.push((program.clone(), self.ports.executor.unfit(program)));
                missing.push(program.clone());
            }
        }
        let found =
            if missing.is_empty() { Ok(found.join(", ")) } else { Err((lacking(&causes), Some(Shortfall::Programs(missing.clone())))) };
        let block =
            self.required(place.child("commands"), "Required programs are installed", found, "install them, or put them on the PATH")?;
        Ok(block.map(|block| (block, missing)))
    }

    /// Looks up the required programs on each host where they are used. A host that cannot be reached is not asked again in this sweep.
    pub(super) fn missing_there(&self, runbook: &Runbook, uses: &Uses, place: &Place, sweep: &Sweep) -> Result<Vec<BlockedCheck>, Halt> {
        let mut blocks = Vec::new();
        let far: Vec<(&String, Vec<String>)> = uses
            .far
            .iter()
            .map(|(host, programs)| {
                (host, runbook.requires.commands.iter().filter(|program| programs.contains(*program)).cloned().collect())
            })
            .filter(|(_, programs): &(_, Vec<String>)| !programs.is_empty())
            .collect();
        for ((host, programs), found) in far.iter().zip(self.missing_on(&far)) {
            let place = place.child("commands_there").item("host", host);
            let reached = found.is_ok();
            let found = match found {
                Ok(missing) if missing.is_empty() => Ok(programs.join(", ")),
                Ok(missing) => Err((format!("{host} lacks: {}", missing.join(", ")), None)),
                Err(why) => Err((format!("could not check {host}: {why}"), None)),
            };
            let title = "Required programs are installed on the hosts";
            let block = self.required(place.clone(), title, found, "install them there, or leave that host out")?;
            blocks.extend(block.map(|block| BlockedCheck { unanswered: !reached, ..block }));
            if !reached {
                sweep.unreachable(host, &place);
            }
        }
        Ok(blocks)
    }

    /// Asks every host at once, as far as that can be done.
    fn missing_on(&self, far: &[(&String, Vec<String>)]) -> Vec<Result<Vec<String>, String>> {
        let executor = self.ports.executor;
        let at_once = executor.concurrency().min(32);
        parallel::map_at_once(at_once, far, |(host, programs)| executor.missing_on(host, programs, self.ports.interrupts))
    }
}
