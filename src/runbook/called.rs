//! What a runbook hands to those that it calls: whether they are there, and take it.

use super::{
    diagnostic::Fault,
    library::{Library, LibraryError},
    model::{Call, Kind, Runbook},
    name::RunbookName,
    resolve,
};
use crate::expression::{self, name::nearest};

/// The faults of all calls of a runbook.
#[must_use]
pub(crate) fn faults(runbook: &Runbook, library: &Library) -> Vec<Fault> {
    let mut faults = Vec::new();
    for step in runbook.all_steps() {
        let Kind::Call(call) = &step.kind else { continue };
        match found(call, library) {
            Err(fault) => faults.push(fault),
            Ok(called) => {
                let mut path = vec![runbook.name.clone(), called.name.clone()];
                if let Some(circle) = circle(&called, library, &mut path) {
                    let circle = circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" calls ");
                    faults.push(
                        Fault::error("call-cycle", call.span, format!("runbooks call one another in a circle: {circle}"))
                            .label("leads back to itself")
                            .hint("remove one of these calls"),
                    );
                }
                parameters(call, &called, &mut faults);
            }
        }
    }
    faults
}

fn found(call: &Call, library: &Library) -> Result<Runbook, Fault> {
    let name = &call.runbook;
    let source = library.find(name.as_str()).map_err(|error| {
        let code = if matches!(error, LibraryError::NotFound { .. }) { "unknown-runbook" } else { "unreadable-runbook" };
        let fault = Fault::error(code, call.span, format!("`call`: {error}")).label("cannot be called");
        fault.hint(error.hint().unwrap_or_else(|| format!("see `halligan check {name}`")))
    })?;
    let (called, report) = resolve(source);
    called.ok_or_else(|| {
        let count = report.errors();
        let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
        Fault::error("broken-call", call.span, format!("`call`: the runbook `{name}` has {errors}"))
            .label("cannot be called")
            .hint(format!("mend it first: `halligan check {name}` lists them"))
    })
}

/// The way on which calls lead back to a runbook that is on it already.
fn circle(runbook: &Runbook, library: &Library, path: &mut Vec<RunbookName>) -> Option<Vec<RunbookName>> {
    /// What calls deeper than this is refused for another reason.
    const DEEPEST: usize = 32;
    if path.len() > DEEPEST {
        return None;
    }
    for step in runbook.all_steps() {
        let Kind::Call(call) = &step.kind else { continue };
        if path.contains(&call.runbook) {
            path.push(call.runbook.clone());
            return Some(path.clone());
        }
        let Ok(called) = found(call, library) else { continue };
        path.push(call.runbook.clone());
        if let Some(circle) = circle(&called, library, path) {
            return Some(circle);
        }
        path.pop();
    }
    None
}

fn parameters(call: &Call, called: &Runbook, faults: &mut Vec<Fault>) {
    let known = || called.params.iter().map(|parameter| parameter.name.as_str());
    let at = |name: &str| call.spans.get(name).copied().unwrap_or(call.span);
    for (name, value) in &call.params {
        let Some(parameter) = called.params.iter().find(|parameter| parameter.name.as_str() == name) else {
            let all: Vec<_> = known().collect();
            let hint = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if all.is_empty() => format!("`{}` has no parameters", called.name),
                None => format!("its parameters: {}", all.join(", ")),
            };
            faults.push(
                Fault::error("unknown-name", at(name), format!("`{}` has no parameter `{name}`", called.name))
                    .label("unknown parameter")
                    .hint(hint),
            );
            continue;
        };
        // What a template yields is known when it is rendered.
        let dynamic = |value: &serde_json::Value| value.as_str().is_some_and(expression::is_dynamic);
        if dynamic(value) || value.as_array().is_some_and(|items| items.iter().any(dynamic)) {
            continue;
        }
        if let Err(why) = parameter.take(value) {
            faults.push(
                Fault::error("wrong-type", at(name), format!("`{name}` of `{}`: {why}", called.name))
                    .label("not allowed there")
                    .hint(format!("write {}{}", if parameter.list { "a list, each " } else { "" }, parameter.kind.words())),
            );
        }
    }
    let missing: Vec<&str> = called
        .params
        .iter()
        .filter(|parameter| parameter.default.is_none() && parameter.from_env.is_none())
        .map(|parameter| parameter.name.as_str())
        .filter(|name| !call.params.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        faults.push(
            Fault::error("missing-parameter", call.span, format!("`{}` needs {names}, and nobody is asked in a call", called.name))
                .label("not given")
                .hint(format!("give a value under `params`: {}", missing.first().copied().unwrap_or_default())),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::library::Shelf;

    const HEAD: &str = "title: X\nsummary: X\nreviewed: 2026-01-01\n";

    fn found_in(files: &[(&str, &str)], what: &str) -> Vec<(&'static str, String)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, rest) in files {
            std::fs::write(folder.path().join(format!("{name}.yaml")), format!("halligan: 1\nname: {name}\n{HEAD}{rest}")).unwrap();
        }
        let library = Library::new(vec![Shelf::Folder(folder.path().to_owned())]);
        let source = library.find(what).unwrap();
        let text = source.text.clone();
        let (runbook, report) = resolve(source);
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        faults(&runbook, &library)
            .into_iter()
            .map(|fault| {
                assert!(!fault.label.is_empty() && fault.hint.is_some());
                (fault.code, text[fault.span.offset..fault.span.offset + fault.span.len].to_owned())
            })
            .collect()
    }

    #[test]
    fn a_call_fits_what_it_calls() {
        let inner = "params:\n  device: {type: block_device, help: X}\n  n: {type: int, help: X, default: 1}\n  l: {list: int, help: X, default: []}\nsteps:\n- {id: a, run: [x, '{{ params.device }}', '{{ params.n }}', '{{ params.l }}'], effect: read}\n";
        let of = |call: &str| found_in(&[("inner", inner), ("outer", &format!("steps:\n- {{id: c, call: {call}}}\n"))], "outer");
        assert_eq!(of("inner, params: {device: /dev/sdb, n: 3, l: [1]}"), []);
        assert_eq!(of("inner, params: {device: '{{ run.host }}', l: ['{{ run.id }}']}"), []);
        assert_eq!(of("iner, params: {device: /dev/sdb}"), [("unknown-runbook", "iner".to_owned())]);
        assert_eq!(of("inner, params: {device: /dev/sdb, nn: 3}"), [("unknown-name", "nn".to_owned())]);
        assert_eq!(of("inner, params: {device: sdb, n: x}"), [("wrong-type", "device".to_owned()), ("wrong-type", "n".to_owned())]);
        assert_eq!(of("inner, params: {device: /dev/sdb, l: 3}"), [("wrong-type", "l".to_owned())]);
        assert_eq!(of("inner"), [("missing-parameter", "inner".to_owned())]);
        assert_eq!(of("inner, params: {n: 2}"), [("missing-parameter", "inner".to_owned())]);
    }

    #[test]
    fn a_circle_and_a_broken_one_are_told() {
        let calls = |name: &str| format!("steps:\n- {{id: c, call: {name}}}\n");
        assert_eq!(found_in(&[("a", &calls("b")), ("b", &calls("a"))], "a"), [("call-cycle", "b".to_owned())]);
        assert_eq!(found_in(&[("a", &calls("b")), ("b", "steps: []\n")], "a"), [("broken-call", "b".to_owned())]);
    }
}
