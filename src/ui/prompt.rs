//! Asks the operator. The only file that names dialoguer.
//!
//! Questions are read from standard input and shown on standard error, and both must be terminals: what is piped in is
//! never an answer.

use std::{
    fmt,
    os::fd::BorrowedFd,
    sync::{Mutex, PoisonError},
};

use super::{
    answer::{self, Reading, TRIES},
    keyboard::Keyboard,
    layout,
    out::Out,
    terminal::Screen,
};
use crate::{
    ports::{Answer, Ask, Beforehand, Interrupts, NoAnswer, Prompt, Question},
    words::sanitise,
};

/// Up to so many choices are shown as a menu; of more, one types.
const MENU: usize = 30;
/// How many choices `?` lists at once.
const LISTED: usize = 60;

/// Asks at the terminal.
#[derive(Debug)]
pub(crate) struct TerminalPrompt<'a> {
    out: &'a Out,
    keyboard: Keyboard<'a>,
    stop: &'a Interrupts,
    screen: Option<Screen>,
    /// Menus read the real standard input.
    menus: bool,
    /// One question at a time.
    turn: Mutex<()>,
}

/// A parameter to be asked for.
pub(crate) struct ParameterQuestion<'a> {
    pub name: &'a str,
    pub help: &'a str,
    /// `a whole number from 1 to 5`
    pub type_words: &'a str,
    /// What there is to choose from; empty where anything goes.
    pub choices: Vec<String>,
    /// The value is a list, its elements separated by commas.
    pub multiple: bool,
    /// Not shown while it is typed.
    pub secret: bool,
    /// What Enter alone means.
    pub default: Option<String>,
    /// Says what is wrong with a value.
    pub check: &'a dyn Fn(&str) -> Result<(), String>,
}

