//! One sweep of a preflight: what was answered in it, and what is not judged because something was not.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indexmap::IndexMap;

use super::kept::{KeptAnswer, KeptAnswers};
use crate::{
    event::{Exit, Place},
    expression,
    plan::Scope,
    ports::{Order, Words},
    runbook::model::{Command, Expr, ItemList, Output, Probe, Program, Template, Timespan},
};

/// What was not answered, so that something else is not judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gap {
    /// The check that found it out.
    pub failed: Place,
    /// What it is called: the id of that check, programs, or a host.
    pub without: Vec<String>,
}

/// How much of a check's answer later checks can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    Whole,
    /// Only how the command ended: it failed, and nothing was expected of its output.
    CodeAlone,
    Nothing,
    /// It was not asked, or in vain: whoever would have answered is known not to.
    NotAsked(Gap),
}

/// What is known of a question before it is asked.
pub(super) enum Foreknown {
    NotAsked(Gap),
    /// The same was asked there a moment ago.
    Shared(Arc<KeptAnswer>),
}

/// What only the end of a command tells.
const OF_THE_END: [&str; 4] = ["ran", "ok", "code", "stderr"];
/// A command that gave no answer after so long was waiting for one.
const LONG: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Sweep {
    seen: Mutex<Seen>,
    /// The wait for which it is asked, time and again: only what does not hold is recorded of it.
    wait: Option<Place>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Checks without an answer, by id, the first that was asked first; and whether at least the end of the command is known.
    unanswered: IndexMap<String, (Gap, bool)>,
    /// Checks that failed, or were not made because one of these had: what speaks of one may have no value.
    hollow: IndexMap<String, Gap>,
    /// Checks that are over before their turn.
    settled: BTreeSet<String>,
    /// Places of which it was told that they are not judged.
    told: BTreeSet<Place>,
    /// With what an answer could not be read as.
    answers: KeptAnswers<Option<(Gap, Output)>>,
    /// Hosts that are not asked any more, with the user there; `None`: as whoever.
    silent_hosts: HashMap<HostUser, Gap>,
    answering_hosts: HashSet<HostUser>,
    /// Programs, by where they run and how their words begin.
    silent_programs: HashMap<Beginning, Gap>,
    answering_programs: HashSet<Beginning>,
    /// How the first has failed, where none has had an answer.
    failing_programs: HashMap<Beginning, (Gap, String)>,
    /// Some check did not pass at once and was given time: what was answered before it is older than it need be.
    paused: bool,
    /// When the oldest answer of another item was asked for.
    since: Option<Duration>,
}

type HostUser = (String, Option<String>);
/// Host, user, and the first two words.
type Beginning = (Option<String>, Option<String>, String, String);

/// A program with the words that say how it gets its answers, such as `ceph --connect-timeout`; nothing of a command of one or two words.
fn beginning(order: &Order) -> Option<Beginning> {
    match &order.words {
        Words::Argv(argv) => match argv.as_slice() {
            [program, first, _, ..] => Some((order.host.clone(), order.user.clone(), program.clone(), first.clone())),
            _ => None,
        },
        Words::Script(_) => None,
    }
}

impl Sweep {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look of the wait at this place, which is under way.
    pub(super) fn of_wait(place: &Place) -> Self {
        Self { wait: Some(place.clone()), ..Self::default() }
    }

    pub(super) fn wait(&self) -> Option<&Place> {
        self.wait.as_ref()
    }

    /// A check is given time to pass.
    pub(super) fn pause(&self) {
        self.seen().paused = true;
    }

    pub(super) fn paused(&self) -> bool {
        self.seen().paused
    }

    /// Another item had begun to ask at this time for what is answered here.
    pub(super) fn asked_at(&self, at: Duration) {
        let mut seen = self.seen();
        seen.since = Some(seen.since.map_or(at, |since| since.min(at)));
    }

    /// Since when something was asked of what began at this time.
    pub(super) fn since(&self, began: Duration) -> Duration {
        self.seen().since.map_or(began, |since| since.min(began))
    }

    /// A host that cannot be reached.
    pub(super) fn unreachable(&self, host: &str, failed: &Place) {
        let gap = Gap { failed: failed.clone(), without: vec![host.to_owned()] };
        self.seen().silent_hosts.insert((host.to_owned(), None), gap);
    }

    /// A check has no answer, or only the end of its command.
    pub(super) fn leave(&self, id: &str, gap: Gap, end_known: bool) {
        self.seen().unanswered.entry(id.to_owned()).or_insert((gap, end_known));
    }

