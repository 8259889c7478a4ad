//! The rules of `docs/architecture.md` that a machine can hold the sources to. Each is a function that names the breaches, and each is
//! shown to find those that are planted.

mod source;
mod voice;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::LazyLock,
};

use regex::Regex;
use syn::visit::{self, Visit};

use source::{Source, planted};

/// Each outside power, and the files that may name it.
const POWERS: &[(&str, &[&str])] = &[
    ("serde_yaml::", &["runbook/document.rs"]),
    ("saphyr_parser::", &["runbook/source.rs"]),
    ("duct::", &["tool.rs"]),
    // Steps; all else is started by duct.
    ("Command::new", &["exec/process.rs"]),
    // The pool; a command's two streams; blocks of a journal that are read in order.
    ("thread::scope", &["parallel.rs", "exec/process.rs", "journal/passage.rs"]),
    ("\"/proc", &["procfs.rs"]),
    ("\"/etc/passwd", &["account.rs"]),
    // Where no variable says it, that asks a name service.
    ("home_dir(", &[]),
    (
        "rustix::",
        &[
            "exec/child.rs",
            "exec/family.rs",
            "exec/held/other_user.rs",
            "exec/held/privileges.rs",
            "exec/pseudo_terminal.rs",
            "exec/spawn.rs",
        ],
    ),
    ("landlock::", &["exec/held/ruleset.rs"]),
    ("seccompiler::", &["exec/held/filter.rs"]),
    ("terminput::", &["ui/stroke.rs"]),
    ("tui_input::", &["ui/field.rs", "ui/stroke.rs"]),
    ("indicatif::", &["ui/terminal.rs"]),
    ("signal_hook::", &["exec/signals.rs"]),
    ("machinery::", &["expression/compare.rs", "expression/growth.rs", "expression/mixture.rs", "expression/name.rs"]),
    ("miniz_oxide::", &["runbook/bundle.rs"]),
    ("quick_junit::", &["app/rehearsal/junit.rs"]),
    ("toml::", &["settings/file.rs"]),
];

/// Each folder, and all that it may know of. Whoever stands here with nothing may be known by all.
///
/// What is not here is not known of: a new folder needs a line, and a new use of another folder a reason.
const LAYERS: &[(&str, &[&str])] = &[
    ("account", &[]),
    ("character", &[]),
    ("defect", &[]),
    ("digest", &[]),
    ("last_line", &[]),
    ("parallel", &[]),
    ("passed_on", &[]),
    ("procfs", &[]),
    ("quantity", &[]),
    ("secret", &[]),
    ("surroundings", &[]),
    ("trust", &[]),
    ("inheritance", &[]),
    ("expression", &[]),
    ("runbook", &["expression"]),
    ("inventory", &["expression", "runbook"]),
    ("event", &["runbook"]),
    ("ports", &["event"]),
    ("tool", &["ports"]),
    ("words", &["event"]),
    ("plan", &["event", "expression", "inventory", "runbook", "words"]),
    ("run", &["event", "expression", "inventory", "plan", "ports", "runbook", "words"]),
    ("exec", &["event", "inventory", "ports", "tool"]),
    ("rehearse", &["event", "expression", "ports", "runbook", "words"]),
    ("journal", &["event", "ports", "tool"]),
    ("ui", &["event", "ports", "words"]),
    ("cli", &["event", "ports", "rehearse", "words"]),
    ("settings", &["cli", "expression", "runbook"]),
];

/// They join the others, and may know of all of them.
const JOINERS: &[&str] = &["app", "door", "lib", "main"];

/// The text without its tests.
fn code(text: &str) -> &str {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.split("#[cfg(test)]\npub(super) mod tests").next().unwrap()
}

