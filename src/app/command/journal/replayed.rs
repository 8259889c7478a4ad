//! A record of a run, made ready to be told again: with what its command printed, as far as that is kept.

use std::path::Path;

use crate::{
    event::{Captured, Event, Excerpt, Part, Verdict},
    journal::{output::Outputs, shape::Body},
};

/// What is longer is left in its file, in bytes: of what failed, and of what did not.
const READABLE: u64 = 1 << 20;
const GLANCED: u64 = 4 << 10;

/// Whether the records of a run say what its steps are called. What comes before the plan stands has no titles of its own in any
/// version; the first record of a step after it tells.
#[derive(Debug, Default)]
pub(super) struct Titles {
    planned: bool,
}

impl Titles {
    /// Whether they are missing, since an older halligan wrote the run; `None` as long as no record up to this `kind` tells.
    pub(super) fn missing(&mut self, kind: &[u8]) -> Option<bool> {
        self.planned |= kind == b"planned";
        match kind {
            b"step_reached" if self.planned => Some(false),
            b"step_began" | b"step_skipped" | b"staggered" if self.planned => Some(true),
            _ => None,
        }
    }
}

/// The outputs of a journal.
#[derive(Debug)]
pub(in crate::app::command) struct Replayed(Outputs);

impl Replayed {
    #[must_use]
    pub(in crate::app::command) fn from(journal: &Path) -> Self {
        Self(Outputs::at(journal.join("output")))
    }

    /// The fact of a record; `None` for one that is about the journal itself.
    #[must_use]
    pub(in crate::app::command) fn event(&self, body: Body) -> Option<Event> {
        let mut event = body.into_event()?;
        if let Event::StepEnded { part, verdict, stdout, stderr, excerpt, .. } = &mut event {
            let failed = *verdict != Verdict::Passed && *part != Part::DoneIf;
            let most = if failed { READABLE } else { GLANCED };
            *excerpt = Excerpt { stdout: self.printed(stdout, most), stderr: self.printed(stderr, most) };
        }
        Some(event)
    }

    /// What a stream printed, or what is known of it.
    fn printed(&self, stream: &Captured, most: u64) -> String {
        let file = format!("output/{}", stream.sha256);
        match stream.bytes {
            0 => String::new(),
            bytes if bytes > most => format!("({bytes} bytes in {file})"),
            bytes => match self.0.read(&stream.sha256, bytes) {
                Ok(text) => String::from_utf8_lossy(&text).into_owned(),
                Err(error) => format!("({bytes} bytes in {file}, which cannot be read: {error})"),
            },
        }
    }
}
