//! Texts that mean something: expressions, templates, lengths of time, counts and commands.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;

use super::{
    resolver::Resolver,
    scope::{NameScope, SecretUse},
};
use crate::{
    expression::{self, ExpressionError, mixture::StaticKind},
    quantity,
    runbook::{
        danger,
        diagnostic::Fault,
        document::Scalar,
        model::{Command, Count, Effect, Expr, Output, Program, Span, Template, Timespan},
        name::is_variable,
        node::Node,
        reading::ReadClause,
    },
};

/// How the marks of a template are written where they are meant as text.
const LITERAL: &str = "as text, `{{`, `{%` and `{#` are written \"{{ '{{' }}\" or between {% raw %} and {% endraw %}";

/// Words that a shell would act on, and a program is only handed.
const SHELL_WORDS: &[&str] = &["|", "||", "&&", "&", ">", ">>", "<", "2>", "2>&1", ">/dev/null", "2>/dev/null", "&>/dev/null"];
/// Programs for which some of them are words like others.
const TAKES_SIGNS: &[&str] = &["expr", "test", "["];

/// A text of the document, with its key and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'d> {
    pub key: &'d str,
    pub text: &'d str,
    pub span: Span,
}

/// The text under a key, if there is one.
pub(super) fn field<'d>(node: &Node, key: &'d str, value: Option<&'d String>) -> Option<Field<'d>> {
    value.map(|text| Field { key, text, span: span_of(node, key) })
}

/// Where the value of a key stands.
pub(super) fn span_of(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(node.span, |entry| if entry.value.span.len == 0 { entry.key_span } else { entry.value.span })
}

/// Where the key stands.
pub(super) fn key_of(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(node.span, |entry| entry.key_span)
}

/// What a mark of a template in a script was meant to be.
enum Meant {
    Template,
    /// A name that is nobody's.
    Perhaps(String),
}

/// The parts of a command, wherever they come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'d> {
    pub run: Option<&'d [Scalar]>,
    pub shell: Option<&'d String>,
    pub on: Option<Field<'d>>,
    pub env: Option<&'d IndexMap<String, Scalar>>,
    pub stdin: Option<Field<'d>>,
    pub cwd: Option<Field<'d>>,
    pub user: Option<Field<'d>>,
    pub timeout: Option<Field<'d>>,
    pub output: Output,
    pub interactive: bool,
    pub may_write: &'d [String],
    pub may_connect: bool,
    pub reads_because: Option<Field<'d>>,
    pub effect: Effect,
}

impl<'d> Parts<'d> {
    /// Nothing but the words.
    pub(super) fn of(run: Option<&'d Vec<Scalar>>, shell: Option<&'d String>, effect: Effect) -> Self {
        Self {
            run: run.map(Vec::as_slice),
            shell,
            on: None,
            env: None,
            stdin: None,
            cwd: None,
            user: None,
            timeout: None,
            output: Output::Text,
            interactive: false,
            may_write: &[],
            may_connect: false,
            reads_because: None,
            effect,
        }
    }
}

