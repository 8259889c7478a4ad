//! Commands as they are written: their words or script, and what stands beside them.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    resolver::Resolver,
    scope::{NameScope, SecretUse},
    value::{Field, key_of, span_of},
};
use crate::{
    expression,
    runbook::{
        danger,
        diagnostic::Fault,
        document::Scalar,
        model::{Command, Effect, Output, Program, Span, Template},
        name::is_variable,
        node::Node,
        reading::ReadClause,
    },
};

/// Words that a shell would act on, and a program is only handed.
const SHELL_WORDS: &[&str] = &["|", "||", "&&", "&", ">", ">>", "<", "2>", "2>&1", ">/dev/null", "2>/dev/null", "&>/dev/null"];
/// Programs for which some of them are words like others.
const TAKES_SIGNS: &[&str] = &["expr", "test", "["];

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
