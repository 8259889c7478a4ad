//! The same steps for each item: in batches, with a gate before each, never more failures than allowed.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use minijinja::{Value, context};

use super::{
    did::{Did, ItemResult, loop_result, not_run},
    engine::Engine,
    frame::Frame,
    halt::Halt,
    meanwhile::StretchHolds,
    order::{count_of, known, timespan_of},
    probe::MOST_AT_ONCE,
    resume::restore::ItemBefore,
};
use crate::{
    event::{Event, Mode, Part, Place, Prediction, Progress, Skip},
    parallel,
    plan::{
        Evaluated, Scope,
        batch::{batches_of, grouped, share},
        item::{LabelledItem, list_of},
    },
    runbook::model::{ForEach, OnItemFailure},
};

/// So many items of a loop a dry run goes through, once it has passed over a change: what it shows of each is the same, and what it asks
/// for each says little of the real run.
const MOST_FORETOLD: usize = 32;

/// The loop's own figures.
struct Pace {
    sizes: Vec<usize>,
    parallel: usize,
    pause: Duration,
    max_failures: u64,
}

impl Engine<'_> {
    pub(super) fn for_each(&self, each: &ForEach, scope: &mut Scope, frame: &mut Frame, place: &Place) -> Result<Did, Halt> {
        let predicted = |needs| Ok(Did::Predicted(Prediction::AtRunTime { needs }));
        let items = match list_of(&each.items, scope, &self.secrets) {
            Ok(Evaluated::Known(items)) => items,
            Ok(Evaluated::Unknown(needs)) => return predicted(needs),
            Err(why) => return Ok(Did::failed(why)),
        };
        let items = match self.items_before(each, items, place) {
            Ok(items) => items,
            Err(why) => return Ok(Did::failed(why)),
        };
        let round = self.before.and_then(|before| before.past.loops.get(place));
        // How they were put together was settled when the loop was begun.
        let put_together = match round {
            Some(_) => Ok(Evaluated::Known((items, Vec::new()))),
            None => grouped(each, items, scope),
        };
        let (items, groups) = match put_together {
            Ok(Evaluated::Known(grouped)) => grouped,
            Ok(Evaluated::Unknown(needs)) => return predicted(needs),
            Err(why) => return Ok(Did::failed(why)),
        };
        let pace = match pace(each, scope, items.len(), groups.len()) {
            Ok(Evaluated::Known(pace)) => pace,
            Ok(Evaluated::Unknown(needs)) => return predicted(needs),
            Err(why) => return Ok(Did::failed(why)),
        };
        if items.is_empty() {
            return Ok(Did::Skipped(Skip::Empty, context! { ran => false, ok => true, results => Vec::<Value>::new() }));
        }
        // What may fail was settled when the loop was begun.
        let pace = Pace { max_failures: round.map_or(pace.max_failures, |round| round.max_failures), ..pace };
        let batches = round.map_or_else(|| batches_of(&pace.sizes, &groups), |round| round.batches.clone());
        let labels: Vec<String> = items.iter().map(|item| item.label().to_owned()).collect();
        if round.is_none() {
            self.emit(Event::Staggered {
                place: place.clone(),
                items: labels.clone(),
                batches: batches.clone(),
                max_failures: pace.max_failures,
            })?;
        }
        let mut rest: VecDeque<LabelledItem> = items.into_vec().into();
        let mut done: Vec<ItemResult> = Vec::new();
        let mut first = 0;
        let mut first_open = true;
        for (index, size) in batches.iter().enumerate() {
            let open = |item: &LabelledItem| {
                let item = place.item(each.items.name.as_str(), item.label());
                matches!(self.item_before(each, place, &item, index + 1), ItemBefore::Open)
            };
            let is_open = rest.iter().take(*size).any(open);
            if is_open {
                if !first_open {
                    self.pause_between(place, pace.pause);
                }
                first_open = false;
                self.check_interrupts(Some(place))?;
                if let Some(why) = self.gate(each, scope, place, index + 1)? {
                    return Ok(Did::failed(format!("the gate before batch {} of {} failed: {why}", index + 1, batches.len())));
                }
                self.emit(Event::BatchBegan { place: place.clone(), batch: index + 1, items: labels[first..first + size].to_vec() })?;
            } else {
                self.gate_before(each, scope, place, index + 1)?;
            }
            first += size;
            let batch: Vec<LabelledItem> = rest.drain(..*size).collect();
            self.batch(each, batch, scope, frame, place, &pace, index + 1, &mut done)?;
            let failures: Vec<&(Place, String)> = done.iter().filter_map(|done| done.failed.as_ref()).collect();
            if is_open && failures.len() as u64 > pace.max_failures {
                let at = failures.first().map(|(place, _)| place.clone());
                let why = too_many(&failures, pace.max_failures, done.len(), labels.len());
                return Ok(Did::Failed { why, at, unsettled: false, result: Some(loop_result(false, done)) });
            }
            if done.len() < labels.len() && self.has_foretold(done.len()) {
                let (left, all) = (labels.len() - done.len(), labels.len());
                return predicted(vec![format!("the last {left} of {all} items, which a dry run does not go through")]);
            }
        }
        for step in &each.steps {
            scope.set(step.id.as_str(), not_run());
        }
        let failures: Vec<&(Place, String)> = done.iter().filter_map(|done| done.failed.as_ref()).collect();
        if let (Some((at, _)), OnItemFailure::Continue) = (failures.first(), each.on_item_failure) {
            let why = format!("{} of {} failed: {}", failures.len(), labels.len(), each_named(&failures));
            let at = Some(at.clone());
            return Ok(Did::Failed { why, at, unsettled: false, result: Some(loop_result(false, done)) });
        }
        let ok = failures.is_empty();
        Ok(Did::Done(loop_result(ok, done)))
    }

    /// Whether a dry run goes through no more items of a loop than these.
    fn has_foretold(&self, items: usize) -> bool {
        items >= MOST_FORETOLD && self.only_foretells() && self.hypothetical()
    }

    fn pause_between(&self, place: &Place, pause: Duration) {
        // What a dry run has not done needs no time to settle.
        if pause.is_zero() || self.setting.mode == Mode::DryRun {
            return;
        }
        self.progress(&Progress::Pausing { place: place.clone(), why: "between batches".to_owned(), left: pause });
        self.ports.clock.pause(pause, self.ports.interrupts);
    }

    /// All probes before a batch. Returns why the batch may not begin.
    fn gate(&self, each: &ForEach, scope: &mut Scope, place: &Place, batch: usize) -> Result<Option<String>, Halt> {
        let mut shut = Vec::new();
        for (index, probe) in each.before_batch.iter().enumerate() {
            let name = probe.id.as_ref().map_or_else(|| format!("gate{}", index + 1), ToString::to_string);
            let place = place.child(&name).item("batch", &batch.to_string());
            match self.ask(probe, scope, &place, Part::Gate)? {
                Evaluated::Known(answers) => {
                    shut.extend(answers.iter().filter(|asked| !asked.passed()).map(|asked| {
                        let hint = asked.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                        format!("{}: {}{hint}", asked.title, asked.why())
                    }));
                    if let Some(id) = &probe.id {
                        scope.set(id.as_str(), super::preflight::together(probe.for_each.is_some(), answers));
                    }
                }
                Evaluated::Unknown(needs) => {
                    self.emit(Event::StepPredicted { place, part: Part::Gate, prediction: Prediction::AtRunTime { needs } })?;
                    if let Some(id) = &probe.id {
                        scope.set_unknown(id.as_str());
                    }
                }
            }
        }
        // Once a dry run has passed over changes, a shut gate says nothing about the real run.
        Ok(if shut.is_empty() || self.hypothetical() { None } else { Some(shut.join("; ")) })
    }

    /// The items of a batch. An error is what no loop goes on after, however many failures it allows.
    #[allow(clippy::too_many_arguments, reason = "the loop's own state, in one place")]
    fn batch(
        &self,
        each: &ForEach,
        batch: Vec<LabelledItem>,
        scope: &Scope,
        frame: &mut Frame,
        place: &Place,
        pace: &Pace,
        number: usize,
        done: &mut Vec<ItemResult>,
    ) -> Result<(), Halt> {
        let at_once = pace.parallel.min(self.ports.executor.concurrency()).clamp(1, MOST_AT_ONCE).min(batch.len().max(1));
        tracing::debug!(%place, batch = number, items = batch.len(), at_once, "a batch begins");
        let failed_before = done.iter().filter(|done| done.failed.is_some()).count() as u64;
        if at_once == 1 {
            for item in batch {
                let failures = done.iter().filter(|done| done.failed.is_some()).count() as u64;
                if failures > pace.max_failures || self.has_foretold(done.len()) {
                    return Ok(());
                }
                let mut inner = Frame::inside(frame);
                inner.passed_over |= pace.max_failures > 0;
                let result = Self::guarded(Some(place), || self.item(each, &item, scope, &mut inner, place, number));
                let result = self.end_frame(inner, Some(frame), result);
                self.item_over(each, &item, place, &result);
                done.push(item_ended(item.value, result)?);
            }
            return Ok(());
        }
        let around = Frame { passed_over: frame.passed_over || pace.max_failures > 0, ..Frame::inside(frame) };
        let (failures, is_over) = (AtomicU64::new(failed_before), AtomicBool::new(false));
        let begun = AtomicUsize::new(done.len());
        // None for an item that is not begun: too many before it have failed, or the loop is over.
        let ended = parallel::map_at_once(at_once, &batch, |item| {
            if is_over.load(Ordering::SeqCst) || failures.load(Ordering::SeqCst) > pace.max_failures {
                return None;
            }
            if self.has_foretold(begun.fetch_add(1, Ordering::SeqCst)) {
                return None;
            }
            let mut inner = Frame::inside(&around);
            let mut outer = Frame::default();
            let result = Self::guarded(Some(place), || self.item(each, item, scope, &mut inner, place, number));
            let result = self.end_frame(inner, Some(&mut outer), result);
            self.item_over(each, item, place, &result);
            match &result {
                Ok(()) => {}
                Err(Halt::Failed { .. }) => {
                    failures.fetch_add(1, Ordering::SeqCst);
                }
                // Everything else ends the loop, however many may fail.
                Err(_) => is_over.store(true, Ordering::SeqCst),
            }
            Some((outer, result))
        });
        let mut halt = None;
        for (item, (outer, result)) in batch.into_iter().zip(ended).filter_map(|(item, ended)| Some((item, ended?))) {
            frame.compensations.extend(outer.compensations);
            frame.changed = frame.changed.max(outer.changed);
            match item_ended(item.value, result) {
                Ok(one) => done.push(one),
                Err(why) => halt = halt.or(Some(why)),
            }
        }
        halt.map_or(Ok(()), Err)
    }

    fn item_over(&self, each: &ForEach, item: &LabelledItem, around: &Place, result: &Result<(), Halt>) {
        self.progress(&Progress::ItemOver { place: around.item(each.items.name.as_str(), item.label()), ok: result.is_ok() });
    }

    fn item(
        &self,
        each: &ForEach,
        item: &LabelledItem,
        scope: &Scope,
        frame: &mut Frame,
        around: &Place,
        batch: usize,
    ) -> Result<(), Halt> {
        let mut scope = scope.clone();
        let name = each.items.name.as_str();
        let place = around.item(name, item.label());
        scope.set(name, item.value.clone());
        frame.holds = StretchHolds::of_item(frame.holds.as_ref(), around, &scope);
        self.check_interrupts(Some(&place))?;
        if let ItemBefore::Failed(at, why) = self.item_before(each, around, &place, batch) {
            let mut gathering = Frame { gathers: true, ..Frame::default() };
            self.steps(&each.steps, &mut scope, &mut gathering, Some(&place))?;
            frame.compensations.append(&mut gathering.compensations);
            return Err(Halt::Failed { place: at, why });
        }
        self.steps(&each.steps, &mut scope, frame, Some(&place))
    }
}

