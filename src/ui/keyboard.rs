//! Reads what a person types: keys, or whole lines where a terminal cannot be drawn on.
//!
//! For lines the terminal's own editing is left as it is, so that they work on a serial console too. What was typed before the
//! question was shown is thrown away: it cannot have been meant for it.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    libc::_POSIX_VDISABLE,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{Signal, kill},
        termios::{FlushArg, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr},
    },
    unistd::{Pid, read},
};

use super::stroke::{self, Stroke};
use crate::ports::{Interrupts, NoAnswer, Urgency};

/// How long an interruption may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);
/// What comes within this time of one another was not typed key by key: it is a paste, or one key of several bytes.
const AT_ONCE: Duration = Duration::from_millis(30);
/// Longer than any line that the kernel hands out at once.
const LONGEST: usize = 64 * 1024;

/// A terminal that somebody types at.
#[derive(Debug)]
pub(crate) struct Keyboard<'a> {
    input: BorrowedFd<'a>,
    stop: &'a Interrupts,
}

/// How a terminal treats what is typed, other than before while this lives.
#[derive(Debug)]
struct Treated<'a> {
    input: BorrowedFd<'a>,
    before: Termios,
    during: Termios,
}

impl<'a> Treated<'a> {
    fn new(input: BorrowedFd<'a>, change: impl FnOnce(&mut Termios)) -> nix::Result<Self> {
        let before = tcgetattr(input)?;
        let mut during = before.clone();
        change(&mut during);
        let treated = Self { input, before, during };
        treated.set()?;
        Ok(treated)
    }

    /// Lines are read whole, and typing is not shown.
    fn blind(input: BorrowedFd<'a>) -> nix::Result<Self> {
        Self::new(input, |blind| {
            blind.local_flags.remove(LocalFlags::ECHO);
            blind.local_flags.insert(LocalFlags::ECHONL);
        })
    }

    /// Each key is read as it is pressed. Ctrl-C stays a signal; Ctrl-Z is a key, so that the terminal is put back before we stop.
    fn by_key(input: BorrowedFd<'a>) -> nix::Result<Self> {
        Self::new(input, |raw| {
            raw.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::IEXTEN);
            raw.input_flags.remove(InputFlags::ICRNL | InputFlags::INLCR | InputFlags::IGNCR | InputFlags::ISTRIP);
            raw.control_chars[SpecialCharacterIndices::VSUSP as usize] = _POSIX_VDISABLE;
            raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
            raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        })
    }

    fn set(&self) -> nix::Result<()> {
        tcsetattr(self.input, SetArg::TCSAFLUSH, &self.during)
    }

    fn put_back(&self) {
        let _ = tcsetattr(self.input, SetArg::TCSADRAIN, &self.before);
    }
}

impl Drop for Treated<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// What comes from a terminal that is read key by key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Strokes(Vec<Stroke>),
    /// The screen may show something else: we were stopped and go on, or the window has another size.
    Anew,
}

/// A terminal that is read key by key while this lives.
#[derive(Debug)]
pub(crate) struct Attention<'a> {
    keyboard: &'a Keyboard<'a>,
    treated: Treated<'a>,
    level: Urgency,
    continued: u32,
    size: (usize, usize),
}

impl Attention<'_> {
    /// What is pressed next. `size` is asked how large the window is, now and again.
    ///
    /// # Errors
    /// The operator interrupted, or the terminal is lost.
    pub(crate) fn next(&mut self, size: &dyn Fn() -> (usize, usize)) -> Result<Arrived, NoAnswer> {
        loop {
            if self.keyboard.wait(self.level, self.continued, GLANCE)? == Awaited::Input {
                let strokes = stroke::strokes(&self.burst()?);
                return Ok(Arrived::Strokes(strokes));
            }
            let continued = self.keyboard.stop.continuations();
            if continued != self.continued {
                self.continued = continued;
                // Whoever had the terminal meanwhile may have left it in another way.
                self.treated.set().map_err(|_| NoAnswer::Gone)?;
                return Ok(Arrived::Anew);
            }
            // Once it rests: while a window is dragged it has many sizes.
            let now = size();
            if now != self.size && self.keyboard.wait(self.level, self.continued, GLANCE)? == Awaited::Nothing && size() == now {
                self.size = now;
                return Ok(Arrived::Anew);
            }
        }
    }

    /// All that comes at once.
    fn burst(&self) -> Result<Vec<u8>, NoAnswer> {
        let mut burst = self.keyboard.piece()?;
        loop {
            let within = if stroke::is_within_paste(&burst) { GLANCE * 10 } else { AT_ONCE };
            let ends = !stroke::is_open(&burst) || self.keyboard.wait(self.level, self.continued, within)? != Awaited::Input;
            if ends || burst.len() > LONGEST {
                return Ok(burst);
            }
            burst.extend(self.keyboard.piece()?);
        }
    }

    /// Stops us as Ctrl-Z does, with the terminal as it was, and returns once we go on, or where nobody could let us go on.
    ///
    /// # Errors
    /// The operator interrupted, or the terminal is lost.
    pub(crate) fn suspend(&mut self) -> Result<(), NoAnswer> {
        self.treated.put_back();
        // To all of our process group, as the terminal would.
        let _ = kill(Pid::from_raw(0), Signal::SIGTSTP);
        // Whoever listens for the signal stops us as soon as it is its turn.
        for _ in 0..10 {
            self.keyboard.stopped(self.level)?;
            if self.keyboard.stop.continuations() != self.continued {
                break;
            }
            std::thread::sleep(GLANCE);
        }
        self.continued = self.keyboard.stop.continuations();
        self.treated.set().map_err(|_| NoAnswer::Gone)
    }
}

