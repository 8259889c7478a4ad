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
    quote, sanitise,
    terminal::Screen,
};
use crate::ports::{Answer, Ask, Interrupts, NoAnswer, Prompt, Question};

/// Up to so many choices are shown as a menu; of more, one types.
const MENU: usize = 30;
/// How many choices `?` lists at once.
const LISTED: usize = 60;

/// Asks at the terminal.
#[derive(Debug)]
pub struct TerminalPrompt<'a> {
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
pub struct ParameterQuestion<'a> {
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
    pub fn new(out: &'a Out, input: BorrowedFd<'a>, stop: &'a Interrupts, screen: Option<Screen>) -> Self {
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

    /// Asks for the value of a parameter, until it is right. A list comes back with commas between its elements.
    ///
    /// # Errors
    /// There is nobody to answer, or the operator interrupted.
    pub fn ask_parameter(&self, question: &ParameterQuestion<'_>) -> Result<String, NoAnswer> {
        if !self.out.can_ask() {
            let flag = if question.secret {
                // On a command line other users could see it.
                format!("--params FILE, with `{}` in it", question.name)
            } else {
                format!("--set {}", quote::word(&format!("{}=VALUE", question.name)))
            };
            return Err(NoAnswer::NoTerminal { flag });
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
            let many = if question.multiple { "some, with commas between" } else { "one" };
            before = format!("{before} ({many}, of {} choices; ? lists them, ?abc those with abc)", question.choices.len());
        } else if question.multiple {
            before.push_str(" (with commas between)");
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
            0 => self.show(&format!("  none has `{part}` in it")),
            all if all > LISTED => self.show(&format!("  and {} more: narrow it with ?abc", all - LISTED)),
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
                .with_prompt(format!("{} (Space marks, Enter takes)", question.name))
                .items_checked(checked)
                .interact_on(&term)
        } else {
            let default = question.choices.iter().position(|choice| defaults.contains(&choice.as_str())).unwrap_or(0);
            dialoguer::Select::new()
                .with_prompt(format!("{} (Enter takes)", question.name))
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
        Ok(values.join(","))
    }
}

impl Prompt for TerminalPrompt<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        if !self.out.can_ask() {
            return Err(NoAnswer::NoTerminal { flag: answer::flag(question) });
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.as_ref().map(Screen::hold);
        self.out.stderr.line("");
        if !question.text.trim().is_empty() {
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
        let what = if matches!(question.ask, Ask::Phrase { .. }) { "the phrase was not typed" } else { "no answer could be understood" };
        Ok(Answer::No { why: format!("{what} in {TRIES} tries") })
    }
}
