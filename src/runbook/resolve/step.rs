//! Steps: one kind each, and only the keys that belong to it.

use std::sync::Arc;

use super::{
    command::Parts,
    index::pairs,
    probe::{Outer, Role},
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::{field, key_of, span_of},
};
use crate::runbook::{
    diagnostic::Fault,
    document,
    model::{Confirm, Effect, Kind, Manual, OnFail, Severity, Span, Step, Template, Undo},
    name::StepId,
    node::Node,
};

/// The keys of which a step has exactly one.
const KINDS: &[&str] = &["run", "shell", "probe", "wait", "confirm", "manual", "for_each", "group", "call", "choose"];
/// The keys of every step.
const COMMON: &[&str] = &["id", "title", "why", "when", "on_fail", "effect"];
const COMMAND: &[&str] = &[
    "ask",
    "on",
    "timeout",
    "env",
    "stdin",
    "cwd",
    "user",
    "output",
    "interactive",
    "may_write",
    "may_connect",
    "reads_because",
    "done_if",
    "verify",
    "undo",
    "cleanup",
    "idempotent",
    "retry",
    "progress",
];

/// What a step may say for all its cases.
const OF_CASES: &[&str] = &[
    "cases",
    "on",
    "timeout",
    "env",
    "stdin",
    "cwd",
    "user",
    "output",
    "interactive",
    "done_if",
    "verify",
    "undo",
    "cleanup",
    "idempotent",
    "retry",
    "progress",
];

/// The keys that belong to a kind, beside its own and the common ones.
fn keys_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "run" | "shell" => COMMAND,
        // They are those of its cases.
        "choose" => OF_CASES,
        "probe" => &["on", "timeout"],
        "wait" => &["on", "timeout", "user", "cwd", "stdin"],
        "manual" => &["done_if", "verify", "cleanup"],
        "for_each" | "group" => &["steps", "holds", "done_if", "verify", "cleanup"],
        "call" => &["params", "done_if", "verify"],
        _ => &[],
    }
}

