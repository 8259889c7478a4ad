//! Core dumps: none of halligan itself, whose memory holds secrets. What it starts has the limits that it was started with.

use std::{io, sync::OnceLock};

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, rlim_t, setrlimit},
};

/// The limit that this process was started with: the soft one, and the hard one.
static BEFORE: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// From here on nothing dumps the memory of this process: not the kernel, whose limit alone does not bind a program that dumps are
/// piped to, and not another process of the same user. For files below `/proc` this process then belongs to root; those that
/// halligan reads of itself are readable by everybody.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn off() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    // A second call must not take the first one's limit for the one of before.
    BEFORE.get_or_init(|| (soft, hard));
    // The hard limit stays, so that children can be given back what they would have had.
    setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
    prctl::set_dumpable(false)?;
    Ok(())
}

/// A limit to give back to a child; between fork and exec, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct CoreLimit(Option<(rlim_t, rlim_t)>);

impl CoreLimit {
    /// The one that this process was started with; nothing to give back if it is still so.
    pub(super) fn of_before() -> Self {
        Self(BEFORE.get().copied())
    }

    /// Makes it this process's. A system call and no more: async-signal-safe.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn restore(self) -> io::Result<()> {
        match self.0 {
            Some((soft, hard)) => Ok(setrlimit(Resource::RLIMIT_CORE, soft, hard)?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::alone::alone, *};

    #[test]
    fn nothing_dumps_this_process_and_a_child_has_its_limit_back() {
        alone("exec::core_dump::tests::nothing_dumps_this_process_and_a_child_has_its_limit_back", || {
            let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
            let soft = hard.min(4096);
            setrlimit(Resource::RLIMIT_CORE, soft, hard).unwrap();
            assert!(prctl::get_dumpable().unwrap());
            off().unwrap();
            off().unwrap();
            assert!(!prctl::get_dumpable().unwrap());
            assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, hard));
            CoreLimit::of_before().restore().unwrap();
            assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (soft, hard));
        });
    }
}
