//! What may be answered to each question, what an answer means, and what gives it beforehand. No input or output.

use crate::{
    event::Answerer,
    ports::{Answer, Ask, Beforehand, Choice, Question},
    words,
};

/// How often a question is asked before the answer counts as no.
pub(crate) const TRIES: usize = 3;

/// What a typed line means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    Is(Answer),
    /// It cannot be understood; says what could be.
    Again(String),
    /// Help was asked for: what may be typed.
    Help(String),
    /// A note is to be taken.
    Note,
    /// A shell is to be opened, on this machine or on another host.
    Shell(Option<String>),
    /// All that happened so far is to be told whole.
    Whole,
}

fn yes(typed: &str) -> Reading {
    Reading::Is(Answer::Yes { typed: typed.to_owned(), by: Answerer::Terminal })
}

fn no(why: &str) -> Reading {
    Reading::Is(Answer::No { why: why.to_owned() })
}

/// The operator's own no.
const SAID_NO: &str = "the operator answered no";

/// What stands before the cursor. Never offers a yes by default.
#[must_use]
pub(crate) fn line(ask: &Ask) -> String {
    match ask {
        Ask::Plan { changes, destroys } => {
            let destroys = if *destroys > 0 { format!(" and DESTROY {destroys}") } else { String::new() };
            match changes {
                0 if destroys.is_empty() => "Run this? No command changes anything. [y/N] ".to_owned(),
                1 => format!("Run this? 1 command makes changes{destroys}. [y/N] "),
                changes => format!("Run this? {changes} commands make changes{destroys}. [y/N] "),
            }
        }
        Ask::GoOn | Ask::YesNo => "Continue? [y/N] ".to_owned(),
        Ask::Phrase { phrase, destroys } => {
            let warning = if *destroys { "This cannot be undone. " } else { "" };
            format!("{warning}Type {} to continue, or q to stop: ", quote_phrase(phrase))
        }
        Ask::Report { ask } if ask.is_empty() => "What was done? (q to stop) ".to_owned(),
        Ask::Report { ask } => format!("{ask} (q to stop) "),
        Ask::Override => "Reason to override this check (recorded), or Enter to stop: ".to_owned(),
        Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } => {
            let keys: Vec<_> = choices.iter().map(|choice| words::choice_key(*choice)).collect();
            format!("[{}] ", keys.join("/"))
        }
    }
}

/// A phrase with spaces at its edges could not be told from one without.
fn quote_phrase(phrase: &str) -> String {
    if phrase.trim() == phrase { phrase.to_owned() } else { format!("\"{phrase}\"") }
}