fn names(text: &str, word: &str) -> bool {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .any(|line| line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')))
}

/// An outside power is named by its doors alone, and each door names it.
fn powers(sources: &[Source], powers: &[(&str, &[&str])]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (power, doors) in powers {
        for source in sources {
            if names(code(&source.text), power) && !doors.contains(&source.path.as_str()) {
                breaches.push(format!("src/{} names {power}, which only {doors:?} may", source.path));
            }
        }
        for door in *doors {
            if !sources.iter().any(|source| source.path == *door && names(&source.text, power)) {
                breaches.push(format!("src/{door} does not name {power} any more"));
            }
        }
    }
    breaches
}

#[test]
fn each_outside_power_has_its_door() {
    assert_eq!(powers(&source::all(), POWERS), Vec::<String>::new());
    let sources = planted(&[("ui/stroke.rs", "use terminput::Event;"), ("run/step.rs", "fn f() { terminput::Event::parse_from(b); }")]);
    assert_eq!(powers(&sources, &[("terminput::", &["ui/stroke.rs", "ui/flags.rs"])]).len(), 2);
}

/// A folder knows only of those that `LAYERS` gives it.
fn layers(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    let known = |folder: &str| LAYERS.iter().find(|(layer, _)| *layer == folder).map(|(_, known)| *known);
    for (module, targets) in source::edges(sources) {
        let Some(folder) = module.first().filter(|folder| !JOINERS.contains(&folder.as_str())) else { continue };
        let Some(may) = known(folder) else {
            breaches.push(format!("{} stands in no layer", module.join("::")));
            continue;
        };
        for target in targets {
            // What stands in the crate's root belongs to who joins.
            let other = target.first().map_or("lib", String::as_str);
            if other != folder && !may.contains(&other) && known(other).is_none_or(|below| !below.is_empty() || other == "expression") {
                breaches.push(format!("{} knows of {}", module.join("::"), target.join("::")));
            }
        }
    }
    breaches
}

#[test]
fn data_flows_one_way() {
    assert_eq!(layers(&source::all()), Vec::<String>::new());
    let sources =
        |text| planted(&[("lib.rs", "mod x;"), ("plan/mod.rs", "pub struct Plan;"), ("quantity.rs", ""), ("event/fact.rs", text)]);
    assert_eq!(layers(&sources("use crate::quantity::show;")), Vec::<String>::new());
    for text in [
        "use crate::{quantity, plan::Plan};",
        "use super::super::plan;",
        "fn f(plan: &crate::plan::Plan) {}",
        "fn f() { assert!(crate::plan::Plan::new().whole()); }",
        "mod inside { use crate::plan::*; }",
        "use crate::main;",
    ] {
        assert_eq!(layers(&sources(text)).len(), 1, "{text}");
    }
    assert_eq!(layers(&planted(&[("novel/mod.rs", "")])), ["novel stands in no layer"]);
    assert_eq!(layers(&sources("#[cfg(test)]\nmod tests { use crate::plan::Plan; }")), Vec::<String>::new());
}

/// Imports lead back to where they began neither within a folder nor between folders.
fn circles(sources: &[Source]) -> Vec<String> {
    let (mut files, mut folders): (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, BTreeSet<String>>) = Default::default();
    for (module, targets) in source::edges(sources) {
        for target in targets {
            let (Some(from), Some(to)) = (module.first(), target.first()) else { continue };
            files.entry(module.join("::")).or_default().insert(target.join("::"));
            if from != to {
                folders.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    let mut circles = source::circles(&files);
    circles.extend(source::circles(&folders));
    circles.into_iter().map(|circle| format!("these import one another: {}", circle.join(", "))).collect()
}

#[test]
fn imports_go_in_no_circle() {
    assert_eq!(circles(&source::all()), Vec::<String>::new());
    let two = planted(&[("run/step.rs", "use super::wait::Wait;"), ("run/wait.rs", "fn f() { matches!(x, crate::run::step::Step); }")]);
    assert_eq!(circles(&two), ["these import one another: run::step, run::wait"]);
    let shown_again = planted(&[
        ("run/mod.rs", "mod step; mod wait; pub(crate) use step::Step;"),
        ("run/step.rs", "use super::wait;"),
        ("run/wait.rs", "use super::Step;"),
    ]);
    assert_eq!(circles(&shown_again), ["these import one another: run, run::step, run::wait"]);
    let folders = planted(&[("ui/a.rs", "use crate::words::b;"), ("words/b.rs", ""), ("words/c.rs", "use crate::ui::d;"), ("ui/d.rs", "")]);
    assert_eq!(circles(&folders), ["these import one another: ui, words"]);
    let one_way =
        planted(&[("run/step.rs", "use super::wait::Wait;"), ("run/wait.rs", "#[cfg(test)]\nmod tests { use super::super::step; }")]);
    assert_eq!(circles(&one_way), Vec::<String>::new());
}

/// A method of a port has no body, which one that stands before another implementer would forget to pass on.
fn defaults(sources: &[Source]) -> Vec<String> {
    #[derive(Default)]
    struct Bodies(Vec<String>);
    impl<'ast> Visit<'ast> for Bodies {
        fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
            for method in &item.items {
                if let syn::TraitItem::Fn(method) = method
                    && method.default.is_some()
                {
                    self.0.push(format!("{}::{}", item.ident, method.sig.ident));
                }
            }
        }
    }
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| source.module.first().is_some_and(|folder| folder == "ports")) {
        let mut bodies = Bodies::default();
        bodies.visit_file(&source.file);
        breaches.extend(bodies.0.into_iter().map(|method| format!("src/{}: {method} has a body", source.path)));
    }
    breaches
}

#[test]
fn no_method_of_a_port_has_a_body() {
    assert_eq!(defaults(&source::all()), Vec::<String>::new());
    let port = "pub trait Site { fn line(&self); fn listens(&self) -> bool { true } }";
    assert_eq!(defaults(&planted(&[("ports/mod.rs", port)])), ["src/ports/mod.rs: Site::listens has a body"]);
    assert_eq!(defaults(&planted(&[("ports/deep/er.rs", port)])).len(), 1);
    assert_eq!(defaults(&planted(&[("ui/mod.rs", port)])).len(), 0, "only ports have decorators");
}

/// A name stands for one type, and a type has one name. What is declared inside a function is seen by nobody else.
///
/// Of a macro of this crate that declares types, each name with a capital letter on the top level of a call is taken for one.
fn type_names(sources: &[Source]) -> Vec<String> {
    #[derive(Default)]
    struct Types {
        declared: Vec<String>,
        renamed: Vec<String>,
        /// Macros that declare the types that they are given.
        makers: Vec<String>,
        /// Macros that are called between items, with the names on the top level of the call.
        calls: Vec<(String, Vec<String>)>,
    }
    impl<'ast> Visit<'ast> for Types {
        fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
            self.declared.push(item.ident.to_string());
        }
        fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
            self.declared.push(item.ident.to_string());
        }
        fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
            self.declared.push(item.ident.to_string());
        }
        fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
            self.declared.push(item.ident.to_string());
        }
        fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
            self.declared.push(item.ident.to_string());
        }
        fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
            static GIVEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:struct|enum|union|trait|type)\s+\$").unwrap());
            static OWN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:struct|enum|union|trait)\s+([A-Z]\w*)").unwrap());
            let words = source::words_of(&item.mac);
            let words = source::TEXT.replace_all(&words, "\"\"");
            if let Some(name) = &item.ident {
                self.makers.extend(GIVEN.is_match(&words).then(|| name.to_string()));
                self.declared.extend(OWN.captures_iter(&words).map(|found| found[1].to_owned()));
                return;
            }
            let name = item.mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            let top = source::top_level(&words);
            // `LIMIT` is a constant.
            let is_type = |word: &&str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
            let given = top.split(|c: char| !c.is_alphanumeric() && c != '_').filter(is_type);
            self.calls.push((name, given.map(str::to_owned).collect()));
        }
        fn visit_block(&mut self, _: &'ast syn::Block) {}
        fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
            let mut trees = vec![(&item.tree, true)];
            while let Some((tree, first)) = trees.pop() {
                match tree {
                    // Types of other crates may be called otherwise here.
                    syn::UseTree::Path(path) if first && !["crate", "super", "self"].iter().any(|own| path.ident == own) => {}
                    syn::UseTree::Path(path) => trees.push((&path.tree, false)),
                    syn::UseTree::Group(group) => trees.extend(group.items.iter().map(|tree| (tree, first))),
                    syn::UseTree::Rename(last) if last.ident.to_string().starts_with(char::is_uppercase) && last.rename != "_" => {
                        self.renamed.push(format!("{} as {}", last.ident, last.rename));
                    }
                    _ => {}
                }
            }
        }
    }
    let (mut breaches, mut by_name): (Vec<String>, BTreeMap<String, Vec<&str>>) = Default::default();
    let of_files: Vec<(&Source, Types)> = sources
        .iter()
        .map(|source| {
            let mut types = Types::default();
            types.visit_file(&source.file);
            (source, types)
        })
        .collect();
    let makers: BTreeSet<String> = of_files.iter().flat_map(|(_, types)| types.makers.iter().cloned()).collect();
    for (source, types) in of_files {
        breaches.extend(types.renamed.into_iter().map(|renamed| format!("src/{} names {renamed}", source.path)));
        let made = types.calls.into_iter().filter(|(name, _)| makers.contains(name)).flat_map(|(_, names)| names);
        for name in types.declared.into_iter().chain(made) {
            by_name.entry(name).or_default().push(&source.path);
        }
    }
    for (name, paths) in by_name {
        if paths.len() > 1 && !are_document_and_model(&paths) {
            breaches.push(format!("{name} stands in {}", paths.join(", ")));
        }
    }
    breaches
}

