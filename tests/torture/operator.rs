//! An operator at a pseudo-terminal, who looks into the ledger before answering.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, OnceLock},
    thread::{self, JoinHandle},
};

use fastrand::Rng;
use nix::{
    fcntl::{FcntlArg, FdFlag},
    pty::{Winsize, openpty},
};
use regex::Regex;

use super::account::{Answer, Mark, stands};

/// Somebody who answers what halligan asks.
pub struct Operator {
    shown: JoinHandle<String>,
}

/// How the operator decides.
pub struct Mood {
    pub ledger: PathBuf,
    pub rng: Rng,
    /// Wants the run to come to an end, and stops nothing.
    pub patient: bool,
    pub answers: Arc<Mutex<Vec<Answer>>>,
}

impl Operator {
    /// Sits down; the second is the end of the terminal that is halligan's.
    pub fn sit(mood: Mood) -> (Self, OwnedFd) {
        let size = Winsize { ws_row: 50, ws_col: 500, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        for end in [&pty.master, &pty.slave] {
            nix::fcntl::fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let master = File::from(pty.master);
        (Self { shown: thread::spawn(move || mood.converse(master)) }, pty.slave)
    }

    /// What was shown, once nobody writes any more.
    pub fn leave(self) -> String {
        self.shown.join().unwrap()
    }
}

/// The same end twice: to be read from, and to be written to.
pub fn both_ends(end: OwnedFd) -> (Stdio, Stdio) {
    (Stdio::from(end.try_clone().unwrap()), Stdio::from(end))
}

fn pattern(cell: &'static OnceLock<Regex>, text: &str) -> &'static Regex {
    cell.get_or_init(|| Regex::new(text).unwrap())
}

impl Mood {
    fn converse(mut self, mut master: File) -> String {
        static KEYS: OnceLock<Regex> = OnceLock::new();
        let keys = pattern(&KEYS, r"\[([a-z](?:/[a-z])*)\] $");
        let mut all = String::new();
        let mut pending = String::new();
        let mut buffer = [0; 4096];
        // The last writer is gone: the kernel says EIO.
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            pending += &console::strip_ansi_codes(&text).replace('\r', "");
            let answer = match keys.captures(&pending).map(|found| found[1].to_owned()) {
                Some(offered) => self.choose(&pending, &offered.split('/').collect::<Vec<_>>()),
                None if pending.ends_with("[y/N] ") || pending.ends_with("or q to stop: ") => "unexpected".to_owned(),
                None => continue,
            };
            all += &std::mem::take(&mut pending);
            if master.write_all(format!("{answer}\r").as_bytes()).is_err() {
                break;
            }
        }
        all + &pending
    }

    fn choose(&mut self, question: &str, offered: &[&str]) -> String {
        static DOUBT: OnceLock<Regex> = OnceLock::new();
        static FAILED: OnceLock<Regex> = OnceLock::new();
        let doubt = pattern(&DOUBT, r"(?:Unknown whether (\S+) took effect|(\S+) is recorded as done, but )");
        let failed = pattern(&FAILED, r"(?m)^(\S+) (?:had failed|failed):");
        let place = |pattern: &Regex| {
            let found = pattern.captures_iter(question).last()?;
            found.iter().skip(1).flatten().next().map(|place| place.as_str().to_owned())
        };
        // Of an undo that was cut off only that is asked: again, or not. It is no answer about its step.
        if question.contains("Unknown whether the undo of ") {
            return if !self.patient && self.rng.u32(0..100) < 12 { "q" } else { "t" }.to_owned();
        }
        let marks = Mark::read(&fs::read_to_string(&self.ledger).unwrap_or_default());
        let (place, in_doubt) = match (place(doubt), place(failed)) {
            (Some(place), _) => (place, true),
            (None, Some(place)) => (place, false),
            // A question that nobody has foreseen: it is answered by no, and the account will say so.
            (None, None) => return "unexpected".to_owned(),
        };
        let done = stands(&marks, &place, &["undid", "cleaned"]);
        let mut answers = self.answers.lock().unwrap();
        let tried = answers.iter().filter(|answer| answer.place == place && answer.key == "t").count();
        let dice = self.rng.u32(0..100);
        let wish = match (in_doubt, done) {
            _ if !self.patient && dice < 12 => "q",
            (true, true) => "d",
            (true, false) if dice.is_multiple_of(2) => "n",
            (true, false) => "t",
            (false, false) if tried < 2 && dice < 85 => "t",
            (false, true) if tried < 1 && dice < 35 => "t",
            (false, _) if dice < 95 => "c",
            (false, _) => "b",
        };
        let key = match wish {
            wish if offered.contains(&wish) => wish,
            "n" if offered.contains(&"t") => "t",
            _ if offered.contains(&"b") => "b",
            _ => "q",
        };
        answers.push(Answer { place, key: key.to_owned(), done });
        key.to_owned()
    }
}