/// The choices of a question, each with its letter and what it would do.
#[must_use]
pub(crate) fn choices(ask: &Ask) -> Vec<String> {
    match ask {
        Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } => choices
            .iter()
            .map(|choice| {
                let meaning = match ask {
                    Ask::Failed { choices } if *choice == Choice::Retry && choices.contains(&Choice::Override) => words::CHECK_AGAIN,
                    _ => words::choice_meaning(*choice, matches!(ask, Ask::Failed { .. }), matches!(ask, Ask::Step { .. })),
                };
                format!("{}  {:<10} {meaning}", words::choice_key(*choice), words::choice(*choice))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether `n` alone is an answer.
fn means_something(ask: &Ask) -> bool {
    match ask {
        Ask::Plan { .. } | Ask::GoOn | Ask::YesNo => true,
        Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } => choices.contains(&Choice::NotDone),
        Ask::Phrase { .. } | Ask::Report { .. } | Ask::Override => false,
    }
}

/// Whether `s` alone is an answer.
fn skips(ask: &Ask) -> bool {
    matches!(ask, Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } if choices.contains(&Choice::Skip))
}

/// The host that a shell is asked for on, if one is.
fn shell(ask: &Ask, typed: &str) -> Option<Reading> {
    match typed.split_whitespace().collect::<Vec<_>>()[..] {
        ["s"] if !skips(ask) => Some(Reading::Shell(None)),
        ["shell"] => Some(Reading::Shell(None)),
        // What is told in one's own words may begin so.
        ["shell", host] if !matches!(ask, Ask::Report { .. } | Ask::Override) => Some(Reading::Shell(Some(host.to_owned()))),
        _ => None,
    }
}

/// What may be typed.
fn help(ask: &Ask) -> String {
    let answers = match ask {
        Ask::Plan { .. } | Ask::GoOn | Ask::YesNo => "y = continue; n, q or Enter = stop".to_owned(),
        Ask::Phrase { phrase, .. } => format!("{} = continue; q or Enter = stop", quote_phrase(phrase)),
        Ask::Report { .. } => "what was done = continue; q = stop".to_owned(),
        Ask::Override => "a reason = override the check, once; q or Enter = stop".to_owned(),
        Ask::Failed { .. } | Ask::Step { .. } | Ask::Doubt { .. } => "type the letter or the word of a choice".to_owned(),
    };
    let note = if means_something(ask) { "note" } else { "n or note" };
    let shell = if skips(ask) { "shell" } else { "s or shell" };
    format!(
        "{answers}; {note} = write a note into the journal; {shell} = a shell beside the run, recorded; v = all that happened so far, whole; ? = this"
    )
}

/// Understands a typed line.
#[must_use]
pub(crate) fn read(ask: &Ask, typed: &str) -> Reading {
    if typed.chars().any(char::is_control) {
        return Reading::Again("the answer contains control keys; type it again".to_owned());
    }
    let word_typed = typed.trim();
    let quits = word_typed == "q";
    let confirms = matches!(ask, Ask::Phrase { phrase, .. } if typed == phrase);
    match word_typed {
        "?" if !confirms => return Reading::Help(help(ask)),
        "note" if !confirms => return Reading::Note,
        "v" if !confirms => return Reading::Whole,
        "n" if !confirms && !means_something(ask) => return Reading::Note,
        _ => {}
    }
    if let Some(shell) = shell(ask, word_typed).filter(|_| !confirms) {
        return shell;
    }
    match ask {
        Ask::Plan { .. } | Ask::GoOn | Ask::YesNo => match word_typed.to_ascii_lowercase().as_str() {
            "y" | "yes" => yes(typed),
            "n" | "no" | "q" | "" => no(SAID_NO),
            _ => Reading::Again("type y or n".to_owned()),
        },
        Ask::Phrase { phrase, .. } if typed == phrase && !phrase.is_empty() => yes(typed),
        Ask::Phrase { .. } if quits || word_typed.is_empty() => no(SAID_NO),
        Ask::Phrase { phrase, .. } => Reading::Again(format!("does not match; type exactly: {}", quote_phrase(phrase))),
        Ask::Report { .. } if quits => no(SAID_NO),
        Ask::Report { .. } if word_typed.is_empty() => Reading::Again("say what was done, or q to stop".to_owned()),
        Ask::Override if quits || word_typed.is_empty() => no("no reason was given"),
        Ask::Report { .. } | Ask::Override => yes(word_typed),
        Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } => {
            let lower = word_typed.to_ascii_lowercase();
            if let Some(choice) = choices.iter().find(|choice| words::choice_key(**choice) == lower || words::choice(**choice) == lower) {
                return Reading::Is(Answer::Chosen { choice: *choice, by: Answerer::Terminal });
            }
            let keys: Vec<_> = choices.iter().map(|choice| words::choice_key(*choice)).collect();
            Reading::Again(format!("type one of {}", keys.join(", ")))
        }
    }
}

