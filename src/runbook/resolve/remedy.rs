//! What takes a step back, what puts things right at the end, and what runs it again.

use super::{
    command::Parts,
    resolver::Resolver,
    scope::NameScope,
    value::{Field, field, key_of, span_of},
};
use crate::runbook::{
    diagnostic::Fault,
    document,
    model::{Effect, Remedy, Retry, Span, Template, Undo},
    node::Node,
};

impl Resolver<'_> {
    pub(super) fn undo(
        &mut self,
        undo: &document::Remedy,
        node: &Node,
        key: Span,
        effect: Effect,
        on: Option<Field<'_>>,
        scope: &NameScope,
    ) -> Undo {
        if let Some(why) = field(node, "impossible", undo.impossible.as_ref()) {
            if let Some(other) = node.entries().iter().find(|entry| entry.key != "impossible") {
                self.faults.push(
                    Fault::error("contradiction", other.key_span, format!("`{}` cannot be combined with `impossible`", other.key))
                        .label("conflicts with `impossible`")
                        .also(key_of(node, "impossible"), "`impossible` is here")
                        .hint("keep either `impossible` or the command"),
                );
            }
            return Undo::Impossible { why: self.said(why) };
        }
        if node.has("when_stopped") {
            self.faults.push(
                Fault::error(
                    "misplaced-key",
                    key_of(node, "when_stopped"),
                    "`when_stopped` does not apply to `undo`, which runs only in a rollback",
                )
                .label("only for `cleanup`")
                .hint("remove `when_stopped`"),
            );
        }
        match effect {
            Effect::Change => {}
            Effect::Read => self.faults.push(
                Fault::error("contradiction", key, "a step with `effect: read` has nothing to undo")
                    .label("no undo possible")
                    .hint("remove `undo`, or set `effect: change`"),
            ),
            Effect::Destroy => self.faults.push(
                Fault::error("contradiction", key, "a step with `effect: destroy` cannot be undone")
                    .label("no undo possible")
                    .hint("set `effect: change` if the step can be undone, else `undo: {impossible: ...}`"),
            ),
        }
        self.remedy("undo", undo, node, on, scope).map_or(Undo::Unsaid, Undo::Command)
    }

    pub(super) fn remedy(
        &mut self,
        what: &str,
        remedy: &document::Remedy,
        node: &Node,
        on: Option<Field<'_>>,
        scope: &NameScope,
    ) -> Option<Remedy> {
        if !["run", "shell", "impossible"].iter().any(|key| node.has(key)) {
            self.faults.push(
                Fault::error("empty-command", node.span.first_line(self.text), format!("`{what}` has no command"))
                    .label("neither `run` nor `shell`")
                    .hint(if what == "undo" { "add `run`, or give the reason: `impossible: ...`" } else { "add `run`" }),
            );
        }
        let mut parts = Parts::of(remedy.run.as_ref(), remedy.shell.as_ref(), Effect::Change);
        // Where the step ran, if nothing else is said; a fault in the step's own `on` is said there.
        parts.on = field(node, "on", remedy.on.as_ref());
        parts.env = Some(&remedy.env);
        parts.stdin = field(node, "stdin", remedy.stdin.as_ref());
        parts.cwd = field(node, "cwd", remedy.cwd.as_ref());
        parts.user = field(node, "user", remedy.user.as_ref());
        parts.timeout = field(node, "timeout", remedy.timeout.as_ref());
        let when = field(node, "when", remedy.when.as_ref()).map(|field| self.expression(field, scope));
        let mut command = self.command(&parts, node, scope)?;
        if command.on.is_none() {
            command.on = on.map(|field| Template { text: field.text.into(), span: field.span });
        }
        Some(Remedy { when, command, owed_when_stopped: remedy.when_stopped == Some(document::WhenStopped::Owe) })
    }

    pub(super) fn retry(&mut self, retry: &document::Retry, node: &Node, key: Span, effect: Effect, idempotent: bool) -> Retry {
        if effect != Effect::Read && !idempotent {
            self.faults.push(
                Fault::error("unsafe-retry", key, "`retry` needs `effect: read` or `idempotent: true`")
                    .label("not safe to repeat")
                    .hint("add `idempotent: true` if running the step twice is safe, else remove `retry`"),
            );
        }
        let backoff = retry.backoff.unwrap_or(1.0);
        if !(1.0..=100.0).contains(&backoff) {
            self.faults.push(
                Fault::error("out-of-range", span_of(node, "backoff"), "`backoff` must be from 1 to 100")
                    .label("out of range")
                    .hint("write the factor by which the delay grows, such as 2"),
            );
        }
        let delay = field(node, "delay", retry.delay.as_ref()).map(|field| self.duration(field));
        Retry { times: retry.times.unwrap_or(1), delay: delay.unwrap_or(std::time::Duration::from_secs(5)), backoff }
    }
}
