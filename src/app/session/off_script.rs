//! A shell of the operator's own beside a run: told plainly that it is recorded, and recorded.

use std::{
    env, process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use crate::{
    app::context::Context,
    event::{Exit, RunId, ShellFact},
    exec::process::ProcessExecutor,
    journal::cast::{self, CastHeader, CastWriter},
    ports::{EnvValue, FromShell, Interrupts, LedgerError, OffScript, ShellRecords},
    ui::{layout::wrap, terminal::Screen},
    words,
};

/// Opens shells beside one run.
pub(crate) struct OperatorShells<'a> {
    pub context: &'a Context,
    pub run: RunId,
    pub executor: &'a ProcessExecutor,
    pub interrupts: &'a Interrupts,
    /// What is drawn on the same terminal.
    pub screen: Option<&'a Screen>,
    /// Held while the shell has the keyboard.
    pub turn: Arc<Mutex<()>>,
}

impl OffScript for OperatorShells<'_> {
    fn name(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    fn open(&self, shell: &str, host: Option<&str>, records: ShellRecords<'_>) -> Result<bool, LedgerError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = self.screen.map(Screen::hold);
        let ShellRecords { record, capture, secrets } = records;
        record(ShellFact::Opened { host: host.map(str::to_owned), recorder: process::id() })?;
        let masked = if secrets.is_empty() { "" } else { " Secrets of the run are masked in it." };
        let place = host.map_or_else(|| "this host".to_owned(), |host| format!("host {host}"));
        self.say(&format!(
            "Shell on {place}. IT IS RECORDED: its commands in the journal of run {}, and all that its terminal shows.{masked} Leave it with exit or Ctrl-D.",
            self.run
        ));
        let mut recording = Recording {
            record,
            secrets,
            title: cast::title(&self.run.to_string(), shell),
            capture: Some(capture),
            cast: None,
            number: 0,
            under_way: None,
            hook: None,
        };
        let prompt = format!("recorded {}", self.run);
        let ended = self.executor.open_shell(host, &prompt, environment(), self.interrupts, &mut |from| recording.hear(from));
        let ended =
            ended.inspect_err(|error| self.say(&format!("The shell was closed, for what happens in it is not recorded: {error}")))?;
        let commands = recording.number;
        let (code, why) = match (&ended.exit, ended.cut_off) {
            (Exit::Code(code), None) => (Some(*code), None),
            (exit, None) => (None, Some(words::exit(exit))),
            (exit, Some(cut_off)) => (None, Some(format!("{cut_off} ({})", words::exit(exit)))),
        };
        let opened = recording.cast.is_some();
        recording.close(code, why.clone())?;
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        self.say(&format!("Shell closed{why}. {} recorded.", words::counted(commands as usize, "command", "commands")));
        Ok(opened)
    }
}

impl OperatorShells<'_> {
    fn say(&self, text: &str) {
        let out = &self.context.out.stderr;
        out.line("");
        out.lines(&wrap(&words::sanitise::text(text), out.page().width, "", "  "));
    }
}

/// What the operator's shell is started with: what he has started halligan with.
fn environment() -> Vec<EnvValue> {
    let own = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    env::vars_os().filter_map(own).map(|(name, value)| EnvValue { name, value }).collect()
}

/// A shell that is being recorded.
struct Recording<'a> {
    record: &'a dyn Fn(ShellFact) -> Result<(), LedgerError>,
    secrets: &'a crate::secret::Secrets,
    title: String,
    /// Until it is begun.
    capture: Option<Box<dyn crate::ports::Capture>>,
    cast: Option<CastWriter<'a>>,
    /// Of the command that was typed last.
    number: u32,
    /// Since when it is under way.
    under_way: Option<Instant>,
    hook: Option<String>,
}

impl Recording<'_> {
    fn hear(&mut self, from: FromShell<'_>) -> Result<(), LedgerError> {
        match from {
            FromShell::Started { columns, rows } => {
                let timestamp = jiff::Timestamp::now().as_second();
                let header = CastHeader::new(columns, rows, timestamp, self.title.clone());
                if let Some(capture) = self.capture.take() {
                    self.cast = Some(CastWriter::begin(capture, self.secrets, &header)?);
                }
            }
            FromShell::Printed(bytes) => self.cast.as_mut().map_or(Ok(()), |cast| cast.shown(bytes))?,
            FromShell::Resized { columns, rows } => self.cast.as_mut().map_or(Ok(()), |cast| cast.resized(columns, rows))?,
            FromShell::Hooked(shell) => self.hook = Some(shell),
            FromShell::Began(text) => {
                self.number += 1;
                (self.record)(ShellFact::Command { number: self.number, text: text.clone() })?;
                self.under_way = Some(Instant::now());
                let text = self.secrets.mask(&text);
                self.cast.as_mut().map_or(Ok(()), |cast| cast.marked(&text))?;
            }
            FromShell::Ended(code) => {
                // After a line without a command there is nothing that could have ended.
                if let Some(since) = self.under_way.take() {
                    (self.record)(ShellFact::CommandEnded { number: self.number, code, took: since.elapsed() })?;
                }
            }
        }
        Ok(())
    }

    /// Ends the recording, and records that, with its name.
    fn close(self, code: Option<i32>, why: Option<String>) -> Result<(), LedgerError> {
        let recording = match (self.cast, self.capture) {
            (Some(cast), _) => cast.finish(code)?,
            (None, Some(capture)) => capture.finish()?,
            (None, None) => crate::event::Captured::empty(),
        };
        (self.record)(ShellFact::Closed { code, why, recording, hook: self.hook })
    }
}
