//! From a document to a runbook: finds *every* fault, each with its place and with what would be right.

mod call;
mod choose;
mod command;
mod holds;
mod identity;
mod index;
mod items;
mod parameter;
mod passed_on;
mod probe;
mod remedy;
mod resolver;
mod scope;
mod stagger;
mod step;
mod value;
pub(crate) mod variable;

use std::{cell::Cell, collections::BTreeSet};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::{
    cases, danger,
    diagnostic::{Fault, Report},
    document::{self, Document},
    model::{Origin, Reference, Requires, Runbook, SourceText, Span},
    name::{Name, RunbookName},
    node::{Node, Segment},
    query,
    resolve::{
        scope::NameScope,
        value::{Field, field, key_of, span_of},
    },
    schema, source, ungroup,
};
use crate::{
    expression::{self},
    runbook::resolve::resolver::{Resolver, VISIT_LIMIT},
};

/// Reads a runbook. There is a runbook exactly when the report holds no error; it may hold warnings.
#[must_use]
pub fn resolve(source: SourceText) -> (Option<Runbook>, Report) {
    let text = source.text.clone();
    let source::Parsed { root, mut faults, usable } = source::read(&text);
    let runbook = match root {
        Some(root) if usable => from_tree(&source, root, &mut faults),
        _ => None,
    };
    let report = Report::new(source, faults);
    (runbook.filter(|_| report.errors() == 0), report)
}

fn from_tree(source: &SourceText, mut root: Node, faults: &mut Vec<Fault>) -> Option<Runbook> {
    let mut value = root.value(&source.text, faults)?;
    whole_numbers(&mut value);
    let groups = ungroup::laid_out(&mut root, &mut value, faults);
    query::put_in_place(&mut root, &mut value, faults);
    let misshapes = schema::check(&value, &root, &source.text);
    let mut prune = Vec::new();
    for found in misshapes {
        faults.push(found.fault);
        prune.extend(found.prune);
    }
    // From the last to the first, so that an index stays true until it is used.
    prune.sort_by(|a, b| b.cmp(a));
    prune.dedup();
    for path in &prune {
        root.prune(&mut value, path);
    }
    cases::laid_out(&mut root, &mut value);
    let document = match Document::deserialize(&value) {
        Ok(document) => document,
        Err(error) => {
            if prune.is_empty() {
                faults.push(Fault::error("shape", Span::default(), format!("not a runbook: {error}")).hint("see `halligan schema`"));
            }
            return None;
        }
    };
    let mut resolver = Resolver {
        text: &source.text,
        faults: Vec::new(),
        params: IndexMap::new(),
        kinds: IndexMap::new(),
        values: IndexMap::new(),
        vars: IndexMap::new(),
        given: IndexMap::new(),
        loop_variables: BTreeSet::new(),
        order: Vec::new(),
        used_params: BTreeSet::new(),
        used_vars: BTreeSet::new(),
        visits: Cell::new(0),
        incomplete: prune.iter().any(|path| hides_names(path)),
        name: document.name.clone().unwrap_or_default(),
    };
    let runbook = resolver.runbook(&document, &root, source);
    // What a group says once is looked at in each of its checks.
    for fault in resolver.faults {
        if !faults.iter().any(|told| (told.code, told.span, &told.message) == (fault.code, fault.span, &fault.message)) {
            faults.push(fault);
        }
    }
    runbook.map(|runbook| Runbook { groups, ..runbook })
}

/// Makes `1.0` a whole number, as JSON Schema takes it. Nothing finds out how it was written but an argv, which asks the tree.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9.0e15);
            #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and within range")]
            if let Some(whole) = whole {
                *value = Value::from(whole as i64);
            }
        }
        _ => {}
    }
}

/// Whether something was taken out that may have given a name: what is unknown then is no fault of its own.
fn hides_names(path: &[Segment]) -> bool {
    let giving = [
        "id",
        "steps",
        "preflight",
        "checks",
        "params",
        "vars",
        "identity",
        "for_each",
        "as",
        "probe",
        "wait",
        "confirm",
        "manual",
        "show",
        "before_batch",
        "holds",
        "pattern",
    ];
    match path {
        [] | [.., Segment::Index(_)] => true,
        [Segment::Key(parent), Segment::Key(_)] if parent == "params" || parent == "vars" => true,
        [.., Segment::Key(key)] => giving.contains(&key.as_str()),
    }
}