impl Resolver<'_> {
    pub(super) fn steps(&mut self, steps: &[document::Step], list: Option<&Node>, scope: &mut NameScope) -> Vec<Step> {
        let mut all = Vec::new();
        for (step, node) in pairs(steps, list) {
            all.extend(self.step(step, node, scope));
        }
        all
    }

    pub(super) fn step(&mut self, step: &document::Step, node: &Node, scope: &mut NameScope) -> Option<Step> {
        let kinds: Vec<&str> = KINDS.iter().copied().filter(|kind| node.has(kind)).collect();
        let what = step.id.as_ref().map_or_else(|| "this step".to_owned(), |id| format!("the step `{id}`"));
        let kind = match kinds.as_slice() {
            [] => {
                let at = if node.has("id") { key_of(node, "id") } else { node.span.first_line(self.text) };
                self.faults.push(
                    Fault::error("no-kind", at, format!("{what} does nothing"))
                        .label("no kind of step here")
                        .hint(format!("add one of {}", KINDS.join(", "))),
                );
                None
            }
            [kind] => Some(*kind),
            [first, second, ..] => {
                self.faults.push(
                    Fault::error("two-kinds", key_of(node, second), format!("{what} has both `{first}` and `{second}`"))
                        .label("a second kind")
                        .also(key_of(node, first), "the first is here")
                        .hint("split it into two steps, or keep one"),
                );
                None
            }
        };
        if let Some(kind) = kind {
            self.foreign_keys(kind, node);
        }
        let effect = self.effect(step, kind, node);
        let id = step.id.as_deref().and_then(|id| StepId::new(id).ok());
        let id_text = step.id.as_deref().unwrap_or_default();

        let title = field(node, "title", step.title.as_ref()).map(|field| self.template(field, scope));
        let when = field(node, "when", step.when.as_ref()).map(|field| self.expression(field, scope));
        let why = field(node, "why", step.why.as_ref()).map(|field| self.said(field));

        let holds = self.holds(step, node, scope);
        let (resolved, shape) = match kind {
            Some(kind) => self.kind(step, kind, node, scope, effect, id.as_ref()),
            None => (None, Shape::command(document::Output::Json)),
        };
        let own = if id_text.is_empty() { scope.clone() } else { scope.with_result(id_text, shape) };
        if kind == Some("choose") {
            // All that belongs to a way of doing it stands in its cases.
            *scope = own;
            let on_fail = step.on_fail.unwrap_or(OnFail::Ask);
            return Some(Step {
                id: id?,
                case: None,
                title,
                why,
                when,
                on_fail,
                kind: resolved?,
                holds,
                done_if: None,
                verify: None,
                undo: Undo::Unsaid,
                cleanup: None,
                idempotent: false,
                retry: None,
                progress: None,
                span: node.span,
            });
        }
        let done_if = step
            .done_if
            .as_ref()
            .zip(node.get("done_if"))
            .map(|(probe, node)| self.probe(probe, node, scope, Role::DoneIf, None, Outer::default()));
        let verify = step
            .verify
            .as_ref()
            .zip(node.get("verify"))
            .map(|(probe, node)| self.probe(probe, node, &own, Role::Verify, None, Outer::default()));
        let on = field(node, "on", step.on.as_ref());
        let undo = match step.undo.as_ref().zip(node.get("undo")) {
            Some((undo, inner)) => self.undo(undo, inner, key_of(node, "undo"), effect, on, &own),
            None => Undo::Unsaid,
        };
        let cleanup = step.cleanup.as_ref().zip(node.get("cleanup")).and_then(|(cleanup, inner)| {
            if inner.has("impossible") {
                self.faults.push(
                    Fault::error("misplaced-key", key_of(inner, "impossible"), "`impossible` does not apply to `cleanup`")
                        .label("only for `undo`")
                        .hint("remove `cleanup`"),
                );
            }
            self.remedy("cleanup", cleanup, inner, on, &own)
        });
        let retry = step
            .retry
            .as_ref()
            .zip(node.get("retry"))
            .map(|(retry, inner)| self.retry(retry, inner, key_of(node, "retry"), effect, step.idempotent));
        let progress = match (step.progress.as_ref().zip(node.get("progress")), kind) {
            (Some((progress, node)), Some("run" | "shell")) => self.command_progress(progress, node, scope),
            _ => None,
        };
        if !id_text.is_empty() {
            Arc::make_mut(&mut scope.results).insert(id_text.to_owned(), shape);
        }
        let unasked = match &resolved {
            Some(Kind::Probe(probe)) if probe.severity == Severity::Warn => OnFail::Continue,
            _ => OnFail::Ask,
        };
        Some(Step {
            id: id?,
            case: None,
            title,
            why,
            when,
            on_fail: step.on_fail.unwrap_or(unasked),
            kind: resolved?,
            holds,
            done_if,
            verify,
            undo,
            cleanup,
            idempotent: step.idempotent,
            retry,
            progress,
            span: node.span,
        })
    }

    fn foreign_keys(&mut self, kind: &str, node: &Node) {
        let known = document_keys();
        for entry in node.entries() {
            let key = entry.key.as_str();
            if KINDS.contains(&key) || COMMON.contains(&key) || keys_of(kind).contains(&key) || !known.contains(&key) {
                continue;
            }
            let homes: Vec<String> = KINDS.iter().filter(|kind| keys_of(kind).contains(&key)).map(|kind| format!("`{kind}`")).collect();
            let hint = match (kind, key) {
                ("probe", "env" | "stdin" | "cwd" | "user" | "output" | "may_write" | "may_connect" | "reads_because")
                | ("wait", "env" | "output" | "progress" | "may_write" | "may_connect" | "reads_because")
                | ("manual", "undo") => {
                    format!("write `{key}` inside `{kind}`")
                }
                _ => format!("`{key}` belongs to {}", homes.join(", ")),
            };
            self.faults.push(
                Fault::error("misplaced-key", entry.key_span, format!("`{key}` does not belong to a step with `{kind}`"))
                    .label("not for this kind of step")
                    .hint(hint),
            );
        }
    }

    fn effect(&mut self, step: &document::Step, kind: Option<&str>, node: &Node) -> Effect {
        match (kind, step.effect) {
            (Some(kind @ ("run" | "shell")), None) if !node.has("effect") => {
                self.faults.push(
                    Fault::error("no-effect", key_of(node, kind), "the command has no `effect`")
                        .label("no `effect` here")
                        .hint("add `effect: read` (changes nothing), `change` (can be undone or repeated) or `destroy` (cannot be undone)"),
                );
            }
            (Some(kind), Some(effect)) if !matches!(kind, "run" | "shell" | "choose") && effect != Effect::Read => {
                let hint = match kind {
                    "probe" | "wait" => {
                        "remove `effect`: a probe or wait only reads; a command that changes something is a step with `run`"
                    }
                    _ => "remove `effect`: only `run` and `shell` have one",
                };
                self.faults.push(
                    Fault::error("misplaced-key", span_of(node, "effect"), format!("`effect` does not apply to a step with `{kind}`"))
                        .label("not for this kind of step")
                        .hint(hint),
                );
            }
            _ => {}
        }
        match kind {
            Some("run" | "shell") => step.effect.unwrap_or(Effect::Read),
            _ => Effect::Read,
        }
    }

    fn kind(
        &mut self,
        step: &document::Step,
        kind: &str,
        node: &Node,
        scope: &mut NameScope,
        effect: Effect,
        id: Option<&StepId>,
    ) -> (Option<Kind>, Shape) {
        let on = field(node, "on", step.on.as_ref());
        let timeout = field(node, "timeout", step.timeout.as_ref());
        let cwd = field(node, "cwd", step.cwd.as_ref());
        let user = field(node, "user", step.user.as_ref());
        let stdin = field(node, "stdin", step.stdin.as_ref());
        let inner = node.get(kind).unwrap_or(node);
        match kind {
            "run" | "shell" => {
                let mut parts = Parts::of(step.run.as_ref(), step.shell.as_ref(), effect);
                (parts.on, parts.timeout, parts.cwd, parts.user, parts.stdin) = (on, timeout, cwd, user, stdin);
                parts.env = Some(&step.env);
                parts.output = step.output.unwrap_or_default();
                parts.interactive = step.interactive;
                parts.may_write = &step.may_write;
                parts.may_connect = step.may_connect;
                parts.reads_because = field(node, "reads_because", step.reads_because.as_ref());
                self.reads_only(effect, node);
                (self.command(&parts, node, scope).map(Kind::Command), Shape::command(parts.output))
            }
            "probe" => {
                let Some(probe) = &step.probe else { return (None, Shape::command(document::Output::Json)) };
                self.twice("on", node, inner);
                self.twice("timeout", node, inner);
                let outer = Outer { on, timeout, ..Outer::default() };
                let probe = self.probe(probe, inner, scope, Role::Step, id.cloned(), outer);
                let shape = Shape::of(&probe);
                (Some(Kind::Probe(probe)), shape)
            }
            "wait" => {
                let Some(wait) = &step.wait else { return (None, Shape::command(document::Output::Json)) };
                self.twice("timeout", node, inner);
                let wait = self.wait(wait, inner, scope, Outer { on, timeout, user, cwd, stdin });
                let shape = wait.command.as_ref().map_or(Shape::plain(), |command| Shape::command(command.output));
                (Some(Kind::Wait(wait)), shape)
            }
            "confirm" => (step.confirm.as_ref().map(|confirm| Kind::Confirm(self.confirm(confirm, inner, scope, id))), Shape::typed()),
            "manual" => (step.manual.as_ref().map(|manual| Kind::Manual(self.manual(manual, node, inner, scope))), Shape::report()),
            "for_each" => {
                self.some_steps(kind, node);
                let each = step.for_each.as_ref().and_then(|each| self.for_each(each, step, node, inner, scope));
                (each.map(|each| Kind::ForEach(Box::new(each))), Shape::list())
            }
            "group" => {
                self.some_steps(kind, node);
                let title = field(node, "group", step.group.as_ref()).map(|field| {
                    self.said(field);
                    self.template(field, scope)
                });
                let steps = self.steps(&step.steps, node.get("steps"), scope);
                (title.map(|title| Kind::Group { title, steps }), Shape::plain())
            }
            "choose" => self.choose(step, node, scope),
            _ => (self.call(step, node, scope).map(Kind::Call), Shape::plain()),
        }
    }

    /// What is said of reads alone is out of place where the command changes something.
    fn reads_only(&mut self, effect: Effect, node: &Node) {
        for key in ["may_write", "may_connect", "reads_because"].iter().filter(|key| effect != Effect::Read && node.has(key)) {
            self.faults.push(
                Fault::error("misplaced-key", key_of(node, key), format!("`{key}` is only for a command with `effect: read`"))
                    .label("not a command that reads")
                    .hint(format!("remove `{key}`: only what reads is held to reading")),
            );
        }
    }

    /// A key that stands both at the step and inside its kind.
    fn twice(&mut self, key: &str, outer: &Node, inner: &Node) {
        if outer.has(key) && inner.has(key) {
            self.faults.push(
                Fault::error("twice", key_of(outer, key), format!("`{key}` is given twice"))
                    .label("for the step")
                    .also(key_of(inner, key), "and here")
                    .hint("keep the inner one"),
            );
        }
    }

    fn some_steps(&mut self, kind: &str, node: &Node) {
        let written = node.get("steps");
        if written.is_none_or(Node::is_empty_list) {
            let at = if written.is_some() { key_of(node, "steps") } else { key_of(node, kind) };
            self.faults.push(Fault::error("no-steps", at, format!("`{kind}` has no steps")).label("no steps").hint("add `steps`"));
        }
    }

    fn confirm(&mut self, confirm: &document::Confirm, node: &Node, scope: &NameScope, id: Option<&StepId>) -> Confirm {
        let message = field(node, "message", confirm.message.as_ref());
        if let Some(message) = message {
            self.said(message);
        }
        let phrase = field(node, "phrase", confirm.phrase.as_ref());
        if let Some(phrase) = phrase {
            self.said(phrase);
        }
        if node.has("covers") && !node.has("phrase") {
            self.faults.push(
                Fault::error("no-phrase", key_of(node, "covers"), "a `confirm` with `covers` needs `phrase`")
                    .label("no `phrase` here")
                    .hint("add `phrase`: the text to type, such as the serial number of the disk"),
            );
        }
        let show = pairs(&confirm.show, node.get("show"))
            .map(|(probe, node)| self.probe(probe, node, scope, Role::Show, None, Outer::default()))
            .collect();
        Confirm {
            message: message.map_or_else(nothing, |field| self.template(field, scope)),
            phrase: phrase.map(|field| self.template(field, scope)),
            covers: self.covered(id.map_or("", StepId::as_str), &confirm.covers, node.get("covers")),
            show,
        }
    }

    fn manual(&mut self, manual: &document::Manual, outer: &Node, node: &Node, scope: &NameScope) -> Manual {
        self.twice("verify", outer, node);
        let message = field(node, "message", manual.message.as_ref());
        if let Some(message) = message {
            self.said(message);
        }
        Manual {
            message: message.map_or_else(nothing, |field| self.template(field, scope)),
            ask: field(node, "ask", manual.ask.as_ref()).map(|field| self.template(field, scope)),
            verify: manual
                .verify
                .as_ref()
                .zip(node.get("verify"))
                .map(|(probe, node)| self.probe(probe, node, scope, Role::Verify, None, Outer::default())),
        }
    }
}

/// Every key that a step may have.
fn document_keys() -> Vec<&'static str> {
    KINDS.iter().chain(COMMON).chain(COMMAND).chain(&["steps", "holds", "params", "cases"]).copied().collect()
}

fn nothing() -> Template {
    Template { text: "".into(), span: Span::default() }
}
