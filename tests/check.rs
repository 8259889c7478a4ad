//! Broken runbooks, each with one kind of mistake, and a whole one with every feature.

use std::path::{Path, PathBuf};

use halligan::door::runbook::{FaultSeverity, LibraryError, Report, library, position, resolve, warnings};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn report(path: &Path) -> Report {
    match library::read(path) {
        Ok(Some(source)) => {
            let (runbook, report) = resolve(source);
            assert_eq!(runbook.is_some(), report.errors() == 0, "{}", path.display());
            report
        }
        Ok(None) => panic!("{} is gone", path.display()),
        Err(LibraryError::Refused(report)) => *report,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The lines `# expect: LINE:COLUMN CODE TEXT` at the top of a broken runbook.
fn expected(path: &Path) -> Vec<(usize, usize, String, String)> {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.trim_start_matches('\u{feff}').lines().map_while(|line| line.strip_prefix("# expect: "));
    lines
        .map(|line| {
            let (place, rest) = line.split_once(' ').unwrap();
            let (line, column) = place.split_once(':').unwrap();
            let (code, text) = rest.split_once(' ').unwrap();
            (line.parse().unwrap(), column.parse().unwrap(), code.to_owned(), text.to_owned())
        })
        .collect()
}

#[test]
fn every_broken_runbook_is_refused_at_the_right_place() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder("broken")).unwrap() {
        let path = entry.unwrap().path();
        count += 1;
        let report = report(&path);
        let errors: Vec<_> = report.faults.iter().filter(|fault| fault.severity == FaultSeverity::Error).collect();
        let expected = expected(&path);
        let mut right = !expected.is_empty() && errors.len() == expected.len();
        for ((line, column, code, text), fault) in expected.iter().zip(&errors) {
            right &= position(&report.source.text, fault.span.offset) == (*line, *column);
            right &= fault.code == code && fault.message.contains(text.as_str()) && (!fault.label.is_empty() || fault.span.len == 0);
            right &= fault.hint.as_ref().is_some_and(|hint| !hint.is_empty());
        }
        if !right {
            wrong.push(format!("== {}: expected {expected:?}\n{}", path.display(), report.plain()));
        }
        // However it is shown, nothing of the file reaches the terminal as a control sequence.
        for shown in [report.plain(), report.graphical(80, false)] {
            assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\u{feff}']), "{}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are not as expected\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 60, "only {count} broken runbooks");
}

#[test]
fn the_runbook_with_every_feature_is_without_fault() {
    for entry in std::fs::read_dir(folder("good")).unwrap() {
        let path = entry.unwrap().path();
        let (runbook, report) = resolve(library::read(&path).unwrap().unwrap());
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        let report = warnings(&runbook, report, jiff::civil::date(2026, 11, 21));
        assert_eq!(report.errors() + report.warnings(), 0, "{}", report.plain());
    }
}
