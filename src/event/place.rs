//! Where in a run something happens: `restart[osd=3].wait_up`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A step of a run, with the item of each loop around it.
///
/// Written as `loop[variable=item].step`; in an item, `\`, `]` and control characters are written `\\`, `\]` and `\u{..}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(Arc<str>);

impl Place {
    /// The place of a step at the top.
    #[must_use]
    pub fn top(id: &str) -> Self {
        Self(id.into())
    }

    /// The place of a step inside this one.
    #[must_use]
    pub fn child(&self, id: &str) -> Self {
        Self(format!("{}.{id}", self.0).into())
    }

    /// This place for one item of a loop.
    #[must_use]
    pub fn item(&self, variable: &str, item: &str) -> Self {
        let mut text = format!("{}[{variable}=", self.0);
        for c in item.chars() {
            match c {
                '\\' | ']' => text.extend(['\\', c]),
                c if c.is_control() => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        text.push(']');
        Self(text.into())
    }

    /// A place as it is written.
    pub(super) fn raw(text: &str) -> Self {
        Self(text.into())
    }

    /// The id of the step itself, without what surrounds it.
    #[must_use]
    pub fn step(&self) -> &str {
        let mut start = 0;
        let mut inside = false;
        let mut escaped = false;
        for (index, c) in self.0.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' if !inside => inside = true,
                ']' if inside => inside = false,
                '.' if !inside => start = index + 1,
                _ => {}
            }
        }
        let last = &self.0[start..];
        last.split('[').next().unwrap_or(last)
    }

    /// It is that of a step inside the other.
    #[must_use]
    pub fn is_inside(&self, around: &Self) -> bool {
        self.0.strip_prefix(&*around.0).is_some_and(|rest| rest.starts_with(['.', '[']))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Cuts `STEP=VALUE` at the first `=` that does not stand inside brackets, as in `each[disk=sdb].wipe=WD-123`.
#[must_use]
pub(crate) fn assignment(text: &str) -> Option<(&str, &str)> {
    let mut inside = false;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '[' if !inside => inside = true,
            ']' if inside => inside = false,
            '=' if !inside => return (index > 0).then_some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Place, assignment};

    #[test]
    fn shows_loops_and_finds_the_step() {
        let place = Place::top("restart").item("osd", "3").child("wait_up");
        assert_eq!(place.as_str(), "restart[osd=3].wait_up");
        assert_eq!(place.step(), "wait_up");
    }

    #[test]
    fn an_item_cannot_forge_a_place() {
        let place = Place::top("each").item("host", "a].b[x=1\n");
        assert_eq!(place.as_str(), "each[host=a\\].b[x=1\\u{a}]");
        assert_eq!(place.step(), "each");
        assert_ne!(place, Place::top("each").item("host", "a").child("b"));
    }

    #[test]
    fn assignments_are_cut_outside_brackets() {
        assert_eq!(assignment("wipe=a=b"), Some(("wipe", "a=b")));
        assert_eq!(assignment("each[disk=sdb].wipe=x"), Some(("each[disk=sdb].wipe", "x")));
        assert_eq!(assignment("each[disk=a\\]b=c].wipe="), Some(("each[disk=a\\]b=c].wipe", "")));
        assert_eq!(assignment("wipe"), None);
        assert_eq!(assignment("=x"), None);
    }

    proptest! {
        #[test]
        fn every_place_can_be_named(item in "\\PC{0,12}", value in "\\PC{0,12}") {
            let place = Place::top("each").item("x", &item).child("wipe");
            let text = format!("{place}={value}");
            prop_assert_eq!(assignment(&text), Some((place.as_str(), value.as_str())));
        }
    }
}
