//! A list to choose from. Typing filters it; what Enter would take is said in words before it is taken, and nothing else is.

use std::{cell::Cell, collections::BTreeSet};

use super::{
    field::TextField,
    layout,
    panel::{Panel, Response, Room, View},
    stroke::Stroke,
};

/// So many of the choices are shown at once, where the terminal has room.
const MOST: usize = 12;
/// So few are, where it has none.
const FEWEST: usize = 3;
/// So many lines say what Enter would take; what needs more is listed whole before it is taken.
const TOLD: usize = 3;

/// A list to choose from.
#[derive(Debug)]
pub(crate) struct Picker {
    /// What is chosen: the name of a parameter.
    name: String,
    /// In the words that are shown.
    items: Vec<String>,
    many: bool,
    filter: TextField,
    /// Which of those that match is marked.
    at: usize,
    ticked: BTreeSet<usize>,
    /// What Enter would take was not shown whole when it was drawn last.
    cut: Cell<bool>,
    /// It was listed whole since it changed last.
    listed: bool,
}

impl Picker {
    /// `chosen` are ticked from the beginning, or of one choice, marked.
    #[must_use]
    pub(crate) fn new(name: &str, items: Vec<String>, many: bool, chosen: &[usize]) -> Self {
        let how = if many {
            format!("Select one or more {name} (type to filter, Space toggles, Enter confirms, q to quit):")
        } else {
            format!("Select {name} (type to filter, arrow keys, Enter to choose, q to quit):")
        };
        let ticked = if many { chosen.iter().copied().collect() } else { BTreeSet::new() };
        let at = if many { 0 } else { chosen.first().copied().unwrap_or(0) };
        Self {
            name: name.to_owned(),
            items,
            many,
            filter: TextField::new(&how, false, Vec::new()),
            at,
            ticked,
            cut: Cell::new(false),
            listed: false,
        }
    }

    /// Which of the choices have all words of the filter in them.
    fn matching(&self) -> Vec<usize> {
        let filter = self.filter.value().to_lowercase();
        let words: Vec<_> = filter.split_whitespace().collect();
        let fits = |item: &String| {
            let item = item.to_lowercase();
            words.iter().all(|word| item.contains(word))
        };
        (0..self.items.len()).filter(|index| self.items.get(*index).is_some_and(fits)).collect()
    }

    /// What Enter takes now.
    #[must_use]
    pub(crate) fn chosen(&self) -> Vec<usize> {
        if self.many { self.ticked.iter().copied().collect() } else { self.matching().get(self.at).copied().into_iter().collect() }
    }

    fn names(&self, chosen: &[usize]) -> String {
        let names: Vec<_> = chosen.iter().filter_map(|index| self.items.get(*index)).map(String::as_str).collect();
        names.join(", ")
    }

    /// What Enter would take, in words.
    fn offer(&self) -> String {
        match self.chosen().as_slice() {
            [] if self.many => "Chosen: none. Space chooses the one marked >".to_owned(),
            [] => format!("No choice contains `{}`: Enter takes nothing", self.filter.value()),
            chosen if self.many => format!("Chosen, {}; Enter takes: {}", chosen.len(), self.names(chosen)),
            chosen => format!("Enter takes: {}", self.names(chosen)),
        }
    }

    fn help(&self) -> String {
        let toggles = if self.many { "Space chooses the one marked > or takes it back. " } else { "" };
        let takes = if self.many { "all that are chosen" } else { "the one marked >" };
        format!(
            "Type part of a name to see only those that contain it; the arrow keys move. {toggles}Enter takes {takes}. Backspace widens the \
             list again. Escape, or q before anything is typed, leaves without an answer."
        )
    }

    fn enter(&mut self) -> Response {
        let chosen = self.chosen();
        if chosen.is_empty() {
            return Response::Say(if self.many {
                "Nothing is chosen, and nothing was taken. Space chooses the one marked >".to_owned()
            } else {
                format!("No choice contains `{}`: nothing was taken.", self.filter.value())
            });
        }
        if self.cut.get() && !self.listed {
            self.listed = true;
            return Response::Say(format!("Chosen, {}: {}\nEnter once more takes all of it.", chosen.len(), self.names(&chosen)));
        }
        Response::Taken
    }

