//! The kinds of steps.

use schemars::JsonSchema;

/// What a step is, without what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(try_from = "String", into = "String")]
pub enum StepKind {
    Run,
    Probe,
    Wait,
    Ask,
    Manual,
    Loop,
    Group,
    Call,
}

impl StepKind {
    pub(crate) const ALL: [Self; 8] = [Self::Run, Self::Probe, Self::Wait, Self::Ask, Self::Manual, Self::Loop, Self::Group, Self::Call];

    /// Whether such a step is made of other steps.
    #[must_use]
    pub fn is_stretch(self) -> bool {
        matches!(self, Self::Loop | Self::Group | Self::Call)
    }

    /// Its word in records, and for a program that reads a run.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Probe => "probe",
            Self::Wait => "wait",
            Self::Ask => "ask",
            Self::Manual => "manual",
            Self::Loop => "loop",
            Self::Group => "group",
            Self::Call => "call",
        }
    }
}