impl Resolver<'_> {
    /// Where in a field an expression's fault is: exact if the text stands in the file as it is read.
    fn inside(&self, at: Span, text: &str, range: Option<std::ops::Range<usize>>) -> Span {
        let raw = self.text.get(at.offset..at.offset + at.len).unwrap_or_default();
        match (range, raw.find(text)) {
            (Some(range), Some(from)) if range.end <= text.len() && range.start < range.end => {
                Span { offset: at.offset + from + range.start, len: range.len() }.first_line(self.text)
            }
            _ => at.first_line(self.text),
        }
    }

    fn bad_expression(&mut self, what: &str, field: Field<'_>, error: &ExpressionError) {
        let span = self.inside(field.span, field.text, error.at.clone());
        let hint = match &error.near {
            Some(near) => format!("did you mean `{near}`?"),
            None if what == "expression" && field.text.contains("{{") => "write the expression without `{{ }}`".to_owned(),
            None if what == "template" => format!("write a Jinja template, with text in quotes: 'up'; {LITERAL}"),
            None => format!("write a Jinja {what}; put text in quotes: 'up'"),
        };
        let message = &error.message;
        self.faults.push(Fault::error("bad-expression", span, format!("`{}`: {message}", field.key)).label("here").hint(hint));
    }

    /// Text is never compared with a number: that would fail when it is done.
    fn text_compared(&mut self, field: Field<'_>, expression: bool, scope: &NameScope) {
        let of_output = |output: Output| match output {
            Output::Text => Some(StaticKind::Text),
            Output::Lines => Some(StaticKind::Texts),
            Output::Int => Some(StaticKind::Number),
            Output::Json => None,
        };
        let of_name = |name: &str| match name.split_once('.') {
            None if name == "output" => scope.own.and_then(of_output),
            None if matches!(name, "stdout" | "stderr") => scope.own.map(|_| StaticKind::Text),
            None => None,
            Some(("params", param)) => self.kinds.get(param).copied(),
            Some((id, "output")) => scope.results.get(id).and_then(|shape| shape.output).and_then(of_output),
            Some((id, "stdout" | "stderr")) => scope.results.get(id).map(|_| StaticKind::Text),
            Some(_) => None,
        };
        let Some(at) = expression::mixture::mixture(field.text, expression, &of_name) else { return };
        let span = self.inside(field.span, field.text, Some(at));
        self.faults.push(
            Fault::warning("text-compared", span, format!("`{}`: text is compared with a number here", field.key))
                .label("fails at run time")
                .hint("turn the text into a number with `| int`, a list with `| map('int') | list`; or set `output: int`"),
        );
    }

    pub(super) fn expression(&mut self, field: Field<'_>, scope: &NameScope) -> Expr {
        if field.text.trim_start().starts_with("{{") {
            self.faults.push(
                Fault::error(
                    "bad-expression",
                    field.span.first_line(self.text),
                    format!("`{}` is an expression, not a template", field.key),
                )
                .label("has `{{ }}` around it")
                .hint("remove the `{{ }}`"),
            );
        } else {
            match expression::check_expression(field.text) {
                Ok(names) => {
                    self.references(&names, scope, field.span, SecretUse::Refused);
                    self.text_compared(field, true, scope);
                }
                Err(error) => self.bad_expression("expression", field, &error),
            }
        }
        Expr { text: Arc::from(field.text), span: field.span }
    }

    pub(super) fn template(&mut self, field: Field<'_>, scope: &NameScope) -> Template {
        self.template_with(field, scope, SecretUse::Refused)
    }

    pub(super) fn template_with(&mut self, field: Field<'_>, scope: &NameScope, secrets: SecretUse) -> Template {
        match expression::check_template(field.text) {
            Ok(names) => {
                self.references(&names, scope, field.span, secrets);
                if expression::is_dynamic(field.text) {
                    self.text_compared(field, false, scope);
                }
            }
            Err(error) => self.bad_expression("template", field, &error),
        }
        Template { text: Arc::from(field.text), span: field.span }
    }

    /// A text that must say something.
    pub(super) fn said(&mut self, field: Field<'_>) -> String {
        if field.text.trim().is_empty() {
            self.faults.push(
                Fault::error("empty-text", field.span.first_line(self.text), format!("`{}` is empty", field.key))
                    .label("empty")
                    .hint("write the text, or remove the key if it is optional"),
            );
        }
        field.text.to_owned()
    }

    pub(super) fn duration(&mut self, field: Field<'_>) -> Duration {
        quantity::duration(field.text).unwrap_or_else(|error| {
            self.faults.push(
                Fault::error(
                    "bad-duration",
                    field.span.first_line(self.text),
                    format!("`{}`: `{}` is not a {}", field.key, field.text, error.what),
                )
                .label("not a duration")
                .hint(format!("write {}", error.example)),
            );
            Duration::ZERO
        })
    }

    pub(super) fn timespan(&mut self, field: Field<'_>, scope: &NameScope) -> Timespan {
        if expression::is_dynamic(field.text) {
            Timespan::Template(self.template(field, scope))
        } else {
            Timespan::Fixed(self.duration(field))
        }
    }

    pub(super) fn count(&mut self, key: &str, value: &Scalar, node: &Node, least: u64, scope: &NameScope) -> Count {
        let span = node.span;
        match value {
            Scalar::Int(number) => {
                if let Some(number) = u64::try_from(*number).ok().filter(|number| *number >= least) {
                    return Count::Fixed(number);
                }
                self.faults.push(
                    Fault::error("out-of-range", span, format!("`{key}` must be at least {least}"))
                        .label("too small")
                        .hint(format!("write a whole number from {least} up")),
                );
                Count::Fixed(least)
            }
            Scalar::Text(text) if expression::is_dynamic(text) => Count::Template(self.template(Field { key, text, span }, scope)),
            Scalar::Text(text) => {
                self.faults.push(
                    Fault::error("bad-count", span, format!("`{key}`: `{text}` is not a whole number"))
                        .label("not a number")
                        .hint("write a whole number without quotes, or a template such as \"{{ params.n }}\""),
                );
                Count::Fixed(least)
            }
        }
    }

    /// A command, if there is one. `node` holds `run`, `shell` and `env`.
    pub(super) fn command(&mut self, parts: &Parts<'_>, node: &Node, scope: &NameScope) -> Option<Command> {
        // Of something that the shape check took out only the key is left: no fault of ours.
        let key = if parts.run.is_some() { "run" } else { "shell" };
        let program = match (parts.run, parts.shell) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.faults.push(
                    Fault::error("two-commands", key_of(node, "shell"), "both `run` and `shell` are given")
                        .label("a second command")
                        .also(key_of(node, "run"), "the first is here")
                        .hint("keep one of them"),
                );
                return None;
            }
            (Some(words), None) => Program::Argv(self.argv(words, node, scope)),
            (None, Some(script)) => {
                self.script(script, node);
                Program::Shell(Arc::from(script.as_str()))
            }
        };
        let env = parts.env.map(|env| self.environment(env, node, scope)).unwrap_or_default();
        let command = Command {
            query: node.get("ask").and_then(Node::text).map(Arc::from),
            program,
            effect: parts.effect,
            on: parts.on.map(|field| self.template(field, scope)),
            env,
            stdin: parts.stdin.map(|field| self.template_with(field, scope, SecretUse::Allowed)),
            cwd: parts.cwd.map(|field| self.template(field, scope)),
            user: parts.user.map(|field| self.template(field, scope)),
            timeout: parts.timeout.map(|field| self.timespan(field, scope)),
            output: parts.output,
            interactive: parts.interactive,
            reads: ReadClause {
                may_write: self.may_write(parts.may_write, node, scope),
                may_connect: parts.may_connect,
                because: parts.reads_because.map(|field| self.said(field)),
            },
            span: node.entry(key).map_or(node.span, |entry| entry.value.span),
        };
        self.only_reads(&command);
        Some(command)
    }

    /// What is known to change something is no read, unless its author says why it is one.
    fn only_reads(&mut self, command: &Command) {
        if command.effect == Effect::Read
            && command.reads.because.is_none()
            && let Some(what) = danger::changed_by(command)
        {
            let span = command.span.first_line(self.text);
            self.faults.push(
                Fault::error("read-changes", span, format!("`{what}` changes something, but a command that only reads stands here"))
                    .label("changes something")
                    .hint("make it a step with `effect: change` and an `undo`, or say why it changes nothing: `reads_because: ...`"),
            );
        }
    }

    /// Paths that a command may write to, though it only reads.
    fn may_write(&mut self, paths: &[String], node: &Node, scope: &NameScope) -> Vec<Template> {
        let list = node.get("may_write");
        let mut all = Vec::with_capacity(paths.len());
        for (index, path) in paths.iter().enumerate() {
            let span = list.and_then(|list| list.item(index)).map_or(node.span, |item| item.span);
            if !path.starts_with('/') && !path.starts_with("{{") {
                self.faults.push(
                    Fault::error("bad-path", span, format!("`may_write`: `{path}` is not a whole path"))
                        .label("does not begin with `/`")
                        .hint("write the path from the root: /run/lock/lvm"),
                );
            }
            all.push(self.template(Field { key: "may_write", text: path, span }, scope));
        }
        all
    }

    fn argv(&mut self, words: &[Scalar], node: &Node, scope: &NameScope) -> Vec<Template> {
        let list = node.get("run");
        if words.is_empty() && list.is_some_and(|list| list.items().is_empty()) {
            self.faults.push(
                Fault::error("empty-command", key_of(node, "run"), "`run` is empty")
                    .label("no command")
                    .hint("write the program and its arguments: [ceph, -s]"),
            );
        }
        let mut argv = Vec::with_capacity(words.len());
        for (index, word) in words.iter().enumerate() {
            let item = list.and_then(|list| list.item(index));
            let span = item.map_or(node.span, |item| item.span);
            let text = match word {
                Scalar::Text(text) => text.clone(),
                // As it is written: `0x10` stays `0x10`.
                Scalar::Int(number) => item.and_then(Node::text).map_or_else(|| number.to_string(), str::to_owned),
            };
            if index == 0 && text.trim().is_empty() {
                self.faults.push(
                    Fault::error("empty-command", span, "the program name is empty")
                        .label("no program")
                        .hint("write the program first: [ceph, -s]"),
                );
            } else if index == 0 && words.len() == 1 && text.contains(' ') && !expression::is_dynamic(&text) {
                let list = text.split_whitespace().collect::<Vec<_>>().join(", ");
                self.faults.push(
                    Fault::error("one-word", span, format!("`{text}` is taken as one word: `run` is not split at spaces"))
                        .label("taken as the program name")
                        .hint(format!("write one item per word: [{list}]; or use `shell`")),
                );
            }
            let program = words.first().and_then(|word| if let Scalar::Text(text) = word { Some(text.as_str()) } else { None });
            if index > 0 && SHELL_WORDS.contains(&text.as_str()) && !program.is_some_and(|program| TAKES_SIGNS.contains(&program)) {
                self.faults.push(
                    Fault::warning("shell-word", span, format!("`{text}` is handed to the program as a word: `run` is no shell"))
                        .label("has no effect here")
                        .hint(format!("use `shell` for pipes and redirections; if the program wants this word: \"{{{{ '{text}' }}}}\"")),
                );
            }
            argv.push(self.template(Field { key: "run", text: &text, span }, scope));
        }
        argv
    }

    fn script(&mut self, script: &str, node: &Node) {
        let span = span_of(node, "shell");
        if script.trim().is_empty() {
            self.faults.push(
                Fault::error("empty-command", span.first_line(self.text), "`shell` is empty")
                    .label("no command")
                    .hint("write the script, or use `run`"),
            );
        }
        let raw = self.text.get(span.offset..span.offset + span.len).unwrap_or_default();
        for (at, mark) in script.match_indices("{{").chain(script.match_indices("{%")) {
            let Some(meant) = self.meant(script.get(at + 2..).unwrap_or_default(), mark) else { continue };
            // The same mark in the file: the script stands there with its indentation.
            let nth = script.get(..at).map_or(0, |before| before.matches(mark).count());
            let place =
                raw.match_indices(mark).nth(nth).map_or(span.first_line(self.text), |(at, _)| Span { offset: span.offset + at, len: 2 });
            let fault = match meant {
                Meant::Template => {
                    Fault::error("spliced-shell", place, "templates are not evaluated in a shell script").label("not evaluated")
                }
                Meant::Perhaps(name) => {
                    Fault::warning("spliced-shell", place, format!("`{name}` is not evaluated in a shell script")).label("stays as it is")
                }
            };
            self.faults.push(
                fault.hint("pass the value through `env`, and use \"$NAME\" in the script; there `{{` as text is written \"{{ '{{' }}\""),
            );
        }
    }

    /// Whether what follows a mark in a script was meant for halligan: a script is never a template, and what a Go template or a
    /// jsonpath writes stays as it is.
    fn meant(&self, rest: &str, mark: &str) -> Option<Meant> {
        /// Go's, which Jinja would take for names.
        const GO: &[&str] = &["end", "else", "break", "continue"];
        let end = if mark == "{{" { "}}" } else { "%}" };
        let inner = rest.split_once(end)?.0.trim_matches('-').trim();
        let word = inner.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        if mark == "{%" {
            return expression::name::is_statement(word).then_some(Meant::Template);
        }
        if GO.contains(&inner) {
            return None;
        }
        let own = |name: &str| {
            matches!(name, "params" | "vars" | "run" | "inventory" | "output" | "stdout" | "stderr" | "code")
                || self.given.contains_key(name)
                || self.loop_variables.contains(name)
        };
        match expression::check_expression(inner) {
            Ok(names) if names.roots().iter().any(|name| own(name)) => Some(Meant::Template),
            Ok(names) if names.roots().is_empty() => None,
            Ok(_) => Some(Meant::Perhaps(format!("{{{{ {inner} }}}}"))),
            // What is no expression may still be one with a mistake.
            Err(_) => (own(word) && inner.get(word.len()..).is_some_and(|rest| rest.starts_with('.'))).then_some(Meant::Template),
        }
    }

    fn environment(&mut self, env: &IndexMap<String, Scalar>, node: &Node, scope: &NameScope) -> IndexMap<String, Template> {
        let map = node.get("env").unwrap_or(node);
        let mut all = IndexMap::new();
        for (name, value) in env {
            self.variable_name(name, key_of(map, name));
            let span = span_of(map, name);
            let text = match value {
                Scalar::Text(text) => text.clone(),
                Scalar::Int(number) => map.get(name).and_then(Node::text).map_or_else(|| number.to_string(), str::to_owned),
            };
            all.insert(name.clone(), self.template_with(Field { key: name, text: &text, span }, scope, SecretUse::Allowed));
        }
        all
    }

    /// The name of an environment variable.
    pub(super) fn variable_name(&mut self, name: &str, span: Span) {
        if !is_variable(name) {
            self.faults.push(
                Fault::error("bad-name", span, format!("invalid environment variable name `{name}`"))
                    .label("invalid name")
                    .hint("use letters, digits and `_`, no digit first, such as CEPH_CLUSTER"),
            );
        }
    }
}
