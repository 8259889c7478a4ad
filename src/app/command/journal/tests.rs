use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    error::{JournalCommandError, Result},
    list::list,
    replayed::Titles,
    show::show,
    verify::{head, verify},
};
use crate::{app::session::run_name::UnknownRun, cli::RunFilter, journal::Head};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1")
}

fn said(command: impl FnOnce(&mut dyn Write) -> Result<u8>) -> (u8, String) {
    let mut out = Vec::new();
    let code = command(&mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn lists_runs_with_how_they_ended() {
    let (code, text) = said(|out| list(out, &frozen(), &RunFilter::default(), false));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((code, lines.len()), (0, 5), "{text}");
    assert!(lines[1].starts_with("00000001") && lines[1].ends_with("stuck: an undo failed; 2 steps are in doubt"), "{text}");
    assert!(lines[2].contains("dry run") && lines[2].ends_with("completed"), "{text}");
    assert!(lines[4].contains("1 lines could not be read"), "{text}");
    let (_, json) = said(|out| list(out, &frozen(), &RunFilter::default(), true));
    let values: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), 3);
}

#[test]
fn tells_a_run_so_that_no_terminal_is_fooled() {
    let (code, text) = said(|out| show(out, &frozen(), "00000001", false, None));
    assert_eq!(code, 0);
    assert!(!text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
    for part in [
        "  Run 8 steps?\n",
        "  Really?\n",
        "  the plan confirmed at the terminal: y\n",
        "Restart \\u{202e}Ceph OSDs",
        "from 10.1.0.7",
        "token = (secret)",
        "set_noout passed after 1.2s, asked 3 times: noout is set\n",
        "  kept: stdout, 13 bytes: output/",
        "try_6 in doubt: ",
        "  in doubt  try_6: ",
        "\nrun 00000001 stuck: an undo failed",
        "\nhalligan-head v1 ",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert!(!text.contains("out of order"), "{text}");
    assert_eq!(text.matches("the titles of steps are not recorded").count(), 1, "{text}");
}

#[test]
fn only_records_without_titles_are_said_to_have_none() {
    let untitled = |kinds: &[&str]| {
        let mut titles = Titles::default();
        kinds.iter().find_map(|kind| titles.missing(kind.as_bytes())).unwrap_or(false)
    };
    assert!(untitled(&["run_opened", "step_began", "step_ended", "planned", "confirmed", "step_began"]));
    assert!(!untitled(&["run_opened", "step_began", "step_ended", "planned", "confirmed", "step_reached", "step_began"]));
    // It did not come to a step.
    assert!(!untitled(&["run_opened", "step_began", "step_ended", "preflight_blocked", "run_closed"]));
    assert!(!untitled(&["run_opened", "planned", "declined", "run_closed"]));
}

#[test]
fn gives_the_records_of_one_run_as_they_stand() {
    let (_, json) = said(|out| show(out, &frozen(), "00000003", true, None));
    let whole = fs::read_to_string(frozen().join("journal.jsonl")).unwrap();
    assert_eq!(json.lines().count(), 6);
    assert!(whole.ends_with(&json));
}

#[test]
fn a_run_is_named_by_its_beginning_if_that_is_enough() {
    let failed = |given| show(&mut io::sink(), &frozen(), given, false, None).unwrap_err();
    assert!(matches!(failed("0"), JournalCommandError::Run(UnknownRun::Many { candidates, .. }) if candidates.len() == 3));
    assert!(matches!(failed("7"), JournalCommandError::Run(UnknownRun::None { .. })));
    assert_eq!(failed("").exit() as u8, 2);
}

#[test]
fn says_whether_it_holds() {
    let (code, text) = said(|out| {
        let head = fs::read_to_string(frozen().join("head")).unwrap().parse().unwrap();
        verify(out, &frozen(), &[head], false)
    });
    assert_eq!(code, 0);
    assert!(text.starts_with("valid, anchored to ") && text.contains("1 lines were cut short"), "{text}");
    let (code, text) = said(|out| verify(out, &frozen(), &[], true));
    assert_eq!((code, serde_json::from_str::<serde_json::Value>(&text).unwrap()["verdict"].as_str()), (0, Some("valid_unanchored")));

    let temp = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(frozen().join("journal.jsonl")).unwrap();
    let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 100;
    bytes[third] ^= 1;
    fs::write(temp.path().join("journal.jsonl"), bytes).unwrap();
    let (code, text) = said(|out| verify(out, temp.path(), &[], false));
    assert_eq!((code, text.starts_with("invalid at line 3: ")), (1, true), "{text}");

    let missing = verify(&mut io::sink(), &temp.path().join("none"), &[], false).unwrap_err();
    assert_eq!((missing.exit() as u8, missing.hint().is_some()), (9, true));
}

#[test]
fn the_head_is_the_same_from_the_end_as_from_the_beginning() {
    let kept: Head = fs::read_to_string(frozen().join("head")).unwrap().parse().unwrap();
    let (_, text) = said(|out| head(out, &frozen(), false));
    let found: Head = text.parse().unwrap();
    assert_eq!((found.size, found.hash), (kept.size, kept.hash));
}
