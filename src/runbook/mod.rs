//! From a runbook's text to a checked [`model::Runbook`].

pub mod document;
pub mod model;
pub mod name;
pub mod value;
