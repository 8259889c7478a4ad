//! The sources as a parser sees them: modules, what they name of one another, and no tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;
use syn::visit::{self, Visit};

/// A string with its quotes.
pub(super) static TEXT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""(?:\\.|[^"\\])*""#).unwrap());

/// Segments below the crate: `["run", "step"]`.
pub(super) type Module = Vec<String>;

/// A file below `src`.
pub(super) struct Source {
    /// Below `src`.
    pub path: String,
    pub text: String,
    pub module: Module,
    /// Without what is only compiled for tests.
    pub file: syn::File,
}

/// All of `src`.
pub(super) fn all() -> Vec<Source> {
    fn walk(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                all.push(path);
            }
        }
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&top, &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
    parse(paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())))
}

/// A crate that was made up to break a rule.
pub(super) fn planted(files: &[(&str, &str)]) -> Vec<Source> {
    parse(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

/// Of pairs of a path and a text. Files that a `#[cfg(test)] mod …;` names are left out.
fn parse(files: impl Iterator<Item = (String, String)>) -> Vec<Source> {
    let mut tests: BTreeSet<Module> = BTreeSet::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        let mut file = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{path}: {error}"));
        let module = module_of(&path);
        for item in &file.items {
            if let syn::Item::Mod(inner) = item
                && inner.content.is_none()
                && for_tests(&inner.attrs)
            {
                tests.insert(module.iter().cloned().chain([inner.ident.to_string()]).collect());
            }
        }
        file.items.retain(|item| !for_tests(attributes(item)));
        sources.push(Source { path, text, module, file });
    }
    sources.retain(|source| !(1..=source.module.len()).any(|length| tests.contains(&source.module[..length])));
    sources
}

fn module_of(path: &str) -> Module {
    let mut segments: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if segments.last().is_some_and(|last| last == "mod") || ["lib.rs", "main.rs"].contains(&path) {
        segments.pop();
    }
    segments
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The words of a macro's call, as text. Only strings hold blanks that mean anything; those around `::` are gone.
pub(super) fn words_of(call: &syn::Macro) -> String {
    call.tokens.to_string().replace(" :: ", "::").replace(":: ", "::").replace(" ::", "::")
}

/// What of these words stands in no bracket. Strings are gone from them.
pub(super) fn top_level(words: &str) -> String {
    let mut depth = 0_usize;
    let mut top = String::new();
    for c in words.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                top.push(' ');
            }
            c if depth == 0 => top.push(c),
            _ => {}
        }
    }
    top
}

/// What each module names of the others: by `use` or a path, in a macro too. What a module shows again by `pub use` it names.
pub(super) fn edges(sources: &[Source]) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let modules: BTreeSet<&Module> = sources.iter().map(|source| &source.module).collect();
    let mut edges: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for source in sources {
        let mut named = Named { modules: &modules, here: source.module.clone(), paths: BTreeSet::new() };
        named.visit_file(&source.file);
        let targets = named.paths.iter().filter_map(|path| {
            let owner = (0..=path.len()).rev().find_map(|length| modules.get(&path[..length].to_vec()).copied())?;
            (*owner != source.module).then_some(owner)
        });
        edges.entry(&source.module).or_default().extend(targets);
    }
    edges
}

/// Gathers the paths that lead into this crate.
struct Named<'a> {
    modules: &'a BTreeSet<&'a Module>,
    /// The module that is being read, those inside of the file too.
    here: Module,
    paths: BTreeSet<Module>,
}

impl Named<'_> {
    fn name(&mut self, path: &[String]) {
        let mut base = self.here.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self") => rest = &path[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            Some(first) => {
                base.push(first.to_owned());
                if !self.modules.contains(&base) {
                    return;
                }
                base.pop();
            }
            None => return,
        }
        base.extend(rest.iter().cloned());
        self.paths.insert(base);
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let longer = |segment: &syn::Ident| before.iter().cloned().chain([segment.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &longer(&path.ident)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
            syn::UseTree::Glob(_) => self.name(before),
            syn::UseTree::Name(last) if last.ident == "self" => self.name(before),
            syn::UseTree::Name(last) => self.name(&longer(&last.ident)),
            syn::UseTree::Rename(last) => self.name(&longer(&last.ident)),
        }
    }
}

impl<'ast> Visit<'ast> for Named<'_> {
    fn visit_item_mod(&mut self, inner: &'ast syn::ItemMod) {
        self.here.push(inner.ident.to_string());
        visit::visit_item_mod(self, inner);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.name(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    // `pub(in crate::x)` says who may look in, and names nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+(?:::\w+)+").unwrap());
        let words = words_of(call);
        for found in PATH.find_iter(&TEXT.replace_all(&words, "\"\"")) {
            self.name(&found.as_str().split("::").map(str::to_owned).collect::<Vec<_>>());
        }
    }
}

/// Groups that lead back to themselves: of every one of their nodes to every other.
pub(super) fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(node) = next.pop() {
            for target in edges.get(node).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    next.push(target);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = edges.keys().map(|node| (node, reached(node))).collect();
    let mut circles = BTreeSet::new();
    for (node, seen) in reached.iter().filter(|(node, seen)| seen.contains(**node)) {
        let back = |other: &&String| reached.get(*other).is_some_and(|seen| seen.contains(*node));
        circles.insert(seen.iter().filter(back).cloned().collect::<Vec<_>>());
    }
    circles.into_iter().collect()
}
