//! What can be wrong with a line.

use crate::event::state::IllegalTransition;

/// Why a line does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    #[error("it is cut short; the next run of halligan closes it")]
    Unterminated,
    #[error("it is longer than any record")]
    TooLong,
    #[error("its bytes have changed: its checksum does not match them")]
    Checksum,
    #[error("it is not a record: {what}")]
    Shape { what: String },
    #[error("record {expected} should stand here, and this is record {found}")]
    Gap { expected: u64, found: u64 },
    #[error("it was changed, or lines after it were removed: the next line links to something else")]
    Link,
    #[error("it commits torn lines other than those before it")]
    Torn,
    #[error("it is of type {kind} and tells of {event}")]
    Misnamed { kind: String, event: &'static str },
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error("the output it names is not kept as it was: output/{sha256} {what}")]
    Output { sha256: String, what: String },
}
