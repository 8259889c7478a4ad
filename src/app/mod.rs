//! The straight line through everything, one file a subcommand.

pub mod journal;
mod story;
