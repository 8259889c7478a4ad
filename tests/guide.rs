//! The links of the documents lead somewhere, and the runbooks and scenarios in `docs/guide.md` are what `halligan check` and `halligan test` accept.

use std::path::Path;

use halligan::door::runbook::{FaultSeverity, Origin, SourceText, resolve, warnings};

use crate::workbench::Workbench;

const GUIDE: &str = include_str!("../docs/guide.md");

/// Every YAML block, with the line on which it begins.
fn blocks() -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in GUIDE.lines().enumerate() {
        match line {
            "```yaml" => {
                inside = true;
                all.push((index + 2, String::new()));
            }
            "```" => inside = false,
            line if inside => {
                let (_, text) = all.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    all
}

#[test]
fn every_runbook_in_the_guide_is_accepted() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (line, block) in blocks().into_iter().filter(|(_, block)| !block.starts_with("halligan_scenario:")) {
        count += 1;
        let whole = block.starts_with("halligan: 1\n");
        let head = "halligan: 1\nname: hello\ntitle: T\nsummary: S\nreviewed: 2026-11-01\n";
        let mut text = if whole { block } else { format!("{head}{block}") };
        if !text.contains("\nsteps:\n") {
            text.push_str("steps:\n  - {id: nothing, run: [\"true\"], effect: read}\n");
        }
        let (runbook, report) = resolve(SourceText::new("hello.yaml", Origin::File("hello.yaml".into()), &text));
        let report = match runbook {
            Some(runbook) => warnings(&runbook, report, jiff::civil::date(2026, 11, 21)),
            None => report,
        };
        // A fragment shows one thing, and need not use all that it declares.
        let faults = report.faults.iter().filter(|fault| whole || !["unused", "identity-missing"].contains(&fault.code));
        let faults: Vec<_> = faults.filter(|fault| fault.severity != FaultSeverity::Note).collect();
        if !faults.is_empty() {
            wrong.push(format!("docs/guide.md, the block at line {line}:\n{}", report.plain()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 10, "only {count} runbooks were found in the guide");
}

#[test]
fn every_scenario_in_the_guide_holds() {
    let bench = Workbench::new();
    let mut count = 0;
    for (line, block) in blocks() {
        if block.starts_with("halligan: 1\n") {
            bench.file("runbooks/hello.yaml", &block);
        } else if block.starts_with("halligan_scenario:") {
            count += 1;
            // The guide says what some of them are called: `runbooks/scenarios/hello/all-well.yaml`:
            let above = GUIDE.lines().nth(line.saturating_sub(4)).unwrap_or_default();
            let said = above.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"));
            bench.file(&said.map_or_else(|| format!("runbooks/scenarios/hello/line-{line}.yaml"), str::to_owned), &block);
        }
    }
    assert!(bench.path("runbooks/scenarios/hello/all-well.yaml").exists(), "the guide's first scenario has lost its name");
    let ran = bench.run(&["test", "./runbooks/hello.yaml"]).exits(0);
    assert!(ran.stdout.contains(&format!("{count} passed, 0 failed")), "{}", ran.stdout);
}

/// Where a link of a document leads: a file beside it, and a heading in that file.
fn lost_links(root: &Path, document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root.join(document)).unwrap();
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let lost = |target: &str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { root.join(document) } else { root.join(document).parent().unwrap().join(file) };
        let Ok(there) = std::fs::read_to_string(&path) else { return !path.exists() || !heading.is_empty() };
        let anchor = |line: &str| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c)).collect::<String>().replace(' ', "-")
        };
        !heading.is_empty() && !there.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading)
    };
    let targets = link.captures_iter(&text).map(|found| found[1].to_owned());
    targets.filter(|target| !target.contains("://") && lost(target)).map(|target| format!("{document} leads to {target}")).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let all = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    let lost: Vec<String> = docs
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        .chain(all)
        .flat_map(|document| lost_links(root, &document))
        .collect();
    assert_eq!(lost, Vec::<String>::new());
    let bench = Workbench::new();
    bench.file("a.md", "# A heading\n[here](#a-heading) [there](b.md) [gone](#b) [gone too](c.md)\n");
    bench.file("b.md", "text\n");
    assert_eq!(lost_links(&bench.path(""), "a.md"), ["a.md leads to #b", "a.md leads to c.md"]);
}
