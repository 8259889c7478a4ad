//! A dry run on a cluster of 3,000 OSDs: what it asks, and how much it is answered. Counted, and not timed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use crate::workbench::{Ran, Workbench};

const OSDS: usize = 3_000;
const PER_HOST: usize = 24;
const RACKS: usize = 10;
const NOBODY: u32 = 65534;

/// `ceph`, which answers as Ceph 18.2.7 does: an OSD has 1,200 bytes in the map, and 2,300 in the metadata.
const CEPH: &str = r#"#!/bin/sh
case "$*" in
*" fsid "*) echo '{"fsid":"8fd4cc2e-6d6b-4cf1-9d31-8b2a4c5c7b11"}' ;;
*" status "*) echo '{"health":{"status":"HEALTH_OK","checks":{}},"quorum_names":["a"],"monmap":{"num_mons":1},"mgrmap":{"available":true}}' ;;
*" pg stat "*) echo '{"pg_ready":true,"pg_summary":{"num_pg_by_state":[{"name":"active+clean","num":65536}],"num_pgs":65536}}' ;;
*" osd dump "*) exec cat DIR/map.json ;;
*" osd tree "*) exec cat DIR/tree.json ;;
*" osd metadata "*) exec cat DIR/metadata.json ;;
*" osd df "*) exec cat DIR/usage.json ;;
*" crash ls-new "*) echo '[]' ;;
*" osd_heartbeat_grace") echo 20 ;;
*" ok-to-stop "*) echo '{"ok_to_stop":true,"num_ok_pgs":100,"num_not_ok_pgs":0}' ;;
*) exit 1 ;;
esac
"#;

/// `jq`, which passes on what the runbook's own program would make of the tree and the metadata.
const JQ: &str = "#!/bin/sh\ncat > /dev/null\ncase \"$*\" in *TOGETHER*) exec cat DIR/where-$TOGETHER.json ;; *) echo '[]' ;; esac\n";

fn joined(one: impl Fn(usize) -> String) -> String {
    (0..OSDS).map(one).collect::<Vec<_>>().join(",")
}

fn host(osd: usize) -> String {
    format!("host-{:03}", osd / PER_HOST)
}

fn rack(osd: usize) -> String {
    format!("rack-{}", osd / PER_HOST % RACKS)
}

