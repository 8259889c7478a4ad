//! A record of a run, made ready to be told again: with what its command printed, as far as that is kept.

use std::path::Path;

use crate::{
    event::{Captured, Event, Excerpt, Part, Verdict},
    journal::{output::Outputs, shape::Body},
};

/// What is longer is left in its file, in bytes: of what failed, and of what did not.
const READABLE: u64 = 1 << 20;
const GLANCED: u64 = 4 << 10;

/// Whether a run has records of steps, by their types in order, and none that says what a step is called: an older halligan wrote
/// them. What comes before the plan stands has no titles of its own in any version.
#[must_use]
pub(super) fn is_untitled<'k>(kinds: impl IntoIterator<Item = &'k [u8]>) -> bool {
    let of_steps = kinds.into_iter().skip_while(|kind| *kind != b"planned");
    let first = of_steps.into_iter().find(|kind| matches!(*kind, b"step_reached" | b"step_began" | b"step_skipped" | b"staggered"));
    first.is_some_and(|kind| kind != b"step_reached")
}

/// The outputs of a journal.
#[derive(Debug)]
pub(super) struct Replayed(Outputs);

impl Replayed {
    #[must_use]
    pub(super) fn from(journal: &Path) -> Self {
        Self(Outputs::at(journal.join("output")))
    }

    /// The fact of a record; `None` for one that is about the journal itself.
    #[must_use]
    pub(super) fn event(&self, body: Body) -> Option<Event> {
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
            bytes => match self.0.read(&stream.sha256) {
                Ok(text) => String::from_utf8_lossy(&text).into_owned(),
                Err(error) => format!("({bytes} bytes in {file}, which cannot be read: {error})"),
            },
        }
    }
}
