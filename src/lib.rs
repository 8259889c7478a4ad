//! Executes YAML recovery runbooks step by step. See `docs/architecture.md` for the one way in which data flows.

mod account;
mod app;
mod character;
mod cli;
mod defect;
mod digest;
mod event;
mod exec;
mod expression;
mod inheritance;
mod inventory;
mod journal;
mod last_line;
mod parallel;
mod passed_on;
mod plan;
mod ports;
mod procfs;
mod quantity;
mod rehearse;
mod run;
mod runbook;
mod secret;
mod settings;
mod surroundings;
mod tool;
mod trust;
mod ui;
mod words;

pub use app::main;

/// What the tests of this project look into. No promise to anybody else.
#[doc(hidden)]
pub mod door;
