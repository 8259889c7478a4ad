//! From a runbook's text to a checked [`model::Runbook`].

mod bundle;
pub(crate) mod called;
mod cases;
pub(crate) mod character;
mod client;
pub(crate) mod commands;
mod complaint;
pub(crate) mod danger;
pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod draft;
mod elsewhere;
pub(crate) mod group;
mod headline;
pub mod library;
pub(crate) mod model;
pub(crate) mod name;
pub(crate) mod node;
pub(crate) mod portion;
pub(crate) mod query;
pub(crate) mod reading;
pub(crate) mod resolve;
pub(crate) mod sarif;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod step_kind;
pub(crate) mod template;
mod ungroup;
mod unguarded;
pub(crate) mod value;
pub(crate) mod words;

pub(crate) use resolve::resolve;