    fn go(&mut self, forward: bool, steps: usize) {
        let last = self.matching().len().saturating_sub(1);
        self.at = if forward { self.at.saturating_add(steps).min(last) } else { self.at.saturating_sub(steps) };
        self.listed = false;
    }

    /// The mark goes to the choice that was typed whole, else to the first that is left.
    fn filtered(&mut self) {
        let typed = self.filter.value().trim();
        let whole = self.matching().iter().position(|index| self.items.get(*index).is_some_and(|item| item == typed));
        self.at = whole.unwrap_or(0);
        self.listed = false;
    }
}

impl Panel for Picker {
    fn view(&self, room: Room) -> View {
        let Room { page, height } = room;
        let mut view = self.filter.view(room);
        let matching = self.matching();
        let mut offer = layout::wrap(&self.offer(), page.width, "  ", "    ");
        self.cut.set(offer.len() > TOLD);
        if self.cut.get() {
            offer.truncate(TOLD - 1);
            offer.extend(layout::wrap("and more: Enter lists all of it first", page.width, "    ", "    "));
        }
        // A line for how many there are, and one that stays free.
        let rows = height.saturating_sub(view.lines.len() + offer.len() + 2).clamp(FEWEST, MOST);
        let first = self.at.saturating_sub(rows / 2).min(matching.len().saturating_sub(rows));
        for (place, index) in matching.iter().enumerate().skip(first).take(rows) {
            let marked = place == self.at;
            let tick = match (self.many, self.ticked.contains(index)) {
                (false, _) => "",
                (true, true) => "[x] ",
                (true, false) => "[ ] ",
            };
            let line = format!("  {} {tick}{}", if marked { ">" } else { " " }, self.items.get(*index).map_or("", String::as_str));
            let line = layout::fit(&line, page.width, page.style);
            view.lines.push(if marked { page.style.bold(&line) } else { line });
        }
        let last = (first + rows).min(matching.len());
        let counted = match (matching.len(), self.items.len()) {
            (0, all) => format!("  none of {all}"),
            (found, all) if found < all => format!("  {} to {last} of {found} that match, of {all}", first + 1),
            (_, all) => format!("  {} to {last} of {all}", first + 1),
        };
        view.lines.push(page.style.dim(&layout::fit(&counted, page.width, page.style)));
        view.lines.extend(offer);
        view
    }

    fn hear(&mut self, stroke: Stroke) -> Response {
        let untouched = self.filter.value().is_empty();
        match stroke {
            Stroke::Enter => return self.enter(),
            Stroke::Escape => return Response::Left,
            Stroke::Char('q') if untouched => return Response::Left,
            Stroke::Char('?') if untouched => return Response::Say(self.help()),
            Stroke::Char(' ') if self.many => {
                if let Some(index) = self.matching().get(self.at)
                    && !self.ticked.remove(index)
                {
                    self.ticked.insert(*index);
                }
                self.listed = false;
            }
            Stroke::Up => self.go(false, 1),
            Stroke::Down => self.go(true, 1),
            Stroke::PageUp => self.go(false, MOST),
            Stroke::PageDown => self.go(true, MOST),
            other => {
                let before = self.filter.value().to_owned();
                let response = self.filter.hear(other);
                if self.filter.value() != before {
                    self.filtered();
                }
                return response;
            }
        }
        Response::Stay
    }