impl fmt::Debug for ParameterQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterQuestion").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> TerminalPrompt<'a> {
    /// `input` is standard input; `screen` is that of the observer which draws on the same terminal.
    #[must_use]
    pub(crate) fn new(out: &'a Out, input: BorrowedFd<'a>, stop: &'a Interrupts, screen: Option<Screen>) -> Self {
        use std::os::fd::AsRawFd;
        let menus = input.as_raw_fd() == 0 && out.stderr.redraws();
        Self { out, keyboard: Keyboard::new(input, stop), stop, screen, menus, turn: Mutex::default() }
    }

    /// Shows text, wrapped; the lines of it stay lines.
    fn show(&self, text: &str) {
        let page = self.out.stderr.page();
        self.out.stderr.lines(&layout::wrap(&sanitise::text(text.trim_end()), page.width, "", "  "));
    }

    /// Reads a line; what stands before the cursor is wrapped like everything else.
    fn read(&self, before: &str, secret: bool) -> Result<String, NoAnswer> {
        let typed = self.keyboard.line(secret, || {
            let page = self.out.stderr.page();
            let lines = layout::wrap(&sanitise::text(before), page.width, "", "  ");
            self.out.stderr.text(&format!("{} ", lines.join("\n")));
        });
        if typed.is_err() {
            // The cursor stands behind the question still.
            self.out.stderr.line("");
        }
        typed
    }

    /// Asks for the value of a parameter, until it is right. A list comes back as it would be typed: with
    /// commas between its elements, or as JSON where an element has one.
    ///
    /// A menu hides the cursor, so SIGINT should be handled by then: a process that dies of it leaves the cursor hidden.
    ///
    /// # Errors
    /// There is nobody to answer, or the operator interrupted.
    pub(crate) fn ask_parameter(&self, question: &ParameterQuestion<'_>) -> Result<String, NoAnswer> {
        if !self.out.can_ask() {
            let beforehand = Beforehand::Parameter { name: question.name.to_owned(), secret: question.secret };
            return Err(NoAnswer::NoTerminal { beforehand });
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.as_ref().map(Screen::hold);
        let kind = if question.type_words.is_empty() { String::new() } else { format!("  {}", question.type_words) };
        self.out.stderr.line("");
        self.show(&format!("{}{kind}", question.name));
        if !question.help.is_empty() {
            self.show(&format!("  {}", question.help));
        }
        loop {
            let value = if self.menus && !question.secret && (1..=MENU).contains(&question.choices.len()) {
                self.menu(question)?
            } else {
                match self.typed(question)? {
                    Some(value) => value,
                    None => continue,
                }
            };
            match (question.check)(&value) {
                Ok(()) => return Ok(value),
                Err(why) => self.show(&format!("  {why}")),
            }
        }
    }

    /// One typed value; `None` when help was asked for.
    fn typed(&self, question: &ParameterQuestion<'_>) -> Result<Option<String>, NoAnswer> {
        let mut before = question.name.to_owned();
        if !question.choices.is_empty() {
            let many = if question.multiple { "one or more, separated by commas," } else { "one" };
            before = format!("{before} ({many} of {} choices; ? lists them, ?abc those containing abc)", question.choices.len());
        } else if question.multiple {
            before.push_str(" (separated by commas)");
        }
        if let Some(default) = &question.default {
            before = format!("{before} [{default}]");
        }
        let typed = self.read(&format!("{before}:"), question.secret)?;
        if question.secret {
            return Ok(Some(typed));
        }
        let typed = typed.trim();
        if let (Some(part), false) = (typed.strip_prefix('?'), question.choices.is_empty()) {
            self.list(&question.choices, part.trim());
            return Ok(None);
        }
        match (&question.default, typed) {
            (Some(default), "") => Ok(Some(default.clone())),
            (_, typed) => Ok(Some(typed.to_owned())),
        }
    }

    fn list(&self, choices: &[String], part: &str) {
        let lower = part.to_lowercase();
        let found: Vec<_> = choices.iter().filter(|choice| choice.to_lowercase().contains(&lower)).collect();
        let shown: Vec<_> = found.iter().take(LISTED).map(|choice| sanitise::line(choice).into_owned()).collect();
        self.out.stderr.lines(&layout::flow(&shown, self.out.stderr.page().width, 2, 2));
        match found.len() {
            0 => self.show(&format!("  no choice contains `{part}`")),
            all if all > LISTED => self.show(&format!("  and {} more; narrow the list with ?abc", all - LISTED)),
            _ => {}
        }
    }

    /// Chooses with the arrow keys.
    fn menu(&self, question: &ParameterQuestion<'_>) -> Result<String, NoAnswer> {
        let term = console::Term::stderr();
        let items: Vec<_> = question.choices.iter().map(|choice| sanitise::line(choice).into_owned()).collect();
        let defaults: Vec<&str> = match &question.default {
            Some(default) if question.multiple => default.split(',').map(str::trim).collect(),
            Some(default) => vec![default],
            None => Vec::new(),
        };
        let chosen = if question.multiple {
            let checked = items.iter().zip(&question.choices).map(|(item, choice)| (item, defaults.contains(&choice.as_str())));
            dialoguer::MultiSelect::new()
                .with_prompt(format!("Select one or more: {} (Space toggles, Enter confirms)", question.name))
                .items_checked(checked)
                .interact_on(&term)
        } else {
            let default = question.choices.iter().position(|choice| defaults.contains(&choice.as_str())).unwrap_or(0);
            dialoguer::Select::new()
                .with_prompt(format!("Select {} (arrow keys, Enter to choose)", question.name))
                .items(&items)
                .default(default)
                .interact_on(&term)
                .map(|index| vec![index])
        };
        let chosen = chosen.map_err(|dialoguer::Error::IO(error)| {
            let _ = term.show_cursor();
            self.out.stderr.line("");
            let interrupted = error.kind() == std::io::ErrorKind::Interrupted && !self.stop.terminal_gone();
            if interrupted { NoAnswer::Interrupted } else { NoAnswer::Gone }
        })?;
        let values: Vec<_> = chosen.iter().filter_map(|index| question.choices.get(*index)).map(String::as_str).collect();
        // A list may be written as JSON, too.
        let plain = !values.iter().any(|value| value.contains(',') || value.starts_with('['));
        Ok(if plain || !question.multiple { values.join(",") } else { serde_json::Value::from(values).to_string() })
    }
}

