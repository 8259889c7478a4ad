//! From a runbook's text to a checked [`model::Runbook`].

pub mod character;
pub mod danger;
pub mod diagnostic;
pub mod document;
pub mod library;
pub mod model;
pub mod name;
pub mod node;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod value;
pub mod words;

pub use resolve::resolve;
