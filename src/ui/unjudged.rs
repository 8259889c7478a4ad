//! Checks that are not judged for one reason, told together.

use crate::{
    event::{Event, Finding},
    words,
};

/// Counts them until the next event is another.
#[derive(Debug, Default)]
pub(super) struct UnjudgedTally(Option<(Vec<String>, usize)>);

impl UnjudgedTally {
    /// Counts the event if it is one of them. What is to be told first, if it is no more of those before.
    pub(super) fn count(&mut self, event: &Event) -> Option<String> {
        let next = match event {
            Event::Checked { finding: Finding::NotJudged { without, .. }, .. } => Some(without),
            _ => None,
        };
        let over = self.0.take_if(|(without, _)| next != Some(&*without));
        if let Some(without) = next {
            self.0.get_or_insert_with(|| (without.clone(), 0)).1 += 1;
        }
        over.map(|(without, count)| words::not_judged(&without, count))
    }
}
