//! A run for somebody who looks on from elsewhere: the same screen, told from its records and from what it says of itself.

use super::{json::Json, out::Stream, plain::Plain, terminal::Terminal};
use crate::{
    event::{Event, Paces, Part, Place, Progress, RunId, Shown, moment::Moment},
    ports::Observer,
};

/// How it is told to who looks on.
#[derive(Debug)]
pub(crate) enum Onlooker {
    Page(Box<Terminal>),
    Line(Box<Plain>),
    Json(Json),
}

impl Onlooker {
    #[must_use]
    pub(crate) fn new(stream: Stream, run: RunId, json: bool) -> Self {
        match (json, stream.is_terminal()) {
            (true, _) => Self::Json(Json::new(stream, run)),
            (false, true) => Self::Page(Box::new(Terminal::onlooking(stream, &run.to_string()))),
            (false, false) => Self::Line(Box::new(Plain::onlooking(stream))),
        }
    }

    /// How long steps took in earlier runs.
    pub(crate) fn learn(&self, earlier: Paces) {
        if let Self::Page(terminal) = self {
            terminal.screen().learn(earlier);
        }
    }

    /// Something that was over before anybody looked on, as far as anybody knows.
    pub(crate) fn past(&self, at: Moment, event: &Event) {
        match self {
            Self::Page(terminal) => terminal.past(at, event),
            Self::Line(plain) => plain.event(at, event),
            Self::Json(json) => json.event(at, event),
        }
    }

    /// A command that was begun then, before anybody looked on, and goes on.
    pub(crate) fn goes_on(&self, began: Moment, place: &Place, part: Part, command: &Shown) {
        if let Self::Page(terminal) = self {
            terminal.goes_on(began, place, part, command);
        }
    }

    fn observer(&self) -> &dyn Observer {
        match self {
            Self::Page(terminal) => &**terminal,
            Self::Line(plain) => &**plain,
            Self::Json(json) => json,
        }
    }

    pub(crate) fn event(&self, at: Moment, event: &Event) {
        self.observer().event(at, event);
    }

    pub(crate) fn progress(&self, at: Moment, progress: &Progress) {
        self.observer().progress(at, progress);
    }

    /// The operator is asked. `text` stands above the prompt; it is empty where it stands on the screen already, as the plan does.
    pub(crate) fn question(&self, at: Moment, place: Option<&Place>, text: &str, prompt: &str) {
        match self {
            Self::Page(terminal) => terminal.question(place, text, prompt),
            Self::Line(plain) => plain.question(at, place, text, prompt),
            Self::Json(json) => json.question(at, place, text, prompt),
        }
    }
}
