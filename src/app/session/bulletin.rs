//! Tells whoever looks on from elsewhere what a run is doing: through a file beside its journal, at most once a second.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    event::{Event, Place, Progress, RunId, moment::Moment},
    journal::{
        identity::Identity,
        live::{LiveFigures, LiveFile, LiveState, OpenQuestion},
    },
    ports::{Answer, NoAnswer, Observer, Prompt, Question},
    ui::answer,
};

/// Figures are written no more often than this. A question is written at once.
const SPACING: Duration = Duration::from_secs(1);
/// As many places are told of; a screen shows no more.
const MOST: usize = 16;

/// What a run tells of itself while it goes on. The file is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Bulletin {
    file: LiveFile,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    state: LiveState,
    /// When it was written last.
    written: Instant,
}

impl Bulletin {
    /// Says at once that this process carries the run out.
    #[must_use]
    pub(crate) fn open(journal: &Path, run: RunId) -> Self {
        let boot_id = Identity::read().boot_id;
        let state = LiveState { run, pid: std::process::id(), boot_id, questions: Vec::new(), figures: Vec::new() };
        let bulletin = Self { file: LiveFile::of(journal, run), told: Mutex::new(Told { state, written: Instant::now() }) };
        bulletin.change(|_| true);
        bulletin
    }

    /// Changes what is told, and writes it if the change says that it is due. A run does not fail because nobody can look on.
    fn change(&self, change: impl FnOnce(&mut Told) -> bool) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut told) {
            told.written = Instant::now();
            if let Err(error) = self.file.write(&told.state) {
                tracing::debug!(%error, "what the run is doing cannot be told beside the journal");
            }
        }
    }
}

impl Drop for Bulletin {
    fn drop(&mut self) {
        self.file.remove();
    }
}

impl Observer for Bulletin {
    fn event(&self, _: Moment, event: &Event) {
        let over = |at: &Place| match event {
            Event::StepEnded { place, .. } => at == place,
            Event::StepSettled { place, .. } | Event::StepSkipped { place, .. } => at.is_within(place),
            // A pause is over when something happens inside what pauses.
            Event::StepBegan { place, .. } | Event::BatchBegan { place, .. } => place.is_within(at),
            _ => false,
        };
        self.change(|told| {
            told.state.figures.retain(|figures| !over(figures.progress.place()));
            false
        });
    }

    fn progress(&self, _: Moment, progress: &Progress) {
        // It is a figure of nothing that goes on.
        if matches!(progress, Progress::ItemOver { .. }) {
            return;
        }
        self.change(|told| {
            let figures = LiveFigures { at: Timestamp::now(), progress: progress.clone() };
            let known = &mut told.state.figures;
            match known.iter().position(|known| known.progress.place() == progress.place()) {
                Some(index) => known[index] = figures,
                None if known.len() < MOST => known.push(figures),
                None => {}
            }
            told.written.elapsed() >= SPACING
        });
    }
}

/// Asks through another prompt, and tells meanwhile that a question is open.
pub(crate) struct Announcing<'a> {
    pub prompt: &'a dyn Prompt,
    pub bulletin: &'a Bulletin,
}

impl Prompt for Announcing<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let open = OpenQuestion {
            asked: Timestamp::now(),
            place: question.place.clone(),
            text: question.text.clone(),
            prompt: answer::line(&question.ask).trim_end().to_owned(),
        };
        self.bulletin.change(|told| {
            told.state.questions.push(open.clone());
            true
        });
        let answer = self.prompt.ask(question);
        self.bulletin.change(|told| {
            let questions = &mut told.state.questions;
            if let Some(index) = questions.iter().position(|other| *other == open) {
                questions.remove(index);
            }
            true
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Ask, Behind};

    /// Looks at the file while it is asked.
    struct Looker<'a>(&'a Path, RunId);

    impl Prompt for Looker<'_> {
        fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
            let seen = LiveFile::of(self.0, self.1).read(&Identity::read().boot_id).unwrap();
            assert_eq!((seen.pid, seen.questions.len()), (std::process::id(), 1));
            assert_eq!((&seen.questions[0].place, &seen.questions[0].text), (&question.place, &question.text));
            assert_eq!(seen.questions[0].prompt, "Continue? [y/N]");
            Err(NoAnswer::Ended)
        }
    }

    #[test]
    fn a_question_is_told_of_while_it_is_open_and_the_file_is_gone_at_the_end() {
        let journal = tempfile::tempdir().unwrap();
        let run: RunId = "0000000a".parse().unwrap();
        let bulletin = Bulletin::open(journal.path(), run);
        let seen = || LiveFile::of(journal.path(), run).read(&Identity::read().boot_id);
        assert!(seen().unwrap().questions.is_empty(), "whoever carries it out is told of at once");
        let question = Question { place: Some(Place::top("ask")), ask: Ask::YesNo, text: "Really?".into(), behind: Behind::default() };
        let asked = Announcing { prompt: &Looker(journal.path(), run), bulletin: &bulletin }.ask(&question);
        assert_eq!(asked, Err(NoAnswer::Ended), "what is answered behind it is answered");
        assert!(seen().unwrap().questions.is_empty());
        drop(bulletin);
        assert_eq!(seen(), None);
    }

    #[test]
    fn figures_are_those_of_what_is_under_way() {
        let journal = tempfile::tempdir().unwrap();
        let run: RunId = "0000000a".parse().unwrap();
        let bulletin = Bulletin::open(journal.path(), run);
        let line = |place: &str, text: &str| Progress::Line { place: Place::top(place), text: text.into() };
        for text in ["1 %", "2 %"] {
            bulletin.progress(Moment::now(), &line("copy", text));
        }
        bulletin.progress(Moment::now(), &line("other", "x"));
        let told = || bulletin.told.lock().unwrap().state.figures.iter().map(|figures| figures.progress.clone()).collect::<Vec<_>>();
        assert_eq!(told(), [line("copy", "2 %"), line("other", "x")]);
        let seen = LiveFile::of(journal.path(), run).read(&Identity::read().boot_id).unwrap();
        assert!(seen.figures.is_empty(), "not yet: a second has not passed");
        let outcome = crate::event::StepOutcome::Done;
        bulletin.event(Moment::now(), &Event::StepSettled { place: Place::top("copy"), outcome });
        assert_eq!(told(), [line("other", "x")]);
        for number in 0..40 {
            bulletin.progress(Moment::now(), &line(&format!("s{number}"), "x"));
        }
        assert_eq!(told().len(), MOST);
    }
}
