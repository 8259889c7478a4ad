//! Why there is nothing to show of a journal.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    app::{exit::ProgramExit, session::run_name::UnknownRun},
    journal::{JournalError, exported::ExportError, head::BadHead, signature::SignatureError},
};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalCommandError {
    #[error("no journal in {}: no run was recorded there yet", dir.display())]
    None { dir: PathBuf },
    #[error("the journal in {} cannot be used: {source}", dir.display())]
    Journal { dir: PathBuf, source: JournalError },
    #[error(transparent)]
    Run(#[from] UnknownRun),
    #[error("{} holds no head", path.display())]
    Head { path: PathBuf, source: BadHead },
    #[error("{} cannot be read", path.display())]
    HeadFile { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Signature(#[from] SignatureError),
    #[error("the run cannot be exported: {0}")]
    Export(#[from] ExportError),
    /// What there is to show cannot be written out.
    #[error("writing the output failed")]
    Output(#[from] io::Error),
}

impl JournalCommandError {
    #[must_use]
    pub(super) fn exit(&self) -> ProgramExit {
        match self {
            Self::None { .. } | Self::Journal { .. } => ProgramExit::Journal,
            Self::Run(_) | Self::Head { .. } | Self::HeadFile { .. } | Self::File { .. } => ProgramExit::Usage,
            Self::Signature(_) | Self::Export(_) | Self::Output(_) => ProgramExit::CheckFailed,
        }
    }

    #[must_use]
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::None { .. } => Some("name another directory with --journal-dir"),
            Self::Journal { source: JournalError::Io { .. }, .. } => {
                Some("see what dmesg says about the disk; `halligan journal verify` tells what can be read")
            }
            Self::Journal { source, .. } => Some(source.hint()),
            Self::Run(_) => None,
            Self::Head { .. } => Some("a head is what `halligan journal head` prints, and what stands at the end of each run"),
            Self::Signature(SignatureError::Unsigned { .. }) => Some(
                "put the signature beside it, with `.sig` at the end of its name; or leave out --allowed-signers to trust the head unsigned",
            ),
            Self::Signature(SignatureError::None { .. }) => {
                Some("name a signed head that was kept elsewhere with --head, or have one signed by `halligan journal sign`")
            }
            Self::Signature(SignatureError::Headless { .. } | SignatureError::Stray { .. }) => {
                Some("put back what was there: each head has its signature beside it, with `.sig` at the end of its name")
            }
            Self::Signature(_) => {
                Some("name the key with --key, and load it into your agent if it is there; `ssh-keygen -Y` does the rest")
            }
            Self::HeadFile { .. } | Self::File { .. } | Self::Export(_) | Self::Output(_) => None,
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, JournalCommandError>;

pub(super) fn within<T>(dir: &Path, result: std::result::Result<T, JournalError>) -> Result<T> {
    result.map_err(|error| match error {
        JournalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => JournalCommandError::None { dir: dir.to_owned() },
        source => JournalCommandError::Journal { dir: dir.to_owned(), source },
    })
}
