//! Tells somebody who does not look that a question opens, a wait stands still, or a run ends: the terminal rings, and a program of the
//! operator's is started.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    cli,
    event::{Event, Place, Progress, moment::Moment},
    inheritance::exposed,
    plan::Plan,
    ports::{Answer, NoAnswer, Observer, Prompt, Question},
    run::Setting,
    tool::Tool,
    trust,
    ui::{answer, bell::Bell, report::LastScreen},
    words,
};

/// So long the program may take. The next notice waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A wait whose figure has stood still for so long is told of, once until it moves.
const STALLED: Duration = Duration::from_secs(300);

/// What the program of `--notify` reads: one line of JSON.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::app) struct Announcement {
    /// When it happened.
    #[schemars(with = "String")]
    at: Timestamp,
    run: String,
    /// The name of the runbook.
    runbook: String,
    /// `real` or `dry run`.
    mode: &'static str,
    /// Where the run is carried out, and by whom.
    host: String,
    operator: String,
    #[serde(flatten)]
    what: AnnouncedEvent,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "notice")]
enum AnnouncedEvent {
    /// A question waits for an answer at the operator's terminal. The one about the plan is not told of: whoever began the run sits there.
    Question { place: String, text: String, prompt: String },
    /// What a wait watches has not moved for five minutes; it goes on.
    Stalled { place: String, have: String, still_s: u64 },
    /// The run has ended.
    Ended {
        /// The last line of the run's screen.
        closing: String,
        exit: u8,
        /// What went wrong; empty where nothing did.
        what: String,
        owed: Vec<String>,
        /// The head of the journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<String>,
    },
}

/// Whose run it is.
#[derive(Debug)]
struct RunTold {
    run: String,
    runbook: String,
    mode: &'static str,
    host: String,
    operator: String,
}

/// Starts the program for one notice after another, and goes on with the run meanwhile.
#[derive(Debug)]
struct Courier {
    about: RunTold,
    program: PathBuf,
    notices: Sender<Announcement>,
    /// Ends with what went wrong; there may be no thread for it.
    working: io::Result<JoinHandle<Vec<String>>>,
}

/// Who is to be told of a run.
#[derive(Debug)]
pub(crate) struct ToTell {
    program: Option<PathBuf>,
    bell: bool,
}

impl ToTell {
    /// By the options, by the settings where those say nothing, or else the terminal alone.
    ///
    /// # Errors
    /// The program that a file of settings names is none, or somebody else than root could write what root would start.
    pub(crate) fn of(context: &Context, notify: &cli::Notify) -> Result<Self, Failure> {
        let Self { bell, .. } = Self::at_the_terminal(context, notify.quiet);
        let program = match (&notify.program, &context.settings.notify) {
            (Some(program), _) => Some(program.clone()),
            (None, Some(said)) => {
                let failed = |why: String| {
                    let failure = Failure::new(ProgramExit::Usage, format!("`notify` of {said} names {}: {why}", said.value.display()));
                    failure.next("correct it there, or name another with --notify PROGRAM")
                };
                cli::is_program(&said.value).map_err(failed)?;
                if let Some(exposed) = Some(&said.value).filter(|_| trust::needed()).and_then(|program| exposed(program)) {
                    return Err(failed(exposed.to_string()).next(exposed.hint()));
                }
                Some(said.value.clone())
            }
            (None, None) => None,
        };
        Ok(Self { program, bell })
    }

    /// Nobody but who sits there.
    #[must_use]
    pub(crate) fn at_the_terminal(context: &Context, quiet: cli::Quiet) -> Self {
        let settled = context.settings.bell.as_ref().map(|said| said.value);
        Self { program: None, bell: quiet.no_bell.map(|quiet| !quiet).or(settled).unwrap_or(true) }
    }
}

/// Tells of a run, if somebody wants to be told.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    courier: Option<Courier>,
    bell: Option<Bell>,
    /// Waits that were told of since they moved.
    stalled: Mutex<BTreeSet<Place>>,
}

impl Notifier {
    #[must_use]
    pub(crate) fn start(context: &Context, told: &ToTell, setting: &Setting, plan: &Plan) -> Self {
        let name = words::window(&plan.runbook.name.to_string(), setting.mode);
        let bell = if told.bell { Bell::hang(&context.out, &name) } else { None };
        let about = RunTold {
            run: setting.run_id.to_string(),
            runbook: plan.runbook.name.to_string(),
            mode: words::mode_name(setting.mode),
            host: setting.host.clone(),
            operator: setting.operator.clone(),
        };
        let courier = told.program.as_ref().map(|program| Courier::start(program.clone(), about));
        Self { courier, bell, stalled: Mutex::default() }
    }

    fn tell(&self, what: AnnouncedEvent) {
        if let Some(courier) = &self.courier {
            courier.send(what);
        }
    }

    /// Tells how the run ended, and waits until all is told. What could not be told stands on the last screen.
    pub(crate) fn end(self, told: &mut LastScreen) {
        if let Some(bell) = self.bell {
            bell.ends();
        }
        let Some(courier) = self.courier else { return };
        courier.send(AnnouncedEvent::Ended {
            closing: told.closing.clone(),
            exit: told.exit.unwrap_or_default(),
            what: told.what.clone(),
            owed: told.owed.clone(),
            head: told.head.clone(),
        });
        let program = courier.program.display().to_string();
        drop(courier.notices);
        let failed = match courier.working {
            Ok(working) => working.join().unwrap_or_else(|_| vec!["it cannot be waited for".to_owned()]),
            Err(error) => vec![error.to_string()],
        };
        if let Some(first) = failed.first() {
            let times = words::counted(failed.len(), "notice", "notices");
            told.why.push(format!("`--notify {program}` has not told of {times}: {first}"));
        }
    }
}