/// What would have answered, where nobody can be asked.
#[must_use]
pub(crate) fn beforehand(question: &Question) -> Beforehand {
    let nothing = |instead| Beforehand::Nothing { instead };
    let confirm = |phrase: Option<&str>| match &question.place {
        Some(place) => Beforehand::Confirm { place: place.clone(), phrase: phrase.map(str::to_owned) },
        None => Beforehand::Yes,
    };
    match &question.ask {
        Ask::Plan { .. } | Ask::GoOn => Beforehand::Yes,
        Ask::YesNo => confirm(Some("yes")),
        Ask::Phrase { phrase, .. } => confirm(Some(phrase)),
        Ask::Report { .. } => confirm(None),
        Ask::Override => match &question.place {
            Some(place) => Beforehand::Override { place: place.clone() },
            None => nothing("a terminal"),
        },
        Ask::Failed { choices } if choices.contains(&Choice::Override) => match &question.place {
            Some(place) => Beforehand::Override { place: place.clone() },
            None => nothing("a terminal"),
        },
        Ask::Failed { .. } => nothing("a terminal, or `on_fail` in the runbook"),
        Ask::Step { .. } => nothing("a terminal; or leave out --step"),
        Ask::Doubt { .. } => nothing("a terminal: only a person can say how it ended"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        event::{Choice, Place},
        ports::Behind,
    };

    fn phrase() -> Ask {
        Ask::Phrase { phrase: "WD-WCC7K0".into(), destroys: true }
    }

    fn is_yes(reading: &Reading) -> bool {
        matches!(reading, Reading::Is(Answer::Yes { .. }))
    }

    fn is_no(reading: &Reading) -> bool {
        matches!(reading, Reading::Is(Answer::No { .. }))
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for ask in [Ask::YesNo, Ask::Plan { changes: 1, destroys: 0 }] {
            for typed in ["y", "Y", "yes", " yes "] {
                assert!(is_yes(&read(&ask, typed)), "{typed}");
            }
            for typed in ["", " ", "n", "no", "q"] {
                assert!(is_no(&read(&ask, typed)), "{typed}");
            }
            assert!(matches!(read(&ask, "ye"), Reading::Again(_)));
            assert!(matches!(read(&ask, "y\u{1b}[A"), Reading::Again(_)));
            assert_eq!(
                read(&ask, "?"),
                Reading::Help("y = continue; n, q or Enter = stop; note = write a note into the journal; s or shell = a shell beside the run, recorded; v = all that happened so far, whole; ? = this".into())
            );
            assert_eq!(read(&ask, "note"), Reading::Note);
            assert_eq!(read(&ask, "v"), Reading::Whole);
        }
    }

    #[test]
    fn a_phrase_is_typed_exactly() {
        assert!(is_yes(&read(&phrase(), "WD-WCC7K0")));
        for typed in ["WD-WCC7K", "wd-wcc7k0", "WD-WCC7K0 ", "y", "yes"] {
            assert!(matches!(read(&phrase(), typed), Reading::Again(_)), "{typed}");
        }
        for typed in ["q", ""] {
            assert!(is_no(&read(&phrase(), typed)), "{typed}");
        }
        assert!(is_no(&read(&Ask::Phrase { phrase: String::new(), destroys: true }, "")));
        assert!(is_yes(&read(&Ask::Phrase { phrase: "q".into(), destroys: true }, "q")));
    }

    #[test]
    fn reasons_and_reports() {
        assert!(is_no(&read(&Ask::Override, "")));
        assert_eq!(read(&Ask::Override, " the rack is on fire "), yes("the rack is on fire"));
        assert!(matches!(read(&Ask::Report { ask: String::new() }, ""), Reading::Again(_)));
        assert!(is_yes(&read(&Ask::Report { ask: String::new() }, "disk replaced")));
    }

    #[test]
    fn choices_have_letters_and_meanings() {
        let ask = Ask::Failed { choices: vec![Choice::Retry, Choice::Rollback, Choice::Stop] };
        assert_eq!(line(&ask), "[t/b/q] ");
        assert_eq!(choices(&ask)[0], "t  try again  run this step again");
        assert_eq!(read(&ask, "b"), Reading::Is(Answer::Chosen { choice: Choice::Rollback, by: Answerer::Terminal }));
        assert_eq!(read(&ask, "Roll back"), read(&ask, "b"));
        for typed in ["", "c", "y"] {
            assert!(matches!(read(&ask, typed), Reading::Again(_)), "{typed}");
        }
        let all =
            [Choice::Run, Choice::Retry, Choice::Skip, Choice::Continue, Choice::Rollback, Choice::Stop, Choice::Done, Choice::NotDone];
        let keys: std::collections::BTreeSet<_> = all.map(words::choice_key).into_iter().collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn every_question_explains_itself_and_takes_a_note() {
        let choices = vec![Choice::Retry, Choice::Stop];
        for ask in
            [Ask::Failed { choices: choices.clone() }, Ask::Step { choices }, phrase(), Ask::Override, Ask::Report { ask: String::new() }]
        {
            assert!(matches!(read(&ask, "?"), Reading::Help(_)), "{ask:?}");
            assert_eq!((read(&ask, "n"), read(&ask, "note")), (Reading::Note, Reading::Note), "{ask:?}");
        }
        let skip = Ask::Failed { choices: vec![Choice::Skip, Choice::Stop] };
        assert_eq!(read(&skip, "s"), Reading::Is(Answer::Chosen { choice: Choice::Skip, by: Answerer::Terminal }));
        assert_eq!((read(&skip, "shell"), read(&Ask::YesNo, "s")), (Reading::Shell(None), Reading::Shell(None)));
        assert_eq!(read(&skip, "shell  db3"), Reading::Shell(Some("db3".into())));
        assert_eq!(read(&Ask::Override, "shell db3"), yes("shell db3"), "a reason is in the operator's own words");
        assert!(is_yes(&read(&Ask::Phrase { phrase: "shell".into(), destroys: true }, "shell")));
        let doubt = Ask::Doubt { choices: vec![Choice::NotDone] };
        assert_eq!(read(&doubt, "n"), Reading::Is(Answer::Chosen { choice: Choice::NotDone, by: Answerer::Terminal }));
        // What is to be typed is typed, whatever else it means.
        for typed in ["?", "n", "note"] {
            assert!(is_yes(&read(&Ask::Phrase { phrase: typed.into(), destroys: true }, typed)), "{typed}");
        }
    }

    #[test]
    fn every_question_names_its_flag() {
        let place = Place::top("each").item("disk", "a b").child("wipe");
        let given = |ask: Ask, place: Option<Place>| beforehand(&Question { place, ask, text: String::new(), behind: Behind::default() });
        let confirm = |place: Place, phrase: Option<&str>| Beforehand::Confirm { place, phrase: phrase.map(str::to_owned) };
        assert_eq!(given(Ask::Plan { changes: 1, destroys: 0 }, None), Beforehand::Yes);
        assert_eq!(given(Ask::YesNo, Some(Place::top("go"))), confirm(Place::top("go"), Some("yes")));
        assert_eq!(given(phrase(), Some(place.clone())), confirm(place.clone(), Some("WD-WCC7K0")));
        assert_eq!(given(Ask::Report { ask: String::new() }, Some(place.clone())), confirm(place.clone(), None));
        assert_eq!(given(Ask::Override, Some(place.clone())), Beforehand::Override { place });
        assert_eq!(
            given(Ask::Failed { choices: vec![] }, Some(Place::top("x"))),
            Beforehand::Nothing { instead: "a terminal, or `on_fail` in the runbook" }
        );
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_yes(typed in "\\PC{0,12}|[yesYES \\x00-\\x1f]{0,4}") {
            let word = typed.to_ascii_lowercase();
            if !matches!(word.trim(), "y" | "yes") {
                prop_assert!(!is_yes(&read(&Ask::YesNo, &typed)));
            }
            prop_assert!(typed == "WD-WCC7K0" || !is_yes(&read(&phrase(), &typed)));
            let none = Ask::Failed { choices: vec![] };
            prop_assert!(!matches!(read(&none, &typed), Reading::Is(_)));
        }
    }
}