/// A shape as it is written in a file, and the same checked: `runbook/document/step.rs` and `runbook/model.rs`.
fn are_document_and_model(paths: &[&str]) -> bool {
    let part = |path: &str| {
        let (folder, rest) = path.split_once('/')?;
        Some((folder.to_owned(), rest.split(['/', '.']).next()?.to_owned()))
    };
    let [Some((folder, first)), Some((other, second))] = [paths[0], paths[1]].map(part) else { return false };
    let mut kinds = [first.as_str(), second.as_str()];
    kinds.sort_unstable();
    paths.len() == 2 && folder == other && kinds == ["document", "model"]
}

#[test]
fn a_name_stands_for_one_type() {
    assert_eq!(type_names(&source::all()), Vec::<String>::new());
    let twice = planted(&[("run/step.rs", "struct Report;"), ("ui/mod.rs", "mod inside { pub enum Report {} }")]);
    assert_eq!(type_names(&twice), ["Report stands in run/step.rs, ui/mod.rs"]);
    assert_eq!(
        type_names(&planted(&[("run/step.rs", "use crate::ui::{line as shown, report::Report as Words};")])),
        ["src/run/step.rs names Report as Words"]
    );
    let pair = [("runbook/document/step.rs", "struct Step;"), ("runbook/model.rs", "struct Step;")];
    assert_eq!(type_names(&planted(&pair)), Vec::<String>::new());
    assert_eq!(type_names(&planted(&[pair[0], pair[1], ("run/step.rs", "type Step = u8;")])).len(), 1, "no third");
    assert_eq!(type_names(&planted(&[pair[0], ("rehearse/model.rs", "trait Step {}")])).len(), 1, "no pair of two folders");
    let maker = "macro_rules! shapes { ($($shape:ident { $($field:ident: $type:ty),* })*) => { $(pub struct $shape { $($field: $type),* })* \
        pub enum Body { $($shape($shape)),* } } } shapes! { Checked { place: Place } #[doc = \"Owed\"] Closed(\"Torn\") { why: Why } }";
    let twice = planted(&[
        ("journal/shape.rs", maker),
        ("a.rs", "struct Checked; struct Closed; struct Body; struct Place; struct Torn; struct Owed;"),
    ]);
    assert_eq!(type_names(&twice), ["Body", "Checked", "Closed"].map(|name| format!("{name} stands in journal/shape.rs, a.rs")));
    let none = planted(&[("a.rs", "macro_rules! known { ($value:expr) => { $value } } known! { Checked }"), ("b.rs", "struct Checked;")]);
    assert_eq!(type_names(&none), Vec::<String>::new());
    let free = "struct A; fn f() { struct Visitor; } fn g() { struct Visitor; } impl X for A { type Err = u8; } use std::fmt::Error as E;";
    let apart = "struct B; impl X for B { type Err = u8; } #[cfg(test)]\nmod tests { struct A; }";
    assert_eq!(type_names(&planted(&[("a.rs", free), ("b.rs", apart)])), Vec::<String>::new());
    let aside = planted(&[("a/mod.rs", "#[cfg(test)]\nmod bench;"), ("a/bench.rs", "struct A;"), ("b.rs", "struct A;")]);
    assert_eq!(type_names(&aside), Vec::<String>::new());
}

