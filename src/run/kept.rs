//! Answers that are kept for the same question, should it be asked again.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::printed::{OutputFields, result_of};
use crate::{
    event::{Place, ReadNeeds},
    ports::{Order, Ran},
    runbook::model::Output,
};

/// How old an answer may be that stands for another in a dry run which has passed over a change: a large cluster takes minutes, and
/// what is so now is not what the real run will find anyway.
const RECENT: Duration = Duration::from_secs(300);
/// So many bytes of answers are kept.
const KEPT: usize = 32 << 20;

/// Everything that makes two questions the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SameQuestion {
    argv: Vec<String>,
    host: Option<String>,
    user: Option<String>,
    cwd: Option<PathBuf>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    /// One that may write or connect may get an answer where another gets none.
    reading: ReadNeeds,
}

impl SameQuestion {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            argv: order.words.argv(),
            host: order.host.clone(),
            user: order.user.clone(),
            cwd: order.cwd.clone(),
            env: order.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect(),
            stdin: order.stdin.clone(),
            reading: order.reading.clone(),
        }
    }
}

/// How a question was answered, read once for all who ask the same: the map of a large cluster has megabytes.
#[derive(Debug)]
pub(super) struct KeptAnswer {
    pub place: Place,
    pub ran: Ran,
    read_as: Output,
    reading: OutputFields,
}

impl KeptAnswer {
    pub(super) fn new(place: &Place, ran: Ran, read_as: Output, reading: OutputFields) -> Arc<Self> {
        Arc::new(Self { place: place.clone(), ran, read_as, reading })
    }

    pub(super) fn read(&self, output: Output) -> OutputFields {
        if output == self.read_as { self.reading.clone() } else { result_of(&self.ran, output) }
    }

    fn bytes(&self) -> usize {
        [&self.ran.stdout, &self.ran.stderr].iter().map(|printed| printed.head.len() + printed.tail.len()).sum()
    }
}

/// Answers by their questions, each with what else is known of it, as long as there is room.
#[derive(Debug)]
pub(super) struct KeptAnswers<T> {
    answers: HashMap<SameQuestion, (Arc<KeptAnswer>, T)>,
    bytes: usize,
}

impl<T> Default for KeptAnswers<T> {
    fn default() -> Self {
        Self { answers: HashMap::new(), bytes: 0 }
    }
}

impl<T> KeptAnswers<T> {
    pub(super) fn get(&self, order: &Order) -> Option<&(Arc<KeptAnswer>, T)> {
        if self.answers.is_empty() { None } else { self.answers.get(&SameQuestion::of(order)) }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.answers.values().map(|(_, known)| known)
    }

    /// Keeps an answer in place of an earlier one, if there is room for it.
    pub(super) fn keep(&mut self, order: &Order, answer: Arc<KeptAnswer>, known: T) {
        let question = SameQuestion::of(order);
        if let Some((before, _)) = self.answers.remove(&question) {
            self.bytes -= before.bytes();
        }
        if self.bytes + answer.bytes() <= KEPT {
            self.bytes += answer.bytes();
            self.answers.insert(question, (answer, known));
        }
    }

    fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        self.answers.retain(|_, (_, known)| stays(known));
        self.bytes = self.answers.values().map(|(answer, _)| answer.bytes()).sum();
    }
}

/// What a dry run was answered, and when.
#[derive(Debug, Default)]
pub(super) struct RecentAnswers(Mutex<KeptAnswers<Duration>>);

impl RecentAnswers {
    pub(super) fn get(&self, order: &Order, now: Duration) -> Option<Arc<KeptAnswer>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, at) = recent.get(order)?;
        (now.saturating_sub(*at) <= RECENT).then(|| Arc::clone(answer))
    }

    pub(super) fn keep(&self, order: &Order, answer: Arc<KeptAnswer>, now: Duration) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|at| now.saturating_sub(*at) <= RECENT);
        recent.keep(order, answer, now);
    }
}