/// A failed item is counted; everything else that ends it ends the loop: what is in doubt, or could not be put back, is never
/// one of the failures that are allowed.
fn item_ended(item: Value, result: Result<(), Halt>) -> Result<ItemResult, Halt> {
    match result {
        Ok(()) => Ok(ItemResult { item, failed: None }),
        Err(Halt::Failed { place, why }) => Ok(ItemResult { item, failed: Some((place, why)) }),
        Err(halt) => Err(halt),
    }
}

fn too_many(failures: &[&(Place, String)], allowed: u64, done: usize, all: usize) -> String {
    let count = failures.len();
    let rest = all - done;
    let untouched = if rest == 0 { String::new() } else { format!(", {rest} not touched") };
    format!("{count} of {all} failed, {allowed} allowed{untouched}: {}", each_named(failures))
}

fn each_named(failures: &[&(Place, String)]) -> String {
    failures.iter().map(|(place, why)| format!("{place}: {why}")).collect::<Vec<_>>().join("; ")
}

fn pace(each: &ForEach, scope: &Scope, items: usize, groups: usize) -> Result<Evaluated<Pace>, String> {
    let mut sizes = Vec::with_capacity(each.batch.len());
    for size in &each.batch {
        sizes.push(known!(share(size, scope)?).size(groups));
    }
    let parallel = usize::try_from(known!(count_of(scope, &each.parallel)?)).unwrap_or(usize::MAX);
    let pause = match &each.pause {
        None => Duration::ZERO,
        Some(pause) => known!(timespan_of(scope, pause)?),
    };
    let max_failures = match &each.max_failures {
        Some(most) => known!(share(most, scope)?).allowance(items),
        None if each.on_item_failure == OnItemFailure::Continue => items as u64,
        None => 0,
    };
    Ok(Evaluated::Known(Pace { sizes, parallel, pause, max_failures }))
}
