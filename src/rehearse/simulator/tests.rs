//! What the simulated world answers, and what it refuses to.

use super::*;
use crate::{
    event::Part,
    ports::Clock,
    rehearse::bench::{Bench, execute, order, rehearsal, run, scenario},
};

const RESTART: &str = "
world: {up: [0, 1, 2, 3], noout: false, osd: {'3': {up: true}}}
commands:
  - match: [ceph, osd, '{what:set|unset}', noout]
    set: {noout: \"{{ what == 'set' }}\"}
    stderr: \"noout is {{ what }}\\n\"
  - match: [systemctl, restart, 'ceph-osd@{id:int}']
    on: osd-host-{n:int}
    takes: 4s
    set: {up: \"{{ up | reject('equalto', id) | list }}\", 'osd.{{ id }}.up': false}
    after:
      5s: {set: {up: \"{{ up + [id] }}\"}}
  - match: [ceph, -s]
    json: {up: '{{ up }}', noout: '{{ noout }}', n: 3}
  - match: [ceph, osd, ok-to-stop, '{id:int}']
    when: up | length < 4
    code: 16
  - match: [ceph, osd, ok-to-stop, '{id:int}']
    stdout: \"osd.{{ id }} {{ calls }} {{ env.A }} {{ argv | length }} {{ user }}\\n\"
  - script: 'rm (?P<file>\\S+)'
    stdout: \"{{ file }}\"
";

#[test]
fn the_world_keeps_its_state_and_its_time() {
    let rehearsal = rehearsal(RESTART);
    assert_eq!(run(&rehearsal, "ceph osd set noout"), "Code(0) ");
    assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 3"), "Code(0) osd.3 0 b 4 root\n");
    let restart = Order { host: Some("osd-host-2".into()), ..order("systemctl restart ceph-osd@3") };
    let ran = execute(&rehearsal, &restart);
    assert_eq!((ran.exit, ran.took), (Exit::Code(0), Duration::from_secs(4)));
    assert_eq!(run(&rehearsal, "ceph -s"), r#"Code(0) {"up":[0,1,2],"noout":true,"n":3}"#);
    assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(16) ");
    assert_eq!(rehearsal.simulator.world("osd.3.up"), Some(Value::from(false)));
    rehearsal.clock.pause(Duration::from_millis(4999), &Interrupts::default());
    assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(16) ");
    rehearsal.clock.pause(Duration::from_millis(1), &Interrupts::default());
    assert_eq!(run(&rehearsal, "ceph osd ok-to-stop 2"), "Code(0) osd.2 1 b 4 root\n");
    assert_eq!(rehearsal.clock.elapsed(), Duration::from_secs(9));
    let calls = rehearsal.simulator.calls();
    assert_eq!((calls[2].at, calls[2].host.as_deref(), calls[2].rule), (Duration::ZERO, Some("osd-host-2"), Some(1)));
    assert_eq!(rehearsal.simulator.take_faults(), []);
}

#[test]
fn scripts_and_the_lines_that_they_print() {
    let rehearsal = rehearsal(RESTART);
    let bench = Bench::default();
    let script = Order { words: Words::Script("cd /\nrm /tmp/x\n".into()), ..order("x") };
    let ran = rehearsal.simulator.execute(&script, &bench, &Interrupts::default()).unwrap();
    assert_eq!(ran.stdout.captured.bytes, 6);
    assert_eq!(*bench.lines.lock().unwrap(), ["/tmp/x"]);
}

#[test]
fn a_command_without_a_rule_is_a_fault_with_the_rule_to_write() {
    let mut runbook = crate::rehearse::coverage::tests::runbook();
    runbook.steps[1].id = crate::runbook::name::StepId::new("step").unwrap();
    let rehearsal = crate::rehearse::rehearsal::Rehearsal::new(scenario(RESTART).into(), Some(&Arc::new(runbook)));
    let ran = execute(&rehearsal, &Order { host: Some("h1".into()), ..order("kubectl get -o jsonpath={.x} 3 it's") });
    assert!(matches!(ran.exit, Exit::NotStarted { .. }));
    let faults = rehearsal.simulator.take_faults();
    assert_eq!(
        faults[0].to_string(),
        "x.yaml:3: no rule answers `kubectl get -o jsonpath={.x} 3 it's on h1` (each[i=1].step)\n\
             add to `commands:` in s.yaml:\n  - match: [kubectl, get, '-o', 'jsonpath=\\{.x\\}', '3', 'it''s']\n    on: h1\n    \
             stdout: ''    # what does it print?\n"
    );
    assert!(rehearsal.simulator.take_faults().is_empty());
    run(&rehearsal, "ceph osd sett noout");
    let hint = rehearsal.simulator.take_faults()[0].hint.clone().unwrap();
    assert!(hint.starts_with("the nearest rule at s.yaml:7 answers `ceph osd {what:set|unset} noout`\n"), "{hint}");
}

#[test]
fn the_suggested_rule_answers_the_command() {
    let odd = Words::Argv(["kubectl", "yes", "", "a b", "{x}", "it's", "\\{", "a: b", "#", "tab\t", "-"].map(ToOwned::to_owned).into());
    for order in [
        Order { words: odd, host: Some("h-{1}".into()), ..order("x") },
        Order { words: Words::Script("# a comment\n  echo 'a' | tee $(x)\n".into()), ..order("x") },
    ] {
        let rehearsal = rehearsal(&format!("commands:\n{}", suggestion::rule(&order)));
        assert_eq!(execute(&rehearsal, &order).exit, Exit::Code(0), "{}", suggestion::rule(&order));
    }
}

#[test]
fn what_cannot_be_evaluated_fails_the_command_and_the_scenario() {
    for (rule, line) in [
        ("stdout: '{{ w.gone }}'", 6),
        ("stdout: '{{ w.n < 3 }}'", 6),
        ("stdout: '{{ w }}'", 6),
        ("stderr: '{{ true }}'", 6),
        ("when: w.gone", 6),
        ("when: w", 6),
        ("code: '{{ w.n }}'", 6),
        ("code: '{{ 300 }}'", 6),
        ("stderr: 'x {{ w.gone }}'", 6),
        ("set: {w: '{{ w.gone }}'}", 7),
        ("set: {w.x.y: 1}", 7),
    ] {
        let rehearsal = rehearsal(&format!("world: {{w: {{n: text}}}}\ncommands:\n  - match: [x]\n    {rule}\n"));
        assert!(run(&rehearsal, "x").starts_with("NotStarted"), "{rule}");
        let faults = rehearsal.simulator.take_faults();
        assert_eq!((faults.len(), faults[0].file.as_str(), faults[0].line), (1, "s.yaml", Some(line)), "{rule}: {faults:?}");
    }
}

#[test]
fn what_hangs_is_killed_at_its_timeout_and_has_done_its_work() {
    let rehearsal = rehearsal("world: {w: 0}\ncommands:\n  - match: [x]\n    takes: 2s\n    set: {w: 1}\n    hang: true\n");
    let ran = execute(&rehearsal, &order("x"));
    assert_eq!((ran.exit, ran.took), (Exit::TimedOut { after_ms: 60_000, killed: true }, Duration::from_secs(60)));
    assert_eq!(rehearsal.simulator.world("w"), Some(Value::from(1)));
    let forever = execute(&rehearsal, &Order { timeout: None, ..order("x") });
    assert!(matches!(forever.exit, Exit::NotStarted { .. }));
    assert!(rehearsal.simulator.take_faults()[0].what.contains("has no timeout"));
}

#[test]
fn each_kind_of_fault_strikes_its_call_and_no_other() {
    let world = "world: {w: 0}\ncommands:\n  - match: [x]\n    set: {w: '{{ w + 1 }}'}\n    stdout: abcdefgh\nfaults:\n";
    let third = |fault: &str| {
        let rehearsal = rehearsal(&format!("{world}  - {{step: step, call: 3, {fault}}}\n"));
        let _ = (run(&rehearsal, "x"), run(&rehearsal, "x"));
        // Another part of the step is not counted.
        execute(&rehearsal, &Order { part: Part::Verify, ..order("x") });
        assert_eq!(rehearsal.simulator.injections_left()[0].1, 2);
        let struck = execute(&rehearsal, &order("x"));
        assert!(rehearsal.simulator.injections_left().is_empty());
        assert_eq!(rehearsal.simulator.calls()[3].injection, Some(0));
        let world = rehearsal.simulator.world("w").unwrap().to_string();
        assert_eq!(run(&rehearsal, "x"), "Code(0) abcdefgh");
        (struck, world)
    };
    let (ran, world_after) = third("do: fail, code: 5, stderr: no");
    assert_eq!((ran.exit, ran.stderr.head, world_after.as_str()), (Exit::Code(5), b"no".to_vec(), "3"));
    let (ran, world_after) = third("do: hang");
    assert_eq!((ran.exit, world_after.as_str()), (Exit::TimedOut { after_ms: 60_000, killed: true }, "3"));
    let (ran, world_after) = third("do: garble");
    assert_eq!((ran.exit, world_after.as_str()), (Exit::Code(0), "4"));
    assert!(ran.stdout.head.starts_with(b"abcd\xff") && std::str::from_utf8(&ran.stdout.head).is_err());
    let (ran, world_after) = third("do: slow, takes: 59s");
    assert_eq!((ran.exit, ran.took.as_secs(), world_after.as_str()), (Exit::Code(0), 59, "4"));
    let (ran, world_after) = third("do: cut");
    assert_eq!((ran.exit, ran.stdout.head, world_after.as_str()), (Exit::Code(0), b"abcd".to_vec(), "4"));
    let (ran, world_after) = third("do: lie");
    assert_eq!((ran.exit, ran.stdout.head, world_after.as_str()), (Exit::Code(0), b"abcdefgh".to_vec(), "3"));
    let (ran, world_after) = third("do: drop");
    assert!(matches!(ran.exit, Exit::Lost { .. }) && ran.stdout.head.is_empty() && world_after == "4", "{world_after}");
    let (ran, world_after) = third("do: slow, takes: 61s");
    assert_eq!((ran.exit, world_after.as_str()), (Exit::TimedOut { after_ms: 60_000, killed: true }, "3"));
}

#[test]
fn what_ends_halligan_leaves_the_world_as_it_is() {
    for (mishap, world_after) in [("kill", 1), ("kill_before", 0), ("disk_full", 1)] {
        let text = "world: {w: 0}\ncommands: [{match: [x], set: {w: '{{ w + 1 }}'}}]\nfaults: [{step: step, do: ";
        let rehearsal = rehearsal(&format!("{text}{mishap}}}]\n"));
        let execute = || rehearsal.simulator.execute(&order("x"), &Bench::default(), &Interrupts::default());
        assert!(execute().is_err() && execute().is_err(), "{mishap}");
        assert_eq!(rehearsal.simulator.afterwards().len(), 1);
        assert_eq!(rehearsal.simulator.world("w"), Some(Value::from(world_after)), "{mishap}");
        rehearsal.simulator.revive();
        assert_eq!(execute().unwrap().exit, Exit::Code(0));
    }
}

#[test]
fn a_fault_can_strike_every_call() {
    let rehearsal = rehearsal("commands: [{match: [x]}]\nfaults: [{step: step, do: fail, call: every}]\n");
    assert_eq!(rehearsal.simulator.injections_left().len(), 1);
    assert_eq!([run(&rehearsal, "x"), run(&rehearsal, "x")], ["Code(1) ", "Code(1) "]);
    assert!(rehearsal.simulator.injections_left().is_empty());
}

#[test]
fn each_host_has_a_world_of_its_own() {
    let text = "world: {hosts: {a: {full: false, n: 1}, b: {full: true, n: 2}, local: {n: 3}}}
commands:
  - match: [fill]
    on: a
    set: {here.full: true}
    stdout: '{{ here.full | tojson }} {{ here.n }}'
  - {match: [n], stdout: '{{ here.n }}'}
";
    let rehearsal = rehearsal(text);
    let on = |host: &str, command: &str| {
        let ran = execute(&rehearsal, &Order { host: Some(host.to_owned()), ..order(command) });
        String::from_utf8(ran.stdout.head).unwrap()
    };
    assert_eq!([on("a", "fill"), on("b", "n")], ["true 1", "2"]);
    assert_eq!(run(&rehearsal, "n"), "Code(0) 3");
    assert_eq!(rehearsal.simulator.world("hosts.a.full"), Some(Value::from(true)));
    assert_eq!(on("c", "n"), "");
    let faults = rehearsal.simulator.take_faults();
    assert_eq!((faults.len(), faults[0].line), (1, Some(10)), "{faults:?}");
}

#[test]
fn events_happen_in_their_order_and_conditions_once() {
    let rehearsal = rehearsal(
        "world: {log: [], degraded: 20, alarm: false}
events:
  - {at: 3s, set: {log: \"{{ log + ['c'] }}\"}}
  - {at: 1s, set: {log: \"{{ log + ['a'] }}\"}}
  - {at: 1s, set: {log: \"{{ log + ['b'] }}\"}}
  - {every: 1s, at: 2s, when: degraded > 0, set: {degraded: '{{ [degraded - 5, 0] | max }}'}}
  - {when: degraded <= 10, set: {alarm: true, log: \"{{ log + [elapsed] }}\"}}
",
    );
    rehearsal.clock.pause(Duration::from_secs(600), &Interrupts::default());
    let log = serde_json::to_string(&rehearsal.simulator.world("log").unwrap()).unwrap();
    assert_eq!(log, r#"["a","b","c",3.0]"#);
    assert_eq!(rehearsal.simulator.world("degraded"), Some(Value::from(0)));
    assert_eq!(rehearsal.clock.now().ts, "2026-11-01T03:10:00Z".parse().unwrap());
    assert_eq!(rehearsal.simulator.take_faults(), []);
}

#[test]
fn what_is_not_installed_is_not_started() {
    let rehearsal = rehearsal("commands_present: [ceph]\ncommands:\n  - match: [ceph]\n  - match: ['{any}']\n");
    assert!(rehearsal.simulator.locate("ceph").is_some() && rehearsal.simulator.locate("rbd").is_none());
    assert!(run(&rehearsal, "rbd").starts_with("NotStarted"));
    assert!(rehearsal.simulator.take_faults().is_empty(), "a missing program is part of the scenario");
    assert_eq!(run(&rehearsal, "/usr/bin/ceph"), "Code(0) ");
}

#[test]
fn what_a_host_lacks_is_missing_there_alone() {
    let rehearsal = rehearsal("commands_missing: {h2: [ceph, dd]}\ncommands:\n  - match: ['{any}']\n");
    let missing = |host: &str| {
        let programs = ["/usr/bin/ceph", "rbd"].map(String::from);
        rehearsal.simulator.missing_on(host, &programs, &Interrupts::default()).unwrap()
    };
    assert_eq!((missing("h1"), missing("h2")), (vec![], vec!["/usr/bin/ceph".to_owned()]));
    let on = |host: &str| execute(&rehearsal, &Order { host: Some(host.into()), ..order("dd") });
    assert_eq!((on("h1").exit, on("h2").exit, run(&rehearsal, "dd").as_str()), (Exit::Code(0), Exit::Code(127), "Code(0) "));
    assert_eq!(on("h2").stderr.head, b"sh: 1: dd: not found\n");
    assert!(rehearsal.simulator.take_faults().is_empty());
    // What the scenario does not list is nowhere.
    let rehearsal = super::super::bench::rehearsal("commands_present: [ceph]\ncommands: []\n");
    let programs = ["ceph", "rbd"].map(String::from);
    assert_eq!(rehearsal.simulator.missing_on("h1", &programs, &Interrupts::default()), Ok(vec!["rbd".to_owned()]));
}

#[test]
fn what_never_ends_is_ended() {
    let rehearsal = rehearsal("commands: [{match: [x]}]\n");
    let stop = Interrupts::default();
    for _ in 0..367 {
        rehearsal.clock.pause(Duration::from_secs(86400), &stop);
    }
    assert_eq!(stop.urgency(), Urgency::AtOnce);
    assert!(rehearsal.simulator.take_faults()[0].what.contains("does not end"));
}

#[test]
fn a_thousand_steps_and_six_hours_pass_in_no_time() {
    let rehearsal = rehearsal(
        "world: {n: 0, degraded: 100000, up: [1, 2, 3]}
commands:
  - match: [set, '{id:int}']
    set: {n: '{{ n + 1 }}'}
  - match: [status]
    stdout: \"{ 'n': {{ n }}, {% for id in up %}'osd.{{ id }}': {{ degraded }}, {% endfor %} }\"
events:
  - {every: 5s, when: degraded > 0, set: {degraded: '{{ degraded - 1 }}'}}
expect:
  never: [n < 0, 'degraded < 0', 'up | length < 3']
",
    );
    // Of this thread alone: what neighbours take of the machine is no part of it.
    let processor = || Duration::from(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap());
    let began = processor();
    let stop = Interrupts::default();
    for step in 0..1000 {
        run(&rehearsal, &format!("set {step}"));
    }
    while rehearsal.clock.elapsed() < Duration::from_secs(6 * 3600) {
        run(&rehearsal, "status");
        rehearsal.clock.pause(Duration::from_secs(5), &stop);
    }
    assert_eq!(rehearsal.simulator.world("degraded"), Some(Value::from(100_000 - 4320)));
    // Generous, for a debug build.
    let took = processor().saturating_sub(began);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
