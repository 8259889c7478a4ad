//! The straight line: one function a command. The only place that sees everything.

pub mod exit;
pub mod generate;
