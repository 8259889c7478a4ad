//! `halligan scenario new`: a scenario written from a run in the journal.

use std::{fs, io, path::Path};

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        rehearsal::from_run,
        session::load::{self},
    },
    runbook::{model::Origin, name::RunbookName},
    words::sanitise,
};

/// Writes a scenario from a run, for a person to generalise, and says whether the scenario passes as it is.
///
/// # Errors
/// The run cannot be read, or the files cannot be written.
pub(super) fn new(context: &Context, name: &str, given: &str, directory: Option<&Path>) -> Result<ProgramExit, Failure> {
    RunbookName::new(name).map_err(|error| Failure::new(ProgramExit::Usage, format!("invalid scenario name: {error}")))?;
    let run = from_run::read(context, given)?;
    let loaded = load::load(context, &run.runbook)?;
    let directory = match (directory, &loaded.runbook.source.origin) {
        (Some(directory), _) => directory.to_owned(),
        (None, Origin::File(path)) => path.parent().unwrap_or(Path::new(".")).join("scenarios").join(loaded.runbook.name.as_str()),
        (None, Origin::Bundled) => {
            return Err(Failure::new(ProgramExit::Usage, format!("{} is bundled and has no directory to write to", loaded.runbook.name))
                .next("name a directory with --directory"));
        }
    };
    let written = from_run::written(context, &run, name, &loaded)?;
    let file = directory.join(format!("{name}.yaml"));
    let cannot =
        |path: &Path, error: &io::Error| Failure::new(ProgramExit::Usage, format!("{} cannot be written: {error}", path.display()));
    for (path, bytes) in
        written.files.iter().map(|(path, bytes)| (directory.join(path), bytes.as_slice())).chain([(file.clone(), written.text.as_bytes())])
    {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
        // What somebody has written there is never written over.
        let mut new = fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| cannot(&path, &error))?;
        io::Write::write_all(&mut new, bytes).map_err(|error| cannot(&path, &error))?;
    }
    let out = &context.out.stdout;
    out.line(&format!("{} written, with {} files of output", sanitise::line(&file.display().to_string()), written.files.len()));
    let wrong = from_run::held(&file.display().to_string(), &written, &loaded);
    for one in &wrong {
        out.line(&one.told(&loaded, &context.out));
    }
    if wrong.is_empty() {
        out.line("scenario written and passing; to cover more than this one run, add a world and more general rules");
        return Ok(ProgramExit::Completed);
    }
    out.line("scenario written but does not pass yet; differences above");
    Ok(ProgramExit::CheckFailed)
}
