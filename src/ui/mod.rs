//! What a person or a log sees of a run, and how the operator answers.

pub mod answer;
pub mod block;
pub mod flags;
mod gather;
pub mod json;
pub mod keyboard;
pub mod layout;
pub mod narrative;
pub mod out;
pub mod plain;
pub mod plan;
pub mod prompt;
pub mod quote;
pub mod report;
pub mod sanitise;
pub mod style;
pub mod tally;
pub mod terminal;
pub mod words;

#[cfg(test)]
mod script;
