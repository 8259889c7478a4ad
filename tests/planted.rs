//! Mistakes planted into copies of the shipped runbook: each is caught by a scenario or by the sweep, and the test says where.

use std::{fs, path::Path};

use crate::workbench::Workbench;

const RUNBOOK: &str = "staggered-osd-restart";

/// A copy of the shipped runbook with something changed, and all its scenarios.
fn planted(changes: &[(&str, &str)]) -> Workbench {
    let bench = Workbench::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut text = fs::read_to_string(shipped.join(format!("{RUNBOOK}.yaml"))).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "the runbook has no longer: {from}");
        text = text.replace(from, to);
    }
    bench.file(&format!("runbooks/{RUNBOOK}.yaml"), &text);
    let scenarios = format!("scenarios/{RUNBOOK}");
    for folder in [scenarios.clone(), format!("{scenarios}/fixtures")] {
        for entry in fs::read_dir(shipped.join(&folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                bench.file(&format!("runbooks/{folder}/{name}"), &fs::read_to_string(&path).unwrap());
            }
        }
    }
    bench
}

/// Takes a stretch out of the runbook: from the line that begins so up to the next that begins so.
fn without(from: &str, to: &str) -> Workbench {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("runbooks/{RUNBOOK}.yaml"));
    let text = fs::read_to_string(path).unwrap();
    let start = text.find(from).unwrap_or_else(|| panic!("the runbook has no longer: {from}"));
    let end = start + text[start..].find(to).unwrap_or_else(|| panic!("the runbook has no longer: {to}"));
    planted(&[(&text[start..end], "")])
}

/// The scenario fails, and says why and where: the file and the line.
fn caught(bench: &Workbench, scenario: &str, said: &str) {
    let ran = bench.run(&["test", RUNBOOK, "--scenario", scenario]).exits(1);
    assert!(ran.stdout.starts_with(&format!("✗ {RUNBOOK} / {scenario} ")), "{}", ran.stdout);
    assert!(ran.stdout.contains(said), "`{said}` is not said:\n{}", ran.stdout);
    assert!(ran.stdout.lines().any(|line| line.contains("--> ") && line.contains(".yaml:")), "no place is told:\n{}", ran.stdout);
}

/// The sweep finds a fault that breaks something, and tells how to see it again.
fn swept(bench: &Workbench, scenario: &str, step: &str, said: &str) {
    let ran = bench.run(&["test", RUNBOOK, "--scenario", scenario, &format!("--fault-sweep={step}")]).exits(1);
    assert!(ran.stdout.contains(said), "{said} is not said:\n{}", ran.stdout);
    let again = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("again: halligan ")).expect(&ran.stdout);
    let words = shlex::split(again).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert!(bench.run(&words).exits(1).stdout.contains(said));
}

#[test]
fn a_missing_gate() {
    let bench = without("          before_batch:\n", "        on_fail: stop\n        holds:\n");
    caught(&bench, "another-host-fills-up", "found     maintenance.restart[domain=osd.4]");
    let bench = without("              - id: conntrack_here\n", "              - id: descriptors_here\n");
    caught(&bench, "conntrack-fills-up", "found     maintenance.restart");
}

#[test]
fn a_gate_that_always_lets_through() {
    let strict = "expect: code == 0 and output.ok_to_stop and output.unknown_pgs | default([]) == []";
    caught(&planted(&[(strict, "expect: code >= 0")]), "ok-to-stop-refuses", "found");
}

#[test]
fn a_missing_cleanup() {
    caught(&without("            cleanup:\n", "\n          - id: bounce\n"), "all-well", "not `not theirs and not lost and (node_flags");
}

#[test]
fn a_cleanup_that_takes_back_something_else() {
    let bench = planted(&[("osd unset-group noout \"$DOMAIN\"", "osd unset-group noin \"$DOMAIN\"")]);
    caught(&bench, "all-well", "no rule answers");
}

#[test]
fn a_flag_of_somebody_else_that_is_taken_away() {
    caught(&planted(&[("osd unset-group noout \"$DOMAIN\"", "osd unset noout")]), "noout-was-set", "no rule answers");
}

#[test]
fn a_wrong_field_in_an_expectation() {
    let bench = planted(&[("rejectattr('up_from', 'gt', vars.mark)", "rejectattr('up_form', 'gt', vars.mark)")]);
    caught(&bench, "all-well", "found     stopped");
}

#[test]
fn a_wait_that_believes_the_first_good_sample() {
    let fresh = " and output.mine | map(attribute='old') | sum == 0\n";
    caught(&planted(&[(fresh, "\n")]), "manager-lags", "never `osds");
}

#[test]
fn a_wait_that_does_not_give_up() {
    let gone = "                or output.osds | selectattr('osd', 'in', vars.these) | map(attribute='up_from') | list != vars.up_froms\n";
    caught(&planted(&[(gone, "")]), "flapping-osd", "world.late");
}

#[test]
fn a_failure_that_is_passed_over() {
    let wait = |on_fail| format!("            title: \"{{{{ domain }}}} is up since the restart\"\n            on_fail: {on_fail}\n");
    caught(&planted(&[(&wait("stop"), &wait("continue"))]), "osd-never-comes-back", "found");
}

/// An OSD that the run itself has taken down keeps nobody from taking the run up again.
#[test]
fn a_check_that_the_run_itself_upsets() {
    let once = "        title: All OSDs marked in are up\n        once: true\n";
    let changes = [
        (" kept as found, ask: osd_map, once: true}", " kept as found, ask: osd_map}"),
        (once, "        title: All OSDs marked in are up\n"),
    ];
    let bench = planted(&changes);
    swept(&bench, "all-well", "restarted", "the resumed run is blocked by its own preflight: in but down: osd.");
    caught(&bench, "killed-in-a-restart", "found     blocked");
}

/// Right after it is set, and before each restart: no scenario lets the flag fail to be there at both, so only the sweep can tell.
#[test]
fn a_missing_proof() {
    let own = "(output.osds | selectattr('osd', 'in', vars.these) | first).state if params.together == 'osd'";
    let bench = planted(&[(own, "['noout'] if params.together == 'osd'")]);
    let away = "osds | selectattr('up', 'eq', 0) | selectattr('in', 'eq', 1) | map(attribute='state') | map('join') | reject('search', 'noout') | list != []";
    bench.file(
        &format!("runbooks/scenarios/{RUNBOOK}/under-noout.yaml"),
        &format!(
            "halligan_scenario: 1\nextends: all-well\ntitle: No OSD is away without noout\nexpect:\n  outcome: completed\n  never:\n    - {away}\n"
        ),
    );
    swept(&bench, "under-noout", "set_noout", &format!("never `{away}`"));
}