impl Courier {
    fn start(program: PathBuf, about: RunTold) -> Self {
        let (notices, coming) = mpsc::channel();
        let start = program.clone();
        let working = thread::Builder::new().name("notices".to_owned()).spawn(move || deliver(&start, &coming));
        Self { about, program, notices, working }
    }

    fn send(&self, what: AnnouncedEvent) {
        let RunTold { run, runbook, mode, host, operator } = &self.about;
        let (run, runbook, mode) = (run.clone(), runbook.clone(), *mode);
        let notice = Announcement { at: Timestamp::now(), run, runbook, mode, host: host.clone(), operator: operator.clone(), what };
        // Whoever receives it ends only when this side does, or was never there: then that is told at the end.
        let _ = self.notices.send(notice);
    }
}

/// Starts the program for each notice. Returns why it has not taken one, for each that it has not.
fn deliver(program: &Path, coming: &Receiver<Announcement>) -> Vec<String> {
    let mut failed = Vec::new();
    for notice in coming {
        let line = match serde_json::to_vec(&notice) {
            Ok(line) => [line, b"\n".to_vec()].concat(),
            Err(error) => {
                failed.push(error.to_string());
                continue;
            }
        };
        let why = match Tool::new(program, [""; 0]).input(line).limit(PATIENCE).run() {
            Ok(end) if end.succeeded() => continue,
            Ok(end) => {
                let said = String::from_utf8_lossy(&end.stderr);
                let said = said.trim().lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                end.code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit {code}{said}"))
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(program = %program.display(), %why, "nobody was told");
        failed.push(why);
    }
    failed
}

impl Notifier {
    /// A wait moves again, or is over.
    fn moves(&self, place: &Place) {
        if self.stalled.lock().unwrap_or_else(PoisonError::into_inner).remove(place)
            && let Some(bell) = &self.bell
        {
            bell.moves(place);
        }
    }

    /// A wait has stood still for so long.
    fn stalls(&self, place: &Place, have: &str, still: Duration) {
        if !self.stalled.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
            return;
        }
        if let Some(bell) = &self.bell {
            bell.stalls(place);
        }
        self.tell(AnnouncedEvent::Stalled { place: place.to_string(), have: have.to_owned(), still_s: still.as_secs() });
    }
}

impl Observer for Notifier {
    fn event(&self, _: Moment, event: &Event) {
        if let Event::StepEnded { place, .. } | Event::StepSettled { place, .. } = event {
            self.moves(place);
        }
    }

    fn progress(&self, _: Moment, progress: &Progress) {
        let Progress::Waiting { place, have, still: Some(still), .. } = progress else { return };
        if *still < STALLED {
            self.moves(place);
        } else {
            self.stalls(place, have, *still);
        }
    }
}

/// Asks through another prompt, and tells whoever does not look that a question is open.
pub(super) struct Notifying<'a> {
    pub prompt: &'a dyn Prompt,
    pub notifier: &'a Notifier,
    /// Somebody can answer.
    pub attended: bool,
}

impl Prompt for Notifying<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        if let Some(place) = question.place.as_ref().filter(|_| self.attended) {
            let prompt = answer::line(&question.ask).trim_end().to_owned();
            self.notifier.tell(AnnouncedEvent::Question { place: place.to_string(), text: question.text.clone(), prompt });
        }
        let bell = self.notifier.bell.as_ref().filter(|_| self.attended);
        if let Some(bell) = bell {
            bell.asks();
        }
        let answer = self.prompt.ask(question);
        if let Some(bell) = bell {
            bell.answered();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> RunTold {
        RunTold { run: "0000000a".into(), runbook: "drill".into(), mode: "real", host: "here".into(), operator: "me".into() }
    }

    fn waiting(still: u64) -> Progress {
        Progress::Waiting {
            place: Place::top("settled"),
            want: "settled".into(),
            have: "12 peering".into(),
            elapsed: Duration::from_secs(still),
            limit: None,
            figure: Some((1.0, 2.0)),
            still: Some(Duration::from_secs(still)),
            held: None,
        }
    }

    #[test]
    fn a_wait_that_stands_still_is_told_of_once_until_it_moves() {
        let (notices, coming) = mpsc::channel::<Announcement>();
        let working = thread::spawn(move || coming.iter().map(|notice| serde_json::to_string(&notice).unwrap()).collect());
        let courier = Courier { about: about(), program: PathBuf::new(), notices, working: Ok(working) };
        let notifier = Notifier { courier: Some(courier), ..Notifier::default() };
        for still in [10, 299, 300, 301, 0, 310] {
            notifier.progress(Moment::now(), &waiting(still));
        }
        let outcome = crate::event::StepOutcome::Done;
        notifier.event(Moment::now(), &Event::StepSettled { place: Place::top("settled"), outcome });
        notifier.progress(Moment::now(), &waiting(320));
        let courier = notifier.courier.unwrap();
        drop(courier.notices);
        let lines = courier.working.unwrap().join().unwrap();
        let told: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.iter().map(|told| told["still_s"].as_u64().unwrap()).collect::<Vec<_>>(), [300, 310, 320]);
        assert!(
            told.iter().all(|told| told["notice"] == "stalled" && told["run"] == "0000000a" && told["have"] == "12 peering"),
            "{told:?}"
        );
    }

    #[test]
    fn who_cannot_be_told_is_named_at_the_end() {
        let courier = Courier::start("/bin/false".into(), about());
        let notifier = Notifier { courier: Some(courier), ..Notifier::default() };
        notifier.progress(Moment::now(), &waiting(400));
        let mut told = LastScreen::default();
        notifier.end(&mut told);
        assert_eq!(told.why, ["`--notify /bin/false` has not told of 2 notices: exit 1"]);
    }
}
