//! What items side by side ask at the same time is asked once.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    kept::{KeptAnswer, SameQuestion},
    sweep::Sweep,
};
use crate::{event::Part, ports::Order};

/// The questions that are under way, of all items.
#[derive(Debug, Default)]
pub(super) struct AskedTogether(Mutex<Questions>);

#[derive(Debug, Default)]
struct Questions {
    asked: HashMap<Arc<SameQuestion>, Arc<Asked>>,
    /// How often something has become other than it was, as far as the run knows. Who asks after that is not answered from before it.
    turns: u64,
}

/// One of them.
#[derive(Debug)]
struct Asked {
    turns: u64,
    at: Duration,
    /// `None`: it is under way.
    end: Mutex<Option<Result<Arc<KeptAnswer>, InVain>>>,
    ended: Condvar,
}

/// There is no answer for others.
#[derive(Debug, Clone, Copy)]
struct InVain;

/// Who asks.
enum Asks<'t> {
    /// Whoever gets this; the others wait until it is dropped.
    Oneself(OwnQuestion<'t>),
    /// Another one has asked, and began at this time of the run's clock.
    Another(Arc<KeptAnswer>, Duration),
}

/// A question that is under way, in the hands of the one who asks it.
pub(super) struct OwnQuestion<'t> {
    together: &'t AskedTogether,
    question: Arc<SameQuestion>,
    asked: Arc<Asked>,
}

impl AskedTogether {
    fn under_way(&self) -> MutexGuard<'_, Questions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is about to be changed, was changed, or was said: who asks from now on wants to know how things stand after it.
    pub(super) fn turned(&self) {
        self.under_way().turns += 1;
    }

    /// The answer to what another item is asking, or the question in one's own hands, where others may hear what must hold.
    pub(super) fn hear(
        &self,
        order: &Order,
        attempt: u32,
        sweep: Option<&Sweep>,
        now: Duration,
    ) -> (Option<OwnQuestion<'_>>, Option<Arc<KeptAnswer>>) {
        // What a wait looks at is not recorded, so that nobody could say where an answer came from; who asks again, asks.
        let Some(sweep) = sweep.filter(|sweep| order.part == Part::Holds && attempt == 1 && sweep.wait().is_none()) else {
            return (None, None);
        };
        match self.ask(order, now) {
            Asks::Oneself(own) => (Some(own), None),
            Asks::Another(answer, at) => {
                sweep.asked_at(at);
                (None, Some(answer))
            }
        }
    }

    /// Waits for the answer to the same question, if it is under way and nothing has turned since; else it is to be asked now.
    fn ask(&self, order: &Order, now: Duration) -> Asks<'_> {
        let question = Arc::new(SameQuestion::of(order));
        loop {
            let asked = {
                let mut under_way = self.under_way();
                match under_way.asked.get(&question) {
                    Some(asked) if asked.turns == under_way.turns => Arc::clone(asked),
                    _ => {
                        let asked = Arc::new(Asked { turns: under_way.turns, at: now, end: Mutex::new(None), ended: Condvar::new() });
                        under_way.asked.insert(Arc::clone(&question), Arc::clone(&asked));
                        return Asks::Oneself(OwnQuestion { together: self, question, asked });
                    }
                }
            };
            if let Ok(answer) = asked.wait() {
                return Asks::Another(answer, asked.at);
            }
        }
    }
}

impl Asked {
    fn wait(&self) -> Result<Arc<KeptAnswer>, InVain> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(end) = &*end {
                return end.clone();
            }
            end = self.ended.wait(end).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl OwnQuestion<'_> {
    /// The others hear this.
    pub(super) fn answered(self, answer: &Arc<KeptAnswer>) {
        self.end(Ok(Arc::clone(answer)));
    }