#[test]
fn facts_get_their_names_in_words() {
    assert_eq!(voice::named_elsewhere(&source::all()), Vec::<String>::new());
    let in_file = |path: &str, text: &str| {
        let own = "pub(crate) use crate::runbook::{Effect, Runbook}; pub enum Mode { Real, Dry } pub enum Exit { Code(i32) } pub enum Event { Ended }";
        let kinds = "pub enum Effect { Read } pub struct Runbook; pub enum Lock { Held }";
        voice::named_elsewhere(&planted(&[("event/fact.rs", own), ("runbook/model.rs", kinds), (path, text)]))
    };
    for body in [
        "match mode { Mode::Real => \"real\", _ => word }",
        "match mode { Mode::Real | Mode::Dry => { let x = 1; (x, \"real\".to_owned()) } }",
        "match (1, mode) { (_, Some(event::Mode::Real)) => format!(\"run {run}\"), _ => word }",
        "match exit { Exit::Code(code) => Some(if code == 1 { \"one\" } else { word }), _ => None }",
        "match event { Event::Ended { exit: Exit::Code(_) } => \"ended\", _ => word }",
        "if let Exit::Code(_) = exit { String::from(\"code\") } else { word }",
        "if mode == Mode::Real { word } else { \"not real\" }",
        "if matches!(mode, event::Mode::Real) { \"real\" } else { word }",
        "(effect == Effect::Read).then_some(\"reads\")",
        "exit.map_or_else(|| match mode { Mode::Real => \"real\" }, word)",
        "match mode { Mode::Real => text.push_str(\"real\"), _ => {} }",
        "match mode { Mode::Real => { name = \"real\"; } _ => {} }",
        "match mode { Mode::Real => write!(f, \"real {x}\"), _ => Ok(()) }",
        "[(\"real\", Mode::Real)].into_iter().find(|(_, other)| other == mode)",
    ] {
        let text = format!("fn f() {{ {body} }}");
        assert_eq!(in_file("run/step.rs", &text).len(), 1, "{body}");
        assert_eq!(in_file("words/step.rs", &text), Vec::<String>::new());
        assert_eq!(in_file("event/state.rs", &text), Vec::<String>::new(), "the names of records");
    }
    let own = "impl Mode { fn word(self) -> &'static str { match self { Self::Real => \"real\" } } }";
    assert_eq!(in_file("ui/mode.rs", own), ["src/ui/mode.rs: Mode::Real is called \"real\""]);
    for free in [
        "match mode { Mode::Real => words::mode(mode), _ => format!(\"{place} {word}: {}\", why) }",
        "match event { Event::Ended => format!(\"{place} ended\"), _ => word }",
        "match lock { Lock::Held => \"held\", _ => word }",
        "match mode { Mode::Real => { lines.push(told(\"real\")); } _ => {} }",
        "match mode { Mode::Real => return Err(\"this must be rehearsed\"), _ => Ok(()) }",
        "if asked(Mode::Real) { \"yes\" } else { \"no\" }",
        "Question { mode: Mode::Real, text: \"a question\" }",
    ] {
        assert_eq!(in_file("run/step.rs", &format!("fn f() {{ {free} }}")), Vec::<String>::new());
    }
    let tested = "#[cfg(test)]\nmod tests { fn f() { match mode { Mode::Real => \"real\" } } }";
    assert_eq!(in_file("run/step.rs", tested), Vec::<String>::new());
}

