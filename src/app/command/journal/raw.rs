//! A record as it stands.

use std::io::Write;

use super::error::Result;
use crate::words::sanitise;

/// Gives a record's line byte for byte; to a terminal, with what it could obey escaped, which means the same.
pub(super) fn raw(out: &mut dyn Write, line: &[u8], terminal: bool) -> Result<()> {
    if terminal {
        out.write_all(sanitise::json(&String::from_utf8_lossy(line)).as_bytes())?;
    } else {
        out.write_all(line)?;
    }
    Ok(())
}
