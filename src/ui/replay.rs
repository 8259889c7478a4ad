//! A run told from what is kept of it, by those who tell it while it goes on: the same words, each with its time.

use jiff::civil::Date;

use super::{
    layout::{self, Page},
    narrative::Narrative,
    plain::{PlainNarrative, stamped},
};
use crate::{
    event::{Answerer, Event, moment::Moment},
    words::{moment::local, sanitise},
};

/// How wide the column of times is.
const COLUMN: usize = 10;

/// Tells a run from its facts.
#[derive(Debug)]
pub(crate) struct Replay {
    teller: Teller,
    /// The day of what was told last.
    day: Option<Date>,
}

#[derive(Debug)]
enum Teller {
    /// For a person at a terminal.
    Page(Box<Narrative>, Page),
    /// For a pipe or a log.
    Plain(Box<PlainNarrative>),
}

impl Replay {
    /// For a terminal with this page; without one, line by line.
    #[must_use]
    pub(crate) fn new(page: Option<Page>) -> Self {
        let teller = match page {
            // The times stand before each line.
            Some(page) => {
                let width = page.width.saturating_sub(COLUMN).max(Page::LEAST);
                Teller::Page(Box::new(Narrative::afterwards()), Page { width, ..page })
            }
            None => Teller::Plain(Box::new(PlainNarrative::afterwards())),
        };
        Self { teller, day: None }
    }

    /// The lines that tell of an event; none for most.
    pub(crate) fn event(&mut self, at: Moment, event: &Event) -> Vec<String> {
        let asked = asked(event);
        match &mut self.teller {
            Teller::Page(narrative, page) => {
                let mut lines = narrative.lines(page, at, event);
                if let Some(text) = asked {
                    let text = sanitise::text(text.trim_end());
                    let question = text.lines().flat_map(|line| {
                        let words = line.trim_start_matches(' ');
                        let own = format!("  {}", &line[..line.len() - words.len()]);
                        layout::wrap(words, page.width, &own, &format!("{own}  "))
                    });
                    lines.splice(0..0, std::iter::once(String::new()).chain(question));
                }
                self.timed(at, lines)
            }
            Teller::Plain(plain) => {
                let question = asked.into_iter().flat_map(|text| text.trim_end().lines()).map(|line| format!("  {line}"));
                stamped(at, question.chain(plain.lines(at, event)))
            }
        }
    }

    /// Something that is no fact of the run, but of its records.
    pub(crate) fn remark(&mut self, at: Moment, text: &str) -> Vec<String> {
        match &self.teller {
            Teller::Page(_, page) => {
                let lines = layout::wrap(&sanitise::text(text), page.width, "  ", "    ");
                self.timed(at, lines)
            }
            Teller::Plain(_) => stamped(at, std::iter::once(text.to_owned())),
        }
    }

    /// Sets the time of day before the first line that has words, and the day above where it is another.
    fn timed(&mut self, at: Moment, lines: Vec<String>) -> Vec<String> {
        let Teller::Page(_, page) = &self.teller else { return lines };
        let at = local(at.ts);
        let mut told = Vec::new();
        let mut time = Some(page.style.dim(&at.strftime("%H:%M:%S").to_string()));
        for line in lines {
            if line.trim().is_empty() {
                told.push(String::new());
                continue;
            }
            if self.day.replace(at.date()).is_some_and(|day| day != at.date()) {
                told.push(at.strftime("%Y-%m-%d").to_string());
            }
            told.push(match time.take() {
                Some(time) => format!("{time}  {line}"),
                None => format!("{:COLUMN$}{line}", ""),
            });
        }
        told
    }
}

/// The text of a question, where somebody was shown it: while the run goes on, the prompt and the plan show it.
fn asked(event: &Event) -> Option<&str> {
    match event {
        Event::Confirmed { place: Some(_), by: Answerer::Scenario, .. } => None,
        Event::Confirmed { text, .. } | Event::Declined { text, .. } => Some(text),
        _ => None,
    }
}