/// Nothing that somebody reads is formatted by `Debug`. Clippy's `use_debug` sees what is printed, this what is kept as well.
fn debugged(sources: &[Source]) -> Vec<String> {
    #[derive(Default)]
    struct Formats(Vec<String>);
    impl<'ast> Visit<'ast> for Formats {
        fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
            let debug = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).is_some_and(|last| last.ident == "Debug");
            if !debug {
                visit::visit_item_impl(self, item);
            }
        }
        fn visit_macro(&mut self, call: &'ast syn::Macro) {
            static BY_DEBUG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[^{}]*:[^{}]*\?\}").unwrap());
            let words = source::words_of(call);
            for text in source::TEXT.find_iter(&words) {
                if BY_DEBUG.is_match(text.as_str()) {
                    self.0.push(text.as_str().to_owned());
                }
            }
        }
    }
    let mut breaches = Vec::new();
    for source in sources {
        let mut formats = Formats::default();
        formats.visit_file(&source.file);
        breaches.extend(formats.0.into_iter().map(|text| format!("src/{}: {text}", source.path)));
    }
    breaches
}

#[test]
fn nothing_is_shown_by_debug() {
    assert_eq!(debugged(&source::all()), Vec::<String>::new());
    for format in ["{choice:?}", "{:?}", "{:#?}", "{0:>10?}", "a \\\" {} {x:?}"] {
        let text = format!("fn f() {{ let x = vec![format!(\"{format}\", 1)]; }}");
        assert_eq!(debugged(&planted(&[("run/step.rs", &text)])).len(), 1, "{format}");
    }
    let free = "impl fmt::Debug for X { fn fmt(&self, f: F) -> R { write!(f, \"{:?}\", 1) } } fn f() { format!(\"{}: {x:>3} ?\", 1); }
        #[cfg(test)]\nmod tests { fn f() { panic!(\"{x:?}\"); } }";
    assert_eq!(debugged(&planted(&[("run/step.rs", free)])), Vec::<String>::new());
}

