//! Facts without secrets: what is not masked where it is printed is masked here, before it is recorded or shown.

use crate::{
    event::{Event, Progress},
    ports::Question,
    secret::Secrets,
};

impl Secrets {
    fn hide_all<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.hide(text));
    }

    /// Masks every free text of an event.
    #[must_use]
    pub fn event(&self, mut event: Event) -> Event {
        if self.is_empty() {
            return event;
        }
        // The text of the runbook and the names of files stay: a resume finds and checks them by these.
        if let Event::RunOpened(opening) = &mut event {
            for value in opening.params.values_mut().chain(opening.plan.params.iter_mut().flat_map(|params| params.values_mut())) {
                *value = self.mask_value(value);
            }
        }
        event.each_text(&mut |_, text| self.hide(text));
        event
    }

    /// Masks what is shown in passing.
    #[must_use]
    pub fn progress(&self, mut progress: Progress) -> Progress {
        match &mut progress {
            Progress::Line { text, .. } => self.hide(text),
            Progress::Waiting { want, have, .. } => self.hide_all([want, have]),
            Progress::Pausing { why, .. } => self.hide(why),
            Progress::Figure { have, .. } => have.iter_mut().for_each(|have| self.hide(have)),
            Progress::ItemOver { .. } => {}
        }
        progress
    }

    /// Masks what the operator is asked. A phrase stays as it is: it has to be typed.
    #[must_use]
    pub fn question(&self, mut question: Question) -> Question {
        self.hide(&mut question.text);
        self.hide(&mut question.behind.takes_back);
        question
    }
}
