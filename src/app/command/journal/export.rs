//! `halligan journal sign` and `export`, and the verifying of what was signed and exported.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    error::{JournalCommandError, Result, within},
    verify::HeadReport,
};
use crate::{
    app::{command::printed, session::run_name},
    journal::{
        Head, disk, export,
        exported::{CheckedExport, Exported},
        reader::{Snapshot, runs},
        signature::{self, SignatureError},
    },
    words::sanitise::line as visible,
};

/// What `halligan journal sign --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct SignReport {
    #[serde(flatten)]
    head: HeadReport,
    /// Where the head was written, and its signature. Both belong elsewhere, too.
    file: String,
    signature: String,
}

/// What `halligan journal export --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct ExportReport {
    /// The tar file.
    file: String,
    run: String,
    /// The first and the last record that are in it.
    first: u64,
    last: u64,
}

/// What `halligan journal verify EXPORT --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct ExportVerdict {
    valid: bool,
    verdict: String,
}

/// Signs the head of the journal, and says where both are kept.
///
/// # Errors
/// The journal cannot be read, or OpenSSH does not sign.
pub(super) fn sign(out: &mut dyn Write, dir: &Path, key: &Path, json: bool) -> Result<u8> {
    let head = within(dir, Snapshot::take(dir).and_then(|snapshot| snapshot.head(dir)))?;
    let path = signature::sign(dir, &head, key)?;
    if json {
        let signature = signature::beside(&path).display().to_string();
        let report = SignReport { head: HeadReport::of(&head), file: path.display().to_string(), signature };
        writeln!(out, "{}", printed::line(&report)?)?;
        return Ok(0);
    }
    writeln!(out, "{}", visible(&head.to_string()))?;
    writeln!(out, "{}", visible(&format!("signed: {} and {}", path.display(), signature::beside(&path).display())))?;
    writeln!(out, "store both elsewhere too: whoever can rewrite the journal can delete these files")?;
    Ok(0)
}

