//! What the clock and the simulator share: the world, its time, and what was noticed.

use std::{sync::Arc, time::Duration};

use minijinja::Value;

use crate::{
    event::{Effect, Exit, Part, Place},
    expression,
    ports::{Order, Words},
};

use super::{
    document::At,
    ending::CommandEnding,
    fault::ScenarioFault,
    injection::Injection,
    line::Spot,
    rule::Assignment,
    scenario::Scenario,
    timeline::Timeline,
    world::{Locals, World},
};

/// A rehearsal that takes longer than this, in virtual time, never ends.
const LONGEST: Duration = Duration::from_secs(366 * 86400);
/// A rehearsal that runs more commands than this never ends.
const MOST_CALLS: usize = 200_000;

/// A command that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCall {
    /// Since the beginning.
    pub at: Duration,
    pub took: Duration,
    pub place: Place,
    pub part: Part,
    pub effect: Effect,
    pub words: Words,
    pub host: Option<String>,
    /// The query that it was, by its name.
    pub query: Option<Arc<str>>,
    pub exit: Exit,
    /// How many bytes it wrote to standard output.
    pub printed: usize,
    /// Which rule answered, from 0.
    pub rule: Option<usize>,
    /// Which fault struck, from 0: the scenario's own come first.
    pub injection: Option<usize>,
}

/// Something that must never be true, and was.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Which expression of `expect.never`.
    pub never: usize,
    /// Since the beginning.
    pub at: Duration,
    /// What was under way.
    pub place: Option<Place>,
}

#[derive(Debug, Clone)]
enum Pending {
    /// An event, by its index.
    Happening(usize),
    Later {
        set: Arc<[Assignment]>,
        locals: Locals,
        place: Place,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub scenario: Arc<Scenario>,
    pub world: World,
    /// The scenario's parameters, as expressions see them.
    pub params: Value,
    timeline: Timeline<Pending>,
    /// Events that wait for their condition.
    waiting: Vec<usize>,
    pub violations: Vec<Violation>,
    pub faults: Vec<ScenarioFault>,
    pub calls: Vec<AnsweredCall>,
    /// How often each rule has answered.
    pub answered: Vec<u64>,
    pub injections: Vec<Injection>,
    /// How often each fault's command has been called.
    pub counted: Vec<u32>,
    /// How much faster than real time it goes; `None`: at once.
    pub speed: Option<f64>,
    pub place: Option<Place>,
    /// Where the rehearsed fault ended halligan itself: nothing may be asked of the world after that.
    pub ended: Option<Place>,
    /// Commands that were asked for all the same.
    pub afterwards: Vec<Place>,
    endless: bool,
    /// Somebody else has changed something: after which call, from 0.
    pub meddled: Option<usize>,
    /// Answers that last as long as the world has changed so often, and no more.
    lasting: (u64, Vec<Lasting>),
}

/// An answer that depends on nothing but the command and the world. Probes ask the same again, and a wait does a thousand times.
#[derive(Debug, Clone)]
struct Lasting {
    order: Order,
    ending: CommandEnding,
}

impl Lasting {
    /// Whether a rule sees no difference: such a one takes no time, and speaks neither of the place nor of the part.
    fn answers(&self, order: &Order) -> bool {
        let asked = &self.order;
        let command = asked.words == order.words && asked.query == order.query && asked.host == order.host && asked.user == order.user;
        command && asked.stdin == order.stdin && asked.env == order.env
    }
}

impl Stage {
    /// `more` goes wrong besides what the scenario says.
    pub(crate) fn new(scenario: &Arc<Scenario>, more: &[Injection]) -> Self {
        let injections: Vec<Injection> = scenario.injections.iter().chain(more).cloned().collect();
        let mut stage = Self {
            world: World::new(&scenario.world),
            params: Value::from_pairs(scenario.params.iter().map(|(name, value)| (name.clone(), expression::from_json(value)))),
            timeline: Timeline::default(),
            waiting: Vec::new(),
            violations: Vec::new(),
            faults: Vec::new(),
            calls: Vec::new(),
            answered: vec![0; scenario.rules.len()],
            counted: vec![0; injections.len()],
            injections,
            speed: None,
            place: None,
            ended: None,
            afterwards: Vec::new(),
            endless: false,
            meddled: None,
            lasting: (0, Vec::new()),
            scenario: Arc::clone(scenario),
        };
        for (index, happening) in scenario.happenings.iter().enumerate() {
            match happening.at {
                Some(at) => stage.timeline.plan(at, Pending::Happening(index)),
                None => stage.waiting.push(index),
            }
        }
        stage.notice();
        stage
    }