/// Code that the compiler does not check has two files, with its proof: what a child does before it is another program, and a system call.
const UNCHECKED: [&str; 2] = ["exec/spawn.rs", "exec/timekeeping.rs"];

fn unchecked(sources: &[Source]) -> Vec<String> {
    let unsafe_code = |source: &&Source| !UNCHECKED.contains(&source.path.as_str()) && names(&source.text, "unsafe {");
    sources.iter().filter(unsafe_code).map(|source| format!("src/{} holds unsafe code", source.path)).collect()
}

#[test]
fn unsafe_has_its_files() {
    assert_eq!(unchecked(&source::all()), Vec::<String>::new());
    let text = "fn f() {\n    unsafe { g() }\n}";
    assert_eq!(unchecked(&planted(&[("exec/spawn.rs", text), ("exec/child.rs", text)])), ["src/exec/child.rs holds unsafe code"]);
}

fn large_or_vague(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        let lines = code(&source.text).lines().count();
        if lines > 450 {
            breaches.push(format!("src/{} has {lines} lines besides its tests: is it still one noun?", source.path));
        }
        if source.module.last().is_some_and(|last| ["util", "utils", "helper", "helpers", "common", "misc"].contains(&last.as_str())) {
            breaches.push(format!("src/{} says nothing by its name", source.path));
        }
    }
    breaches
}

#[test]
fn files_stay_small_and_have_one_noun() {
    assert_eq!(large_or_vague(&source::all()), Vec::<String>::new());
    let long = "\n".repeat(451);
    let tested = format!("\n#[cfg(test)]\nmod tests {{{long}}}");
    let sources = planted(&[("a.rs", &long), ("b.rs", &tested), ("c/util.rs", ""), ("d/utils/mod.rs", "")]);
    assert_eq!(large_or_vague(&sources).len(), 3);
}

/// The files that a document names in backticks, and that are neither in the project nor below `src`.
fn missing(text: &str) -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = Regex::new(r"`([\w./-]+(?:\.rs|\.yaml|\.md|\.toml|/))`").unwrap();
    let is_there = |name: &&str| ["", "src"].iter().any(|folder| top.join(folder).join(name).exists());
    // `a/NAME.yaml` stands for any name.
    let names = named.captures_iter(text).map(|found| found.extract::<1>().1[0]).filter(|name| !name.contains("NAME"));
    names.filter(|name| !is_there(name)).map(str::to_owned).collect()
}

#[test]
fn documents_name_files_that_are_there() {
    for document in ["docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
        assert_eq!(missing(&text), Vec::<String>::new(), "{document}");
        if document == "docs/architecture.md" {
            for (power, doors) in POWERS {
                assert!(doors.iter().all(|door| text.contains(&format!("`{door}`"))), "{document} does not name each door of {power}");
            }
        }
    }
    assert_eq!(
        missing("`run/step.rs`, `tests/main.rs`, `runbooks/NAME.yaml`, `app/`, `app/flown.rs` and `gone/`"),
        ["app/flown.rs", "gone/"]
    );
}
