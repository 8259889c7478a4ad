//! Reads a line that a person types.
//!
//! The terminal's own line editing is left as it is, so this works on a serial console too. What was typed before the
//! question was shown is thrown away: it cannot have been meant for it.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr},
    unistd::read,
};

use crate::ports::{Interrupts, NoAnswer, Urgency};

/// How long an interruption may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);
/// Longer than any line that the kernel hands out at once.
const LONGEST: usize = 64 * 1024;

/// A terminal that somebody types at.
#[derive(Debug)]
pub(crate) struct Keyboard<'a> {
    input: BorrowedFd<'a>,
    stop: &'a Interrupts,
}

/// Typing is not shown while this lives.
struct Blind<'a> {
    input: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Blind<'a> {
    fn new(input: BorrowedFd<'a>) -> nix::Result<Self> {
        let before = tcgetattr(input)?;
        let mut blind = before.clone();
        blind.local_flags.remove(LocalFlags::ECHO);
        blind.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(input, SetArg::TCSAFLUSH, &blind)?;
        Ok(Self { input, before })
    }
}

impl Drop for Blind<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.input, SetArg::TCSADRAIN, &self.before);
    }
}

impl<'a> Keyboard<'a> {
    #[must_use]
    pub(crate) fn new(input: BorrowedFd<'a>, stop: &'a Interrupts) -> Self {
        Self { input, stop }
    }

    /// Shows a question with `show` and reads the line that is typed after it, without its end. With `secret` it is not
    /// seen while it is typed. After a suspension (Ctrl-Z, `fg`) the question is shown again, and what was typed so far does not
    /// count.
    ///
    /// # Errors
    /// The operator interrupted or ended the input, or the terminal is lost.
    pub(crate) fn line(&self, secret: bool, mut show: impl FnMut()) -> Result<String, NoAnswer> {
        let level = self.stop.urgency();
        self.stopped(level)?;
        // Where it cannot be made blind a secret is not asked for at all.
        let _blind = if secret { Some(Blind::new(self.input).map_err(|_| NoAnswer::Gone)?) } else { None };
        tcflush(self.input, FlushArg::TCIFLUSH).map_err(|_| NoAnswer::Gone)?;
        let mut continued = self.stop.continuations();
        show();
        let mut typed = Vec::new();
        while typed.last() != Some(&b'\n') {
            let ready = self.wait(level, continued)?;
            if !ready {
                continued = self.stop.continuations();
                tcflush(self.input, FlushArg::TCIFLUSH).map_err(|_| NoAnswer::Gone)?;
                typed.clear();
                show();
                continue;
            }
            let mut piece = [0; 4096];
            match read(self.input, &mut piece) {
                Ok(0) => return Err(if self.hung_up() { NoAnswer::Gone } else { NoAnswer::Ended }),
                Ok(length) => typed.extend_from_slice(&piece[..length]),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(_) => return Err(NoAnswer::Gone),
            }
            if typed.len() > LONGEST {
                return Err(NoAnswer::Gone);
            }
        }
        typed.pop();
        Ok(String::from_utf8_lossy(&typed).into_owned())
    }

    /// Whether nobody is at the other end of the terminal.
    fn hung_up(&self) -> bool {
        let mut inputs = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let asked = poll(&mut inputs, PollTimeout::ZERO);
        let [input] = inputs;
        asked.is_err()
            || input.revents().is_none_or(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL))
    }

    /// Returns `true` when there is something to read, and `false` when we were suspended and go on.
    fn wait(&self, level: Urgency, continued: u32) -> Result<bool, NoAnswer> {
        let glance = PollTimeout::try_from(GLANCE).unwrap_or(PollTimeout::ZERO);
        loop {
            let mut inputs = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut inputs, glance);
            // An interruption comes before whatever was typed with it.
            self.stopped(level)?;
            if self.stop.continuations() != continued {
                return Ok(false);
            }
            match ready {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(_) => return Err(NoAnswer::Gone),
            }
        }
    }

    fn stopped(&self, level: Urgency) -> Result<(), NoAnswer> {
        if self.stop.terminal_gone() {
            return Err(NoAnswer::Gone);
        }
        let urgency = self.stop.urgency();
        if urgency > level || urgency == Urgency::AtOnce { Err(NoAnswer::Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs::File, io::Write, os::fd::OwnedFd, thread};

    use nix::pty::openpty;

    use super::*;

    /// A person at a pseudo-terminal.
    pub(crate) struct Person {
        pub(crate) hands: File,
        pub(crate) terminal: OwnedFd,
    }

    impl Person {
        pub(crate) fn sit() -> Self {
            let pair = openpty(None, None).unwrap();
            Self { hands: File::from(pair.master), terminal: pair.slave }
        }

        pub(crate) fn types(&self, text: &str) {
            (&self.hands).write_all(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn reads_what_is_typed_after_the_question() {
        let person = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(person.terminal.as_fd(), &stop);
        person.types("yes\n");
        assert_eq!(keyboard.line(false, || person.types("größe  \n")).unwrap(), "größe  ");
        assert_eq!(keyboard.line(false, || person.types("wrong\u{15}right\n")).unwrap(), "right");
    }

    #[test]
    fn a_secret_is_not_echoed() {
        let person = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(person.terminal.as_fd(), &stop);
        assert_eq!(keyboard.line(true, || person.types("hush\n")).unwrap(), "hush");
        let mut seen = [0; 64];
        let length = read(&person.hands, &mut seen).unwrap();
        assert_eq!(&seen[..length], b"\r\n");
        assert!(tcgetattr(&person.terminal).unwrap().local_flags.contains(LocalFlags::ECHO));
    }

    #[test]
    fn the_end_is_no_answer() {
        let person = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(person.terminal.as_fd(), &stop);
        assert_eq!(keyboard.line(false, || person.types("\u{4}")), Err(NoAnswer::Ended));
        stop.hang_up();
        assert_eq!(keyboard.line(false, || ()), Err(NoAnswer::Gone));
    }

    #[test]
    fn an_unplugged_terminal_is_gone() {
        let Person { hands, terminal } = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(terminal.as_fd(), &stop);
        let mut hands = Some(hands);
        assert_eq!(keyboard.line(false, move || drop(hands.take())), Err(NoAnswer::Gone));
    }

    #[test]
    fn after_a_suspension_the_question_is_asked_again() {
        let person = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(person.terminal.as_fd(), &stop);
        let mut shown = 0;
        let typed = keyboard.line(false, || {
            shown += 1;
            if shown == 1 {
                stop.suspend();
                person.types("fg");
                stop.proceed();
            } else {
                person.types("yes\n");
            }
        });
        assert_eq!((typed.unwrap().as_str(), shown), ("yes", 2));
    }

    #[test]
    fn an_interruption_comes_first() {
        let person = Person::sit();
        let stop = Interrupts::default();
        let keyboard = Keyboard::new(person.terminal.as_fd(), &stop);
        let answer = thread::scope(|scope| {
            keyboard.line(false, || {
                scope.spawn(|| stop.press());
            })
        });
        assert_eq!(answer, Err(NoAnswer::Interrupted));
        // What was pressed before the question does not answer it.
        assert_eq!(keyboard.line(false, || person.types("n\n")).unwrap(), "n");
    }
}
