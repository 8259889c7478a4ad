//! What an operator chooses where a run cannot go on by itself.

/// What may be chosen when something needs a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Run,
    Retry,
    /// Go on in spite of a check, with a reason.
    Override,
    Skip,
    Continue,
    Rollback,
    Stop,
    Done,
    NotDone,
}

impl Choice {
    const ALL: [Self; 9] =
        [Self::Run, Self::Retry, Self::Override, Self::Skip, Self::Continue, Self::Rollback, Self::Stop, Self::Done, Self::NotDone];

    /// Its name in scenarios, records and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Retry => "retry",
            Self::Override => "override",
            Self::Skip => "skip",
            Self::Continue => "continue",
            Self::Rollback => "rollback",
            Self::Stop => "stop",
            Self::Done => "done",
            Self::NotDone => "not_done",
        }
    }
}

/// A text that is not the name of a choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a choice")]
pub struct UnknownChoice(pub String);

impl std::str::FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        Self::ALL.into_iter().find(|choice| choice.word() == text).ok_or_else(|| UnknownChoice(text.to_owned()))
    }
}
