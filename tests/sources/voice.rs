//! Where facts become text: in `words/`.

use std::collections::BTreeSet;

use syn::{
    Expr,
    visit::{self, Visit},
};

use super::source::{self, Source};

/// Enums of `event/` that are no names of anything. The variants of the first two are told in whole lines, which are laid out where they
/// are shown, out of words; what a fact *in* a line is called stands in `words/` all the same. The words of a command are what is run.
const LINES: [&str; 3] = ["Event", "Progress", "Words"];

/// `event/` has the names that stand in records. `runbook/` is below it and knows of no run: what it declares it may name.
const FREE: [&str; 3] = ["event", "runbook", "words"];

/// Methods that hand on what they are given, or a text among it.
const HANDS_ON: [&str; 12] = [
    "and_then",
    "map",
    "map_or",
    "map_or_else",
    "or",
    "or_else",
    "push_str",
    "then",
    "then_some",
    "unwrap_or",
    "unwrap_or_else",
    "write_str",
];

/// Macros that make a text.
const TEXTS: [&str; 5] = ["format", "format_args", "write", "writeln", "concat"];

/// The enums of the facts of a run: those that `event/` declares, or shows as its own.
fn facts(sources: &[Source]) -> BTreeSet<String> {
    #[derive(Default)]
    struct Enums {
        declared: BTreeSet<String>,
        shown: BTreeSet<String>,
    }
    impl<'ast> Visit<'ast> for Enums {
        fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
            self.declared.insert(item.ident.to_string());
        }
        fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
            if !matches!(item.vis, syn::Visibility::Inherited) {
                visit::visit_item_use(self, item);
            }
        }
        fn visit_use_name(&mut self, name: &'ast syn::UseName) {
            self.shown.insert(name.ident.to_string());
        }
    }
    let (mut all, mut facts) = (BTreeSet::new(), BTreeSet::new());
    for source in sources {
        let mut enums = Enums::default();
        enums.visit_file(&source.file);
        if source.module.first().is_some_and(|folder| folder == "event") {
            facts.extend(enums.declared.iter().cloned());
            facts.extend(enums.shown);
        }
        all.extend(enums.declared);
    }
    facts.retain(|name| all.contains(name) && !LINES.contains(&name.as_str()));
    facts
}

/// Where a fact gets its name outside `words/`: where a text is the value of what depends on a variant.
pub(super) fn named_elsewhere(sources: &[Source]) -> Vec<String> {
    let facts = facts(sources);
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !source.module.first().is_some_and(|folder| FREE.contains(&folder.as_str()))) {
        let mut names = Names { facts: &facts, own: None, found: BTreeSet::new() };
        names.visit_file(&source.file);
        breaches.extend(names.found.into_iter().map(|(fact, text)| format!("src/{}: {fact} is called {text}", source.path)));
    }
    breaches
}

/// Goes through all that depends on a variant of a fact.
struct Names<'a> {
    facts: &'a BTreeSet<String>,
    /// What `Self` is.
    own: Option<String>,
    found: BTreeSet<(String, String)>,
}

impl Names<'_> {
    /// The first variant of a fact that is named in what `visit` goes through.
    fn variant(&self, visit: impl FnOnce(&mut Variant<'_>)) -> Option<String> {
        let mut variant = Variant { facts: self.facts, own: self.own.as_deref(), first: None };
        visit(&mut variant);
        variant.first
    }

    fn judge<'e>(&mut self, fact: Option<String>, values: impl IntoIterator<Item = &'e Expr>) {
        let Some(fact) = fact else { return };
        let mut texts = Vec::new();
        values.into_iter().for_each(|value| texts_of(value, &mut texts));
        self.found.extend(texts.into_iter().map(|text| (fact.clone(), text)));
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let own = if let syn::Type::Path(of) = &*item.self_ty { of.path.segments.last().map(|last| last.ident.to_string()) } else { None };
        let around = std::mem::replace(&mut self.own, own);
        visit::visit_item_impl(self, item);
        self.own = around;
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let fact = self.variant(|variant| {
            variant.visit_pat(&arm.pat);
            arm.guard.iter().for_each(|(_, guard)| variant.visit_expr(guard));
        });
        self.judge(fact, [&*arm.body]);
        visit::visit_arm(self, arm);
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        let fact = self.variant(|variant| variant.visit_expr(&branch.cond));
        self.judge(fact, last_of(&branch.then_branch).into_iter().chain(branch.else_branch.as_ref().map(|(_, other)| &**other)));
        visit::visit_expr_if(self, branch);
    }

    // `(mode == Mode::Real).then_some("real")`
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if ["then", "then_some"].iter().any(|name| call.method == name) {
            let fact = self.variant(|variant| variant.visit_expr(&call.receiver));
            self.judge(fact, &call.args);
        }
        visit::visit_expr_method_call(self, call);
    }

    // `[(Mode::Real, "real"), …]`
    fn visit_expr_tuple(&mut self, row: &'ast syn::ExprTuple) {
        let fact = self.variant(|variant| {
            for element in &row.elems {
                if let Expr::Path(path) = element {
                    variant.visit_path(&path.path);
                }
            }
        });
        self.judge(fact, &row.elems);
        visit::visit_expr_tuple(self, row);
    }
}