    fn end(&self, how: Result<Arc<KeptAnswer>, InVain>) {
        self.asked.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(how);
        let mut under_way = self.together.under_way();
        // A later one may have taken its place.
        if under_way.asked.get(&self.question).is_some_and(|asked| Arc::ptr_eq(asked, &self.asked)) {
            under_way.asked.remove(&self.question);
        }
        drop(under_way);
        self.asked.ended.notify_all();
    }
}

impl Drop for OwnQuestion<'_> {
    /// Whoever waits for an answer that never came asks by himself.
    fn drop(&mut self) {
        self.end(Err(InVain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Captured, Effect, Exit, Part, Place},
        ports::{Printed, Ran, Words},
        runbook::model::Output,
    };

    fn question() -> Order {
        Order::plain(Place::top("a"), Part::Holds, Words::Argv(vec!["x".to_owned()]), Effect::Read)
    }

    fn answer() -> Arc<KeptAnswer> {
        let nothing = || Printed::new(Captured::empty(), Vec::new());
        let ran = Ran { exit: Exit::Code(0), stdout: nothing(), stderr: nothing(), took: Duration::ZERO, leaked: false };
        KeptAnswer::new(&question().place, ran, Output::Text, (Vec::new(), Ok(())))
    }

    fn oneself(together: &AskedTogether, at: u64) -> OwnQuestion<'_> {
        match together.ask(&question(), Duration::from_secs(at)) {
            Asks::Oneself(asking) => asking,
            Asks::Another(..) => panic!("somebody else is asking"),
        }
    }

    /// Until so many wait for this answer.
    fn until_heard_by(asking: &OwnQuestion, count: usize) {
        // One is in the list of what is under way, one in the hands of who asks.
        while Arc::strong_count(&asking.asked) < 2 + count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_asks_meanwhile_hears_the_answer_and_since_when_it_was_asked() {
        let together = AskedTogether::default();
        let asking = oneself(&together, 7);
        std::thread::scope(|threads| {
            let others: Vec<_> = (0..3).map(|_| threads.spawn(|| together.ask(&question(), Duration::from_secs(9)))).collect();
            until_heard_by(&asking, 3);
            let told = answer();
            asking.answered(&told);
            for other in others {
                match other.join().unwrap() {
                    Asks::Another(heard, at) => assert!(Arc::ptr_eq(&heard, &told) && at == Duration::from_secs(7)),
                    Asks::Oneself(_) => panic!("it was asked again"),
                }
            }
        });
        // It is over: who asks now asks himself.
        drop(oneself(&together, 10));
        assert!(together.under_way().asked.is_empty());
    }

    #[test]
    fn who_waits_for_an_answer_that_does_not_come_asks() {
        let together = AskedTogether::default();
        let asking = oneself(&together, 0);
        std::thread::scope(|threads| {
            let others: Vec<_> = (0..3)
                .map(|_| {
                    // In vain, as the first.
                    threads.spawn(|| matches!(together.ask(&question(), Duration::ZERO), Asks::Oneself(_)))
                })
                .collect();
            until_heard_by(&asking, 3);
            drop(asking);
            assert!(others.into_iter().all(|other| other.join().unwrap()), "each has asked, one after the other");
        });
    }

    #[test]
    fn nobody_hears_what_was_asked_before_something_has_turned() {
        let together = AskedTogether::default();
        let before = oneself(&together, 0);
        together.turned();
        let after = oneself(&together, 1);
        // The end of the first takes nothing away from the second.
        before.answered(&answer());
        std::thread::scope(|threads| {
            let other = threads.spawn(|| together.ask(&question(), Duration::from_secs(2)));
            until_heard_by(&after, 1);
            after.answered(&answer());
            assert!(matches!(other.join().unwrap(), Asks::Another(_, at) if at == Duration::from_secs(1)));
        });
    }

    #[test]
    fn another_question_is_another() {
        let together = AskedTogether::default();
        let asking = oneself(&together, 0);
        let elsewhere = Order { host: Some("h".to_owned()), ..question() };
        assert!(matches!(together.ask(&elsewhere, Duration::ZERO), Asks::Oneself(_)));
        drop(asking);
    }
}
