//! Calls an operator who looks elsewhere: by the terminal's bell, and by the title of its window.
//!
//! The sequences are those of xterm ("`XTerm` Control Sequences": `OSC 2` sets the title, `CSI 22;2 t` keeps it, `CSI 23;2 t` brings it
//! back), which other terminals and multiplexers have taken over. One that knows them not shows nothing of them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::out::{Out, Stream};
use crate::{event::Place, words::sanitise};

/// Who has just answered looks, and needs no bell.
const LOOKING: Duration = Duration::from_secs(5);

const KEEP_TITLE: &str = "\u{1b}[22;2t";
/// Where titles are not kept, an empty one says nothing that is no longer so.
const GIVE_TITLE_BACK: &str = "\u{1b}]2;\u{7}\u{1b}[23;2t";

/// The bell and the title of one terminal, for one run. The title is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Bell {
    stream: Stream,
    /// What the window is called while nothing is wanted of the operator.
    name: String,
    calls: Mutex<BellCalls>,
}

/// What the operator is called for.
#[derive(Debug)]
struct BellCalls {
    /// When the operator has answered last; at first, when the run was begun.
    heard: Instant,
    /// How many questions are open.
    questions: usize,
    /// Waits that stand still.
    stalled: BTreeSet<Place>,
    title: String,
}

impl Bell {
    /// A bell on the terminal on which questions are shown, else on that of standard output; none where neither is one.
    #[must_use]
    pub(crate) fn hang(out: &Out, name: &str) -> Option<Self> {
        [&out.stderr, &out.stdout].into_iter().find(|stream| stream.redraws()).map(|stream| Self::on(stream.clone(), name))
    }

    fn on(stream: Stream, name: &str) -> Self {
        let calls = BellCalls { heard: Instant::now(), questions: 0, stalled: BTreeSet::new(), title: String::new() };
        let bell = Self { stream, name: sanitise::line(name).into_owned(), calls: Mutex::new(calls) };
        if bell.stream.has_title() {
            bell.stream.picture(KEEP_TITLE);
        }
        bell.change(|_| false);
        bell
    }

    /// A question opens.
    pub(crate) fn asks(&self) {
        self.change(|calls| {
            calls.questions += 1;
            true
        });
    }

    /// It was answered.
    pub(crate) fn answered(&self) {
        self.change(|calls| {
            calls.questions = calls.questions.saturating_sub(1);
            calls.heard = Instant::now();
            false
        });
    }

    /// A wait stands still.
    pub(crate) fn stalls(&self, place: &Place) {
        self.change(|calls| calls.stalled.insert(place.clone()));
    }

    /// It moves again, or is over.
    pub(crate) fn moves(&self, place: &Place) {
        self.change(|calls| {
            calls.stalled.remove(place);
            false
        });
    }

    /// The run is over.
    pub(crate) fn ends(self) {
        self.change(|_| true);
    }

    /// Changes what the operator is called for, and rings if the change says so.
    fn change(&self, change: impl FnOnce(&mut BellCalls) -> bool) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let mut picture = String::new();
        if change(&mut calls) && calls.heard.elapsed() >= LOOKING {
            picture.push('\u{7}');
        }
        let title = calls.title(&self.name);
        if title != calls.title && self.stream.has_title() {
            picture.extend(["\u{1b}]2;", &title, "\u{7}"]);
        }
        calls.title = title;
        if !picture.is_empty() {
            self.stream.picture(&picture);
        }
    }
}

impl BellCalls {
    fn title(&self, name: &str) -> String {
        match self.stalled.first() {
            _ if self.questions > 0 => format!("? {name}: waits for an answer"),
            Some(place) => format!("! {name}: {} stands still", sanitise::line(&place.to_string())),
            None => name.to_owned(),
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if self.stream.has_title() {
            self.stream.picture(GIVE_TITLE_BACK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::out::{Traits, tests::Memory},
        *,
    };

    fn bell(memory: &Memory, titled: bool) -> Bell {
        Bell::on(memory.stream(Traits { terminal: true, redraws: true, titled, ..Traits::default() }), "halligan drill")
    }

    /// As if the operator had not answered for so long.
    fn silent(bell: &Bell, span: Duration) {
        bell.calls.lock().unwrap().heard = Instant::now().checked_sub(span).unwrap();
    }

    #[test]
    fn rings_for_who_does_not_look_and_names_the_window() {
        let memory = Memory::default();
        let bell = bell(&memory, true);
        assert_eq!(memory.take(), "\u{1b}[22;2t\u{1b}]2;halligan drill\u{7}");
        bell.asks();
        assert_eq!(memory.take(), "\u{1b}]2;? halligan drill: waits for an answer\u{7}", "who has just begun the run looks");
        bell.answered();
        assert_eq!(memory.take(), "\u{1b}]2;halligan drill\u{7}");
        silent(&bell, LOOKING);
        bell.asks();
        assert_eq!(memory.take(), "\u{7}\u{1b}]2;? halligan drill: waits for an answer\u{7}");
        let place = Place::top("settled");
        bell.stalls(&place);
        assert_eq!(memory.take(), "\u{7}", "an open question is what the title says first");
        bell.stalls(&place);
        assert_eq!(memory.take(), "", "once until it moves");
        bell.answered();
        assert_eq!(memory.take(), "\u{1b}]2;! halligan drill: settled stands still\u{7}");
        bell.moves(&place);
        assert_eq!(memory.take(), "\u{1b}]2;halligan drill\u{7}");
        silent(&bell, LOOKING);
        bell.ends();
        assert_eq!(memory.take(), "\u{7}\u{1b}]2;\u{7}\u{1b}[23;2t");
    }

    #[test]
    fn a_terminal_without_a_title_has_a_bell() {
        let memory = Memory::default();
        let bell = bell(&memory, false);
        silent(&bell, LOOKING);
        bell.asks();
        drop(bell);
        assert_eq!(memory.take(), "\u{7}");
    }

    #[test]
    fn a_title_obeys_nothing_of_what_comes_from_outside() {
        let memory = Memory::default();
        let stream = memory.stream(Traits { terminal: true, redraws: true, titled: true, ..Traits::default() });
        drop(Bell::on(stream, "a\u{7}\u{1b}[2Jb\u{9c}c"));
        let told = memory.take();
        assert!(told.contains("]2;a\\u{7}\\e[2Jb\\u{9c}c\u{7}"), "{told:?}");
    }
}
