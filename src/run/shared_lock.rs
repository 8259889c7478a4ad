//! Locks that operators on different hosts share: taken by one command and given back by another. What is renewed as well is a lease (`lease.rs`).

use std::{sync::PoisonError, time::Duration};

use super::{
    command::{describe_failure, judge_exit},
    engine::Engine,
    frame::{Compensation, Frame},
    halt::Halt,
    leases::token_of,
    remedy::PreparedRemedy,
};
use crate::{
    event::{Effect, Event, Exit, Part, Place, Verdict},
    inventory::{LeaseScript, SharedLock},
    ports::{Order, Ran, Words},
    words,
};

/// How long either command may take; to take a lease its own time longer, after which that of somebody who is gone is over.
const LIMIT: Duration = Duration::from_secs(60);

/// What else is filled into the words of a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Filled {
    Nothing,
    /// The fencing token of the lease.
    Token(u64),
}

/// Where the taking and giving back of a shared lock is recorded.
#[must_use]
pub(crate) fn lock_place(name: &str) -> Place {
    Place::of_lock(name)
}

/// What the end of a command means that prints the token of a lease.
pub(super) fn judge_token(ran: &Ran) -> (Verdict, String) {
    let (verdict, message) = judge_exit(ran);
    match token_of(ran) {
        _ if verdict != Verdict::Passed => (verdict, message),
        Some(token) => (verdict, words::fencing_token(token)),
        None => (Verdict::failed(format!("it printed no fencing token: {}", describe_failure(ran))), String::new()),
    }
}

impl Engine<'_> {
    /// Takes every shared lock, in the order of their names, or none. What is taken is given back when the frame ends.
    ///
    /// One that still stands in the name of a run which is taken up is given back first: whether it is still ours only its own
    /// command can say.
    pub(super) fn take_shared_locks(&self, frame: &mut Frame) -> Result<(), Halt> {
        for (name, lock) in &self.setting.shared_locks {
            let refused = match self.held_release(name, lock) {
                Some(release) => self.release_first(name, &release)?.map(|why| (why, release.shown())),
                None => None,
            };
            let release = self.lock_order(name, lock, &lock.release, Part::Cleanup, Filled::Nothing);
            let owes = release.shown();
            let release = PreparedRemedy::Ready(Box::new(release));
            let acquire = self.lock_order(name, lock, &lock.acquire, Part::Lock, Filled::Nothing);
            let place = acquire.place.clone();
            let began = self.ports.clock.now();
            let judge = if lock.lease.is_some() { judge_token } else { judge_exit };
            let taken = self.execute(&acquire, 1, Some(owes), self.ports.interrupts, None, judge)?;
            match taken.verdict {
                Verdict::Passed => {
                    if lock.lease.is_some() {
                        self.leased(name, began, &taken.ran);
                    }
                    frame.compensations.push(Compensation { place, undo: None, cleanup: Some(release), owed_when_stopped: false });
                }
                Verdict::Failed { why, .. } => {
                    let mut whys = vec![format!("the shared lock `{name}` could not be acquired: {why}")];
                    if let Some((unreleased, command)) = refused {
                        // Whose it is nobody knows: it stood in our name, and neither command took effect. So it stays owed.
                        self.emit(Event::CleanupDue { place, command })?;
                        whys.push(unreleased);
                    }
                    return Err(Halt::Blocked { whys });
                }
                Verdict::Unknown { why } => {
                    self.emit(Event::Owed { place, why: format!("unknown whether the lock was taken: {why}") })?;
                    return Err(Halt::Blocked { whys: vec![format!("unknown whether the shared lock `{name}` was taken: {why}")] });
                }
            }
        }
        Ok(())
    }

    /// Gives a lock back that stands in the run's name. One that its own command refuses to give back (an exit code, no doubt)
    /// may never have been taken, or be somebody else's by now: to acquire it tells, and returned is why it was not released.
    fn release_first(&self, name: &str, release: &Order) -> Result<Option<String>, Halt> {
        let unreleased = |why: String| format!("the shared lock `{name}` is held in this run's name and could not be released: {why}");
        if self.confirms_each
            && let Err(why) = self.may_take_back(&release.place, Part::Cleanup, release)?
        {
            return Err(Halt::Blocked { whys: vec![unreleased(why)] });
        }
        let released = self.execute(release, 1, None, self.ports.last_interrupts, None, judge_exit)?;
        match released.verdict {
            Verdict::Passed => Ok(None),
            Verdict::Failed { why, .. } if matches!(released.ran.exit, Exit::Code(_)) => Ok(Some(unreleased(why))),
            Verdict::Failed { why, .. } | Verdict::Unknown { why } => Err(Halt::Blocked { whys: vec![unreleased(why)] }),
        }
    }

    /// The shared locks that still stand in the run's name, to be given back.
    pub(super) fn held_locks(&self) -> Vec<Compensation> {
        self.setting.shared_locks.iter().filter_map(|(name, lock)| self.held_lock(name, lock)).collect()
    }

    fn held_lock(&self, name: &str, lock: &SharedLock) -> Option<Compensation> {
        let release = self.held_release(name, lock)?;
        let place = release.place.clone();
        Some(Compensation { place, undo: None, cleanup: Some(PreparedRemedy::Ready(Box::new(release))), owed_when_stopped: false })
    }

    /// What gives a lock back that stands in the run's name.
    fn held_release(&self, name: &str, lock: &SharedLock) -> Option<Order> {
        let mut release = self.lock_order(name, lock, &lock.release, Part::Cleanup, Filled::Nothing);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Word by word as it was recorded: another operator may be at it now, and it stands in the name of the first.
        release.words = state.owed.get(&release.place)?.words.clone();
        Some(release)
    }

    pub(super) fn lock_order(&self, name: &str, lock: &SharedLock, words: &[String], part: Part, filled: Filled) -> Order {
        let ttl = lock.lease.as_ref().map_or(Duration::ZERO, |lease| lease.ttl);
        let words = Words::Argv(words.iter().map(|word| self.filled(word, name, ttl, filled)).collect());
        Order {
            host: lock.on.clone().filter(|host| host != "local"),
            timeout: Some(LIMIT + ttl),
            stdin: lock.script.map(LeaseScript::input),
            ..Order::plain(lock_place(name), part, words, Effect::Change)
        }
    }

    fn filled(&self, word: &str, lock: &str, ttl: Duration, filled: Filled) -> String {
        let setting = self.setting;
        let run = setting.run_id.to_string();
        let holder = format!("run {} of {} by {} on {}", setting.run_id, self.plan.runbook.name, setting.operator, setting.host);
        let ttl = ttl.as_secs().to_string();
        let token = if let Filled::Token(token) = filled { Some(token.to_string()) } else { None };
        let known: [(&str, Option<&str>); 5] = [
            ("{lock}", Some(lock)),
            ("{run}", Some(&run)),
            ("{holder}", Some(&holder)),
            ("{ttl}", Some(&ttl)),
            ("{token}", token.as_deref()),
        ];
        // In one pass: what is filled in is never itself filled in.
        let mut text = String::new();
        let mut rest = word;
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let found = known.into_iter().find_map(|(key, value)| Some((key.len(), value.filter(|_| rest.starts_with(key))?)));
            let (length, value) = found.unwrap_or((1, "{"));
            text.push_str(value);
            rest = &rest[length..];
        }
        text + rest
    }
}