    /// A check has failed.
    pub(super) fn fail(&self, id: &str, gap: Gap) {
        self.seen().hollow.entry(id.to_owned()).or_insert(gap);
    }

    /// A check is not made: it counts as failed itself where the check that has failed decides that.
    pub(super) fn pass_over(&self, id: &str, probe: &Probe, scope: &Scope) {
        let gap = probe.when.as_ref().and_then(|when| self.hollow_among(&names_in(when, scope)));
        if let Some(gap) = gap {
            self.fail(id, gap);
        }
    }

    /// The failed check for which another has no value.
    pub(super) fn hollow(&self, probe: &Probe, scope: &Scope) -> Option<Gap> {
        self.hollow_among(&names_of(probe, scope))
    }

    fn hollow_among(&self, names: &BTreeSet<String>) -> Option<Gap> {
        let roots: BTreeSet<&str> = names.iter().filter_map(|name| name.split('.').next()).collect();
        self.seen().hollow.iter().find(|(id, _)| roots.contains(id.as_str())).map(|(_, gap)| gap.clone())
    }

    /// A check is over before its turn.
    pub(super) fn settle(&self, id: &str) {
        self.seen().settled.insert(id.to_owned());
    }

    pub(super) fn is_settled(&self, id: &str) -> bool {
        self.seen().settled.contains(id)
    }

    /// Whether this is the first that is told of a place which is not judged.
    pub(super) fn tells(&self, place: &Place) -> bool {
        self.seen().told.insert(place.clone())
    }

    /// Some host or program is not asked any more, or an answer was not read.
    pub(super) fn knows_silence(&self) -> bool {
        let seen = self.seen();
        !seen.silent_hosts.is_empty() || !seen.silent_programs.is_empty() || seen.answers.values().any(Option::is_some)
    }

    /// What an expression speaks of that was not answered.
    pub(super) fn gap_in(&self, expr: &Expr, scope: &Scope) -> Option<Gap> {
        self.gap_among(&names_in(expr, scope))
    }

    /// What a check speaks of that was not answered, its title and its hint apart.
    pub(super) fn gap(&self, probe: &Probe, scope: &Scope) -> Option<Gap> {
        if self.seen().unanswered.is_empty() {
            return None;
        }
        self.gap_among(&names_of(probe, scope))
    }

    fn gap_among(&self, names: &BTreeSet<String>) -> Option<Gap> {
        let seen = self.seen();
        let speaks = |id: &str, end_known: bool| {
            names.iter().any(|name| {
                let mut parts = name.split('.');
                parts.next() == Some(id) && !(end_known && parts.next().is_some_and(|field| OF_THE_END.contains(&field)))
            })
        };
        seen.unanswered.iter().find(|(id, (_, end_known))| speaks(id, *end_known)).map(|(_, (gap, _))| gap.clone())
    }

    /// What is known of a question whose output is to be read like this.
    pub(super) fn foreknown(&self, order: &Order, output: Output) -> Option<Foreknown> {
        let seen = self.seen();
        if let Some(host) = &order.host {
            let users = [None, order.user.clone()];
            if let Some(gap) = users.into_iter().find_map(|user| seen.silent_hosts.get(&(host.clone(), user))) {
                return Some(Foreknown::NotAsked(gap.clone()));
            }
        }
        if let Some((answer, unread)) = seen.answers.get(order) {
            return Some(match unread {
                Some((gap, as_what)) if *as_what == output || !matches!(answer.ran.exit, Exit::Code(_)) => Foreknown::NotAsked(gap.clone()),
                _ => Foreknown::Shared(Arc::clone(answer)),
            });
        }
        seen.silent_programs.get(&beginning(order)?).cloned().map(Foreknown::NotAsked)
    }