    /// Since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.timeline.now()
    }

    pub(crate) fn fault(&mut self, line: Option<Spot>, what: impl Into<String>) {
        self.remember(ScenarioFault::at(&self.scenario.name, line, what));
    }

    /// A fault is told once, however often it comes back.
    pub(crate) fn remember(&mut self, fault: ScenarioFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Whether it is clear that this rehearsal never ends, or that its end would show nothing.
    pub(crate) fn endless(&mut self) -> bool {
        if !self.endless && (self.now() > LONGEST || self.calls.len() > MOST_CALLS) {
            self.endless = true;
            let what = if self.now() > LONGEST { "a year has passed in it" } else { "it has run 200,000 commands" };
            self.fault(None, format!("the rehearsal does not end: {what}; give the waits of the runbook a timeout"));
        }
        self.endless
    }

    /// Lets time pass, with all that happens in it.
    pub(crate) fn advance(&mut self, length: Duration) {
        let until = self.now().saturating_add(length).min(LONGEST + Duration::from_secs(1));
        while let Some(due) = self.timeline.next(until) {
            match due {
                Pending::Later { set, locals, place } => {
                    let before = self.place.replace(place);
                    let _ = self.change(&set, &locals);
                    self.place = before;
                }
                Pending::Happening(index) => {
                    let scenario = Arc::clone(&self.scenario);
                    let Some(happening) = scenario.happenings.get(index) else { continue };
                    if let Some(every) = happening.every {
                        self.timeline.plan(self.now().saturating_add(every), Pending::Happening(index));
                    }
                    if self.holds(index) {
                        let _ = self.change(&happening.set, &Locals::default());
                    }
                }
            }
        }
    }

    pub(crate) fn later(&mut self, delay: Duration, set: Arc<[Assignment]>, locals: Locals, place: Place) {
        self.timeline.plan(self.now().saturating_add(delay), Pending::Later { set, locals, place });
    }

    /// The names that every rule sees beside the world and what it has captured.
    pub(super) fn command_names(&self, order: &Order) -> Arc<[(&'static str, Value)]> {
        let argv: Vec<Value> = match &order.words {
            Words::Argv(argv) => argv.iter().map(Value::from).collect(),
            Words::Script(script) => vec![Value::from(script)],
        };
        Arc::new([
            ("argv", Value::from(argv)),
            ("host", Value::from(order.host.as_deref())),
            ("user", Value::from(order.user.as_deref().unwrap_or(&self.scenario.user))),
            ("stdin", Value::from(order.stdin.as_deref())),
            ("env", Value::from_pairs(order.env.iter().map(|variable| (variable.name.as_str(), variable.value.as_str())))),
            ("place", Value::from(order.place.as_str())),
            ("part", Value::from(order.part.name())),
            ("params", self.params.clone()),
        ])
    }

    /// What was answered before to the same command in the same world.
    pub(super) fn again(&mut self, order: &Order) -> Option<CommandEnding> {
        // What is due at this very moment comes first.
        if self.lasting.0 != self.world.changes() || self.timeline.is_due() {
            return None;
        }
        let ending = self.lasting.1.iter().find(|lasting| lasting.answers(order))?.ending.clone();
        if let Some(answered) = ending.rule.and_then(|rule| self.answered.get_mut(rule)) {
            *answered += 1;
        }
        Some(ending)
    }

    /// Keeps an answer for as long as the world is as it is.
    pub(super) fn keep(&mut self, order: &Order, ending: &CommandEnding) {
        if self.lasting.0 != self.world.changes() {
            self.lasting = (self.world.changes(), Vec::new());
        }
        self.lasting.1.push(Lasting { order: order.clone(), ending: ending.clone() });
    }

    /// What an expression sees now.
    pub(crate) fn scope(&self, locals: &Locals) -> Value {
        self.world.scope(locals, self.now())
    }

    /// Somebody else changes something. Whatever comes of that at once is nobody's doing here.
    pub(super) fn meddle(&mut self, set: &[(String, serde_json::Value)], line: Option<&Spot>) {
        if set.is_empty() {
            return;
        }
        self.meddled.get_or_insert(self.calls.len());
        let place = self.place.take();
        for (path, value) in set {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            if let Err(what) = self.world.set(&parts, expression::from_json(value)) {
                self.fault(line.cloned(), format!("`hands`: {what}"));
            }
        }
        self.notice();
        self.place = place;
    }

    /// Whether an event's condition holds. One that cannot be evaluated is a fault, and does not hold.
    fn holds(&mut self, index: usize) -> bool {
        let scenario = Arc::clone(&self.scenario);
        let Some(happening) = scenario.happenings.get(index) else { return false };
        let Some(when) = &happening.when else { return true };
        let result = when.evaluate_bool(&self.scope(&Locals::default()));
        result.unwrap_or_else(|error| {
            self.fault(happening.line.clone(), format!("events[{index}].when: {error}"));
            false
        })
    }

    /// Changes the world: every new value is found before the first one is set.
    ///
    /// # Errors
    /// What was wrong; it is remembered as a fault already.
    pub(crate) fn change(&mut self, set: &[Assignment], locals: &Locals) -> Result<(), String> {
        if set.is_empty() {
            return Ok(());
        }
        let result = self.assign(set, locals);
        if let Err((line, what)) = &result {
            self.fault(line.clone(), format!("`set`: {what}"));
            // Its world is not what it says any more, and may never become what a wait is there for.
            self.endless = true;
        }
        self.notice();
        result.map_err(|(_, what)| what)
    }

    fn assign(&mut self, set: &[Assignment], locals: &Locals) -> Result<(), (Option<Spot>, String)> {
        let scope = self.scope(locals);
        let mut values = Vec::with_capacity(set.len());
        for assignment in set {
            let path = assignment.path.iter().map(|part| part.evaluate(&scope).map(|part| part.to_string()));
            let path: Result<Vec<_>, _> = path.collect();
            let path = path.map_err(|error| (assignment.line.clone(), error.to_string()))?;
            values.push((path, assignment.value.evaluate(&scope).map_err(|what| (assignment.line.clone(), what))?));
        }
        drop(scope);
        for (assignment, (path, value)) in set.iter().zip(values) {
            self.world.set(&path, value).map_err(|what| (assignment.line.clone(), what))?;
        }
        Ok(())
    }

    /// Looks at what a change has brought about: what must never be, and events that waited for it.
    fn notice(&mut self) {
        let scenario = Arc::clone(&self.scenario);
        self.check_never();
        // Each event happens once, so this ends.
        while let Some(position) = (0..self.waiting.len()).find(|position| self.holds(self.waiting[*position])) {
            let index = self.waiting.remove(position);
            let Some(happening) = scenario.happenings.get(index) else { continue };
            if let Err((line, what)) = self.assign(&happening.set, &Locals::default()) {
                self.fault(line, format!("events[{index}].set: {what}"));
            }
            self.check_never();
        }
    }

    /// What must not be true at the end, and is.
    pub(crate) fn at_the_end(&mut self) -> Vec<Violation> {
        let scenario = Arc::clone(&self.scenario);
        let scope = self.scope(&Locals::default());
        let mut found = Vec::new();
        for (index, never) in scenario.expect.never.iter().enumerate().filter(|(_, never)| never.at == At::End) {
            match never.expression.evaluate_bool(&scope) {
                Ok(false) => {}
                Ok(true) => found.push(Violation { never: index, at: self.now(), place: None }),
                Err(error) => self.fault(never.line.clone(), format!("expect.never[{index}]: {error}")),
            }
        }
        found
    }

    fn check_never(&mut self) {
        let scenario = Arc::clone(&self.scenario);
        if scenario.expect.never.is_empty() {
            return;
        }
        let scope = self.scope(&Locals::default());
        for (index, never) in scenario.expect.never.iter().enumerate() {
            if never.at == At::End || self.violations.iter().any(|violation| violation.never == index) {
                continue;
            }
            match never.expression.evaluate_bool(&scope) {
                Ok(false) => {}
                Ok(true) => self.violations.push(Violation { never: index, at: self.now(), place: self.place.clone() }),
                Err(error) => self.fault(never.line.clone(), format!("expect.never[{index}]: {error}")),
            }
        }
    }
}
