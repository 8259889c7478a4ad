//! From a runbook's text to a checked [`model::Runbook`].

pub(crate) mod character;
pub(crate) mod danger;
pub(crate) mod diagnostic;
pub(crate) mod document;
pub mod library;
pub(crate) mod model;
pub(crate) mod name;
pub(crate) mod node;
pub(crate) mod reading;
pub(crate) mod resolve;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod value;
pub(crate) mod words;

pub(crate) use resolve::resolve;
