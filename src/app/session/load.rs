//! From a name on the command line to a checked runbook and all that it calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure},
    inheritance::{SAFE_PATH, exposed},
    inventory::{self, Inventory, NamedFile},
    passed_on::PassedVariable,
    plan::called::secrets_given,
    runbook::{
        diagnostic::Report,
        library::{Library, LibraryError},
        model::{Kind, Runbook, SourceText},
        name::RunbookName,
        resolve,
    },
    trust,
    ui::out::Out,
};

/// A checked runbook with those that it calls, directly or not.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub runbook: Arc<Runbook>,
    pub called: BTreeMap<RunbookName, Arc<Runbook>>,
}

impl Loaded {
    /// What of the operator's environment the commands of all of them get.
    #[must_use]
    pub(crate) fn environment(&self) -> Vec<PassedVariable> {
        let all: BTreeSet<_> =
            std::iter::once(&self.runbook).chain(self.called.values()).flat_map(|runbook| &runbook.environment).collect();
        all.iter().filter(|one| !all.iter().any(|other| other != *one && one.is_within(other))).map(|one| (*one).clone()).collect()
    }
}

/// Shows a report on standard error, drawn for a terminal and plain otherwise.
pub(crate) fn show_report(out: &Out, report: &Report) {
    let stream = &out.stderr;
    let text = if stream.is_terminal() { report.graphical(stream.width(), stream.style().colour) } else { report.plain() };
    stream.text(&text);
}

/// Finds, reads and checks a runbook.
///
/// # Errors
/// It is not there or has faults; those are on the screen then.
pub(crate) fn load(context: &Context, name: &str) -> Result<Loaded, Failure> {
    let library = context.library();
    let source = library.find(name).map_err(not_found)?;
    whole(context, &library, source)
}

/// Finds, reads and checks a runbook that will be carried out: as root, one that somebody else could write is refused, unless
/// `expected` pins its text.
///
/// # Errors
/// As for `load`; or the text is not the one that is expected.
pub(crate) fn load_for_run(context: &Context, name: &str, expected: Option<&str>) -> Result<Loaded, Failure> {
    let library = context.library().guarded();
    let source = match expected {
        None => library.find(name).map_err(|error| {
            let exposed = matches!(error, LibraryError::Exposed(_));
            let failure = not_found(error);
            if exposed { failure.next("or give the expected digest: --expect-sha256 HEX") } else { failure }
        })?,
        Some(expected) => {
            let source = context.library().find(name).map_err(not_found)?;
            if !expected.eq_ignore_ascii_case(&source.sha256) {
                return Err(Failure::new(ProgramExit::BadRunbook, format!("{} has an unexpected SHA-256", source.name))
                    .why(format!("its SHA-256 is {}", source.sha256))
                    .why(format!("expected is  {expected}")));
            }
            source
        }
    };
    whole(context, &library, source)
}

/// A runbook's text, with all that it calls.
fn whole(context: &Context, library: &Library, source: SourceText) -> Result<Loaded, Failure> {
    tracing::debug!(source = source.name, sha256 = source.sha256, "the runbook is read from here");
    let runbook = checked(context, source)?;
    let mut called = BTreeMap::new();
    let mut path = vec![runbook.name.clone()];
    collect(context, library, &runbook, &mut called, &mut path)?;
    for caller in std::iter::once(&runbook).chain(called.values()) {
        called.values().try_for_each(|inner| unexposed(caller, inner))?;
    }
    Ok(Loaded { runbook, called })
}

/// What a call gives comes from what is no secret, so it stands in the record.
fn unexposed(caller: &Runbook, inner: &Runbook) -> Result<(), Failure> {
    let Some((step, parameter)) = secrets_given(caller, inner).next() else { return Ok(()) };
    Err(Failure::new(
        ProgramExit::BadRunbook,
        format!("step {step} of {} gives a value to the secret {parameter} of {}", caller.name, inner.name),
    )
    .why("that value is recorded and shown: a call cannot pass a secret on")
    .next(format!("leave {parameter} out of the call, and let {} name an environment variable for it: `from_env`", inner.name)))
}

