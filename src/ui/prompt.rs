//! Asks the operator.
//!
//! Questions are read from standard input and shown on standard error, and both must be terminals: what is piped in is
//! never an answer.

use std::{
    cell::Cell,
    fmt,
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, PoisonError},
};

use dialoguer::{BasicHistory, History};

use super::{
    answer::{self, Reading, TRIES},
    field::TextField,
    keyboard::{Arrived, Keyboard},
    layout::{self, Page},
    out::{Out, Stream},
    panel::{Panel, Response, Room, View, refused_paste},
    picker::Picker,
    stroke::Stroke,
    terminal::Screen,
};
use crate::{
    ports::{Answer, Ask, Beforehand, Choice, Interrupts, NoAnswer, Prompt, Question},
    words::sanitise,
};

/// How many choices `?` lists at once, where they are typed.
const LISTED: usize = 60;

/// Asks at the terminal.
pub(crate) struct TerminalPrompt<'a> {
    out: &'a Out,
    keyboard: Keyboard<'a>,
    screen: Option<Screen>,
    /// Stands before every question.
    mark: &'static str,
    /// What was typed in free words so far; never a secret, and never what confirms something.
    history: Mutex<BasicHistory>,
    /// One question at a time.
    turn: Arc<Mutex<()>>,
}

/// What somebody did at a question.
enum Typed {
    Line(String),
    /// Escape.
    Left,
}

/// A terminal that marks what is pasted while this lives.
struct MarksPastes<'a>(&'a Stream);

impl<'a> MarksPastes<'a> {
    fn on(stream: &'a Stream) -> Self {
        stream.picture("\u{1b}[?2004h");
        Self(stream)
    }
}

impl Drop for MarksPastes<'_> {
    fn drop(&mut self) {
        self.0.picture("\u{1b}[?2004l");
    }
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

impl fmt::Debug for TerminalPrompt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalPrompt").finish_non_exhaustive()
    }
}

impl<'a> TerminalPrompt<'a> {
    /// `input` is standard input; `screen` is that of the observer which draws on the same terminal.
    #[must_use]
    pub(crate) fn new(out: &'a Out, input: BorrowedFd<'a>, stop: &'a Interrupts, screen: Option<Screen>) -> Self {
        Self {
            out,
            keyboard: Keyboard::new(input, stop),
            screen,
            mark: "",
            history: Mutex::new(BasicHistory::new().no_duplicates(true)),
            turn: Arc::default(),
        }
    }

    /// The same, with a mark before every question of a run.
    #[must_use]
    pub(crate) fn marked(self, mark: &'static str) -> Self {
        Self { mark, ..self }
    }

    /// A text behind the mark.
    fn behind_mark(&self, text: &str) -> String {
        if self.mark.is_empty() { text.to_owned() } else { format!("{}  {text}", self.mark) }
    }