/// Writes one run into a new tar.
///
/// # Errors
/// There is no such run, or a file cannot be read or written.
pub(super) fn write_export(out: &mut dyn Write, dir: &Path, run: &str, to: &Path, through: bool, json: bool) -> Result<u8> {
    let snapshot = within(dir, Snapshot::take(dir))?;
    let summary = run_name::find(within(dir, runs(&snapshot))?.runs, run)?;
    let cannot = |source| JournalCommandError::File { path: to.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let file = options.open(to).map_err(cannot)?;
    let written = export::export(dir, &summary.host, summary.id, through, &file)
        .map_err(JournalCommandError::from)
        .and_then(|written| file.sync_all().map_err(cannot).map(|()| written));
    match written {
        Ok(written) if json => {
            let (file, run) = (to.display().to_string(), written.run.to_string());
            let report = ExportReport { file, run, first: written.first, last: written.last };
            writeln!(out, "{}", printed::line(&report)?)?;
            Ok(0)
        }
        Ok(written) => {
            writeln!(out, "{}: run {}, records {} to {}", visible(&to.display().to_string()), written.run, written.first, written.last)?;
            Ok(0)
        }
        Err(error) => {
            // What is not whole is not left for a ticket.
            let _ = fs::remove_file(to);
            Err(error)
        }
    }
}

/// Verifies an export against heads: those in these files, and with a list of signers those in the export too. 0 if it holds
/// and is held against at least one of the heads that were given, else 1.
///
/// # Errors
/// A file holds no head, a signature is wrong, or the output cannot be written.
pub(super) fn verify_export(
    out: &mut dyn Write,
    told: &mut dyn Write,
    path: &Path,
    files: &[PathBuf],
    signers: Option<&Path>,
    json: bool,
) -> Result<u8> {
    let mut heads = given(told, files, signers)?;
    let opened = Exported::open(path);
    if let (Ok(export), Some(signers)) = (&opened, signers) {
        let here = |source| JournalCommandError::File { path: path.to_owned(), source };
        let room = tempfile::tempdir().map_err(here)?;
        for head in export.put_heads(room.path()).map_err(here)? {
            heads.extend(proved(told, &head, Some(signers))?);
        }
        if heads.is_empty() {
            return Err(SignatureError::None { heads: path.to_owned() }.into());
        }
    }
    let (holds, text) = match opened.and_then(|export| export.verify(&heads)) {
        Ok(checked) => judged(&checked, !heads.is_empty()),
        Err(error) => (false, format!("invalid: {}", chained(&error))),
    };
    if json {
        writeln!(out, "{}", printed::line(&ExportVerdict { valid: holds, verdict: text })?)?;
    } else {
        writeln!(out, "{}", visible(&text))?;
    }
    Ok(u8::from(!holds))
}

/// What an export is worth, in words; false if heads were given, and it can be held against none of them.
fn judged(checked: &CheckedExport, asked: bool) -> (bool, String) {
    let mut about = format!("run {}, records {} to {}", checked.run, checked.first, checked.last);
    if !checked.ended {
        about.push_str("; the run's end is not in it");
    }
    if let Some(head) = checked.beyond.iter().max_by_key(|head| head.size) {
        let (others, why) = (checked.beyond.len(), if head.size > checked.last { "later" } else { "earlier" });
        let heads = if others == 1 { "a head".to_owned() } else { format!("{others} heads") };
        about = format!("{about}; it cannot be held against {heads} of records that are not in it ({}, which is {why})", head.size);
        if head.size > checked.last {
            about.push_str(": have the run exported with --through");
        }
    }
    match checked.anchor {
        Some(anchor) if anchor < checked.last => {
            (true, format!("valid, anchored to {anchor}: {about}; no head covers its last {} records", checked.last - anchor))
        }
        Some(anchor) => (true, format!("valid, anchored to {anchor}: {about}")),
        None if asked => (false, format!("not anchored, as was asked: {about}")),
        None => (true, format!("valid, unanchored: {about}; without an external head, a wholly forged export cannot be detected")),
    }
}

/// An error with its causes.
fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Heads from these files; with a list of signers, those beside the journal too, and every signature is proved.
///
/// # Errors
/// A file holds no head, a signature is wrong, or no signed head is there.
pub(super) fn heads(told: &mut dyn Write, dir: &Path, files: &[PathBuf], signers: Option<&Path>) -> Result<Vec<Head>> {
    let mut heads = given(told, files, signers)?;
    if let Some(signers) = signers {
        match signature::kept(dir) {
            // Somebody keeps them elsewhere, and has named them.
            Err(SignatureError::None { .. }) if !heads.is_empty() => {}
            kept => {
                for path in kept? {
                    heads.extend(proved(told, &path, Some(signers))?);
                }
            }
        }
    }
    Ok(heads)
}

/// The heads in the files that were named.
fn given(told: &mut dyn Write, files: &[PathBuf], signers: Option<&Path>) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    for path in files {
        heads.extend(proved(told, path, signers)?);
    }
    Ok(heads)
}

/// The heads in a file; with a list of signers, if one of them has signed it.
fn proved(told: &mut dyn Write, path: &Path, signers: Option<&Path>) -> Result<Vec<Head>> {
    let cannot = |source| JournalCommandError::HeadFile { path: path.to_owned(), source };
    // It may come from another host, and is never long.
    let text = disk::read_whole(disk::open_text(path).map_err(cannot)?, disk::SMALL).map_err(cannot)?;
    let found = Head::find_all(&String::from_utf8_lossy(&text));
    let heads = found.map_err(|source| JournalCommandError::Head { path: path.to_owned(), source })?;
    if let Some(signers) = signers {
        if !signature::is_plain(&signature::beside(path)) {
            return Err(SignatureError::Unsigned { head: path.to_owned() }.into());
        }
        let who = signature::signer(path, signers)?;
        writeln!(told, "{}", visible(&format!("{}: signed by {who}", path.display())))?;
    }
    Ok(heads)
}
