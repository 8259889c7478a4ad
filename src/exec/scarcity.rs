//! What the system has none of at the moment: threads, processes, descriptors, memory. Others give some back.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use nix::errno::Errno;

use crate::ports::{Interrupts, Urgency};

/// How long it is asked again: commands that run beside this one end, and give back what they had.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Whether the error says that there is none of something at the moment.
fn is_scarce(error: &io::Error) -> bool {
    let scarce = [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE];
    error.raw_os_error().is_some_and(|code| scarce.contains(&Errno::from_raw(code)))
}

/// Tries to get something of the system; again and again for a while if it has none. What was refused has not been begun.
///
/// # Errors
/// The last refusal, or any other error at once.
pub(super) fn patiently<T>(mut get: impl FnMut() -> io::Result<T>, stop: &Interrupts) -> io::Result<T> {
    let began = Instant::now();
    loop {
        match get() {
            Err(error) if is_scarce(&error) && began.elapsed() < PATIENCE && stop.urgency() < Urgency::Now => {
                tracing::trace!(%error, "tried again in a moment");
                thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scarce_is_tried_again_and_nothing_else() {
        let mut left = 3;
        let mut get = |errno: Errno| {
            left -= 1;
            if left > 0 { Err(io::Error::from(errno)) } else { Ok(left) }
        };
        assert_eq!(patiently(|| get(Errno::EMFILE), &Interrupts::default()).unwrap(), 0);
        let mut asked = 0;
        let refused = patiently(
            || {
                asked += 1;
                Err::<(), _>(io::Error::from(Errno::EACCES))
            },
            &Interrupts::default(),
        );
        assert_eq!((refused.unwrap_err().raw_os_error(), asked), (Some(Errno::EACCES as i32), 1));
    }

    #[test]
    fn whoever_wants_it_to_end_does_not_wait() {
        let stop = Interrupts::default();
        stop.raise(Urgency::Now);
        let mut asked = 0;
        let refused = patiently(
            || {
                asked += 1;
                Err::<(), _>(io::Error::from(Errno::EAGAIN))
            },
            &stop,
        );
        assert!(refused.is_err() && asked == 1);
    }
}
