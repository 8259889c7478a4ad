//! What the first records of version 1 say only in a sentence: the one place where words are read back. Later records say it as data.

use crate::event::{Finding, Place, Shortfall};

/// How a note began that says where the next record is from. The hash of that record's line followed.
const TAKEN: &str = "the journal could not be written then; the next record was kept elsewhere: ";

/// The hash of the line that the record after a note was taken over from.
pub(super) fn taken(note: &str) -> Option<String> {
    let hash = note.strip_prefix(TAKEN)?.get(..64)?;
    hash.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| hash.to_owned())
}

/// A finding with what is lacking, which its message told.
pub(super) fn finding(place: &Place, mut finding: Finding) -> Finding {
    if let Finding::Block { message, lacks: lacks @ None, .. } = &mut finding {
        *lacks = match place.requirement() {
            Some("user") => message.strip_prefix("this is ").map(|is| Shortfall::User { is: is.to_owned() }),
            Some("commands") => {
                let names = message.strip_prefix("not found: ");
                names.map(|names| Shortfall::Programs(names.split(", ").map(str::to_owned).collect()))
            }
            _ => None,
        };
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_a_record_taken_over_is_understood() {
        let hash = "ab".repeat(32);
        assert_eq!(taken(&format!("{TAKEN}{hash}, of 2026-11-21T13:00:02Z, in /x")), Some(hash));
        for other in [String::new(), TAKEN.to_owned(), format!("{TAKEN}{}", "é".repeat(64)), format!(" {TAKEN}{}", "ab".repeat(32))] {
            assert_eq!(taken(&other), None, "{other}");
        }
    }

    #[test]
    fn what_was_lacking_is_understood_where_it_was_required() {
        let requires = Place::requires_in(None);
        let block = |message: &str, lacks| Finding::Block { message: message.to_owned(), hint: None, lacks };
        let user = Shortfall::User { is: "ops".to_owned() };
        let programs = Shortfall::Programs(vec!["ceph".to_owned(), "jq".to_owned()]);
        for (place, message, lacks) in [
            (requires.child("user"), "this is ops", Some(user)),
            (requires.child("commands"), "not found: ceph, jq", Some(programs)),
            (Place::top("user"), "this is ops", None),
        ] {
            assert_eq!(finding(&place, block(message, None)), block(message, lacks.clone()));
            assert_eq!(finding(&place, block("else", lacks.clone())), block("else", lacks), "what is said as data stays");
        }
    }
}
