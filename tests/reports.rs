//! What is told of a run to whoever takes it over, and afterwards.

use crate::{
    resume::{bench, killed},
    status::{json, same},
    workbench::{Workbench, golden},
};

/// The only run of a bench.
fn the_run(bench: &Workbench) -> String {
    let list = bench.run(&["journal", "list", "--format", "json"]).exits(0).stdout;
    serde_json::from_str::<serde_json::Value>(&list).unwrap()["id"].as_str().unwrap().to_owned()
}

/// The words without what differs from run to run: digests and lengths of time.
fn told(bench: &Workbench, text: &str) -> String {
    let rules = [
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "UTC"),
        (r"TIME \+00:00", "LOCAL"),
        (r"after \d[\w. ]*?(ms|s|m)\b", "after SPAN"),
        (r", \d[\w. ]*?(ms|s)\b( \||$)", ", SPAN$2"),
        (r": \d[\w. ]*?(ms|s|m)\n", ": SPAN\n"),
        // On a busy machine more steps take long enough to be named.
        (r"- step \S+:  SPAN\n", ""),
        (r"\| [\w-]+( as [\w-]+)? \| (run|system|check|decision|note|change|failure|wait|batch|skip|doubt|cleanup) \|", "| WHO | $2 |"),
        (r"LOCAL +\S+( as \S+)?:", "LOCAL WHO:"),
        (r"(?m)^halligan-head v1 .*$", "HEAD"),
        (r"halligan: \S+", "halligan: VERSION"),
        (r"TIME  \S+( as \S+)?: ", "TIME  WHO: "),
    ];
    let host = nix::unistd::gethostname().unwrap().to_string_lossy().into_owned();
    let text = same(bench, text).replace(&format!("| {host} |"), "| HOST |");
    rules.iter().fold(text, |text, (rule, with)| regex::Regex::new(rule).unwrap().replace_all(&text, *with).into_owned())
}

#[test]
fn who_takes_a_killed_run_over_has_one_page() {
    let bench = bench();
    killed(&bench, "blind");
    let id = the_run(&bench);
    let page = bench.run(&["handover", &id]).exits(0);
    golden("handover-killed", &told(&bench, &page.stdout));
    let value = json(&bench.run(&["handover", &id, "--format", "json"]).exits(0), "handover.json");
    let next: Vec<_> = value["next"].as_array().unwrap().iter().map(|step| step["place"].as_str().unwrap()).collect();
    assert_eq!(next, ["blind", "again"]);
    assert!(value["next"][0]["but"].as_str().unwrap().starts_with("IN DOUBT"), "{value:#}");
    assert_eq!(value["status"]["owed"][0]["place"], "set_flag");
    assert!(value["commands"][0]["value"].as_str().unwrap().starts_with(&format!("halligan resume {id}")), "{value:#}");
    // An id is hexadecimal: no run begins with this.
    bench.run(&["handover", "x"]).exits(2);
}

