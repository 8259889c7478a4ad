//! `doctor --without`: what of each runbook needs something, planted in every way in which it can be needed.

use serde_json::Value;

use crate::{status::json, workbench::Workbench};

const INVENTORY: &str = "halligan_inventory: 1\n\
transports:\n  jump: {kind: ssh, options: [-J, gate1]}\n  pod: {kind: kubectl-exec}\n\
hosts:\n  db1: {}\n  db2: {transport: jump}\n  db3: {transport: pod, via: db1}\n  db4: {address: 192.0.2.4}\n\
reads: {CONF: /etc/reader.conf}\nlocks:\n  site/shared: {acquire: [etcd-lock, take, \"{lock}\"], release: [etcd-lock, give, \"{lock}\"], on: db1}\n";

/// Each plant: what is missing, the runbook that needs it, and what is said of it: what can be done, where, and how much depends on it.
const PLANTS: &[(&str, &str, &str, &str, &str)] = &[
    // A program: required, of a check, of a step, in a script, behind another, by an absolute path, in the environment of a script.
    ("no-such", "requires: {commands: [no-such]}\nsteps: [{id: s, run: [\"true\"], effect: read}]\n", "blocked", "requires", "stops"),
    ("asks", "preflight: [{id: c, run: [asks]}]\nsteps: [{id: s, run: [\"true\"], effect: read}]\n", "blocked", "check c", "stops"),
    (
        "warns",
        "preflight: [{id: c, run: [warns], severity: warn}]\nsteps: [{id: s, run: [\"true\"], effect: read}]\n",
        "part",
        "check c",
        "passes",
    ),
    ("acts", "steps: [{id: s, run: [acts, x], effect: read}]\n", "part", "step s", "stops"),
    ("scripted", "steps: [{id: s, shell: 'true; x=$(scripted -x | cat)', effect: read}]\n", "part", "step s", "stops"),
    ("hidden", "steps: [{id: s, run: [timeout, \"5\", env, A=1, hidden, x], effect: read}]\n", "part", "step s", "stops"),
    ("program:/opt/x/tool", "steps: [{id: s, run: [/opt/x/tool], effect: read}]\n", "part", "step s", "stops"),
    (
        "chosen",
        "params: {tool: {type: enum, choices: [chosen, other], help: Which}}\nsteps: [{id: s, run: [\"{{ params.tool }}\"], effect: read}]\n",
        "depends",
        "step s",
        "may_stop",
    ),
    (
        "handed",
        "params: {tool: {type: string, default: handed, help: Which}}\n\
         steps: [{id: s, shell: '$TOOL -x', env: {TOOL: \"{{ params.tool }}\"}, effect: read}]\n",
        "depends",
        "step s",
        "may_stop",
    ),
    ("sudo", "steps: [{id: s, run: [\"true\"], user: nobody, effect: read}]\n", "part", "step s", "stops"),
    // Other parts of a step.
    (
        "proves",
        "steps: [{id: s, run: [\"true\"], effect: change, verify: {run: [proves]}, undo: {impossible: x}}]\n",
        "part",
        "step s, its proof",
        "stops",
    ),
    ("undoes", "steps: [{id: s, run: [\"true\"], effect: change, undo: {run: [undoes]}}]\n", "part", "step s, its undo", "passes"),
    ("cleans", "steps: [{id: s, run: [\"true\"], effect: change, cleanup: {run: [cleans]}}]\n", "part", "step s, its cleanup", "passes"),
    ("waits", "steps: [{id: s, wait: {run: [waits], until: output == 'x', timeout: 1s}}]\n", "part", "step s", "stops"),
    (
        "sometimes",
        "params: {on: {type: bool, default: false, help: Whether}}\n\
         steps: [{id: s, when: params.on, run: [sometimes], effect: read}, {id: t, run: [\"true\"], effect: read}]\n",
        "depends",
        "step s",
        "may_stop",
    ),
    (
        "lists",
        "params: {x: {type: string, help: Which, choices: {run: [lists]}}}\nsteps: [{id: s, run: [echo, \"{{ params.x }}\"], effect: read}]\n",
        "depends",
        "choices of x",
        "may_stop",
    ),
    // A host: where it runs, on the way, in an option of the way, its address, in what is given, by a variable, by a parameter.
    ("host:db1", "steps: [{id: s, run: [\"true\"], on: db1, effect: read}]\n", "part", "step s", "stops"),
    ("host:db1", "steps: [{id: s, run: [\"true\"], on: db3, effect: read}]\n", "part", "step s", "stops"),
    ("host:gate1", "steps: [{id: s, run: [\"true\"], on: db2, effect: read}]\n", "part", "step s", "stops"),
    ("kubectl", "steps: [{id: s, run: [\"true\"], on: db3, effect: read}]\n", "part", "step s", "stops"),
    ("ssh", "steps: [{id: s, run: [\"true\"], on: db2, effect: read}]\n", "part", "step s", "stops"),
    ("host:192.0.2.4", "steps: [{id: s, run: [\"true\"], on: db4, effect: read}]\n", "part", "step s", "stops"),
    ("host:vault.lan", "steps: [{id: s, run: [\"true\", \"https://vault.lan/x\"], effect: read}]\n", "part", "step s", "stops"),
    (
        "host:mon7",
        "vars: {mons: \"mon7,mon8\"}\nsteps: [{id: s, run: [\"true\", \"{{ vars.mons }}\"], effect: read}]\n",
        "part",
        "step s",
        "stops",
    ),
    (
        "host:db9",
        "params: {host: {type: string, default: db9, help: Which}}\nsteps: [{id: s, run: [\"true\"], on: \"{{ params.host }}\", effect: read}]\n",
        "depends",
        "step s",
        "may_stop",
    ),
    // A file, a variable, a user, a shared lock, a call.
    ("/etc/app", "steps: [{id: s, run: [\"true\", --conf=/etc/app/x.conf], effect: read}]\n", "part", "step s", "stops"),
    ("/etc/reader.conf", "steps: [{id: s, run: [\"true\"], effect: read}]\n", "part", "step s", "stops"),
    ("/srv/work", "steps: [{id: s, run: [\"true\"], cwd: /srv/work, effect: read}]\n", "part", "step s", "stops"),
    ("$SITE", "steps: [{id: s, shell: 'echo \"${SITE:-}\"', effect: read}]\n", "part", "step s", "stops"),
    ("$APP_KEY", "environment: [\"APP_*\"]\nsteps: [{id: s, run: [\"true\"], effect: read}]\n", "depends", "environment", "may_stop"),
    (
        "$APP_TOKEN",
        "params: {token: {type: string, from_env: APP_TOKEN, help: A token}}\nsteps: [{id: s, run: [echo, \"{{ params.token }}\"], effect: read}]\n",
        "depends",
        "environment",
        "may_stop",
    ),
    ("user:postgres", "steps: [{id: s, run: [\"true\"], user: postgres, effect: read}]\n", "part", "step s", "stops"),
    ("etcd-lock", "locks: [site/shared]\nsteps: [{id: s, run: [\"true\"], effect: read}]\n", "blocked", "locks", "stops"),
    ("host:db1", "locks: [site/shared]\nsteps: [{id: s, run: [\"true\"], effect: read}]\n", "blocked", "locks", "stops"),
    ("inner-tool", "steps: [{id: s, call: called}]\n", "part", "step s > step inner", "stops"),
];

