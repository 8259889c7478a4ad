//! `halligan schema`: what editors complete and check runbooks with.

use std::io::{self, Write};

use super::exit::Exit;
use crate::runbook::schema;

/// Writes the JSON Schema of runbooks.
///
/// # Errors
/// The output cannot be written.
pub fn schema(out: &mut dyn Write) -> io::Result<Exit> {
    out.write_all(schema::json().as_bytes())?;
    Ok(Exit::Completed)
}