    /// Remembers how a question was answered by the check that is called so, and why not. Returns what had failed in the same way
    /// before, where nobody has had an answer from that program yet: one cause, which is told once.
    pub(super) fn remember(
        &self,
        order: &Order,
        output: Output,
        name: &str,
        answer: Arc<KeptAnswer>,
        (answered, why): (&Answered, &str),
    ) -> Option<Gap> {
        let ran = &answer.ran;
        let exited = matches!(ran.exit, Exit::Code(_));
        let unread = *answered == Answered::Nothing && (!exited || answer.read(output).1.is_err());
        let mut seen = self.seen();
        let mut gap = Gap { failed: order.place.clone(), without: vec![name.to_owned()] };
        if let Some(host) = &order.host {
            let at = (host.clone(), order.user.clone());
            if exited {
                seen.silent_hosts.remove(&at);
                seen.answering_hosts.insert(at);
            } else if matches!(ran.exit, Exit::NotStarted { .. } | Exit::Lost { .. }) && !seen.answering_hosts.contains(&at) {
                gap.without = vec![host.clone()];
                seen.silent_hosts.insert(at, gap.clone());
            }
        }
        let mut before = None;
        if let Some(beginning) = beginning(order) {
            let waited = matches!(ran.exit, Exit::TimedOut { .. }) || (exited && unread && ran.took >= LONG);
            if !unread {
                seen.silent_programs.remove(&beginning);
                seen.answering_programs.insert(beginning);
            } else if !seen.answering_programs.contains(&beginning) {
                match seen.failing_programs.get(&beginning) {
                    Some((first, reason)) if reason == why && first.failed != gap.failed => before = Some(first.clone()),
                    Some(_) => {}
                    None => {
                        seen.failing_programs.insert(beginning.clone(), (gap.clone(), why.to_owned()));
                    }
                }
                if waited {
                    seen.silent_programs.insert(beginning, gap.clone());
                }
            }
        }
        let unread = unread.then(|| (before.clone().unwrap_or(gap), output));
        seen.answers.keep(order, answer, unread);
        before
    }

    /// Whether one of these checks, which are still to be asked, may not be judged for the same reason: it has no value where the
    /// failed check has none, or asks the same program, which fails at once.
    pub(super) fn may_grow(&self, gap: &Gap, rest: &[Probe]) -> bool {
        let seen = self.seen();
        if seen.hollow.values().any(|hollow| hollow == gap) && !rest.is_empty() {
            return true;
        }
        let failing =
            seen.failing_programs.iter().filter(|(program, (first, _))| first == gap && !seen.silent_programs.contains_key(*program));
        let programs: Vec<[&str; 2]> = failing.map(|((_, _, program, first), _)| [program.as_str(), first.as_str()]).collect();
        rest.iter().filter(|probe| probe.id.as_ref().is_some_and(|id| !seen.settled.contains(id.as_str()))).any(|probe| {
            let Some(Program::Argv(argv)) = probe.command.as_ref().map(|command| &command.program) else { return false };
            // Which word a template comes to is seen when it is asked.
            let may_be = |(template, word): (&Template, &&str)| expression::is_dynamic(&template.text) || *template.text == **word;
            argv.len() > 2 && programs.iter().any(|words| argv.iter().zip(words).all(may_be))
        })
    }

    /// The gap of a check that was asked there and not answered: its host's, else its own.
    pub(super) fn own_gap(&self, failed: &Place, id: &str) -> Gap {
        let seen = self.seen();
        let host = seen.silent_hosts.values().find(|gap| gap.failed == *failed).cloned();
        host.unwrap_or_else(|| Gap { failed: failed.clone(), without: vec![id.to_owned()] })
    }
}

/// What an expression speaks of, variables gone through.
fn names_in(expr: &Expr, scope: &Scope) -> BTreeSet<String> {
    expression::names_in_expression(&expr.text).map(|names| scope.all_names(&names)).unwrap_or_default()
}

/// What a check speaks of, its title and its hint apart.
fn names_of(probe: &Probe, scope: &Scope) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = probe.when.iter().chain(&probe.expect).flat_map(|expr| names_in(expr, scope)).collect();
    for template in templates_of(probe) {
        names.extend(expression::names_in_template(&template.text).map(|names| scope.all_names(&names)).unwrap_or_default());
    }
    names
}

/// What a check is made of, but for its title and its hint.
fn templates_of(probe: &Probe) -> impl Iterator<Item = &Template> {
    let items = probe.for_each.as_ref().and_then(|items| match &items.list {
        ItemList::Expression(template) => Some(template),
        ItemList::Literal(_) => None,
    });
    let limit = probe.command.as_ref().and_then(|command| command.timeout.as_ref());
    let spans = [limit, probe.within.as_ref(), probe.every.as_ref()].into_iter().flatten();
    let spans = spans.filter_map(|timespan| match timespan {
        Timespan::Template(template) => Some(template),
        Timespan::Fixed(_) => None,
    });
    items.into_iter().chain(probe.command.iter().flat_map(templates)).chain(spans).chain(&probe.message)
}

/// Every template that a command is made of, but for its time limit.
pub(super) fn templates(command: &Command) -> impl Iterator<Item = &Template> {
    let argv = match &command.program {
        Program::Argv(argv) => argv.as_slice(),
        Program::Shell(_) => &[],
    };
    let rest = command.on.iter().chain(&command.user).chain(&command.cwd).chain(&command.stdin);
    argv.iter().chain(command.env.values()).chain(rest)
}
