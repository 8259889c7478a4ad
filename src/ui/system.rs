//! What systems have said of which one they are, told when it is new.

use std::collections::HashMap;

use super::{block, layout::Page};
use crate::{
    event::{Place, SystemAnswer},
    words::{self, mark::Mark},
};

/// What each has said, by where it was asked.
#[derive(Debug, Default)]
pub(super) struct SystemsTold(HashMap<Place, String>);

impl SystemsTold {
    /// The lines for an answer; none for the same as before.
    pub(super) fn lines(&mut self, page: &Page, place: &Place, answer: &SystemAnswer) -> Vec<String> {
        let (mark, text) = words::system_answer(answer);
        if mark == Mark::Passed && self.0.insert(place.clone(), text.clone()).as_ref() == Some(&text) {
            return Vec::new();
        }
        block::marked(page, mark, &text)
    }
}
