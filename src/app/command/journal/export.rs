//! `halligan journal sign` and `export`, and the verifying of what was signed and exported.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::error::{JournalCommandError, Result, within};
use crate::{
    app::session::run_name,
    journal::{
        Head, export,
        reader::{Snapshot, runs},
        signature::{self, SignatureError},
    },
    words::sanitise::line as visible,
};

/// Signs the head of the journal, and says where both are kept.
///
/// # Errors
/// The journal cannot be read, or OpenSSH does not sign.
pub(super) fn sign(out: &mut dyn Write, dir: &Path, key: &Path) -> Result<u8> {
    let head = within(dir, Snapshot::take(dir).and_then(|snapshot| snapshot.head(dir)))?;
    let path = signature::sign(dir, &head, key)?;
    writeln!(out, "{head}")?;
    writeln!(out, "signed: {} and {}", path.display(), signature::beside(&path).display())?;
    writeln!(out, "store both elsewhere too: whoever can rewrite the journal can delete these files")?;
    Ok(0)
}

/// Writes one run into a new tar.
///
/// # Errors
/// There is no such run, or a file cannot be read or written.
pub(super) fn write_export(out: &mut dyn Write, dir: &Path, run: &str, to: &Path) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let summary = run_name::find(within(dir, runs(&snapshot))?.runs, run)?;
    let cannot = |source| JournalCommandError::File { path: to.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let file = options.open(to).map_err(cannot)?;
    let written = export::export(dir, &summary.host, summary.id, &file)
        .map_err(JournalCommandError::from)
        .and_then(|written| file.sync_all().map_err(cannot).map(|()| written));
    match written {
        Ok(written) => {
            writeln!(out, "{}: run {}, records {} to {}", to.display(), written.run, written.first, written.last)?;
            Ok(0)
        }
        Err(error) => {
            // What is not whole is not left for a ticket.
            let _ = fs::remove_file(to);
            Err(error)
        }
    }
}

/// Verifies an export against heads. 0 if it holds, else 1.
///
/// # Errors
/// The output cannot be written.
pub(super) fn verify_export(out: &mut dyn Write, path: &Path, heads: &[Head], json: bool) -> Result<u8> {
    let (holds, text) = match export::verify(path, heads) {
        Ok(checked) => {
            let about = format!("run {}, records {} to {}", checked.run, checked.first, checked.last);
            match checked.anchor {
                Some(anchor) => (true, format!("valid, anchored to {anchor}: {about}")),
                None => (true, format!("valid, unanchored: {about}; without an external head, a wholly forged export cannot be detected")),
            }
        }
        Err(error) => (false, format!("invalid: {error}")),
    };
    if json {
        writeln!(out, "{}", serde_json::json!({ "valid": holds, "verdict": text }))?;
    } else {
        writeln!(out, "{}", visible(&text))?;
    }
    Ok(u8::from(!holds))
}

/// Heads from these files; with a list of signers, those beside the journal too, and every signature is proved.
///
/// # Errors
/// A file holds no head, or a signature is wrong.
pub(super) fn heads(out: &mut dyn Write, dir: &Path, files: &[PathBuf], signers: Option<&Path>) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    let beside = if signers.is_some() { signature::kept(dir) } else { Vec::new() };
    for path in files.iter().chain(&beside) {
        let text = fs::read(path).map_err(|source| JournalCommandError::HeadFile { path: path.clone(), source })?;
        let found = Head::find_all(&String::from_utf8_lossy(&text));
        heads.extend(found.map_err(|source| JournalCommandError::Head { path: path.clone(), source })?);
        if let Some(signers) = signers {
            if !signature::beside(path).is_file() {
                return Err(SignatureError::Unsigned { head: path.clone() }.into());
            }
            let who = signature::signer(path, signers)?;
            writeln!(out, "{}: signed by {}", path.display(), visible(&who))?;
        }
    }
    Ok(heads)
}
