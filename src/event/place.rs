//! Where in a run something happens: `restart[osd=3].wait_up`.

use std::{borrow::Borrow, cmp::Ordering, collections::BTreeSet, fmt, hash, iter, ops::Bound, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::escape::{self, is_name, read_item};
use crate::runbook::name::{IDENTITY, LOCKS, PREFLIGHT, REQUIRES};

const LOCK: &str = "lock";
/// So many characters of a faulty text are shown.
const SHOWN: usize = 80;

/// A step of a run, or a probe, with the item of each loop around it. Cheap to clone.
///
/// Written as `loop[variable=item].step`; in an item, `\`, `]` and control characters are written `\\`, `\]` and `\u{..}`.
/// Places are equal and ordered as they are written.
#[derive(Clone, JsonSchema)]
#[schemars(try_from = "String", into = "String")]
pub struct Place(Arc<PlaceNode>);

/// The last segment of a place, and the place around it.
struct PlaceNode {
    around: Option<Place>,
    /// The place is written as the beginning of this text: places that were read together share it.
    text: Arc<str>,
    end: usize,
    own: LastSegment,
}

/// Where the last segment stands in the text.
enum LastSegment {
    Step {
        start: usize,
    },
    Item {
        variable: usize,
        item: usize,
        /// The item itself, if it is written with escapes.
        plain: Option<Box<str>>,
    },
}

/// One part of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceSegment<'p> {
    /// The id of a step or a probe.
    Step(&'p str),
    /// One turn of the loop that stands before it.
    Item { variable: &'p str, item: &'p str },
}

/// A text that is not the written form of a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a place in a run: {why}")]
pub struct BadPlace {
    /// The beginning of the text, without control characters.
    pub text: String,
    pub why: &'static str,
}

impl Drop for PlaceNode {
    /// One after another: a place of a forged journal may be so deep that dropping it by recursion would exhaust the stack.
    fn drop(&mut self) {
        let mut around = self.around.take();
        while let Some(Place(node)) = around {
            around = Arc::into_inner(node).and_then(|mut node| node.around.take());
        }
    }
}

impl Place {
    /// The place of a step at the top; `id` is the id of a step or a probe.
    #[must_use]
    pub fn top(id: &str) -> Self {
        Self::step_in(None, id)
    }

    /// The place of a step inside this one; `id` is the id of a step or a probe.
    #[must_use]
    pub fn child(&self, id: &str) -> Self {
        Self::step_in(Some(self), id)
    }

    /// This place for one item of a loop; `variable` is the name of the loop's variable, `item` any text.
    #[must_use]
    pub fn item(&self, variable: &str, item: &str) -> Self {
        debug_assert!(is_name(variable), "not the name of a variable: {variable}");
        let mut text = String::with_capacity(self.0.end + variable.len() + item.len() + 3);
        text.extend([self.as_str(), "[", variable, "="]);
        let start = text.len();
        escape::write_item(item, &mut text);
        let plain = (text.len() - start != item.len()).then(|| item.into());
        text.push(']');
        Self::node(Some(self), text.into(), LastSegment::Item { variable: self.0.end + 1, item: start, plain })
    }

    /// Where the probes of a runbook are asked: of the one that this step calls, or of the run's own.
    #[must_use]
    pub(crate) fn preflight_in(call: Option<&Self>) -> Self {
        Self::step_in(call, PREFLIGHT)
    }

    /// Where what a runbook requires is checked: one that this step calls, or the run's own.
    #[must_use]
    pub(crate) fn requires_in(call: Option<&Self>) -> Self {
        Self::preflight_in(call).child(REQUIRES)
    }

    /// Where the system of a runbook is asked which one it is: of one that this step calls, or of the run's own.
    #[must_use]
    pub(crate) fn identity_in(call: Option<&Self>) -> Self {
        Self::preflight_in(call).child(IDENTITY)
    }

    /// Where the taking and giving back of a shared lock is recorded.
    #[must_use]
    pub(crate) fn of_lock(name: &str) -> Self {
        Self::top(LOCKS).item(LOCK, name)
    }

    fn step_in(around: Option<&Self>, id: &str) -> Self {
        debug_assert!(is_name(id), "not the id of a step: {id}");
        let (text, start): (Arc<str>, _) = match around {
            None => (id.into(), 0),
            Some(around) => {
                let mut text = String::with_capacity(around.0.end + 1 + id.len());
                text.extend([around.as_str(), ".", id]);
                (text.into(), around.0.end + 1)
            }
        };
        Self::node(around, text, LastSegment::Step { start })
    }

    fn node(around: Option<&Self>, text: Arc<str>, own: LastSegment) -> Self {
        Self(Arc::new(PlaceNode { around: around.cloned(), end: text.len(), text, own }))
    }

    /// As it is written, to be shown or recorded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text[..self.0.end]
    }

    /// The last segment.
    #[must_use]
    pub(crate) fn segment(&self) -> PlaceSegment<'_> {
        let text = self.as_str();
        match &self.0.own {
            LastSegment::Step { start } => PlaceSegment::Step(&text[*start..]),
            LastSegment::Item { variable, item, plain } => PlaceSegment::Item {
                variable: &text[*variable..*item - 1],
                item: plain.as_deref().unwrap_or_else(|| &text[*item..text.len() - 1]),
            },
        }
    }

    /// The place around this one: without the last segment.
    #[must_use]
    pub(crate) fn around(&self) -> Option<&Self> {
        self.0.around.as_ref()
    }

    /// This place and those around it, the innermost first.
    fn outwards(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |place| place.around())
    }

    /// This place without the items that it ends in: a probe without the item that it was asked for.
    #[must_use]
    pub(crate) fn without_item(&self) -> &Self {
        self.outwards().find(|place| matches!(place.segment(), PlaceSegment::Step(_))).unwrap_or(self)
    }

    /// The turns of loops that it stands in, or is, the outermost first.
    pub(crate) fn turns(&self) -> impl Iterator<Item = Self> {
        let mut turns: Vec<Self> = self.outwards().filter(|place| place.own_item().is_some()).cloned().collect();
        turns.reverse();
        turns.into_iter()
    }

    /// The item that this place ends in: that which a probe was asked for, or a turn of a loop.
    #[must_use]
    pub(crate) fn own_item(&self) -> Option<&str> {
        match self.segment() {
            PlaceSegment::Item { item, .. } => Some(item),
            PlaceSegment::Step(_) => None,
        }
    }

    /// The id of the step itself, without what surrounds it.
    #[must_use]
    pub fn step(&self) -> &str {
        match self.without_item().segment() {
            PlaceSegment::Step(id) => id,
            // A place begins with a step.
            PlaceSegment::Item { .. } => "",
        }
    }

    /// The ids of the steps, the outermost first, the step itself last.
    #[must_use]
    pub(crate) fn steps(&self) -> Vec<&str> {
        self.segments().into_iter().filter_map(|segment| if let PlaceSegment::Step(id) = segment { Some(id) } else { None }).collect()
    }

    /// The variables of the loops around it, each with its item, the outermost first.
    #[must_use]
    pub(crate) fn items(&self) -> Vec<(&str, &str)> {
        let item = |segment| if let PlaceSegment::Item { variable, item } = segment { Some((variable, item)) } else { None };
        self.segments().into_iter().filter_map(item).collect()
    }

    /// The outermost first.
    fn segments(&self) -> Vec<PlaceSegment<'_>> {
        let mut segments: Vec<_> = self.outwards().map(Self::segment).collect();
        segments.reverse();
        segments
    }

    /// The names by which an operator or a scenario may speak of it: the whole place before the step's id alone.
    #[must_use]
    pub(crate) fn names(&self) -> [&str; 2] {
        [self.as_str(), self.step()]
    }

    /// Whether an operator or a scenario speaks of this place so.
    #[must_use]
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.names().contains(&name)
    }

    /// The place of another step in the same stretch.
    #[must_use]
    pub(crate) fn beside(&self, id: &str) -> Self {
        Self::step_in(self.without_item().around(), id)
    }

    /// It is that of a step inside the other.
    #[must_use]
    pub fn is_inside(&self, around: &Self) -> bool {
        // A place ends outside of brackets, so that what follows its text here stands outside of them too.
        self.as_str().strip_prefix(around.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
    }

    /// It is the other, or inside of it.
    #[must_use]
    pub(crate) fn is_within(&self, around: &Self) -> bool {
        self == around || self.is_inside(around)
    }

    /// The item of a loop inside which this place stands, and the place without that item: `restart[osd=3].wait_up` is
    /// `3` and `restart.wait_up` in `restart`.
    #[must_use]
    pub(crate) fn item_of(&self, around: &Self) -> Option<(&str, Self)> {
        if !self.is_inside(around) {
            return None;
        }
        let inwards: Vec<&Self> = self.outwards().take_while(|place| *place != around).collect();
        let (turn, rest) = inwards.split_last()?;
        let item = turn.own_item()?;
        let without = rest.iter().rev().fold(around.clone(), |place, inner| match inner.segment() {
            PlaceSegment::Step(id) => place.child(id),
            PlaceSegment::Item { variable, item } => place.item(variable, item),
        });
        Some((item, without))
    }

    /// The preflight that this place stands in: `preflight`, or `step.preflight` of the runbook that the step calls.
    #[must_use]
    pub(crate) fn preflight(&self) -> Option<&Self> {
        self.outwards().filter(|place| matches!(place.segment(), PlaceSegment::Step(_))).filter_map(Self::around).find(|around| {
            // A called runbook's preflight stands in the step that calls it, never right in a loop.
            around.segment() == PlaceSegment::Step(PREFLIGHT) && around.around().is_none_or(|call| call.own_item().is_none())
        })
    }

    /// What this runbook requires that is checked here: `user`, `commands`, `commands_there`.
    #[must_use]
    pub(crate) fn requirement(&self) -> Option<&str> {
        let own = self.without_item();
        let requires = own.around()?;
        let preflight = requires.preflight()?;
        (requires.segment() == PlaceSegment::Step(REQUIRES) && requires.around() == Some(preflight)).then(|| own.step())
    }

    /// It is that of asking a system which one it is.
    #[must_use]
    pub(crate) fn is_identity(&self) -> bool {
        self.segment() == PlaceSegment::Step(IDENTITY) && self.around() == self.preflight()
    }

    /// Whether what is done at that place is done to the system that is asked at this one.
    #[must_use]
    pub(crate) fn identifies(&self, other: &Self) -> bool {
        let call = self.around().and_then(Self::around);
        !other.is_lock() && call.is_none_or(|call| other.is_within(call))
    }

    /// It is that of a shared lock.
    #[must_use]
    pub(crate) fn is_lock(&self) -> bool {
        let around = self.around().filter(|around| around.around().is_none()).map(Self::segment);
        around == Some(PlaceSegment::Step(LOCKS)) && matches!(self.segment(), PlaceSegment::Item { variable: LOCK, .. })
    }

    /// Whether one of these places is inside this one.
    pub(super) fn has_inside(&self, places: &BTreeSet<Self>) -> bool {
        // What is inside stands together twice: the steps, and the items.
        ['.', '['].into_iter().any(|mark| {
            let from = format!("{self}{mark}");
            let mut after = places.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
            after.next().is_some_and(|next| next.as_str().starts_with(&from))
        })
    }

    /// The other is written with this one's text at its beginning. In order, those follow this place without a gap: all
    /// that is inside of it, and others among them, such as `drain2` after `drain`.
    pub(super) fn begins(&self, other: &Self) -> bool {
        other.as_str().starts_with(self.as_str())
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    /// Reads a place as it is written; what is read is written in the same way.
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let bad = |why| BadPlace { text: text.chars().take(SHOWN).flat_map(char::escape_debug).collect(), why };
        let whole: Arc<str> = text.into();
        let mut place: Option<Self> = None;
        let mut at = 0;
        while place.is_none() || at < text.len() {
            let rest = &text[at..];
            let (own, end) = if place.is_some() && rest.starts_with('[') {
                let (variable, _) = rest[1..].split_once('=').filter(|(name, _)| is_name(name)).ok_or_else(|| bad("`[` begins no item"))?;
                let item = at + 1 + variable.len() + 1;
                let (length, plain) = read_item(&text[item..]).map_err(bad)?;
                (LastSegment::Item { variable: at + 1, item, plain }, item + length + 1)
            } else {
                let start = match (&place, rest.starts_with('.')) {
                    (None, _) => at,
                    (Some(_), true) => at + 1,
                    (Some(_), false) => return Err(bad("after an item stands a `.` or another item")),
                };
                let id = text[start..].split(['.', '[']).next().unwrap_or_default();
                if !is_name(id) {
                    return Err(bad("it lacks the id of a step"));
                }
                (LastSegment::Step { start }, start + id.len())
            };
            place = Some(Self(Arc::new(PlaceNode { around: place, text: Arc::clone(&whole), end, own })));
            at = end;
        }
        place.ok_or_else(|| bad("it is empty"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.as_str()).finish()
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl hash::Hash for Place {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Place {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlaceVisitor;

        impl serde::de::Visitor<'_> for PlaceVisitor {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place in a run")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Place, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(PlaceVisitor)
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

    use super::*;

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
    fn a_place_is_taken_apart() {
        let place = Place::top("each").item("host", "a].b").child("call").child("inner").item("i", "2");
        assert_eq!(place.steps(), ["each", "call", "inner"]);
        assert_eq!(place.items(), [("host", "a].b"), ("i", "2")]);
        assert_eq!((place.own_item(), place.without_item().own_item()), (Some("2"), None));
        assert_eq!(place.item_of(&Place::top("each")), Some(("a].b", Place::top("each").child("call").child("inner").item("i", "2"))));
        assert_eq!(place.item_of(&Place::top("eac")), None);
        assert_eq!(place.beside("next").as_str(), "each[host=a\\].b].call.next");
        assert_eq!(Place::top("a").beside("b"), Place::top("b"));
        assert!(place.is_named("inner") && place.is_named(place.as_str()) && !place.is_named("call"));
    }

    #[test]
    fn a_preflight_is_no_matter_of_names() {
        let own = Place::preflight_in(None);
        assert_eq!(own.child("up").item("host", "h1").preflight(), Some(&own));
        assert_eq!(own.child("up").item("host", "h1").without_item(), &own.child("up"));
        let call = Place::top("each").item("host", "h1").child("upgrade");
        let called = Place::preflight_in(Some(&call));
        assert_eq!(called.child("up").preflight(), Some(&called));
        assert_eq!(called.around(), Some(&call));
        for text in
            ["preflight", "preflight[host=a].up", "each[host=b.preflight.example.org].step", "my_preflight.up", "each[i=1].preflight.up"]
        {
            assert_eq!(text.parse::<Place>().unwrap().preflight(), None, "{text}");
        }
    }

    #[test]
    fn what_is_required_and_locks_are_known() {
        let there = Place::requires_in(None).child("commands_there").item("host", "h1");
        assert_eq!((there.requirement(), there.preflight()), (Some("commands_there"), Some(&Place::preflight_in(None))));
        for text in ["preflight.requires", "preflight.requires_quorum", "requires.user", "each.requires.user"] {
            assert_eq!(text.parse::<Place>().unwrap().requirement(), None, "{text}");
        }
        assert!(Place::of_lock("a].b").is_lock());
        for text in ["locks", "locks[host=a]", "locks[lock=a].free", "each.locks[lock=a]"] {
            assert!(!text.parse::<Place>().unwrap().is_lock(), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_named() {
        for text in ["", ".", "a.", ".a", "a..b", "[i=1]", "a[i]", "a[=1]", "a[i=1", "a[i=1]b", "a]", "a b", "a\u{1b}", "a[i=\n]"] {
            let error = text.parse::<Place>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{}` is not a place", text.escape_debug())), "{error}");
        }
        for item in ["\\", "\\a", "\\u{41}", "\\u{0a}", "\\u{A}", "\\u{a", "\\u{}", "\\u{110000}", "\\u{+a}"] {
            assert!(format!("a[i={item}]").parse::<Place>().is_err(), "{item}");
        }
        assert!(serde_json::from_str::<Place>("\"a..b\"").unwrap_err().to_string().contains("`a..b` is not a place in a run"));
        assert!("x.".repeat(100).parse::<Place>().unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn a_deep_place_can_be_dropped() {
        let place: Place = vec!["a"; 1_000_000].join(".").parse().unwrap();
        let inner = place.child("b");
        drop(place);
        assert_eq!(inner.step(), "b");
    }

    #[test]
    fn what_is_inside_is_found_among_many() {
        let places: BTreeSet<Place> = ["a2.x", "a[i=1].x", "b", "c.x", "d-e"].map(|text| text.parse().unwrap()).into();
        let found = ["a", "b", "c", "d", "a2"].map(|id| Place::top(id).has_inside(&places));
        assert_eq!(found, [true, false, true, false, true]);
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

        #[test]
        fn a_place_is_read_as_it_was_written(items in proptest::collection::vec("\\PC{0,8}|[\\[\\].=\\\\u{a}\\x00-\\x20\\x7f-\u{a0}]{0,12}", 1..4), last: bool) {
            let mut place = Place::top("each");
            for (index, item) in items.iter().enumerate() {
                place = place.item("x", item);
                if last || index + 1 < items.len() {
                    place = place.child("step");
                }
            }
            let read: Place = place.as_str().parse().unwrap();
            prop_assert_eq!(&read, &place);
            prop_assert_eq!(read.segments(), place.segments());
            prop_assert_eq!(read.items().into_iter().map(|(_, item)| item).collect::<Vec<_>>(), items);
            for (read, made) in read.outwards().zip(place.outwards()) {
                prop_assert_eq!(read, made);
            }
            prop_assert_eq!(serde_json::from_str::<Place>(&serde_json::to_string(&place).unwrap()).unwrap(), place);
        }

        #[test]
        fn what_is_read_is_written_so(text in "[a-b.\\[\\]=\\\\u{}]{0,16}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.as_str(), text);
                let made = place.segments().into_iter().fold(None, |around: Option<Place>, segment| Some(match (around, segment) {
                    (None, PlaceSegment::Step(id)) => Place::top(id),
                    (Some(around), PlaceSegment::Step(id)) => around.child(id),
                    (around, PlaceSegment::Item { variable, item }) => around.unwrap().item(variable, item),
                }));
                prop_assert_eq!(made, Some(place));
            }
        }
    }
}