/// An OSD in the map.
fn mapped(osd: usize) -> String {
    let port = |n: usize| 6800 + n;
    let addresses = |at: usize| {
        let each = |kind: &str, n| format!(r#"{{"type":"{kind}","addr":"10.0.{}.7:{}","nonce":2441487904}}"#, osd / PER_HOST, port(n));
        format!(r#"{{"addrvec":[{},{}]}}"#, each("v2", at), each("v1", at + 1))
    };
    let mut text = format!(
        r#"{{"osd":{osd},"uuid":"4cf4ca71-58c1-451b-95ff-{osd:012}","up":1,"in":1,"weight":1,"primary_affinity":1,"last_clean_begin":0,"last_clean_end":0,"up_from":{},"up_thru":18,"down_at":0,"lost_at":0"#,
        12 + osd % 7
    );
    for (at, name) in ["public", "cluster", "heartbeat_back", "heartbeat_front"].into_iter().enumerate() {
        let _ =
            write!(text, r#","{name}_addrs":{},"{name}_addr":"10.0.{}.7:{}/2441487904""#, addresses(2 * at), osd / PER_HOST, port(2 * at));
    }
    text + r#","state":["exists","up"]}"#
}

/// Writes the cluster's answers and programs, and the runbook; all of it belongs to whom halligan is run as.
fn cluster() -> Workbench {
    let bench = Workbench::new();
    let directory = bench.path("").display().to_string();
    let directory = directory.trim_end_matches('/');
    let xinfo = joined(|osd| {
        format!(
            r#"{{"osd":{osd},"down_stamp":"0.000000","laggy_probability":0,"laggy_interval":0,"features":4540138320759226367,"old_weight":0,"last_purged_snaps_scrub":"2026-11-28T09:02:37.000000+0000","dead_epoch":0}}"#
        )
    });
    let map = format!(
        r#"{{"epoch":120,"flags_set":["sortbitwise"],"backfillfull_ratio":0.9,"erasure_code_profiles":{{}},"pools":[{{"pool":1,"pool_name":"vms","type":1,"size":3,"min_size":2,"erasure_code_profile":""}}],"crush_node_flags":{{}},"device_class_flags":{{}},"osds":[{}],"osd_xinfo":[{xinfo}]}}"#,
        joined(mapped)
    );
    assert!(map.len() > 3_500_000, "smaller than a real one: {}", map.len());
    bench.file("map.json", &map);
    bench.file(
        "metadata.json",
        &format!("[{}]", joined(|osd| format!(r#"{{"id":{osd},"hostname":"{}","filler":"{}"}}"#, host(osd), "x".repeat(2300)))),
    );
    bench.file("tree.json", &format!(r#"{{"nodes":[{}]}}"#, joined(|osd| format!(r#"{{"id":{osd},"name":"osd.{osd}"}}"#))));
    bench.file(
        "usage.json",
        &format!(
            r#"{{"nodes":[{}]}}"#,
            joined(|osd| format!(r#"{{"id":{osd},"name":"osd.{osd}","utilization":54.4,"var":1.01,"pgs":133}}"#))
        ),
    );
    for together in ["osd", "rack"] {
        let of = |osd: usize| if together == "osd" { format!("osd.{osd}") } else { rack(osd) };
        let one = |osd: usize| {
            let (host, rack, domain) = (host(osd), rack(osd), of(osd));
            format!(r#"{{"id":{osd},"hostname":"{host}","class":"hdd","within":["{host}","{rack}","default"],"domain":"{domain}"}}"#)
        };
        bench.file(&format!("where-{together}.json"), &format!("[{}]", joined(one)));
    }
    for (name, text) in [("ceph", CEPH), ("jq", JQ)] {
        let path = bench.file(&format!("bin/{name}"), &text.replace("DIR", directory));
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/staggered-osd-restart.yaml");
    bench.file("runbooks/staggered-osd-restart.yaml", &fs::read_to_string(shipped).unwrap());
    if nix::unistd::geteuid().is_root() {
        for path in ["", "runbooks", "runbooks/staggered-osd-restart.yaml"] {
            chown(bench.path(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let path = format!("{directory}/bin:/usr/bin:/bin");
    bench.variable("PATH", &path)
}

/// A dry run. Root takes programs only from where nobody else writes to, so it is run as somebody else.
fn dry_run(bench: &Workbench, settings: &[&str]) -> Ran {
    let halligan = env!("CARGO_BIN_EXE_halligan");
    let nobody = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned(), halligan.to_owned()];
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = bench.program("setpriv");
        command.args(nobody);
        command
    } else {
        bench.program(halligan)
    };
    command.args(["run", "staggered-osd-restart", "--dry-run", "--set", "manager=cephadm", "--set", "reach=none", "--set", "calm=0s"]);
    Ran::of(command.args(settings).output().unwrap()).exits(0)
}

/// How often each question was asked, by its words, and how many bytes all were answered.
fn questions(bench: &Workbench) -> (BTreeMap<String, usize>, u64) {
    let (mut asked, mut bytes) = (BTreeMap::new(), 0);
    for line in bench.read("journal/journal.jsonl").unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        match record["type"].as_str() {
            Some("step_began") => *asked.entry(record["command"]["argv"].to_string()).or_default() += 1,
            Some("step_ended") => {
                assert_eq!(record["stdout"]["truncated"], false, "{record}");
                bytes += record["stdout"]["bytes"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    (asked, bytes)
}

/// What one question answers for all is asked a few times, and not for each of them.
fn holds(bench: &Workbench, most_ok_to_stop: usize) {
    let (asked, bytes) = questions(bench);
    let (ok_to_stop, others): (Vec<_>, Vec<_>) = asked.iter().partition(|(words, _)| words.contains("ok-to-stop"));
    assert!(!ok_to_stop.is_empty() && ok_to_stop.len() <= most_ok_to_stop, "{}", ok_to_stop.len());
    for (words, times) in &others {
        assert!(**times <= 10, "{times} times: {words}");
    }
    assert!(others.len() <= 20, "{asked:#?}");
    let map = fs::metadata(bench.path("map.json")).unwrap().len();
    assert!(bytes < 14 * map, "{bytes} bytes, of which the map has {map}");
}

#[test]
fn three_thousand_osds_one_at_a_time() {
    let bench = cluster();
    let ran = dry_run(&bench, &[]);
    assert!(ran.stdout.contains("3000 of 3000 OSDs to restart"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the last 2968 of 3000 items, which a dry run does not go through"), "{}", ran.stdout);
    let shown = ran.stdout.matches("would run: ceph --connect-timeout 15 orch daemon restart osd.").count();
    assert_eq!(shown, 32, "{}", ran.stdout);
    holds(&bench, 33);
}

#[test]
fn three_thousand_osds_by_rack() {
    let bench = cluster();
    let ran = dry_run(&bench, &["--set", "together=rack"]);
    let shown = ran.stdout.matches("would run: ceph --connect-timeout 15 osd set-group noout rack-").count();
    assert_eq!(shown, RACKS, "{}", ran.stdout);
    assert!(ran.stdout.contains("items, which a dry run does not go through"), "{}", ran.stdout);
    holds(&bench, RACKS);
}