    /// Held by whoever has the keyboard: another who takes it is asked nothing meanwhile, and nobody else is.
    #[must_use]
    pub(crate) fn turn(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.turn)
    }

    /// Shows text, wrapped; the lines of it stay lines.
    fn show(&self, text: &str) {
        let page = self.out.stderr.page();
        self.out.stderr.lines(&layout::wrap(&sanitise::text(text.trim_end()), page.width, "", "  "));
    }

    /// Reads a line; `before` stands before the cursor. `again` shows the question again where it may be gone from the screen. `free`
    /// are words that nothing is confirmed by.
    fn read(&self, before: &str, secret: bool, free: bool, again: &dyn Fn()) -> Result<Typed, NoAnswer> {
        let before = sanitise::text(before);
        if !self.out.stderr.redraws() {
            return self.read_line(&before, secret, again);
        }
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        // The first that it reads is the newest.
        let mut before_now: Vec<String> =
            if free { (0..).map_while(|at| History::<String>::read(&*history, at)).collect() } else { Vec::new() };
        before_now.reverse();
        let mut field = TextField::new(&before, secret, before_now);
        if !self.attend(&mut field, again)? {
            return Ok(Typed::Left);
        }
        let typed = field.value().to_owned();
        if free && !secret && !typed.trim().is_empty() {
            history.write(&typed);
        }
        Ok(Typed::Line(typed))
    }

    /// Reads a line where nothing can be drawn.
    fn read_line(&self, before: &str, secret: bool, again: &dyn Fn()) -> Result<Typed, NoAnswer> {
        let mut shown = false;
        loop {
            let typed = self.keyboard.line(secret, || {
                if std::mem::replace(&mut shown, true) {
                    again();
                }
                let lines = layout::wrap(before, self.out.stderr.page().width, "", "  ");
                self.out.stderr.text(&format!("{} ", lines.join("\n")));
            });
            match typed {
                Ok(typed) if typed.contains('\n') => self.show(&format!("  {}", refused_paste(&typed))),
                Ok(typed) => return Ok(Typed::Line(typed)),
                Err(none) => {
                    // The cursor stands behind the question still.
                    self.out.stderr.line("");
                    return Err(none);
                }
            }
            shown = false;
        }
    }

    /// The room there is to draw in: a terminal wraps at its edge, whatever width was asked for.
    fn room(&self) -> Room {
        let stream = &self.out.stderr;
        let page = Page::new(stream.width().min(stream.edge().saturating_sub(1)), stream.style());
        Room { page, height: stream.height() }
    }

    fn draw(&self, panel: &dyn Panel, before: Option<&View>) -> View {
        let view = panel.view(self.room());
        let lines = view.lines.iter().map(|line| sanitise::drawn(line).into_owned()).collect();
        let view = View { lines, cursor: view.cursor };
        let erased = before.map(|before| before.erased(self.out.stderr.edge())).unwrap_or_default();
        self.out.stderr.picture(&format!("{erased}{}", view.drawn()));
        view
    }

    /// Lets a person work with a panel; whether it was done with, and not left.
    fn attend(&self, panel: &mut dyn Panel, again: &dyn Fn()) -> Result<bool, NoAnswer> {
        let stream = &self.out.stderr;
        let size = || (stream.edge(), stream.height());
        let erase = |view: &View| stream.picture(&view.erased(stream.edge()));
        let mut attention = self.keyboard.attend(size())?;
        let mut marks = Some(MarksPastes::on(stream));
        let mut view = self.draw(panel, None);
        let done = 'heard: loop {
            let strokes = match attention.next(&size) {
                Ok(Arrived::Strokes(strokes)) => strokes,
                Ok(Arrived::Anew) => vec![Stroke::Redraw],
                Err(none) => break Err(none),
            };
            for stroke in strokes {
                match stroke {
                    Stroke::Suspend => {
                        erase(&view);
                        drop(marks.take());
                        let stopped = attention.suspend();
                        marks = Some(MarksPastes::on(stream));
                        if let Err(none) = stopped {
                            break 'heard Err(none);
                        }
                        again();
                        view = self.draw(panel, None);
                    }
                    Stroke::Redraw => {
                        erase(&view);
                        again();
                        view = self.draw(panel, None);
                    }
                    stroke => match panel.hear(stroke) {
                        Response::Stay => view = self.draw(panel, Some(&view)),
                        Response::Say(what) => {
                            erase(&view);
                            self.show(&format!("  {what}"));
                            view = self.draw(panel, None);
                        }
                        Response::Taken => break 'heard Ok(true),
                        Response::Left => break 'heard Ok(false),
                        Response::Ended => break 'heard Err(NoAnswer::Ended),
                    },
                }
            }
        };
        erase(&view);
        if done == Ok(true) {
            self.show(&panel.remains());
        }
        done
    }

    /// Asks for the value of a parameter, until it is right. A list comes back as it would be typed: with
    /// commas between its elements, or as JSON where an element has one.
    ///
    /// # Errors
    /// There is nobody to answer, or the operator left or interrupted.
    pub(crate) fn ask_parameter(&self, question: &ParameterQuestion<'_>) -> Result<String, NoAnswer> {
        if !self.out.can_ask() {
            let beforehand = Beforehand::Parameter { name: question.name.to_owned(), secret: question.secret };
            return Err(NoAnswer::NoTerminal { beforehand });
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.as_ref().map(Screen::hold);
        let kind = if question.type_words.is_empty() { String::new() } else { format!("  {}", question.type_words) };
        let show = || {
            self.out.stderr.line("");
            self.show(&format!("{}{kind}", question.name));
            if !question.help.is_empty() {
                self.show(&format!("  {}", question.help));
            }
        };
        show();
        loop {
            let value = if self.out.stderr.redraws() && !question.secret && !question.choices.is_empty() {
                self.pick(question, &show)?
            } else {
                match self.typed(question, &show)? {
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
    fn typed(&self, question: &ParameterQuestion<'_>, again: &dyn Fn()) -> Result<Option<String>, NoAnswer> {
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
        let typed = match self.read(&format!("{before}:"), question.secret, true, again)? {
            Typed::Line(typed) => typed,
            Typed::Left => return Err(NoAnswer::Left),
        };
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

    /// Chooses from a list.
    fn pick(&self, question: &ParameterQuestion<'_>, again: &dyn Fn()) -> Result<String, NoAnswer> {
        let items: Vec<_> = question.choices.iter().map(|choice| sanitise::line(choice).into_owned()).collect();
        let defaults: Vec<&str> = match &question.default {
            Some(default) if question.multiple => default.split(',').map(str::trim).collect(),
            Some(default) => vec![default],
            None => Vec::new(),
        };
        let places = question.choices.iter().enumerate();
        let chosen: Vec<_> = places.filter(|(_, choice)| defaults.contains(&choice.as_str())).map(|(index, _)| index).collect();
        let mut picker = Picker::new(question.name, items, question.multiple, &chosen);
        if !self.attend(&mut picker, again)? {
            return Err(NoAnswer::Left);
        }
        let values: Vec<_> = picker.chosen().iter().filter_map(|index| question.choices.get(*index)).map(String::as_str).collect();
        // A list may be written as JSON, too.
        let plain = !values.iter().any(|value| value.contains(',') || value.starts_with('['));
        Ok(if plain || !question.multiple { values.join(",") } else { serde_json::Value::from(values).to_string() })
    }
}

impl TerminalPrompt<'_> {
    /// Tells all that happened so far, whole: what went well may have been told in a line.
    fn whole(&self) {
        match self.screen.as_ref().map(Screen::whole).filter(|whole| !whole.is_empty()) {
            Some(whole) => self.out.stderr.lines(&whole),
            None => self.show("  everything that happened so far is shown above"),
        }
    }

    /// Says what a rollback would take back and what not, and asks once more.
    fn takes_back(&self, question: &Question, again: &dyn Fn()) -> Result<bool, NoAnswer> {
        if question.behind.takes_back.is_empty() {
            return Ok(true);
        }
        self.show(&question.behind.takes_back);
        let again = || {
            again();
            self.show(&question.behind.takes_back);
        };
        let typed = self.read("Roll back? [y/N]", false, false, &again)?;
        Ok(matches!(typed, Typed::Line(typed) if matches!(answer::read(&Ask::YesNo, &typed), Reading::Is(Answer::Yes { .. }))))
    }
}

impl Prompt for TerminalPrompt<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        if !self.out.can_ask() {
            return Err(NoAnswer::NoTerminal { beforehand: answer::beforehand(question) });
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.as_ref().map(Screen::hold);
        // The plan stands on the screen already.
        let begins = matches!(question.ask, Ask::Plan { .. } | Ask::GoOn);
        let shown = Cell::new(false);
        let show = || {
            // Below what stands there already is room.
            if shown.replace(true) || !begins {
                self.out.stderr.line("");
            }
            if !begins && !question.text.trim().is_empty() {
                self.show(&self.behind_mark(&question.text));
            }
            for choice in answer::choices(&question.ask) {
                self.show(&format!("  {choice}"));
            }
        };
        show();
        let before = answer::line(&question.ask);
        let before = if begins { self.behind_mark(&before) } else { before };
        let free = matches!(question.ask, Ask::Report { .. } | Ask::Override);
        let mut tries = 0;
        while tries < TRIES {
            let typed = match self.read(before.trim_end(), false, free, &show)? {
                Typed::Line(typed) => typed,
                Typed::Left if begins => "q".to_owned(),
                Typed::Left => {
                    self.show("  Escape answers nothing here; q and Enter stop the run.");
                    continue;
                }
            };
            match answer::read(&question.ask, &typed) {
                Reading::Is(Answer::Chosen { choice: Choice::Rollback, .. }) if !self.takes_back(question, &show)? => show(),
                Reading::Is(answer) => return Ok(answer),
                Reading::Help(help) => {
                    show();
                    self.show(&format!("  {help}"));
                }
                Reading::Whole => {
                    self.whole();
                    show();
                }
                Reading::Note if question.behind.notes => match self.read("Note:", false, true, &show)? {
                    Typed::Line(text) if !text.trim().is_empty() => return Ok(Answer::Noted { text }),
                    Typed::Line(_) | Typed::Left => self.show("  nothing was noted"),
                },
                Reading::Shell(host) if question.behind.shell => return Ok(Answer::OffScript { host }),
                Reading::Shell(_) => self.show("  no shell can be opened here"),
                Reading::Note => self.show("  no note can be taken here: nothing is recorded yet"),
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
        ports::Behind,
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
            behind: Behind::default(),
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
    fn a_rollback_is_said_before_it_is_chosen() {
        let asked = || {
            let ask = Ask::Failed { choices: vec![Choice::Rollback, Choice::Stop] };
            let behind = Behind { takes_back: "A rollback would, in this order:\n  undo a:  rm a".into(), notes: true, shell: false };
            Question { behind, ..question(ask) }
        };
        let (answer, shown) = with(&["b\n", "\n", "b\n", "y\n"], |prompt| prompt.ask(&asked()));
        assert_eq!(answer, Ok(Answer::Chosen { choice: Choice::Rollback, by: Answerer::Terminal }));
        assert_eq!(shown.matches("  undo a:  rm a\nRoll back? [y/N] ").count(), 2, "{shown}");
        let (answer, _) = with(&["?\n", "n\n", "called the data centre\n"], |prompt| prompt.ask(&asked()));
        assert_eq!(answer, Ok(Answer::Noted { text: "called the data centre".into() }));
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