impl Prompt for TerminalPrompt<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        if !self.out.can_ask() {
            return Err(NoAnswer::NoTerminal { beforehand: answer::beforehand(question) });
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.as_ref().map(Screen::hold);
        self.out.stderr.line("");
        // The plan stands on the screen already.
        if !matches!(question.ask, Ask::Plan { .. } | Ask::GoOn) && !question.text.trim().is_empty() {
            self.show(&question.text);
        }
        for choice in answer::choices(&question.ask) {
            self.show(&format!("  {choice}"));
        }
        let before = answer::line(&question.ask);
        let mut tries = 0;
        while tries < TRIES {
            match answer::read(&question.ask, &self.read(before.trim_end(), false)?) {
                Reading::Is(answer) => return Ok(answer),
                Reading::Help(help) => self.show(&format!("  {help}")),
                Reading::Again(what) => {
                    self.show(&format!("  {what}"));
                    tries += 1;
                }
            }
        }
        let what = if matches!(question.ask, Ask::Phrase { .. }) { "the phrase was not typed" } else { "no valid answer was given" };
        Ok(Answer::No { why: format!("{what} in {TRIES} tries") })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::{
        super::{
            keyboard::tests::Person,
            out::{Stream, Traits, tests::Memory},
        },
        *,
    };
    use crate::{
        event::{Answerer, Place},
        ports::Choice,
    };

    /// Types each line once something new has been shown.
    struct Typist {
        person: std::fs::File,
        lines: Vec<&'static str>,
        memory: Memory,
    }

    impl std::io::Write for Typist {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.memory.write(bytes)?;
            // A prompt is what does not end its line.
            if !bytes.ends_with(b"\n") && !self.lines.is_empty() {
                self.person.write_all(self.lines.remove(0).as_bytes())?;
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn with<T>(lines: &[&'static str], ask: impl FnOnce(&TerminalPrompt<'_>) -> T) -> (T, String) {
        let person = Person::sit();
        let memory = Memory::default();
        let typist = Typist { person: person.hands.try_clone().unwrap(), lines: lines.to_vec(), memory: memory.clone() };
        let traits = Traits { terminal: true, width: Some(60), ..Traits::default() };
        let out = Out { stdout: memory.stream(traits), stderr: Stream::new(Box::new(typist), traits), attended: true };
        let stop = Interrupts::default();
        let prompt = TerminalPrompt::new(&out, person.terminal.as_fd(), &stop, None);
        let answer = ask(&prompt);
        (answer, memory.take())
    }

    fn question(ask: Ask) -> Question {
        Question {
            place: Some(Place::top("wipe")),
            ask,
            text: "Step 4 destroys what is on /dev/sdd (WDC\u{1b}[2J WD40EFRX, serial WD-1, 3.6 TiB).".into(),
        }
    }

    fn phrase() -> Question {
        question(Ask::Phrase { phrase: "WD-1".into(), destroys: true })
    }

    #[test]
    fn a_phrase_is_asked_for_until_it_is_right() {
        let (answer, shown) = with(&["WD-2\n", "WD-1\n"], |prompt| prompt.ask(&phrase()));
        assert_eq!(answer, Ok(Answer::Yes { typed: "WD-1".into(), by: Answerer::Terminal }));
        assert_eq!(
            shown,
            "\nStep 4 destroys what is on /dev/sdd (WDC\\e[2J WD40EFRX,\n  serial WD-1, 3.6 TiB).\n\
             This cannot be undone. Type WD-1 to continue, or q to stop:   does not match; type exactly: WD-1\n\
             This cannot be undone. Type WD-1 to continue, or q to stop: "
        );
    }

    #[test]
    fn three_wrong_answers_are_a_no() {
        let (answer, _) = with(&["a\n", "b\n", "c\n", "WD-1\n"], |prompt| prompt.ask(&phrase()));
        assert_eq!(answer, Ok(Answer::No { why: "the phrase was not typed in 3 tries".into() }));
        let (answer, _) = with(&["maybe\n", "?\n", "x\n", "\n"], |prompt| prompt.ask(&question(Ask::YesNo)));
        assert_eq!(answer, Ok(Answer::No { why: "the operator answered no".into() }));
    }

    #[test]
    fn choices_are_shown_with_their_meaning() {
        let ask = Ask::Failed { choices: vec![Choice::Retry, Choice::Stop] };
        let (answer, shown) = with(&["t\n"], |prompt| prompt.ask(&question(ask)));
        assert_eq!(answer, Ok(Answer::Chosen { choice: Choice::Retry, by: Answerer::Terminal }));
        assert!(
            shown.ends_with("  t  try again  run this step again\n  q  stop       run the cleanups that are due, then stop\n[t/q] "),
            "{shown}"
        );
    }

    #[test]
    fn the_end_of_input_is_no_answer() {
        let (answer, _) = with(&["\u{4}"], |prompt| prompt.ask(&question(Ask::YesNo)));
        assert_eq!(answer, Err(NoAnswer::Ended));
    }

    #[test]
    fn without_terminals_on_both_sides_the_flag_is_named() {
        let memory = Memory::default();
        let person = Person::sit();
        let stop = Interrupts::default();
        for (attended, terminal) in [(false, true), (true, false)] {
            let traits = Traits { terminal, ..Traits::default() };
            let out = Out { stdout: memory.stream(traits), stderr: memory.stream(traits), attended };
            let prompt = TerminalPrompt::new(&out, person.terminal.as_fd(), &stop, None);
            person.types("WD-1\n");
            assert_eq!(
                prompt.ask(&phrase()),
                Err(NoAnswer::NoTerminal { beforehand: Beforehand::Confirm { place: Place::top("wipe"), phrase: Some("WD-1".into()) } })
            );
            let asked = prompt.ask_parameter(&parameter(vec![], &|_| Ok(())));
            assert_eq!(asked, Err(NoAnswer::NoTerminal { beforehand: Beforehand::Parameter { name: "osd".into(), secret: false } }));
        }
        assert_eq!(memory.take(), "");
    }

    fn parameter(choices: Vec<String>, check: &dyn Fn(&str) -> Result<(), String>) -> ParameterQuestion<'_> {
        ParameterQuestion {
            name: "osd",
            help: "The OSD to restart.",
            type_words: "a whole number",
            choices,
            multiple: false,
            secret: false,
            default: None,
            check,
        }
    }

