//! Executes YAML recovery runbooks step by step. See `docs/architecture.md` for the one way in which data flows.

pub mod app;
pub mod cli;
pub mod event;
pub mod expression;
pub mod journal;
pub mod plan;
pub mod ports;
pub mod quantity;
pub mod rehearse;
pub mod run;
pub mod runbook;
pub mod trust;
pub mod ui;
