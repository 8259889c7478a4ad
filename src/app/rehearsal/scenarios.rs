//! The scenarios of a runbook: found by name or path, read, and held against it.

use std::{iter, path::Path};

use crate::{
    app::{exit::ProgramExit, failure::Failure, session::load::Loaded},
    rehearse::{Scenario, ScenarioFault, fixture, reference},
    runbook::{
        library::{self, ScenarioSource},
        model::Origin,
    },
};

/// The scenario that is rehearsed when none is named.
const DEFAULT: &str = "all-well";

/// Finds the scenario: a path, one of the runbook's own by name, or the default.
///
/// # Errors
/// There is none.
pub(crate) fn choose(loaded: &Loaded, wanted: Option<&str>) -> Result<ScenarioSource, Failure> {
    if let Some(path) = wanted.filter(|wanted| library::is_path(wanted)) {
        let path = Path::new(path);
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned());
        return match library::read(path) {
            Ok(Some(source)) => Ok(ScenarioSource { name, source }),
            Ok(None) => Err(Failure::new(ProgramExit::Usage, format!("there is no scenario {}", path.display()))),
            Err(error) => Err(Failure::of(ProgramExit::Usage, &error)),
        };
    }
    let all = library::scenarios(&loaded.runbook.source).map_err(|error| Failure::of(ProgramExit::BadRunbook, &error))?;
    let names: Vec<String> = all.iter().map(|scenario| scenario.name.clone()).collect();
    let name = wanted.unwrap_or(DEFAULT);
    let none = || {
        let failure = Failure::new(ProgramExit::Usage, format!("{} has no scenario `{name}`", loaded.runbook.name));
        if names.is_empty() {
            return failure.next(format!("write one to scenarios/{}/{DEFAULT}.yaml beside the runbook", loaded.runbook.name));
        }
        let near = crate::expression::name::nearest(name, names.iter().map(String::as_str));
        let failure = match near {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure,
        };
        failure.why(format!("it has {}", names.join(", ")))
    };
    all.into_iter().find(|scenario| scenario.name == name).ok_or_else(none)
}

/// Holds what a flag names against these runbooks: a fault at a step that is not there would strike nothing.
///
/// # Errors
/// None of them has such a step, with the nearest that there is.
pub(crate) fn known_step<'a>(flag: &str, step: &str, loaded: impl IntoIterator<Item = &'a Loaded>) -> Result<(), Failure> {
    let runbooks = loaded.into_iter().flat_map(|loaded| iter::once(&*loaded.runbook).chain(loaded.called.values().map(|called| &**called)));
    reference::known(step, runbooks).map_err(|unknown| {
        let hint =
            unknown.near.map_or_else(|| "`halligan show RUNBOOK` names its steps".to_owned(), |near| format!("did you mean `{near}`?"));
        Failure::new(ProgramExit::Usage, format!("{flag}: {}", unknown.what)).next(hint)
    })
}

/// Reads a scenario with its fixtures, and holds it against its runbook.
///
/// # Errors
/// Every fault of it.
pub(crate) fn parse(source: &ScenarioSource, loaded: &Loaded) -> Result<Scenario, Vec<ScenarioFault>> {
    let (name, text) = (&source.source.name, &source.source.text);
    let parsed = match &source.source.origin {
        Origin::File(path) => Scenario::read(name, text, &fixture::Directory(path.parent().unwrap_or(Path::new(".")).to_owned())),
        Origin::Bundled => {
            let folder = format!("scenarios/{}", loaded.runbook.name);
            Scenario::read(name, text, &move |path: &str| library::bundled_fixture(&folder, path))
        }
    };
    let scenario = parsed.map_err(|error| error.faults)?;
    let faults = scenario.check(&loaded.runbook);
    if faults.is_empty() { Ok(scenario) } else { Err(faults) }
}