    #[test]
    fn a_parameter_is_checked_where_it_is_asked_for() {
        let check = |value: &str| value.parse::<u32>().map(drop).map_err(|_| format!("`{value}` is not a whole number"));
        let (answer, shown) = with(&["three\n", " 3 \n"], |prompt| prompt.ask_parameter(&parameter(vec![], &check)));
        assert_eq!(answer.unwrap(), "3");
        assert_eq!(shown, "\nosd  a whole number\n  The OSD to restart.\nosd:   `three` is not a whole number\nosd: ");
    }

    #[test]
    fn a_thousand_choices_can_be_searched() {
        let choices: Vec<_> = (0..1000).map(|number| format!("osd-{number}")).collect();
        let check = |value: &str| if value == "osd-998" { Ok(()) } else { Err("there is none".to_owned()) };
        let (answer, shown) = with(&["?\n", "?-99\n", "osd-998\n"], |prompt| prompt.ask_parameter(&parameter(choices.clone(), &check)));
        assert_eq!(answer.unwrap(), "osd-998");
        assert!(shown.contains("and 940 more"), "{shown}");
        assert!(shown.contains("osd-99  osd-990  osd-991"), "{shown}");
    }

    #[test]
    fn a_default_is_taken_by_enter_and_a_secret_has_none() {
        let question = ParameterQuestion { default: Some("7".into()), ..parameter(vec![], &|_| Ok(())) };
        let (answer, shown) = with(&["\n"], |prompt| prompt.ask_parameter(&question));
        assert_eq!(answer.unwrap(), "7");
        assert!(shown.ends_with("osd [7]: "));
        let question = ParameterQuestion { secret: true, ..parameter(vec![], &|_| Ok(())) };
        let (answer, _) = with(&[" hush \n"], |prompt| prompt.ask_parameter(&question));
        assert_eq!(answer.unwrap(), " hush ");
    }
}