#[test]
fn a_run_is_told_for_the_post_mortem() {
    let bench = bench();
    killed(&bench, "blind");
    let mut terminal = bench.terminal(100, &["resume"]);
    terminal.expect("Continue? [y/N]").send("y\n");
    terminal.expect_after("Unknown whether", "d/n/t/q]").send("d\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let id = the_run(&bench);
    let report = bench.run(&["report", &id]).exits(0);
    golden("report", &told(&bench, &report.stdout));
    let value = json(&bench.run(&["report", &id, "--format", "json"]).exits(0), "report.json");
    let kinds: Vec<_> = value["timeline"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert!(["run", "decision", "change", "cleanup"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    let resolved = value["timeline"].as_array().unwrap().iter().any(|entry| {
        entry["kind"] == "decision" && entry["text"].as_str().unwrap().starts_with("blind was in doubt; resolved at the terminal as done")
    });
    assert!(resolved, "{value:#}");
    let changes = value["changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["place"] == "each[item=a].work" && change["result"] == "passed (exit 0)"), "{changes:#?}");
    assert!(changes.iter().any(|change| change["place"] == "blind" && change.get("result").is_none()), "what was cut off has no end");
    assert!(value["owed"].as_array().unwrap().is_empty(), "{value:#}");
    // Every line of a table has its cells, whatever stands in a command.
    for line in report.stdout.lines().filter(|line| line.starts_with("| ")) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 6, "{line}");
    }
}

#[test]
fn a_run_is_drawn_in_one_file_that_loads_nothing() {
    let bench = bench();
    killed(&bench, "blind");
    let mut terminal = bench.terminal(100, &["resume"]);
    terminal.expect("Continue? [y/N]").send("y\n");
    terminal.expect_after("Unknown whether", "d/n/t/q]").send("d\n");
    assert_eq!(terminal.end().0, 0);
    let page = bench.run(&["report", &the_run(&bench), "--format", "html"]).exits(0).stdout;
    let count = |text: &str| page.matches(text).count();
    // Legend and drawing: flag, three items, what was done again; what was cut off; the cleanup; two questions and what answered them.
    assert_eq!(
        (count("<rect class=\"change\""), count("<rect class=\"change open\""), count("<rect class=\"cleanup\"")),
        (6, 2, 2),
        "{page}"
    );
    assert!(count("<path class=\"decision\"") >= 4 && count("<rect class=\"prompt\"") >= 2, "{page}");
    assert!(page.contains(">operator</text>") && page.contains(">blind, no end recorded<"), "{page}");
    // What is in the Markdown stands here, too.
    let markdown = bench.run(&["report", &the_run(&bench)]).exits(0).stdout;
    for heading in markdown.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
    }
    // A long command never makes the page wider than a narrow window, and a time is not torn apart.
    assert!(count("<td data-head=\"command\" class=\"long\">") == 7 && count("<td data-head=\"local\" class=\"whole\">") > 6, "{page}");
    for outside in ["<script", "http:", "https:", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}: {page}");
    }
}

#[test]
fn nothing_that_was_recorded_is_markup() {
    let bench = Workbench::new();
    bench.runbook(
        "hostile",
        "steps:\n  - {id: one, title: \"<script>alert('1')</script> & \\\"x\\\"\", run: [touch, \"<img src=x onerror=alert(2)>\"], \
         effect: change, undo: {impossible: a test}}\n  - {id: two, title: \"</svg></style>\", run: ['false'], effect: read}\n",
    );
    bench.run(&["run", "hostile", "--yes"]).exits(6);
    let page = bench.run(&["report", &the_run(&bench), "--format", "html"]).exits(0).stdout;
    assert!(!page.contains("<script") && !page.contains("<img") && page.contains("&lt;script&gt;"), "{page}");
    assert_eq!((page.matches("</svg>").count(), page.matches("</style>").count()), (page.matches("<svg").count(), 1), "{page}");
    assert!(page.contains("<rect class=\"read failed\""), "{page}");
}

#[test]
fn a_machine_is_checked_before_it_is_needed() {
    let bench = Workbench::new();
    let seen = |arguments: &[&str], code: i32| {
        let arguments: Vec<&str> = ["doctor", "--format", "json"].iter().chain(arguments).copied().collect();
        json(&bench.run(&arguments).exits(code), "doctor.json")
    };
    let found = |report: &serde_json::Value, what: &str| {
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("{what}: {report:#}"));
        (finding["state"].as_str().unwrap().to_owned(), finding["seen"].as_str().unwrap().to_owned())
    };
    let report = seen(&[], 0);
    assert_eq!((&report["fit"], found(&report, "terminal").0.as_str()), (&true.into(), "warning"), "nobody can be asked here");
    assert!(found(&report, "journal").1.ends_with("(made by the first run)"), "{report:#}");
    assert!(!bench.path("journal").exists(), "to look makes nothing");
    assert!(found(&report, "tool bash").1.contains("version"), "{report:#}");
    for what in ["room", "owed", "clock", "reads", "sudo"] {
        found(&report, what);
    }
    // What a runbook needs, named or required, must be there.
    let needs = "requires: {commands: [no-such-tool]}\nsteps:\n  - {id: look, run: [another-missing, x], effect: read}\n";
    bench.runbook("needs", needs);
    let report = seen(&["needs"], 1);
    for tool in ["tool no-such-tool", "tool another-missing"] {
        assert_eq!(found(&report, tool), ("bad".to_owned(), "not found in PATH".to_owned()));
    }
    let told = bench.run(&["doctor", "needs"]).exits(1).stdout;
    assert!(told.contains("no-such-tool") && told.contains("A run of needs cannot be carried out here"), "{told}");
    // On a terminal somebody can be asked.
    let (code, text) = bench.terminal(100, &["doctor"]).end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("100 columns") && !text.contains("nobody can be asked"), "{text}");
    // A journal that cannot be one is bad; one that is damaged, too.
    bench.file("journal", "no directory");
    assert_eq!(found(&seen(&[], 1), "journal").0, "bad");
    std::fs::remove_file(bench.path("journal")).unwrap();
    bench.runbook("fine", "steps:\n  - {id: look, run: [\"true\"], effect: read}\n");
    bench.run(&["run", "fine", "--yes"]).exits(0);
    assert_eq!(found(&seen(&["fine"], 0), "owed"), ("ok".to_owned(), "no cleanup is owed on this host".to_owned()));
    let journal = bench.read("journal/journal.jsonl").unwrap();
    bench.file("journal/journal.jsonl", &format!("{}\n{journal}", &journal[..200]));
    assert_eq!(found(&seen(&[], 1), "records").0, "bad");
}

#[test]
fn what_is_owed_is_seen_before_another_run() {
    let bench = bench();
    killed(&bench, "blind");
    let report = json(&bench.run(&["doctor", "--format", "json"]).exits(0), "doctor.json");
    let owed = report["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == "owed").unwrap();
    assert!(owed["state"] == "warning" && owed["seen"].as_str().unwrap().contains(&the_run(&bench)), "{report:#}");
}
