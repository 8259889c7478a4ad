//! The free texts of an event: the one list of them, for masking and for cutting, so that neither forgets one.

use std::fmt::Write as _;

use super::{
    command::Shown,
    fact::{Event, Excerpt, Exit, Prediction, Skip, StepOutcome, Verdict},
    finding::{Finding, Shortfall},
    shell::ShellFact,
    system::SystemAnswer,
};

/// What a text of an event is to those who read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextUse {
    /// It tells a person something. It may be cut.
    Told,
    /// It is a word of a command, or names an item: cut, it would be another. Its length is limited where it is made.
    Exact,
}

/// The longest text that tells a person something, in bytes. What is longer is cut, so that no output of a command makes a
/// record that cannot be written.
pub(crate) const LONGEST_TOLD: usize = 64 << 10;

/// Room for the mark of a text that was cut, in bytes.
const MARK: usize = 64;

/// The most that the words of one command may take in a record, in bytes. A record holds two: a step's own, and its cleanup's.
pub(crate) const LONGEST_COMMAND: usize = 4 << 20;

/// Cuts a text that is too long to be recorded, and says so at its end. A text that was cut is not cut again.
pub(crate) fn cut(text: &mut String) {
    if text.len() <= LONGEST_TOLD {
        return;
    }
    let whole = text.len();
    let mut end = LONGEST_TOLD - MARK;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    // Writing to a `String` does not fail.
    let _ = write!(text, " [cut: {} more bytes]", whole - end);
}

/// How many bytes texts take in a record, as a list of JSON.
pub(crate) fn recorded_length<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    texts.into_iter().map(|text| text.bytes().map(escaped).sum::<usize>() + 3).sum()
}

/// Shows each text of a list to `see`.
fn told<'t>(see: &mut impl FnMut(TextUse, &mut String), texts: impl IntoIterator<Item = &'t mut String>) {
    texts.into_iter().for_each(|text| see(TextUse::Told, text));
}

fn exact<'t>(see: &mut impl FnMut(TextUse, &mut String), texts: impl IntoIterator<Item = &'t mut String>) {
    texts.into_iter().for_each(|text| see(TextUse::Exact, text));
}

impl Shown {
    fn each_text(&mut self, see: &mut impl FnMut(TextUse, &mut String)) {
        exact(see, self.words.texts_mut().chain(&mut self.host).chain(&mut self.user).chain(&mut self.cwd));
    }
}

impl StepOutcome {
    fn each_text(&mut self, see: &mut impl FnMut(TextUse, &mut String)) {
        match self {
            Self::Done => {}
            Self::Failed { why } | Self::InDoubt { why } => see(TextUse::Told, why),
        }
    }
}

impl Verdict {
    fn each_text(&mut self, see: &mut impl FnMut(TextUse, &mut String)) {
        match self {
            Self::Passed => {}
            Self::Failed { why, .. } | Self::Unknown { why } => see(TextUse::Told, why),
        }
    }
}

impl Event {
    /// Cuts every text that only tells a person something and is too long to be recorded.
    #[must_use]
    pub(crate) fn cut_to_record(mut self) -> Self {
        self.each_text(&mut |text_use, text| {
            if text_use == TextUse::Told {
                cut(text);
            }
        });
        self
    }