/// The warnings of a whole runbook: its own, and those of [`danger::lint`] as of today.
#[must_use]
pub fn warnings(runbook: &Runbook, report: Report, today: jiff::civil::Date) -> Report {
    let found = danger::lint(runbook, today);
    report.with(found)
}

impl Resolver<'_> {
    pub(crate) fn runbook(&mut self, document: &Document, root: &Node, source: &SourceText) -> Option<Runbook> {
        self.version_first(root);
        let name = self.name(document, root, source);
        for (param, declared) in &document.params {
            self.params.insert(
                param.clone(),
                declared.kind == Some(document::TypeName::Secret) || declared.list == Some(document::TypeName::Secret),
            );
        }
        self.kinds = document.params.iter().filter_map(|(param, declared)| Some((param.clone(), declared.static_kind()?))).collect();
        self.index(document, root);
        if self.too_many(document, root) {
            return None;
        }
        let before = self.faults.len();
        let vars = self.vars(document, root);
        if self.faults.iter().skip(before).any(|fault| fault.code == "too-deep") {
            return None;
        }
        let params = self.parameters(document, root);
        self.values = params.iter().filter_map(|parameter| Some((parameter.name.to_string(), choose::values(parameter)?))).collect();

        let mut scope = NameScope::default();
        let mut locks = Vec::new();
        for (index, lock) in document.locks.iter().enumerate() {
            let span = root.get("locks").and_then(|list| list.item(index)).map_or(root.span, |item| item.span);
            let field = Field { key: "locks", text: lock, span };
            self.said(field);
            locks.push(self.template(field, &scope));
        }
        let identity = self.identity(document.identity.as_ref(), root.get("identity"), &mut scope);
        let preflight = self.preflight(&document.preflight, root.get("preflight"), &mut scope);
        if root.get("steps").is_some_and(Node::is_empty_list) {
            self.faults.push(
                Fault::error("no-steps", key_of(root, "steps"), "the runbook has no steps").label("no steps").hint("add at least one step"),
            );
        }
        let steps = self.steps(&document.steps, root.get("steps"), &mut scope);
        if self.visits.get() > VISIT_LIMIT {
            let hint = "split it into several runbooks and join them with `call`";
            self.faults.push(
                Fault::error("too-large", key_of(root, "vars"), "its variables refer to too many others")
                    .label("too much to follow")
                    .hint(hint),
            );
        }
        self.unused(root);

        let title = field(root, "title", document.title.as_ref()).map(|field| self.said(field));
        let summary = field(root, "summary", document.summary.as_ref()).map(|field| self.said(field));
        Some(Runbook {
            name: name?,
            title: title?,
            summary: summary?,
            tags: document.tags.clone(),
            owner: field(root, "owner", document.owner.as_ref()).map(|field| self.said(field)),
            reviewed: self.reviewed(document, root),
            references: self.references_of(document, root),
            params,
            requires: self.requires(document, root),
            environment: self.passed_on(document, root),
            locks,
            vars,
            queries: document.queries.iter().filter_map(|(name, query)| Some((name.clone(), query.program()?))).collect(),
            identity,
            preflight,
            groups: Vec::new(),
            steps,
            source: source.clone(),
        })
    }

    fn version_first(&mut self, root: &Node) {
        if let (Some(first), Some(version)) = (root.entries().first(), root.entry("halligan"))
            && first.key != "halligan"
        {
            self.faults.push(
                Fault::error("version-first", version.key_span, "the format version must come first")
                    .label("not first")
                    .also(first.key_span, "this key comes before it")
                    .hint("move `halligan: 1` to the top of the file"),
            );
        }
    }

    fn name(&mut self, document: &Document, root: &Node, source: &SourceText) -> Option<RunbookName> {
        let name = document.name.as_ref()?;
        let span = span_of(root, "name");
        let stem = match &source.origin {
            Origin::File(path) => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            Origin::Bundled => source.bundled_runbook().map(str::to_owned),
        };
        match RunbookName::new(name) {
            Err(bad) => {
                self.faults.push(
                    Fault::error("bad-name", span, format!("invalid runbook name `{name}`"))
                        .label("invalid name")
                        .hint(format!("use {}", bad.rule)),
                );
                None
            }
            Ok(name) => {
                if let Some(stem) = stem.filter(|stem| stem != name.as_str()) {
                    self.faults.push(
                        Fault::error("name-differs", span, format!("runbook name `{name}` differs from file name `{stem}`"))
                            .label("differs from the file name")
                            .hint(format!("write `name: {stem}`, or rename the file to {name}.yaml")),
                    );
                }
                Some(name)
            }
        }
    }

    fn reviewed(&mut self, document: &Document, root: &Node) -> Option<jiff::civil::Date> {
        let text = document.reviewed.as_ref()?;
        let date = text.parse().ok().filter(|_| text.len() == 10);
        if date.is_none() {
            self.faults.push(
                Fault::error("bad-date", span_of(root, "reviewed"), format!("`reviewed`: invalid date `{text}`"))
                    .label("invalid date")
                    .hint("write YYYY-MM-DD, such as 2026-11-01"),
            );
        }
        date
    }

    fn references_of(&mut self, document: &Document, root: &Node) -> Vec<Reference> {
        let mut all = Vec::new();
        for (reference, node) in index::pairs(&document.references, root.get("references")) {
            let title = field(node, "title", reference.title.as_ref()).map(|field| self.said(field)).unwrap_or_default();
            let url = reference.url.clone();
            if let Some(bad) = url.as_ref().filter(|url| !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(' '))
            {
                self.faults.push(
                    Fault::error("bad-url", span_of(node, "url"), format!("`url`: invalid URL `{bad}`"))
                        .label("invalid URL")
                        .hint("start with https://, or remove `url`"),
                );
            }
            all.push(Reference { title, url });
        }
        all
    }

    fn requires(&mut self, document: &Document, root: &Node) -> Requires {
        let Some(requires) = &document.requires else { return Requires::default() };
        let node = root.get("requires").unwrap_or(root);
        let list = node.get("commands");
        for (index, command) in requires.commands.iter().enumerate() {
            let span = list.and_then(|list| list.item(index)).map_or(node.span, |item| item.span);
            if command.is_empty() || command.contains(char::is_whitespace) || expression::is_dynamic(command) {
                self.faults.push(
                    Fault::error("bad-name", span, format!("`requires`: invalid program name `{command}`"))
                        .label("invalid program name")
                        .hint("write a program name without arguments, such as ceph"),
                );
            }
        }
        if let Some(user) = field(node, "user", requires.user.as_ref()) {
            self.said(user);
        }
        Requires { commands: requires.commands.clone(), user: requires.user.clone() }
    }

    fn parameter_name(&mut self, what: &str, name: &str, span: Span) {
        if let Err(bad) = Name::new(name) {
            self.faults.push(
                Fault::error("bad-name", span, format!("invalid {what} name `{name}`"))
                    .label("invalid name")
                    .hint(format!("use {}; not a reserved word", bad.rule)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_resolves_without_a_word() {
        let text = include_str!("../../../tests/good/everything.yaml");
        let source = SourceText::new("everything.yaml", Origin::File("everything.yaml".into()), text);
        let (runbook, report) = resolve(source);
        assert!(report.faults.is_empty(), "{}", report.plain());
        let runbook = runbook.unwrap();
        let report = warnings(&runbook, report, jiff::civil::date(2026, 11, 21));
        assert_eq!(report.errors() + report.warnings(), 0, "{}", report.plain());
        assert_eq!(runbook.all_steps().count(), 15);
    }

    fn read(rest: &str) -> (Option<Runbook>, Report) {
        let text = format!("halligan: 1\nname: x\ntitle: X\nsummary: X\nreviewed: 2026-11-01\n{rest}");
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), &text));
        match runbook {
            Some(runbook) => {
                let report = warnings(&runbook, report, jiff::civil::date(2026, 11, 21));
                (Some(runbook), report)
            }
            None => (None, report),
        }
    }

    #[test]
    fn what_is_valid_and_wrong_is_warned_of() {
        let steps = |step: &str| {
            format!(
                "params: {{n: {{type: int, help: N}}}}\nsteps:\n- {{id: a, effect: read, {step}}}\n- {{id: u, run: [x, '{{{{ params.n }}}}'], effect: read}}\n"
            )
        };
        for (step, code, place) in [
            ("run: [ls, '|', wc]", "shell-word", "'|'"),
            ("run: [make, x, '&&', y]", "shell-word", "'&&'"),
            ("run: [ls, 2>/dev/null]", "shell-word", "2>/dev/null"),
            ("shell: 'echo {{ hostname }}'", "spliced-shell", "{{"),
        ] {
            let (runbook, report) = read(&steps(step));
            assert!(runbook.is_some(), "{}", report.plain());
            let found: Vec<_> = report
                .faults
                .iter()
                .map(|fault| (fault.code, &report.source.text[fault.span.offset..fault.span.offset + fault.span.len]))
                .collect();
            assert_eq!(found, [(code, place)], "{}", report.plain());
        }
        for step in [
            "run: [expr, 1, '|', 2]",
            "run: [find, ., -exec, ls, ';']",
            "run: [ls, \"{{ '|' }}\"]",
            "shell: \"docker ps --format '{{json .}}' | grep -c '{%s}'\"",
        ] {
            let (_, report) = read(&steps(step));
            assert!(report.faults.is_empty(), "{}", report.plain());
        }
        let probe = |rest: &str| {
            read(&format!("params: {{n: {{type: int, help: N}}}}\npreflight:\n- {{id: l, run: [a], output: lines}}\n- {{id: p, {rest}}}\nsteps:\n- {{id: u, run: [x, '{{{{ params.n }}}}'], effect: read}}\n")).1
        };
        for rest in [
            "expect: params.n in l.output",
            "run: [b], expect: output > 5",
            "run: [b], message: '{{ output == 5 }}'",
            "expect: 'l.output | select(\"eq\", params.n) | list | length == 0'",
        ] {
            let report = probe(rest);
            assert_eq!(report.faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["text-compared"], "{rest}: {}", report.plain());
        }
        assert!(probe("run: [b], output: int, expect: output > 5 and params.n > 3").faults.is_empty());
    }

    /// Told to programs alone, and nothing fails for it.
    #[test]
    fn what_is_asked_twice_is_noted() {
        let (_, report) = read(
            "preflight:\n- {id: p, run: [a, b]}\n- {id: q, run: [a, b], expect: code == 0}\n- {id: r, run: [a, c]}\nsteps:\n- {id: u, run: [x], effect: read}\n",
        );
        assert_eq!(report.faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["asked-twice"]);
        assert_eq!((report.errors(), report.warnings(), report.plain().as_str()), (0, 0, ""));
        let (_, report) = read(
            "queries: {s: {run: [a, b]}}\npreflight:\n- {id: p, ask: s}\n- {id: q, ask: s, expect: code == 0}\nsteps:\n- {id: u, run: [x], effect: read}\n",
        );
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }

    #[test]
    fn a_number_reaches_text_letter_by_letter() {
        let steps = "steps:\n- {id: u, run: [x, '{{ params.w }}', '{{ params.v }}', '{{ params.l }}', '{{ params.n }}', '{{ params.e }}'], effect: read}\n";
        let (runbook, report) = read(&format!(
            "params:\n  w: {{type: string, help: W, default: 0x5000c5}}\n  v: {{type: string, help: V, default: 17.20}}\n  l: {{list: string, help: L, default: [0x1F, 7]}}\n  n: {{type: int, help: N, default: 0x10}}\n  e: {{type: enum, help: E, choices: [0x1, 2], default: 0x1}}\n{steps}"
        ));
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        let defaults: Vec<Value> = runbook.params.iter().filter_map(|parameter| parameter.default.clone()).collect();
        assert_eq!(Value::from(defaults), serde_json::json!(["0x5000c5", "17.20", ["0x1F", "7"], 16, "0x1"]));
    }

    #[test]
    fn items_may_be_written_out_as_maps() {
        let (runbook, report) = read(
            "steps:\n- id: l\n  for_each: {items: [{name: a, disk: sdb}, {id: 3, disk: sdc}], as: d}\n  steps: [{id: s, run: [x, '{{ d.disk }}'], effect: read}]\n",
        );
        assert!(runbook.is_some() && report.faults.is_empty(), "{}", report.plain());
        for items in ["[{disk: sdb}]", "[{name: a}, {id: a}]", "[{name: a, disk: '{{ run.id }}'}]"] {
            let (runbook, report) = read(&format!(
                "steps:\n- id: l\n  for_each: {{items: {items}, as: d}}\n  steps: [{{id: s, run: [x, '{{{{ d }}}}'], effect: read}}]\n"
            ));
            assert!(runbook.is_none() && report.errors() == 1, "{}", report.plain());
        }
    }

    /// A file that takes long to check is refused for its size before it does.
    #[test]
    fn what_nobody_could_read_is_refused_for_its_size() {
        let head = "halligan: 1\nname: x\ntitle: X\nsummary: X\n";
        let step = "steps:\n- {id: a, run: [x], effect: read}\n";
        let codes = |text: &str| {
            let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), text));
            assert!(runbook.is_none());
            report.faults.iter().map(|fault| fault.code).collect::<Vec<_>>()
        };
        let each = |numbers: std::ops::Range<usize>, line: &dyn Fn(usize) -> String| numbers.map(line).collect::<String>();
        let steps = each(0..2_500, &|n| format!("- {{id: s{n}, run: [x], effect: read}}\n"));
        assert_eq!(codes(&format!("{head}steps:\n{steps}")), ["too-large"]);
        let groups = each(0..2_100, &|n| format!("- {{id: g{n}, steps: [{{id: s{n}, run: [x], effect: read}}]}}\n"));
        assert_eq!(codes(&format!("{head}steps:\n{groups}")), ["too-large"]);
        let vars = |count: usize| each(0..count, &|n| format!("  v{n}: '{{{{ vars.v{} }}}}'\n", n + 1));
        assert_eq!(codes(&format!("{head}vars:\n{}{step}", vars(3_000))), ["too-large"], "keys of a map");
        assert_eq!(codes(&format!("{head}vars:\n{}  v1500: x\n{step}", vars(1_500))), ["too-large"], "variables");
        let words = "  - '{{ vars.v0 }}'\n".repeat(2_000);
        let chain = format!("{head}vars:\n{}  v900: x\nsteps:\n- id: a\n  effect: read\n  run:\n  - x\n{words}", vars(900));
        assert_eq!(codes(&chain), ["too-deep"]);
        let all = each(1..900, &|n| format!("{{{{ vars.v{n} }}}}"));
        let flat = each(1..900, &|n| format!("  v{n}: x\n"));
        let wide = format!("{head}vars:\n  v0: '{all}'\n{flat}steps:\n- id: a\n  effect: read\n  run:\n  - x\n{words}");
        assert!(codes(&wide).contains(&"too-large"), "what each name leads to");
        assert_eq!(codes(&format!("{head}tags: [{}]\n{step}", "a, ".repeat(61_000))), ["too-large"], "values");
        let many = codes(&format!("{head}steps:\n{}", "- {}\n".repeat(1_000)));
        assert_eq!((many.len(), many.last()), (300, Some(&"too-many-faults")));
    }

    #[test]
    fn one_fault_never_hides_the_next() {
        let text = "halligan: 1\nname: x\ntitle: 5\nsummary: X\nowner: a\nowner: b\nsteps:\n- id: a\n  run: ls\n  effect: red\n- id: b\n  run: [ls, '{{ c.output }}']\n  effect: read\n  timeout: 5 min\n- wrong\n- id: c\n  run: [ls]\n";
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), text));
        assert!(runbook.is_none());
        let found: Vec<_> =
            report.faults.iter().map(|fault| (crate::runbook::diagnostic::position(text, fault.span.offset).0, fault.code)).collect();
        let expected = [
            (3, "wrong-type"),
            (6, "duplicate-key"),
            (9, "wrong-type"),
            (10, "not-a-choice"),
            (12, "not-yet"),
            (14, "bad-duration"),
            (15, "wrong-type"),
            (17, "no-effect"),
        ];
        assert_eq!(found, expected, "{}", report.plain());
    }
}