/// What somebody who waited for input got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Input,
    /// We were suspended and go on.
    Continued,
    Nothing,
}

impl<'a> Keyboard<'a> {
    #[must_use]
    pub(crate) fn new(input: BorrowedFd<'a>, stop: &'a Interrupts) -> Self {
        Self { input, stop }
    }

    /// Reads key by key from now on, in a window of this size. What was typed before does not count.
    ///
    /// # Errors
    /// The operator interrupted, or the terminal is lost.
    pub(crate) fn attend(&self, size: (usize, usize)) -> Result<Attention<'_>, NoAnswer> {
        let level = self.stop.urgency();
        self.stopped(level)?;
        let continued = self.stop.continuations();
        let treated = Treated::by_key(self.input).map_err(|_| NoAnswer::Gone)?;
        Ok(Attention { keyboard: self, treated, level, continued, size })
    }

    /// Shows a question with `show` and reads the line that is typed after it, without its end. With `secret` it is not
    /// seen while it is typed. Where several lines come at once they are returned together. After a suspension (Ctrl-Z, `fg`) the
    /// question is shown again, and what was typed so far does not count.
    ///
    /// # Errors
    /// The operator interrupted or ended the input, or the terminal is lost.
    pub(crate) fn line(&self, secret: bool, mut show: impl FnMut()) -> Result<String, NoAnswer> {
        let level = self.stop.urgency();
        self.stopped(level)?;
        // Where it cannot be made blind a secret is not asked for at all.
        let _blind = if secret { Some(Treated::blind(self.input).map_err(|_| NoAnswer::Gone)?) } else { None };
        tcflush(self.input, FlushArg::TCIFLUSH).map_err(|_| NoAnswer::Gone)?;
        let mut continued = self.stop.continuations();
        show();
        let mut typed = Vec::new();
        loop {
            let whole = typed.last() == Some(&b'\n');
            match self.wait(level, continued, if whole { AT_ONCE } else { GLANCE })? {
                Awaited::Input => typed.extend(self.piece()?),
                Awaited::Nothing if whole => break,
                Awaited::Nothing => {}
                Awaited::Continued => {
                    continued = self.stop.continuations();
                    tcflush(self.input, FlushArg::TCIFLUSH).map_err(|_| NoAnswer::Gone)?;
                    typed.clear();
                    show();
                }
            }
            if typed.len() > LONGEST {
                return Err(NoAnswer::Gone);
            }
        }
        typed.pop();
        Ok(String::from_utf8_lossy(&typed).into_owned())
    }

    /// What there is to read now.
    fn piece(&self) -> Result<Vec<u8>, NoAnswer> {
        let mut piece = [0; 4096];
        match read(self.input, &mut piece) {
            Ok(0) => Err(if self.hung_up() { NoAnswer::Gone } else { NoAnswer::Ended }),
            Ok(length) => Ok(piece[..length].to_vec()),
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(Vec::new()),
            Err(_) => Err(NoAnswer::Gone),
        }
    }

    /// Whether nobody is at the other end of the terminal.
    fn hung_up(&self) -> bool {
        let mut inputs = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let asked = poll(&mut inputs, PollTimeout::ZERO);
        let [input] = inputs;
        asked.is_err()
            || input.revents().is_none_or(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL))
    }

    /// Waits for input, at most for so long.
    fn wait(&self, level: Urgency, continued: u32, length: Duration) -> Result<Awaited, NoAnswer> {
        let mut inputs = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut inputs, PollTimeout::try_from(length).unwrap_or(PollTimeout::ZERO));
        // An interruption comes before whatever was typed with it.
        self.stopped(level)?;
        if self.stop.continuations() != continued {
            return Ok(Awaited::Continued);
        }
        match ready {
            Ok(0) | Err(Errno::EINTR) => Ok(Awaited::Nothing),
            Ok(_) => Ok(Awaited::Input),
            Err(_) => Err(NoAnswer::Gone),
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
