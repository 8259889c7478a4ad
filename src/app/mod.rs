//! The straight line: one function a command. The only place that sees everything.

pub mod check;
pub mod exit;
pub mod generate;
pub mod list;
pub mod schema;
pub mod show;