/// Looks for a variant.
struct Variant<'a> {
    facts: &'a BTreeSet<String>,
    own: Option<&'a str>,
    first: Option<String>,
}

impl Variant<'_> {
    fn name(&mut self, path: &syn::Path) {
        let mut segments = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        if let (Some(variant), Some(name)) = (segments.next(), segments.next()) {
            let name = if name == "Self" { self.own.unwrap_or_default() } else { &name };
            if self.first.is_none() && self.facts.contains(name) && variant.starts_with(|first: char| first.is_ascii_uppercase()) {
                self.first = Some(format!("{name}::{variant}"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Variant<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.name(path);
    }

    // `matches!(exit, Exit::Code(_))`
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let words = source::words_of(call);
        for word in words.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').filter(|word| word.contains("::")) {
            if let Ok(path) = syn::parse_str::<syn::Path>(word) {
                self.name(&path);
            }
        }
    }

    // What is given to a function decides nothing by itself.
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        self.visit_expr(&call.func);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
    }

    fn visit_expr_let(&mut self, condition: &'ast syn::ExprLet) {
        self.visit_pat(&condition.pat);
    }
}

/// What a block comes to; where it comes to nothing, the text that it ends with adding to another.
fn last_of(block: &syn::Block) -> Option<&Expr> {
    match block.stmts.last()? {
        syn::Stmt::Expr(last, _) => Some(last),
        _ => None,
    }
}

/// The texts that an expression may come to. One without a letter of its own lays words out, and is none.
fn texts_of(value: &Expr, texts: &mut Vec<String>) {
    let mut keep = |text: &str| {
        let mut depth = 0_usize;
        let own = |c: char| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && c.is_alphabetic()
        };
        if text.contains(own) {
            texts.push(format!("\"{text}\""));
        }
    };
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => keep(&text.value()),
        Expr::Macro(call) if call.mac.path.segments.last().is_some_and(|last| TEXTS.iter().any(|name| last.ident == name)) => {
            if let Some(text) = source::TEXT.find(&source::words_of(&call.mac)) {
                keep(text.as_str().trim_matches('"'));
            }
        }
        Expr::Paren(inner) => texts_of(&inner.expr, texts),
        Expr::Group(inner) => texts_of(&inner.expr, texts),
        Expr::Reference(inner) => texts_of(&inner.expr, texts),
        Expr::Try(inner) => texts_of(&inner.expr, texts),
        Expr::Assign(inner) => texts_of(&inner.right, texts),
        Expr::Closure(inner) => texts_of(&inner.body, texts),
        Expr::Return(inner) => inner.expr.iter().for_each(|inner| texts_of(inner, texts)),
        Expr::Tuple(inner) => inner.elems.iter().for_each(|inner| texts_of(inner, texts)),
        Expr::Array(inner) => inner.elems.iter().for_each(|inner| texts_of(inner, texts)),
        Expr::Block(inner) => {
            if let Some(inner) = last_of(&inner.block) {
                texts_of(inner, texts);
            }
        }
        Expr::If(branch) => {
            if let Some(inner) = last_of(&branch.then_branch) {
                texts_of(inner, texts);
            }
            branch.else_branch.iter().for_each(|(_, other)| texts_of(other, texts));
        }
        Expr::Match(inner) => inner.arms.iter().for_each(|arm| texts_of(&arm.body, texts)),
        // `Some("real")`, `String::from("real")`; not `Err("…")`: what is wrong is no name.
        Expr::Call(call) => {
            let hands_on = |path: &syn::Path| {
                path.segments
                    .last()
                    .is_some_and(|last| ["Some", "Ok", "from", "new", "Borrowed", "Owned"].iter().any(|name| last.ident == name))
            };
            if matches!(&*call.func, Expr::Path(function) if hands_on(&function.path)) {
                call.args.iter().for_each(|inner| texts_of(inner, texts));
            }
        }
        Expr::MethodCall(call) => {
            texts_of(&call.receiver, texts);
            if HANDS_ON.iter().any(|name| call.method == name) {
                call.args.iter().for_each(|inner| texts_of(inner, texts));
            }
        }
        _ => {}
    }
}
