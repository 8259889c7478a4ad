//! Locks that operators on different hosts share: taken by one command and given back by another, both of the site's own.

use super::{
    command::judge_exit,
    engine::{Engine, Halt},
    frame::{Compensation, Frame},
    remedy::Prepared,
};
use crate::{
    event::{Effect, Event, Part, Place, Verdict},
    ports::{Order, Words},
};

/// How long either command may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

impl Engine<'_> {
    /// Takes every shared lock, in the order of their names, or none. What is taken is given back when the frame ends.
    pub fn take_shared_locks(&self, frame: &mut Frame) -> Result<(), Halt> {
        for (name, lock) in &self.setting.shared_locks {
            let place = Place::top("locks").item("lock", name);
            let order = |words: &[String], part: Part| Order {
                place: place.clone(),
                part,
                words: Words::Argv(words.iter().map(|word| self.filled(word, name)).collect()),
                effect: Effect::Change,
                host: lock.on.clone().filter(|host| host != "local"),
                user: None,
                cwd: None,
                env: Vec::new(),
                stdin: None,
                timeout: Some(LIMIT),
                interactive: false,
            };
            let release = Prepared::Ready(Box::new(order(&lock.release, Part::Cleanup)));
            let owes = release.shown();
            let taken = self.execute(&order(&lock.acquire, Part::Lock), 1, Some(owes), self.ports.interrupts, None, judge_exit)?;
            match taken.verdict {
                Verdict::Passed => frame.compensations.push(Compensation { place, undo: None, cleanup: Some(release), owed_when_stopped: false }),
                Verdict::Failed { why } => return Err(Halt::Blocked { why: format!("the shared lock `{name}` cannot be had: {why}") }),
                Verdict::Unknown { why } => {
                    self.emit(Event::Owed { place, why: format!("nobody knows whether the lock was taken: {why}") })?;
                    return Err(Halt::Blocked { why: format!("nobody knows whether the shared lock `{name}` was taken: {why}") });
                }
            }
        }
        Ok(())
    }

    fn filled(&self, word: &str, lock: &str) -> String {
        let setting = self.setting;
        let holder = format!("run {} of {} by {} on {}", setting.run_id, self.plan.runbook.name, setting.operator, setting.host);
        // In one pass: what is filled in is never itself filled in.
        let mut text = String::new();
        let mut rest = word;
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = [("{lock}", lock), ("{run}", setting.run_id.as_str()), ("{holder}", holder.as_str())];
            let (length, value) =
                known.into_iter().find(|(key, _)| rest.starts_with(key)).map_or((1, "{"), |(key, value)| (key.len(), value));
            text.push_str(value);
            rest = &rest[length..];
        }
        text + rest
    }
}
