//! `halligan play`: a shell that was opened beside a run, as its terminal showed it.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::named_run::{NamedRun, named};
use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure, session::shells::RecordedShell},
    cli::{self, LookCommand, Subcommands},
    event::{Captured, RunId},
    exec::signals::Listener,
    journal::{
        cast::{self, CastEvent, CastKind, CastReader},
        disk,
        leftover::RunFile,
        output::Outputs,
    },
    ports::{Interrupts, Urgency},
    ui::played::Played,
    words::{self, moment::local, sanitise::line as visible},
};

/// The longest pause, in seconds, where nobody says another.
const IDLE: f64 = 2.0;

/// Plays the recording of one shell, or lists them.
///
/// # Errors
/// The journal cannot be read, there is no such run or shell, or its recording is not what was recorded.
pub(super) fn play(context: &Context, args: &cli::PlayArgs) -> Result<ProgramExit, Failure> {
    let NamedRun { looked, directory, .. } = named(context, &args.run)?;
    let run = looked.summary.id;
    let shells = RecordedShell::all(&looked.chronicle);
    if args.list {
        context.out.stdout.lines(&list(run, &shells));
        return Ok(ProgramExit::Completed);
    }
    let listed = |failure: Failure| {
        let list = cli::PlayArgs { run: run.to_string(), list: true, ..cli::PlayArgs::default() };
        failure.suggest("list its shells:", context.line(Subcommands::Look(LookCommand::Play(list))))
    };
    let number = args.number.unwrap_or(shells.len());
    let shell = number.checked_sub(1).and_then(|index| shells.get(index)).ok_or_else(|| match shells.len() {
        0 => Failure::new(ProgramExit::Usage, format!("no shell was opened beside run {run}")),
        all => listed(Failure::new(
            ProgramExit::Usage,
            format!("run {run} has {}, and no shell {number}", words::counted(all, "shell", "shells")),
        )),
    })?;
    let path = recording(&directory, run, shell).map_err(|failure| failure.why(told(number, shell)))?;
    let cannot =
        |error: io::Error| Failure::new(ProgramExit::Journal, format!("the recording in {} cannot be read: {error}", path.display()));
    let mut file = disk::open_plain(&path).map_err(cannot)?;
    if args.cast {
        let out = &context.out.stdout;
        // On a terminal nothing of it may act.
        let copied = if out.is_terminal() { io::copy(&mut file, &mut &*out) } else { io::copy(&mut file, &mut out.unchanged()) };
        return copied.map(|_| ProgramExit::Completed).map_err(cannot);
    }
    shown(context, args, file, &told(number, shell)).map_err(cannot)?;
    if shell.recording.is_none() {
        context.out.stderr.line("No end of this shell is recorded: nothing says that the recording is whole, and as it was.");
    }
    Ok(ProgramExit::Completed)
}

/// A shell in a line.
fn told(number: usize, shell: &RecordedShell) -> String {
    let at = local(shell.opened).strftime("%Y-%m-%d %H:%M:%S");
    let place = shell.place.as_ref().map(|place| format!(", at {place}")).unwrap_or_default();
    let end = if shell.recording.is_some() { "" } else { "; no end is recorded" };
    let commands = words::counted(shell.commands.len(), "command", "commands");
    format!("shell {number}  {at}  on {} by {}{place}  {commands}{end}", shell.on(), shell.who)
}

fn list(run: RunId, shells: &[RecordedShell]) -> Vec<String> {
    if shells.is_empty() {
        return vec![format!("No shell was opened beside run {run}.")];
    }
    let one = |(index, shell): (usize, &RecordedShell)| {
        let commands = shell.commands.iter().map(|command| {
            let code = command.code.map_or_else(|| "no end recorded".to_owned(), |code| format!("exit {code}"));
            format!("  {}  ({code})", visible(&command.text))
        });
        std::iter::once(visible(&told(index + 1, shell)).into_owned()).chain(commands).collect::<Vec<_>>()
    };
    shells.iter().enumerate().flat_map(one).collect()
}

/// Where the recording of a shell stands, if it is as it was recorded.
fn recording(directory: &Path, run: RunId, shell: &RecordedShell) -> Result<PathBuf, Failure> {
    let outputs = directory.join("output");
    match &shell.recording {
        Some(recorded) if recorded.sha256 == Captured::EMPTY => {
            Err(Failure::new(ProgramExit::Usage, "this shell could not be opened: it showed nothing"))
        }
        Some(recorded) => match Outputs::at(outputs.clone()).fault(recorded) {
            None => Ok(outputs.join(&recorded.sha256)),
            Some(fault) => Err(Failure::new(ProgramExit::CheckFailed, format!("the recording output/{} {fault}", recorded.sha256))),
        },
        None => half_recorded(directory, run, shell).ok_or_else(|| {
            Failure::new(ProgramExit::Usage, "no end of this shell is recorded, and what there was of its recording is gone")
        }),
    }
}

/// What was written of a recording that has not come to its end.
fn half_recorded(directory: &Path, run: RunId, shell: &RecordedShell) -> Option<PathBuf> {
    let title = cast::title(&run.to_string(), &shell.shell);
    let files = RunFile::all(directory).ok()?.into_iter().filter(|file| file.run == run && file.printed);
    files.map(|file| directory.join(file.path)).find(|path| {
        let opened = disk::open_plain(path).and_then(|file| CastReader::open(BufReader::new(file)));
        opened.is_ok_and(|cast| cast.header.title == title)
    })
}

fn shown(context: &Context, args: &cli::PlayArgs, file: File, told: &str) -> io::Result<()> {
    let (out, err) = (&context.out.stdout, &context.out.stderr);
    let mut cast = CastReader::open(BufReader::new(file))?;
    let (interrupts, terminal) = (Arc::new(Interrupts::default()), out.is_terminal());
    let _listener = Listener::start(Arc::clone(&interrupts), Arc::new(Interrupts::default()), |_, _| ())?;
    err.line(&visible(told));
    let (columns, rows) = (cast.header.term.cols, cast.header.term.rows);
    if terminal && (out.edge() < usize::from(columns) || out.height() < usize::from(rows)) {
        err.line(&format!("It was recorded in a window of {columns} columns and {rows} lines: in this one it may look broken."));
    }
    let (speed, idle) = (args.speed.unwrap_or(1.0), args.idle.unwrap_or(IDLE));
    let mut played = Played::default();
    let read = loop {
        let CastEvent { after, what } = match cast.next() {
            Ok(Some(event)) => event,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let pause = after.clamp(0.0, idle) / speed;
        if terminal {
            interrupts.sleep(Duration::try_from_secs_f64(pause).unwrap_or_default(), Urgency::None);
        }
        if interrupts.urgency() > Urgency::None || out.fault().is_some() {
            break Ok(());
        }
        if let CastKind::Shown(text) = what {
            played.show(out, &text);
        }
    };
    if terminal {
        played.leave(out);
    }
    let end = if cast.torn { "The recording ends here, in the midst of a line." } else { "End of the recording." };
    err.line(end);
    read
}
