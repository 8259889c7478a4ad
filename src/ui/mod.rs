//! What a person or a log sees of a run, and how the operator answers.

pub(crate) mod answer;
pub(crate) mod bell;
pub(crate) mod block;
mod board;
mod calm;
mod checks;
mod field;
pub(crate) mod flags;
mod fold;
mod gather;
pub(crate) mod json;
pub(crate) mod keyboard;
pub(crate) mod layout;
pub(crate) mod narrative;
pub(crate) mod onlooker;
pub(crate) mod out;
mod panel;
mod picker;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod played;
pub(crate) mod prompt;
mod rate;
pub(crate) mod replay;
pub(crate) mod report;
mod stroke;
pub(crate) mod style;
mod system;
pub(crate) mod tally;
pub(crate) mod terminal;
mod told;
mod unjudged;

#[cfg(test)]
mod script;
