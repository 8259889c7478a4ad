//! Many answers that say the same, told in one line: `997 the same, 3 differ`, with those that differ named.

use indexmap::IndexMap;

use super::{block, layout::Page};
use crate::{
    event::Place,
    words::{self, mark::Mark, sanitise},
};

/// From so many items on, what a batch has done is told together.
pub(super) const MANY: usize = 8;
/// So many of those that differ are told apart.
const APART: usize = 10;
/// So many names stand in a line.
const NAMES: usize = 12;

/// Answers to one question, by what they say.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What was said, by what makes two answers the same, and by whom.
    answers: IndexMap<String, (String, Vec<String>)>,
    count: usize,
}

impl Gathered {
    /// Adds an answer: who gave it, what makes it the same as another, and what it says.
    pub(super) fn add(&mut self, who: &str, same: &str, says: &str) {
        self.count += 1;
        let (_, names) = self.answers.entry(same.to_owned()).or_insert_with(|| (says.to_owned(), Vec::new()));
        names.push(who.to_owned());
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What most of them say, and how many do not.
    pub(super) fn summary(&self) -> String {
        let Some((says, names)) = self.answers.values().max_by_key(|(_, names)| names.len()) else { return String::new() };
        let says = sanitise::line(says);
        let says = if says.is_empty() { String::new() } else { format!(": {says}") };
        if let Some(names) = self.names_alone() {
            return words::list(&names, NAMES);
        }
        match self.answers.len() {
            _ if self.count == 1 => says.trim_start_matches(": ").to_owned(),
            1 => format!("all {} identical{says}", self.count),
            kinds if kinds == self.count => format!("{} different answers", self.count),
            _ => {
                let others = self.count - names.len();
                format!("{} the same{says}; {others} differ{}", names.len(), if others == 1 { "s" } else { "" })
            }
        }
    }

    /// The names of all, where each has said its own and nothing else.
    fn names_alone(&self) -> Option<Vec<String>> {
        let alone = |(says, names): &(String, Vec<String>)| names.first().filter(|name| names.len() == 1 && *name == says).cloned();
        self.answers.values().map(alone).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
    }

    /// Those that differ from the most, a line for each answer.
    pub(super) fn apart(&self, page: &Page) -> Vec<String> {
        if self.names_alone().is_some() || self.answers.len() < 2 || self.answers.len() == self.count && self.count > APART {
            return Vec::new();
        }
        let most = self.answers.values().map(|(_, names)| names.len()).max().unwrap_or_default();
        // The summary has said what most say; where each says something else, it has said nothing.
        let mut first = self.answers.len() < self.count;
        let others: Vec<_> = self.answers.values().filter(|(_, names)| !(names.len() == most && std::mem::take(&mut first))).collect();
        let mut lines: Vec<String> = others
            .iter()
            .take(APART)
            .flat_map(|(says, names)| {
                let says = if says.is_empty() { "(nothing)".into() } else { sanitise::line(says) };
                block::remark(page, &format!("{}: {says}", words::list(names, NAMES)))
            })
            .collect();
        if others.len() > APART {
            lines.extend(block::remark(page, &format!("and {} more answers, in the journal", others.len() - APART)));
        }
        lines
    }
}

/// Answers of one preflight probe that all passed.
#[derive(Debug)]
pub(super) struct SameAnswers {
    pub probe: Place,
    pub title: String,
    pub message: String,
    pub gathered: Gathered,
}

/// What the items of a batch have done, by step.
#[derive(Debug, Default)]
pub(super) struct GatheredBatch {
    /// By the place without the item.
    steps: IndexMap<Place, Gathered>,
}

impl GatheredBatch {
    pub(super) fn add(&mut self, item: &str, step: Place, same: &str, says: &str) {
        self.steps.entry(step).or_default().add(item, same, says);
    }

    pub(super) fn lines(&self, page: &Page) -> Vec<String> {
        let told = self.steps.iter().flat_map(|(place, gathered)| {
            let mut lines = block::step(page, Mark::Passed, place, None, &gathered.summary(), "");
            lines.extend(gathered.apart(page));
            lines
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::style::Style, *};

    #[test]
    fn the_many_are_counted_and_the_few_are_named() {
        let page = Page::new(80, Style { colour: false, unicode: true });
        let mut gathered = Gathered::default();
        for host in 0..1000 {
            let says = if host % 400 == 7 { "6.8" } else { "6.1" };
            gathered.add(&format!("h{host}"), says, says);
        }
        assert_eq!(gathered.summary(), "997 the same: 6.1; 3 differ");
        assert_eq!(gathered.apart(&page), ["    h7, h407, h807: 6.8"]);
        let mut names = Gathered::default();
        for host in ["host-a", "host-b", "host-c"] {
            names.add(host, host, host);
        }
        assert_eq!((names.summary().as_str(), names.apart(&page)), ("host-a, host-b, host-c", Vec::new()));
    }
}