fn of<'v>(report: &'v Value, runbook: &str) -> &'v Value {
    let all = report["runbooks"].as_array().unwrap();
    all.iter().find(|found| found["runbook"] == runbook).unwrap_or_else(|| panic!("{runbook}: {report:#}"))
}

#[test]
fn each_dependency_that_was_planted_is_found() {
    let bench = Workbench::new();
    bench.file("inventory.yaml", INVENTORY);
    bench.runbook("called", "steps: [{id: inner, run: [inner-tool], effect: read}]\n");
    for (index, (_, body, ..)) in PLANTS.iter().enumerate() {
        bench.runbook(&format!("plant-{index}"), body);
    }
    let checked: Vec<String> = (0..PLANTS.len()).map(|index| format!("runbooks/plant-{index}.yaml")).collect();
    let words: Vec<&str> = std::iter::once("check").chain(checked.iter().map(String::as_str)).collect();
    bench.run(&words).exits(0);
    for (index, (missing, body, can, at, weight)) in PLANTS.iter().enumerate() {
        let name = format!("plant-{index}");
        let arguments = ["doctor", &name, "--without", missing, "--inventory", "inventory.yaml", "--format", "json"];
        let report = json(&bench.run(&arguments).exits(1), "without.json");
        let found = of(&report, &name);
        assert_eq!(found["can"], *can, "without {missing}: {body}\n{found:#}");
        let needs = found["needs"].as_array().unwrap();
        assert!(needs.iter().any(|need| need["at"] == *at && need["weight"] == *weight), "without {missing}: {body}\n{found:#}");
        // The control: without something else, it is whole.
        let arguments = ["doctor", &name, "--without", "program:nobody-needs-this", "--inventory", "inventory.yaml", "--format", "json"];
        let report = json(&bench.run(&arguments), "without.json");
        let found = of(&report, &name);
        assert!(found["can"] == "whole" || found["can"] == "depends" && body.contains("{{ params.tool }}"), "{body}\n{found:#}");
    }
}

#[test]
fn it_is_said_how_far_each_runbook_goes() {
    let bench = Workbench::new();
    bench.runbook("far", "steps:\n  - {id: first, run: [\"true\"], effect: read}\n  - {id: second, run: [gone], effect: read}\n");
    bench.runbook("none", "steps: [{id: s, run: [\"true\"], effect: read}]\n");
    bench.runbook("wrong", "steps: [{id: s}]\n");
    let told = bench.run(&["doctor", "--without", "gone"]).exits(1).stdout;
    let of = |name: &str| told.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{told}")).to_owned();
    assert!(of(" far").contains("can be run in part, as far as step second"), "{told}");
    assert!(of(" none").contains("can be run whole") && of(" wrong").contains("not known"), "{told}");
    assert!(told.contains("    step second: runs gone"), "{told}");
    // Those that are shipped are looked at, too.
    let told = bench.run(&["doctor", "--without", "ceph", "--format", "json"]).exits(1);
    let report = json(&told, "without.json");
    for (name, whole) in [("staggered-osd-restart", false), ("cache-tier-flush", false), ("quorum-safe-node-reboot", false)] {
        assert_eq!(self::of(&report, name)["can"] == "whole", whole, "{name}");
    }
    bench.run(&["doctor", "none", "--without", "gone"]).exits(0);
    bench.run(&["doctor", "nowhere", "--without", "gone"]).exits(2);
    assert!(bench.run(&["doctor", "--without", "a b"]).exits(2).stderr.contains("write a program"));
    // Nothing is run, and no journal made.
    assert!(!bench.path("journal").exists());
}