    /// Shows each free text to `see`, which may change it. Places, names of steps and digests are none: nothing is found again
    /// without them.
    pub(crate) fn each_text(&mut self, see: &mut impl FnMut(TextUse, &mut String)) {
        match self {
            // The rest of what a run sets out with is the runbook's own text, and parameters without their secrets.
            Self::RunOpened(opening) => see(TextUse::Told, &mut opening.title),
            Self::Planned { .. } | Self::StepSpawned { .. } | Self::Interrupted { .. } => {}
            Self::Identified { answer: SystemAnswer::Known { system: text } | SystemAnswer::Unknown { why: text }, .. } => {
                see(TextUse::Told, text);
            }
            Self::Resumed { from } => see(TextUse::Told, from),
            Self::Checked { title, finding, .. } => {
                see(TextUse::Told, title);
                match finding {
                    Finding::Pass { message } => see(TextUse::Told, message),
                    Finding::Warn { message, hint } => told(see, std::iter::once(message).chain(hint)),
                    Finding::Block { message, hint, lacks } => {
                        told(see, std::iter::once(message).chain(hint));
                        match lacks {
                            Some(Shortfall::User { is }) => see(TextUse::Told, is),
                            Some(Shortfall::Programs(names)) => told(see, names),
                            None => {}
                        }
                    }
                    Finding::Unknown { needs } => told(see, needs),
                    Finding::NotJudged { without, failed: _ } => told(see, without),
                }
            }
            Self::Overridden { title, reason, .. } | Self::HoldOverridden { title, reason, .. } => told(see, [title, reason]),
            Self::HoldFailed { title, why, hint, .. } => told(see, [title, why].into_iter().chain(hint)),
            Self::Confirmed { text, typed, .. } => told(see, [text, typed]),
            Self::Declined { text, why, .. } => told(see, [text, why]),
            Self::StepReached { title, .. } => see(TextUse::Told, title),
            Self::Staggered { items, .. } | Self::BatchBegan { items, .. } => exact(see, items),
            Self::StepBegan { command, owes, .. } => {
                command.each_text(see);
                if let Some(owes) = owes {
                    owes.each_text(see);
                }
            }
            Self::CleanupDue { command, .. } => command.each_text(see),
            Self::StepSignalled { signal, .. } => told(see, &mut signal.unsent),
            Self::StepEnded { exit, verdict, message, excerpt: Excerpt { stdout, stderr }, .. } => {
                if let Exit::NotStarted { why } | Exit::Lost { why } = exit {
                    see(TextUse::Told, why);
                }
                verdict.each_text(see);
                told(see, [message, stdout, stderr]);
            }
            Self::AnswerShared { verdict, message, .. } => {
                verdict.each_text(see);
                see(TextUse::Told, message);
            }
            Self::StepPredicted { prediction, .. } => match prediction {
                Prediction::WouldRun { command } => command.each_text(see),
                Prediction::AtRunTime { needs } => told(see, needs),
                Prediction::WouldAsk { question } => see(TextUse::Told, question),
            },
            Self::StepSkipped { why, .. } => match why {
                Skip::When { expression: text } | Skip::AlreadyDone { message: text } => see(TextUse::Told, text),
                Skip::Operator | Skip::Empty => {}
            },
            Self::StepSettled { outcome, .. } => outcome.each_text(see),
            Self::DoubtResolved { outcome, evidence, .. } => {
                outcome.each_text(see);
                see(TextUse::Told, evidence);
            }
            Self::Owed { why, .. } | Self::RunClosed { why, .. } => see(TextUse::Told, why),
            Self::SettledByHand { reason, .. } => see(TextUse::Told, reason),
            Self::Note { text, .. } => see(TextUse::Told, text),
            Self::Shell { fact, .. } => match fact {
                ShellFact::Command { text, .. } | ShellFact::Closed { why: Some(text), .. } => see(TextUse::Told, text),
                ShellFact::Opened { .. } | ShellFact::CommandEnded { .. } | ShellFact::Closed { why: None, .. } => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Place;

    #[test]
    fn a_text_is_cut_once_at_a_character_and_says_so() {
        let mut text = "é".repeat(LONGEST_TOLD);
        cut(&mut text);
        assert!(text.len() <= LONGEST_TOLD && text.len() > LONGEST_TOLD - 2 * MARK, "{}", text.len());
        assert!(
            text.ends_with(&format!("é [cut: {} more bytes]", 2 * LONGEST_TOLD - (LONGEST_TOLD - MARK))),
            "{}",
            &text[text.len() - 60..]
        );
        let once = text.clone();
        cut(&mut text);
        assert_eq!(text, once);
        let mut short = "x".repeat(LONGEST_TOLD);
        cut(&mut short);
        assert_eq!(short.len(), LONGEST_TOLD);
    }

    #[test]
    fn names_and_commands_are_never_cut() {
        let items = vec!["x".repeat(2 * LONGEST_TOLD)];
        let loops = Event::Staggered { place: Place::top("a"), items: items.clone(), batches: vec![1], max_failures: 0 };
        assert_eq!(loops.clone().cut_to_record(), loops);
    }

    #[test]
    fn the_length_in_a_record_is_that_of_its_json() {
        let texts = ["plain", "\0\u{1f}\n\"\\", "é\u{1f600}", ""];
        // `\n` and the like are written shorter than this counts them.
        let json = serde_json::to_string(&texts).unwrap().len();
        let counted = recorded_length(texts);
        assert!((json..json + 8).contains(&counted), "{json} {counted}");
    }
}
