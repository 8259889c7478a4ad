//! The journal: the one source of truth on what was done. See `docs/journal.md`.

mod archive;
pub(crate) mod archiving;
mod capture;
pub(crate) mod cast;
pub(crate) mod chain;
pub(crate) mod chronicle;
pub(crate) mod disk;
pub(crate) mod environment_key;
mod error;
pub(crate) mod export;
pub(crate) mod exported;
pub(crate) mod extent;
pub(crate) mod fault;
pub(crate) mod head;
pub(crate) mod history;
pub(crate) mod identity;
mod join;
pub(crate) mod ladder;
pub(crate) mod leftover;
mod lines;
pub(crate) mod live;
mod location;
pub(crate) mod mark;
mod marked;
pub(crate) mod memory;
mod month;
pub(crate) mod output;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod salvage;
#[cfg(test)]
mod sample;
pub(crate) mod shape;
mod shared;
pub(crate) mod signature;
mod tail;
pub(crate) mod verify;
mod version_1;
pub(crate) mod writer;

pub(crate) use error::JournalError;
pub(crate) use head::Head;
pub(crate) use location::default_dir;
pub(crate) use memory::MemoryLedger;
pub(crate) use record::Durability;
pub(crate) use writer::Journal;
