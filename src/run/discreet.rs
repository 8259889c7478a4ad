//! Facts without secrets: what is not masked where it is printed is masked here, before it is recorded or shown.

use crate::{
    event::{Event, Excerpt, Exit, Finding, Prediction, Progress, Shortfall, Shown, Skip, StepOutcome, Verdict},
    ports::Question,
    secret::Secrets,
};

impl Secrets {
    fn hide(&self, text: &mut String) {
        if self.found_in(text) {
            *text = self.mask(text).into_owned();
        }
    }

    fn hide_all<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.hide(text));
    }

    fn command(&self, command: &mut Shown) {
        self.hide_all(command.words.texts_mut().chain(&mut command.host).chain(&mut command.user).chain(&mut command.cwd));
    }

    fn verdict(&self, verdict: &mut Verdict) {
        match verdict {
            Verdict::Passed => {}
            Verdict::Failed { why, .. } | Verdict::Unknown { why } => self.hide(why),
        }
    }

    fn outcome(&self, outcome: &mut StepOutcome) {
        match outcome {
            StepOutcome::Done => {}
            StepOutcome::Failed { why } | StepOutcome::InDoubt { why } => self.hide(why),
        }
    }

    /// Masks every free text of an event. Names of steps and digests are left as they are: nothing is found again without them.
    #[must_use]
    pub fn event(&self, mut event: Event) -> Event {
        if self.is_empty() {
            return event;
        }
        match &mut event {
            // The text of the runbook and the names of files stay: a resume finds and checks them by these.
            Event::RunOpened(opening) => {
                self.hide(&mut opening.title);
                for value in opening.params.values_mut().chain(opening.plan.params.iter_mut().flat_map(|params| params.values_mut())) {
                    *value = self.mask_value(value);
                }
            }
            Event::Planned { .. } | Event::StepSpawned { .. } | Event::Interrupted { .. } => {}
            Event::Checked { title, finding, .. } => {
                self.hide(title);
                match finding {
                    Finding::Pass { message } => self.hide(message),
                    Finding::Warn { message, hint } => self.hide_all(std::iter::once(message).chain(hint)),
                    Finding::Block { message, hint, lacks } => {
                        self.hide_all(std::iter::once(message).chain(hint));
                        match lacks {
                            Some(Shortfall::User { is }) => self.hide(is),
                            Some(Shortfall::Programs(names)) => self.hide_all(names),
                            None => {}
                        }
                    }
                    Finding::Unknown { needs } => self.hide_all(needs),
                }
            }
            Event::Resumed { from } => self.hide(from),
            Event::Overridden { title, reason, .. } => self.hide_all([title, reason]),
            Event::Confirmed { text, typed, .. } => self.hide_all([text, typed]),
            Event::Declined { text, why, .. } => self.hide_all([text, why]),
            Event::StepReached { title, .. } => self.hide(title),
            Event::Staggered { items, .. } | Event::BatchBegan { items, .. } => self.hide_all(items),
            Event::StepBegan { command, owes, .. } => {
                self.command(command);
                if let Some(owes) = owes {
                    self.command(owes);
                }
            }
            Event::CleanupDue { command, .. } => self.command(command),
            Event::StepSignalled { signal, .. } => self.hide_all(&mut signal.unsent),
            Event::StepEnded { exit, verdict, message, excerpt: Excerpt { stdout, stderr }, .. } => {
                if let Exit::NotStarted { why } | Exit::Lost { why } = exit {
                    self.hide(why);
                }
                self.verdict(verdict);
                self.hide_all([message, stdout, stderr]);
            }
            Event::StepPredicted { prediction, .. } => match prediction {
                Prediction::WouldRun { command } => self.command(command),
                Prediction::AtRunTime { needs } => self.hide_all(needs),
                Prediction::WouldAsk { question } => self.hide(question),
            },
            Event::StepSkipped { why, .. } => match why {
                Skip::When { expression: text } | Skip::AlreadyDone { message: text } => self.hide(text),
                Skip::Operator | Skip::Empty => {}
            },
            Event::StepSettled { outcome, .. } => self.outcome(outcome),
            Event::DoubtResolved { outcome, evidence, .. } => {
                self.outcome(outcome);
                self.hide(evidence);
            }
            Event::Owed { why, .. } | Event::RunClosed { why, .. } => self.hide(why),
            Event::Note { text, .. } => self.hide(text),
        }
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
        }
        progress
    }

    /// Masks what the operator is asked. A phrase stays as it is: it has to be typed.
    #[must_use]
    pub fn question(&self, mut question: Question) -> Question {
        self.hide(&mut question.text);
        question
    }
}
