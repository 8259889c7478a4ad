//! Files of settings: what they say is used, told with its place, and refused with its place where it is wrong.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::{
    status::json,
    workbench::{Ran, Workbench, golden},
};

const OWN: &str = ".config/halligan/config.toml";

/// A runbook that asks, and the operator's own settings; of the variables none says where the journal is.
fn bench(settings: &str) -> Workbench {
    let bench = Workbench::new().variable("HALLIGAN_JOURNAL_DIR", "");
    bench.runbook(
        "asks",
        "steps:\n  - {id: sure, confirm: {message: Really?}}\n  \
         - {id: mark, run: [touch, mark], effect: change, undo: {impossible: a test}}\n",
    );
    let home = bench.path("").display().to_string();
    bench.file(OWN, &settings.replace("HOME", home.trim_end_matches('/')));
    bench
}

/// What a setting is, who decides, and where: each in words.
fn said(report: &Value, name: &str) -> (String, String, String) {
    let setting = report["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap();
    let value: Vec<&str> = setting["value"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    (value.join(","), setting["by"].as_str().unwrap().to_owned(), setting["from"].as_str().unwrap_or_default().to_owned())
}

fn config(bench: &Workbench, arguments: &[&str]) -> Value {
    json(&bench.run(&[&["config", "--json"], arguments].concat()).exits(0), "config.json")
}

const ALL: &str = "\
# For a test.
journal_dir = \"HOME/kept\"
inventory = \"HOME/hosts.yaml\"
notify = \"HOME/page\"
bell = false
color = \"always\"
runbooks = [\"HOME/more\", \"/nowhere\"]
";

#[test]
fn each_setting_is_told_with_who_decides() {
    let bench = bench(ALL);
    let at = |line: u8| format!("{}:{line}", bench.path(OWN).display());
    let home = |name: &str| bench.path(name).display().to_string();
    let of_file = config(&bench, &[]);
    for (name, value, line) in [
        ("journal_dir", home("kept"), 2),
        ("inventory", home("hosts.yaml"), 3),
        ("notify", home("page"), 4),
        ("bell", "false".to_owned(), 5),
        ("color", "always".to_owned(), 6),
        ("runbooks", format!("{},/nowhere", home("more")), 7),
    ] {
        assert_eq!(said(&of_file, name), (value, "file".to_owned(), at(line)));
    }
    let files: Vec<_> = of_file["files"].as_array().unwrap().iter().map(|file| (&file["path"], &file["found"])).collect();
    assert_eq!(files.last().unwrap(), &(&Value::from(home(OWN)), &Value::from(true)), "its own goes last: {files:?}");
    // An option goes before a variable, and both before a file.
    let bench = bench
        .variable("HALLIGAN_JOURNAL_DIR", "/of/variable")
        .variable("HALLIGAN_INVENTORY", "/of/variable")
        .variable("HALLIGAN_NOTIFY", "/bin/true")
        .variable("HALLIGAN_NO_BELL", "0")
        .variable("HALLIGAN_PATH", "/one:/two")
        .variable("NO_COLOR", "1");
    let of_variables = config(&bench, &[]);
    for (name, value, variable) in [
        ("journal_dir", "/of/variable", "HALLIGAN_JOURNAL_DIR"),
        ("inventory", "/of/variable", "HALLIGAN_INVENTORY"),
        ("notify", "/bin/true", "HALLIGAN_NOTIFY"),
        ("bell", "true", "HALLIGAN_NO_BELL"),
        ("color", "auto", "NO_COLOR"),
        ("runbooks", "/one,/two", "HALLIGAN_PATH"),
    ] {
        assert_eq!(said(&of_variables, name), (value.to_owned(), "environment".to_owned(), variable.to_owned()));
    }
    let given = ["--journal-dir", "/given", "--inventory", "/given", "--notify", "/bin/cat", "--no-bell", "--color", "never"];
    let given = config(&bench, &given);
    for (name, value, option) in [
        ("journal_dir", "/given", "--journal-dir"),
        ("inventory", "/given", "--inventory"),
        ("notify", "/bin/cat", "--notify"),
        ("bell", "false", "--no-bell"),
        ("color", "never", "--color"),
    ] {
        assert_eq!(said(&given, name), (value.to_owned(), "option".to_owned(), option.to_owned()));
    }
    let none = bench.variable("HALLIGAN_CONFIG", "/dev/null").variable("HALLIGAN_PATH", "").variable("NO_COLOR", "");
    let none = config(&none.variable("HALLIGAN_NO_BELL", "").variable("HALLIGAN_NOTIFY", ""), &[]);
    assert_eq!(said(&none, "bell"), ("true".to_owned(), "default".to_owned(), String::new()));
    assert_eq!((said(&none, "notify").0, said(&none, "runbooks").0, &none["files"]), (String::new(), String::new(), &Value::Array(vec![])));
}

#[test]
fn settings_are_shown_on_each_screen() {
    // Nothing in it depends on where the test stands.
    let bench = bench("").variable("XDG_DATA_HOME", "/home/operator/.local/share").variable("HALLIGAN_PATH", "/srv/one:/srv/two");
    bench.file("site.toml", &ALL.replace("HOME", "/srv"));
    let bench = bench.variable("HALLIGAN_CONFIG", "site.toml").variable("HALLIGAN_JOURNAL_DIR", "/srv/journal");
    let shown = ["config", "--no-bell=false", "--color", "never"];
    for columns in [60, 80, 120] {
        let (code, screen) = bench.terminal(columns, &shown).end();
        assert_eq!(code, 0);
        assert!(screen.lines().all(|line| line.chars().count() <= usize::from(columns)), "{screen}");
        golden(&format!("config-{columns}"), &screen);
    }
    let piped = bench.run(&shown).exits(0).stdout;
    assert_eq!(piped, bench.terminal(80, &shown).end().1);
}

#[test]
fn a_run_uses_them() {
    let bench = bench(ALL);
    let program = bench.file("page", &format!("#!/bin/sh\ncat >> {}\n", bench.path("told").display()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    bench.file("hosts.yaml", "halligan_inventory: 1\nhosts:\n  here: {transport: local}\n");
    let far = "steps:\n  - {id: far, on: here, run: ['true'], effect: read}\n";
    fs::create_dir(bench.path("more")).unwrap();
    fs::rename(bench.runbook("far", far), bench.path("more/far.yaml")).unwrap();
    let ran = bench.run(&["run", "far", "--yes"]).exits(0);
    assert!(ran.stdout.contains('\u{1b}'), "in colour: {}", ran.stdout);
    assert!(bench.path("kept/journal.jsonl").exists());
    assert!(bench.read("told").unwrap().contains("\"notice\":\"ended\""));
    // Neither bell nor title; `--no-bell=false` brings both back.
    let raw = |arguments: &[&str]| {
        let mut terminal = bench.terminal(80, arguments);
        terminal.expect("completed").expect("exit 0");
        let raw = terminal.raw.clone();
        terminal.end();
        String::from_utf8(raw).unwrap()
    };
    assert!(!raw(&["run", "far", "--yes"]).contains("\u{1b}]2;"));
    assert!(raw(&["run", "far", "--yes", "--no-bell=false"]).contains("\u{1b}]2;"));
    // What is suggested finds the same journal by the same file, which it names if it was named.
    let refused = bench.run(&["run", "asks"]).exits(5);
    assert!(refused.stderr.contains("halligan run asks --yes --confirm sure=yes"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("--journal-dir"), "{}", refused.stderr);
    let named = bench.path(OWN).display().to_string();
    let refused = bench.run(&["run", "asks", "--config", &named]).exits(5);
    assert!(refused.stderr.contains("--config"), "{}", refused.stderr);
    let listed = |bench: &Workbench, arguments: &[&str]| bench.run(&[&["journal", "list"], arguments].concat()).stdout;
    assert!(listed(&bench, &[]).contains("far"));
    let completed = bench.variable("HALLIGAN_COMPLETE", "fish");
    assert!(completed.run(&["--", "halligan", "run", "fa"]).exits(0).stdout.contains("far\t"));
    assert!(!completed.run(&["--", "halligan", "--config", "/dev/null", "run", "fa"]).exits(0).stdout.contains("far\t"));
    assert!(completed.run(&["--", "halligan", "journal", "show", ""]).exits(0).stdout.contains("far, "));
    assert!(!completed.run(&["--", "halligan", "--config", "/dev/null", "journal", "show", ""]).exits(0).stdout.contains("far, "));
}

#[test]
fn a_program_to_tell_that_is_none_stops_a_run_before_it_begins() {
    let bench = bench("journal_dir = \"HOME/kept\"\n\nnotify = \"/nowhere/page\"\n");
    let ran = bench.run(&["run", "asks", "--yes"]).exits(2);
    let told: String = ran.stderr.split_whitespace().collect();
    assert!(told.contains("config.toml:3names/nowhere/page:Nosuchfile"), "{}", ran.stderr);
    assert!(!bench.path("kept").exists());
    bench.run(&["run", "asks", "--yes", "--notify", "/bin/true", "--confirm", "sure=no"]).exits(5);
    // Whoever only looks needs nobody told.
    bench.run(&["status"]);
    bench.run(&["list"]).exits(0);
    if nix::unistd::geteuid().is_root() {
        let page = bench.file("page", "#!/bin/sh\n");
        fs::set_permissions(&page, fs::Permissions::from_mode(0o777)).unwrap();
        bench.file(OWN, &format!("notify = \"{}\"\n", page.display()));
        let ran = bench.run(&["run", "asks", "--yes"]).exits(2);
        let told: Vec<&str> = ran.stderr.split_whitespace().collect();
        assert!(told.join(" ").contains("somebody else than root could write"), "{}", ran.stderr);
    }
}

#[test]
fn a_fault_is_told_with_its_place_and_a_way_around_it() {
    let bench = bench("bell = true\njurnal_dir = \"/x\"\ncolor = 7\n");
    let told = |ran: &Ran| ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in [&["config"][..], &["list"], &["status"], &["run", "asks"], &["check", "asks"]] {
        let ran = bench.run(command).exits(2);
        for words in [
            "config.toml:2:1",
            "jurnal_dir = \"/x\"",
            "did you mean `journal_dir`?",
            "config.toml:3:9",
            "\"auto\", \"always\" or \"never\"",
            "--config /dev/null",
        ] {
            assert!(told(&ran).contains(words), "{command:?} {words}\n{}", ran.stderr);
        }
        assert_eq!(ran.stdout, "");
    }
    bench.run(&["list", "--config", "/dev/null"]).exits(0);
    bench.run(&["schema"]).exits(0);
    bench.run(&["completions", "bash"]).exits(0);
    // Somebody who completes is told nothing, and gets what is known without.
    let completed = bench.variable("HALLIGAN_COMPLETE", "fish");
    assert!(completed.run(&["--", "halligan", "run", "as"]).exits(0).stdout.contains("asks\t"));
}

#[test]
fn a_file_that_cannot_be_read_is_no_file_that_says_nothing() {
    let bench = bench("bell = true\n");
    for (named, why) in [("/nowhere.toml", "No such file"), ("/dev/zero", "is not a file"), ("/", "is not a file")] {
        let ran = bench.run(&["list", "--config", named]).exits(2);
        let told: Vec<&str> = ran.stderr.split_whitespace().collect();
        assert!(told.join(" ").contains(why), "{named}: {}", ran.stderr);
    }
    if nix::unistd::geteuid().is_root() {
        fs::set_permissions(bench.path(OWN), fs::Permissions::from_mode(0o666)).unwrap();
        let ran = bench.run(&["list"]).exits(2);
        let told: Vec<&str> = ran.stderr.split_whitespace().collect();
        assert!(told.join(" ").contains("somebody else than root could write"), "{}", ran.stderr);
        assert!(told.join(" ").contains("--config /dev/null"), "{}", ran.stderr);
    }
}

#[test]
fn runbooks_are_found_where_data_of_users_and_of_the_host_is() {
    let bench = bench("").variable("XDG_DATA_DIRS", "relative:/nowhere");
    let text = fs::read_to_string(bench.runbook("mine", "steps:\n  - {id: only, run: ['true'], effect: read}\n")).unwrap();
    fs::remove_dir_all(bench.path("runbooks")).unwrap();
    bench.run(&["check", "mine"]).exits(2);
    bench.file(".local/share/halligan/runbooks/mine.yaml", &text);
    bench.run(&["check", "mine"]).exits(0);
    bench.file("data/halligan/runbooks/mine.yaml", &text.replace("Try mine", "Another"));
    let shared = bench.path("shared").display().to_string();
    let home = bench.path("data").display().to_string();
    let bench = bench.variable("XDG_DATA_HOME", &home).variable("XDG_DATA_DIRS", &format!("/nowhere:{shared}"));
    assert!(bench.run(&["list"]).exits(0).stdout.contains("Another"));
    // What is bundled goes before what packages put there, a copy of which is not told of; another text is.
    let bundled = bench.run(&["show", "staggered-osd-restart", "--source"]).exits(0).stdout;
    bench.file("shared/halligan/runbooks/staggered-osd-restart.yaml", &bundled);
    bench.file("shared/halligan/runbooks/more.yaml", &text.replace("mine", "more"));
    let listed = bench.run(&["list"]).exits(0).stdout;
    assert!(listed.contains("shared/halligan/runbooks/more.yaml") && !listed.contains("warning"), "{listed}");
    bench.file("shared/halligan/runbooks/staggered-osd-restart.yaml", &format!("{bundled}# another\n"));
    let listed = bench.run(&["list"]).exits(0).stdout;
    assert!(listed.contains("warning staggered-osd-restart: bundled hides"), "{listed}");
    assert!(bench.run(&["run", "absent"]).stderr.contains(&format!("{home}/halligan/runbooks")));
}