    fn remains(&self) -> String {
        format!("{}: {}", self.name, self.names(&self.chosen()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{field::tests::room, stroke::strokes},
        *,
    };

    fn picker(items: &[&str], many: bool) -> Picker {
        Picker::new("kind", items.iter().map(ToString::to_string).collect(), many, &[])
    }

    fn typed(picker: &mut Picker, keys: &str) -> Response {
        strokes(keys.as_bytes()).into_iter().map(|stroke| picker.hear(stroke)).last().unwrap_or(Response::Stay)
    }

    fn shown(picker: &Picker, width: usize, height: usize) -> String {
        picker.view(room(width, height)).lines.join("\n")
    }

    #[test]
    fn typing_filters_and_enter_takes_what_is_shown() {
        let mut kinds = picker(&["osd", "xfs", "ext4"], false);
        assert_eq!(typed(&mut kinds, "xfs\r"), Response::Taken);
        assert_eq!(kinds.chosen(), [1]);
        assert_eq!(kinds.remains(), "kind: xfs");
        let mut modes = picker(&["soft", "hard"], false);
        assert_eq!(typed(&mut modes, "HARD\r"), Response::Taken);
        assert_eq!(modes.chosen(), [1]);
        assert!(shown(&modes, 80, 24).ends_with("  1 to 1 of 1 that match, of 2\n  Enter takes: hard"), "{}", shown(&modes, 80, 24));
    }

    #[test]
    fn what_matches_nothing_takes_nothing() {
        let mut kinds = picker(&["osd", "xfs"], false);
        assert_eq!(typed(&mut kinds, "zz\r"), Response::Say("No choice contains `zz`: nothing was taken.".into()));
        assert!(shown(&kinds, 80, 24).contains("No choice contains `zz`: Enter takes nothing"));
        typed(&mut kinds, "\u{7f}\u{7f}");
        assert_eq!(kinds.chosen(), [0]);
    }

    #[test]
    fn a_choice_that_was_typed_whole_is_the_one() {
        let mut osds = picker(&["osd.10", "osd.1"], false);
        assert_eq!(typed(&mut osds, "osd.1\r"), Response::Taken);
        assert_eq!(osds.chosen(), [1]);
    }

    #[test]
    fn escape_and_q_leave_and_a_question_mark_explains() {
        for many in [false, true] {
            for key in ["\u{1b}", "q"] {
                assert_eq!(typed(&mut picker(&["a"], many), key), Response::Left);
            }
            let mut asked = picker(&["a"], many);
            assert!(matches!(typed(&mut asked, "?"), Response::Say(_)));
            assert!(matches!(typed(&mut asked, "\u{4}"), Response::Ended));
        }
        // Once something is typed, they are letters.
        let mut queues = picker(&["aq?", "b"], false);
        typed(&mut queues, "aq?\r");
        assert_eq!(queues.remains(), "kind: aq?");
    }

    #[test]
    fn several_are_chosen_by_space_alone() {
        let mut osds = picker(&["osd.1", "osd.2", "osd.3"], true);
        assert!(matches!(typed(&mut osds, "\r"), Response::Say(_)));
        typed(&mut osds, " ");
        typed(&mut osds, "3");
        assert_eq!(osds.chosen(), [0], "what is only marked is not chosen");
        typed(&mut osds, " ");
        assert!(shown(&osds, 80, 24).ends_with("Chosen, 2; Enter takes: osd.1, osd.3"), "{}", shown(&osds, 80, 24));
        assert_eq!(typed(&mut osds, "\r"), Response::Taken);
        typed(&mut osds, " ");
        assert_eq!(osds.remains(), "kind: osd.1");
    }

    #[test]
    fn what_has_no_room_is_listed_before_it_is_taken() {
        let items: Vec<_> = (0..60).map(|number| format!("osd.{number}")).collect();
        let all: Vec<_> = (0..60).collect();
        let mut osds = Picker::new("osds", items, true, &all);
        assert!(shown(&osds, 60, 24).ends_with("and more: Enter lists all of it first"));
        let Response::Say(listed) = typed(&mut osds, "\r") else { panic!() };
        assert!(listed.contains("osd.0, osd.1") && listed.contains("osd.59\nEnter once more"), "{listed}");
        assert_eq!(typed(&mut osds, "\r"), Response::Taken);
    }

    proptest! {
        #[test]
        fn nothing_is_taken_that_was_not_shown(keys in proptest::collection::vec("[a-c \u{7f}\r?q]|\u{1b}\\[[AB]", 0..20), many: bool, width in 20usize..130, height in 5usize..50) {
            let mut picker = picker(&["abc", "bca", "cab", "aa", "b b", "c?"], many);
            for key in &keys {
                let view = picker.view(room(width, height));
                for line in &view.lines {
                    prop_assert!(layout::width(line) <= width, "{line:?}");
                }
                let before = picker.chosen();
                if typed(&mut picker, key) == Response::Taken {
                    prop_assert_eq!(&picker.chosen(), &before);
                    let shown = view.lines.concat().replace(' ', "");
                    for index in before {
                        prop_assert!(shown.contains(&picker.items[index].replace(' ', "")), "{shown}");
                    }
                    break;
                }
            }
        }
    }
}
