//! Heads signed with the operator's own SSH key, by OpenSSH itself: keys in an agent and on hardware tokens too.
//!
//! The key that signs is the operator's and need not be on this host, so that whoever rewrites the journal cannot sign it anew.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    disk::{self, Disk, Local},
    head::Head,
};
use crate::{
    inheritance::Inheritance,
    last_line::last_line,
    tool::{Tool, ToolEnd, ToolError},
    trust,
};

/// What a signature is for: one made for anything else is worth nothing here.
pub(crate) const NAMESPACE: &str = "halligan-head@v1";

/// How the directory is called in which a head is signed.
const DRAFT: &str = ".signing-";

/// How long a signature may take to be looked at. Nothing is asked of the operator or of a token then.
const VERIFYING: Duration = Duration::from_secs(30);

/// Why a head cannot be signed, or a signature not be believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("ssh-keygen cannot be run; it comes with OpenSSH")]
    Missing(#[source] io::Error),
    #[error("ssh-keygen did not sign: {said}")]
    NotSigned { said: String },
    #[error("the signature of {} is not that of anybody in {}: {said}", head.display(), signers.display())]
    Wrong { head: PathBuf, signers: PathBuf, said: String },
    #[error("{} has no signature beside it, and with a list of signers none but signed heads count", head.display())]
    Unsigned { head: PathBuf },
    #[error("{} is the signature of a head that is not there", signature.display())]
    Headless { signature: PathBuf },
    #[error("{} is neither a head nor the signature of one", path.display())]
    Stray { path: PathBuf },
    #[error("there is no signed head in {}, and with a list of signers nothing else shows how long the journal was", heads.display())]
    None { heads: PathBuf },
    #[error("{} cannot be kept or read", path.display())]
    File { path: PathBuf, source: io::Error },
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> SignatureError {
    let path = path.to_owned();
    move |source| SignatureError::File { path, source }
}

/// The signature that belongs to a file with a head.
#[must_use]
pub fn beside(head: &Path) -> PathBuf {
    let mut name = head.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Signs a head and keeps both under `heads/`. Returns where the head is; its signature is beside it. The key may be a
/// public one whose private half is in an agent.
///
/// # Errors
/// OpenSSH does not sign, or the files cannot be written.
pub(crate) fn sign(dir: &Path, head: &Head, key: &Path) -> Result<PathBuf, SignatureError> {
    let heads = dir.join("heads");
    disk::make_dirs(&Local, &heads).map_err(file(&heads))?;
    let path = heads.join(format!("{}-{:.16}", head.size, head.hash));
    // Signed under another name, so that a head never stands there with half a signature.
    let draft = tempfile::Builder::new().prefix(DRAFT).tempdir_in(&heads).map_err(file(&heads))?;
    let text = draft.path().join("head");
    fs::write(&text, format!("{head}\n")).map_err(file(&text))?;
    // It may be started somewhere else.
    let (key, message) = (absolute(key)?, absolute(&text)?);
    let words: Vec<&OsStr> =
        ["-q", "-Y", "sign", "-n", NAMESPACE, "-f"].iter().map(OsStr::new).chain([key.as_os_str(), message.as_os_str()]).collect();
    // It asks for a passphrase or a touch on the terminal itself.
    let end = ssh_keygen(&words, Tool::with_operator, |said| SignatureError::NotSigned { said })?;
    if !end.succeeded() {
        return Err(SignatureError::NotSigned { said: last_words(&end.stderr) });
    }
    fs::rename(beside(&text), beside(&path)).map_err(file(&path))?;
    fs::rename(&text, &path).map_err(file(&path))?;
    Local.sync_dir(&heads).map_err(file(&heads))?;
    Ok(path)
}

/// Says who signed a head, of those in a file in the format of OpenSSH's `allowed_signers`.
///
/// # Errors
/// Nobody in it did, or OpenSSH cannot be asked.
pub(crate) fn signer(head: &Path, signers: &Path) -> Result<String, SignatureError> {
    let (signature, listed) = (absolute(&beside(head))?, absolute(signers)?);
    let wrong = |said: String| SignatureError::Wrong { head: head.to_owned(), signers: signers.to_owned(), said };
    let [find, sign, file_of] = ["find-principals", "-s", "-f"].map(OsStr::new);
    let words = [OsStr::new("-Y"), find, sign, signature.as_os_str(), file_of, listed.as_os_str()];
    let found = ssh_keygen(&words, |tool| tool.limit(VERIFYING), wrong)?;
    let principals = String::from_utf8_lossy(&found.stdout).into_owned();
    let Some(principal) = principals.lines().map(str::trim).find(|line| !line.is_empty()) else {
        return Err(wrong(last_words(&found.stderr)));
    };
    let text = fs::File::open(head).map_err(file(head))?;
    let plain = ["-Y", "verify", "-n", NAMESPACE, "-I", principal, "-s"];
    let words: Vec<&OsStr> = plain.iter().map(OsStr::new).chain([signature.as_os_str(), file_of, listed.as_os_str()]).collect();
    let verified = ssh_keygen(&words, |tool| tool.limit(VERIFYING).input_file(text), wrong)?;
    if verified.succeeded() { Ok(principal.to_owned()) } else { Err(wrong(last_words(&[verified.stdout, verified.stderr].concat()))) }
}

fn absolute(path: &Path) -> Result<PathBuf, SignatureError> {
    std::path::absolute(path).map_err(file(path))
}

/// Runs OpenSSH's program for keys; `failed` is why it came to no end of its own. As root it is the system's, and has of the
/// operator's variables only what a command has: another's program could call any signature good.
fn ssh_keygen(
    words: &[&OsStr],
    manner: impl FnOnce(Tool<'static>) -> Tool<'static>,
    failed: impl FnOnce(String) -> SignatureError,
) -> Result<ToolEnd, SignatureError> {
    let root = trust::needed().then(|| Inheritance::of_process(&[]));
    let tool = manner(Tool::new("ssh-keygen", words));
    let tool = match &root {
        Some(root) => tool.environment(&root.variables),
        None => tool,
    };
    tool.run().map_err(|error| match error {
        ToolError::NotStarted(error) => SignatureError::Missing(error),
        other => failed(other.to_string()),
    })
}

/// Whether a file under `heads/` may be called so: what `sign` calls it, or a name that somebody gave it who put it back.
#[must_use]
pub(super) fn is_head_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain) && !name.starts_with('.') && !is_signature(name)
}

fn is_signature(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sig")
}

/// The signed heads that are kept beside a journal, to be proved.
///
/// # Errors
/// There is none; a head or a signature is alone; or something there is neither.
pub(crate) fn kept(dir: &Path) -> Result<Vec<PathBuf>, SignatureError> {
    let heads = dir.join("heads");
    let mut kept = Vec::new();
    for path in entries(&heads).map_err(file(&heads))? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if is_signature(&name) {
            let head = path.with_extension("");
            if !is_plain(&head) {
                return Err(SignatureError::Headless { signature: path });
            }
        } else if !is_head_name(&name) || !is_plain(&path) {
            return Err(SignatureError::Stray { path });
        } else if is_plain(&beside(&path)) {
            kept.push(path);
        } else {
            return Err(SignatureError::Unsigned { head: path });
        }
    }
    kept.sort();
    if kept.is_empty() { Err(SignatureError::None { heads }) } else { Ok(kept) }
}

/// The heads beside a journal that have their signatures, whatever else is there.
#[must_use]
pub(super) fn whole_heads(dir: &Path) -> Vec<PathBuf> {
    let whole =
        |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(is_head_name) && is_plain(path) && is_plain(&beside(path));
    let mut heads: Vec<_> = entries(&dir.join("heads")).unwrap_or_default().into_iter().filter(whole).collect();
    heads.sort();
    heads
}

/// What is in `heads/`, but for a draft that was never signed.
fn entries(heads: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(heads) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(DRAFT.as_bytes()) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// A file, and no link to one.
pub(crate) fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn last_words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    last_line(&text).map_or_else(|| "it did not say why".to_owned(), |line| line.chars().take(200).collect())
}