/// Reads the inventory: the one that is named, else the one where it usually is; none if there is none.
///
/// # Errors
/// It is named and not there, or it has faults; those are on the screen then.
pub(crate) fn inventory(context: &Context, hosts: &crate::cli::Hosts) -> Result<Option<Arc<Inventory>>, Failure> {
    let settled = context.settings.inventory.as_ref().map(|said| said.value.clone());
    let Some(path) = hosts.inventory.clone().or(settled).or_else(inventory::standard) else {
        tracing::debug!("no inventory: none is named, and none is where it usually is");
        return Ok(None);
    };
    let (inventory, report) = inventory::read(&path).map_err(|error| {
        let shown = path.display();
        let what = match &error {
            LibraryError::Exposed(exposed) => format!("the inventory {shown} cannot be trusted: {exposed}"),
            LibraryError::Unreadable { source, .. } => format!("the inventory {shown} cannot be read: {source}"),
            LibraryError::NotAFile { .. } => format!("the inventory {shown} cannot be read: it is not a regular file"),
            other => format!("the inventory {shown} cannot be read: {other}"),
        };
        let hint = if let LibraryError::Exposed(exposed) = &error { Some(exposed.hint()) } else { None };
        Failure::new(ProgramExit::BadRunbook, what).hint(hint)
    })?;
    let Some(inventory) = inventory else {
        show_report(&context.out, &report);
        return Err(Failure::new(ProgramExit::BadRunbook, format!("{} has errors; nothing was run", path.display())));
    };
    held_to_trust(&inventory, &path)?;
    let (named, hosts) = (hosts.inventory.is_some(), inventory.hosts.len());
    tracing::debug!(path = %path.display(), named, sha256 = inventory.source.sha256, hosts, "the inventory is read from here");
    Ok(Some(Arc::new(inventory)))
}

/// As root, what an inventory names and would be run or obeyed must be as much root's as the inventory.
fn held_to_trust(inventory: &Inventory, path: &Path) -> Result<(), Failure> {
    if !trust::needed() {
        return Ok(());
    }
    for NamedFile { path: file, by } in inventory::named(inventory, SAFE_PATH) {
        if let Some(exposed) = exposed(&file) {
            let what = format!("{by} of the inventory {} names {}, which cannot be trusted: {exposed}", path.display(), file.display());
            return Err(Failure::new(ProgramExit::BadRunbook, what).next(exposed.hint()));
        }
    }
    Ok(())
}

/// Checks a runbook's text.
fn checked(context: &Context, source: SourceText) -> Result<Arc<Runbook>, Failure> {
    let name = source.name.clone();
    let (runbook, report) = resolve(source);
    let Some(runbook) = runbook else {
        show_report(&context.out, &report);
        let count = report.errors();
        let faults = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
        return Err(Failure::new(ProgramExit::BadRunbook, format!("{name} has {faults}; nothing was run")));
    };
    Ok(Arc::new(runbook))
}

fn collect(
    context: &Context,
    library: &Library,
    runbook: &Runbook,
    called: &mut BTreeMap<RunbookName, Arc<Runbook>>,
    path: &mut Vec<RunbookName>,
) -> Result<(), Failure> {
    for step in runbook.all_steps() {
        let Kind::Call(call) = &step.kind else { continue };
        if path.contains(&call.runbook) {
            let circle: Vec<_> = path.iter().map(ToString::to_string).collect();
            return Err(Failure::new(ProgramExit::BadRunbook, format!("call cycle: {} calls {}", circle.join(" calls "), call.runbook)));
        }
        if called.contains_key(&call.runbook) {
            continue;
        }
        let source = library
            .find(call.runbook.as_str())
            .map_err(|error| not_found(error).why(format!("step {} of {} calls it", step.id, runbook.name)))?;
        tracing::debug!(step = %step.id, source = source.name, sha256 = source.sha256, "a called runbook is read from here");
        let inner = checked(context, source)?;
        called.insert(call.runbook.clone(), Arc::clone(&inner));
        path.push(call.runbook.clone());
        collect(context, library, &inner, called, path)?;
        path.pop();
    }
    Ok(())
}

fn not_found(error: LibraryError) -> Failure {
    let exit = if matches!(error, LibraryError::NotFound { .. }) { ProgramExit::Usage } else { ProgramExit::BadRunbook };
    Failure::of(exit, &error).hint(error.hint())
}
