//! Leases: shared locks that end by themselves. They are renewed beside the run, and asked for before each change; what is not known to be held is lost.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    engine::Engine,
    halt::Halt,
    leases::{HeldLease, token_of},
    poll::Poll,
    shared_lock::{Filled, judge_token, lock_place},
};
use crate::{
    event::{Effect, Event, Part, Place, Verdict, moment::Moment},
    inventory::{Lease, SharedLock, fence_variable},
    parallel,
    ports::{EnvValue, Order, Ran, Urgency},
    words,
};

/// An answer of this age is shared by changes that begin side by side.
const SHARED: Duration = Duration::from_secs(1);
/// How often it is looked whether one is to be renewed.
const LOOK: Duration = Duration::from_secs(1);

/// How long it may take to ask: what is left then is longer.
fn patience(lease: &Lease) -> Duration {
    lease.ttl / 3
}

impl Engine<'_> {
    /// A lease was taken by a command that was begun at that moment.
    pub(super) fn leased(&self, name: &str, began: Moment, ran: &Ran) {
        if let Some(token) = token_of(ran) {
            self.leases.take(name, began, token);
        }
    }

    /// The fencing token of each lease that the run holds, or has lost.
    pub(super) fn fences(&self) -> BTreeMap<String, u64> {
        self.leases.all().into_iter().map(|(name, held)| (name, held.token)).collect()
    }

    /// A change is given the tokens, so that what it changes can refuse an old one.
    pub(super) fn fenced<'o>(&self, order: &'o Order) -> Cow<'o, Order> {
        let fences = self.fences();
        if order.effect == Effect::Read || order.place.is_lock() || fences.is_empty() {
            return Cow::Borrowed(order);
        }
        let mut order = order.clone();
        for (name, token) in fences {
            let name = fence_variable(&name);
            order.env.retain(|variable| variable.name != name);
            order.env.push(EnvValue { name, value: token.to_string() });
        }
        Cow::Owned(order)
    }

    /// Does the work while what leases it takes are renewed beside it.
    pub(super) fn while_renewed(&self, work: impl FnOnce() -> Result<(), Halt>) -> Result<(), Halt> {
        if self.setting.shared_locks.iter().all(|(_, lock)| lock.lease.is_none()) {
            return work();
        }
        parallel::beside(|| self.renew_all(), work, || self.leases.over.raise(Urgency::AtOnce))
            .unwrap_or_else(|error| Err(Halt::Blocked { whys: vec![format!("no leases can be renewed: no thread: {error}")] }))
    }

    /// Asks before a change whether each lease is still held. If not, or if nobody can say, the run ends as where something does not hold.
    pub(super) fn still_leased(&self, place: &Place) -> Result<(), Halt> {
        let Some((name, why)) = self.lost_lease() else { return Ok(()) };
        let (at, title) = (lock_place(&name), format!("the lock `{name}` is held"));
        self.emit(Event::HoldFailed {
            place: at.clone(),
            title: title.clone(),
            before: place.clone(),
            waiting: false,
            why: why.clone(),
            hint: Some("a run that is resumed takes it anew".to_owned()),
        })?;
        let why = format!("{title}: {why}; {}", words::not_held(place, false));
        Err(Halt::NotHeld { bearer: at, place: place.clone(), why, passed_over: false })
    }

    /// A lease that is not known to be held any more, and why.
    pub(super) fn lost_lease(&self) -> Option<(String, String)> {
        self.all_leases().find_map(|(name, lock, lease, held)| Some((name.to_owned(), self.renew(name, lock, lease, &held, SHARED).err()?)))
    }

    /// Those of the run's locks that are leases and were taken.
    fn all_leases(&self) -> impl Iterator<Item = (&str, &SharedLock, &Lease, Arc<HeldLease>)> {
        let held = self.leases.all();
        self.setting
            .shared_locks
            .iter()
            .filter_map(move |(name, lock)| Some((name.as_str(), lock, lock.lease.as_ref()?, Arc::clone(held.get(name)?))))
    }

    /// Renews each in good time, until it is over.
    fn renew_all(&self) {
        while self.leases.over.urgency() == Urgency::None {
            for (name, lock, lease, held) in self.all_leases() {
                // What cannot be renewed is tried again; what that means is found out before the next change.
                if let Err(why) = self.renew(name, lock, lease, &held, patience(lease)) {
                    tracing::debug!(lock = name, %why, "a lease is not renewed");
                }
            }
            // The shortest lasts 5 s: to look each second is soon enough for all.
            self.leases.over.sleep(LOOK, Urgency::None);
        }
    }

    /// Renews a lease unless that was done no longer ago than this. The error says why it is not known to be held.
    fn renew(&self, name: &str, lock: &SharedLock, lease: &Lease, held: &HeldLease, enough: Duration) -> Result<(), String> {
        let clock = self.ports.clock;
        let mut last = held.last.lock().unwrap_or_else(PoisonError::into_inner);
        let began = clock.now();
        if began.since(*last) < enough {
            return Ok(());
        }
        let order =
            Order { timeout: Some(patience(lease)), ..self.lock_order(name, lock, &lease.renew, Part::Lock, Filled::Token(held.token)) };
        let ran = self.ports.executor.execute(&order, &Poll::beforehand(), &self.leases.over).map_err(|error| error.to_string())?;
        match judge_token(&ran).0 {
            Verdict::Passed if token_of(&ran) != Some(held.token) => Err("somebody else has taken it since".to_owned()),
            // It may have taken longer than it was allowed to, such as where everything was suspended.
            Verdict::Passed if clock.now().since(began) > lease.ttl / 2 => Err("the answer came too late".to_owned()),
            Verdict::Passed => {
                *last = began;
                Ok(())
            }
            Verdict::Failed { why, .. } | Verdict::Unknown { why } => Err(why),
        }
    }
}
