//! Probes and waits.

use std::sync::Arc;

use super::{
    command::Parts,
    index::pairs,
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::{Field, field, key_of},
};
use crate::runbook::{
    diagnostic::Fault,
    document,
    model::{Effect, Expr, Probe, ProgressSpec, Severity, Stall, Timespan, Wait},
    name::StepId,
    node::Node,
};

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Identity,
    Preflight,
    Step,
    DoneIf,
    Verify,
    Gate,
    Holds,
    Show,
}

/// Keys that mean nothing without a command.
const OF_A_COMMAND: &[&str] =
    &["on", "env", "stdin", "cwd", "user", "timeout", "output", "within", "may_write", "may_connect", "reads_because"];

/// What a step gives to the probe inside it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outer<'d> {
    pub on: Option<Field<'d>>,
    pub timeout: Option<Field<'d>>,
    pub user: Option<Field<'d>>,
    pub cwd: Option<Field<'d>>,
    pub stdin: Option<Field<'d>>,
}

impl Resolver<'_> {
    pub(super) fn preflight(&mut self, probes: &[document::Probe], list: Option<&Node>, scope: &mut NameScope) -> Vec<Probe> {
        let mut all = Vec::new();
        for (probe, node) in pairs(probes, list) {
            if !node.has("id") {
                self.faults.push(
                    Fault::error("missing-key", node.span.first_line(self.text), "missing `id` in a preflight probe")
                        .label("no `id` here")
                        .hint("add `id`: the probe's name in expressions and on the command line"),
                );
            }
            let resolved = self.probe(probe, node, scope, Role::Preflight, None, Outer::default());
            if let Some(id) = &resolved.id {
                let shape = Shape::of(&resolved);
                Arc::make_mut(&mut scope.results).insert(id.as_str().to_owned(), shape);
            }
            all.push(resolved);
        }
        all
    }

    pub(super) fn probe(
        &mut self,
        probe: &document::Probe,
        node: &Node,
        scope: &NameScope,
        role: Role,
        id: Option<StepId>,
        outer: Outer<'_>,
    ) -> Probe {
        if role == Role::Step && node.has("id") {
            self.faults.push(
                Fault::error("misplaced-key", key_of(node, "id"), "the probe of a step takes the `id` of the step")
                    .label("a second id")
                    .hint("remove this `id`"),
            );
        }
        if role != Role::Preflight && node.has("once") {
            self.faults.push(
                Fault::error("misplaced-key", key_of(node, "once"), "`once` is only for preflight probes")
                    .label("not a preflight probe")
                    .hint("remove `once`: a finished step is never checked again"),
            );
        }
        if role != Role::Preflight && node.has("checks") {
            self.faults.push(
                Fault::error("misplaced-key", key_of(node, "checks"), "a group of checks is only for `preflight`")
                    .label("not in the preflight")
                    .hint("write each check where it is needed"),
            );
        }
        let mut inner = scope.clone();
        let for_each = probe.for_each.as_ref().zip(node.get("for_each")).and_then(|(each, node)| {
            if matches!(role, Role::Step | Role::DoneIf | Role::Verify) {
                self.faults.push(
                    Fault::error(
                        "misplaced-key",
                        node.span.first_line(self.text),
                        "`for_each` in a probe is only for `preflight`, `holds`, `before_batch` and `show`",
                    )
                    .label("not here")
                    .hint("put the step into a `for_each` step, or check all items with one command"),
                );
            }
            let items = self.looped(each.items.as_ref(), each.name.as_ref(), each.label.as_ref(), node, scope)?;
            inner = scope.with_local(items.name.as_str());
            Some(items)
        });
        let mut parts = Parts::of(probe.run.as_ref(), probe.shell.as_ref(), Effect::Read);
        parts.on = field(node, "on", probe.on.as_ref()).or(outer.on);
        parts.env = Some(&probe.env);
        parts.stdin = field(node, "stdin", probe.stdin.as_ref());
        parts.cwd = field(node, "cwd", probe.cwd.as_ref());
        parts.user = field(node, "user", probe.user.as_ref());
        parts.timeout = field(node, "timeout", probe.timeout.as_ref()).or(outer.timeout);
        parts.output = probe.output.unwrap_or_default();
        parts.may_write = &probe.may_write;
        parts.may_connect = probe.may_connect;
        parts.reads_because = field(node, "reads_because", probe.reads_because.as_ref());
        let command = self.command(&parts, node, &inner);
        let has_command = node.has("run") || node.has("shell");
        if !has_command {
            for key in OF_A_COMMAND.iter().filter(|key| node.has(key)) {
                let hint = if *key == "within" { "add `run`, or use a `wait`" } else { "add `run`, or remove the key" };
                self.faults.push(
                    Fault::error("needs-command", key_of(node, key), format!("`{key}` needs a command, but the probe has none"))
                        .label("no command here")
                        .hint(hint),
                );
            }
            if !node.has("expect") && role != Role::Identity {
                self.faults.push(
                    Fault::error("empty-probe", node.span.first_line(self.text), "the probe checks nothing")
                        .label("neither a command nor `expect`")
                        .hint("add `run`, or an `expect` on earlier results"),
                );
            }
        }
        if role != Role::Holds && node.has("every") && !node.has("within") {
            self.faults.push(
                Fault::error("every-alone", key_of(node, "every"), "`every` without `within`")
                    .label("no `within` here")
                    .hint("add `within`, or remove `every`"),
            );
        }
        let own = inner.with_own(has_command.then_some(parts.output));
        let expect = field(node, "expect", probe.expect.as_ref()).map(|field| self.expression(field, &own));
        Probe {
            id: id.or_else(|| probe.id.as_deref().and_then(|id| StepId::new(id).ok())),
            title: field(node, "title", probe.title.as_ref()).map(|field| self.template(field, &inner)),
            when: field(node, "when", probe.when.as_ref()).map(|field| self.expression(field, &inner)),
            for_each,
            command,
            expect,
            within: field(node, "within", probe.within.as_ref()).map(|field| self.timespan(field, &inner)),
            every: field(node, "every", probe.every.as_ref()).map(|field| self.timespan(field, &inner)),
            severity: probe.severity.unwrap_or(Severity::Block),
            once: probe.once,
            message: field(node, "message", probe.message.as_ref()).map(|field| self.template(field, &own)),
            hint: field(node, "hint", probe.hint.as_ref()).map(|field| self.template(field, &own)),
            span: node.span,
        }
    }

    pub(super) fn wait(&mut self, wait: &document::Wait, node: &Node, scope: &NameScope, outer: Outer<'_>) -> Wait {
        let mut parts = Parts::of(wait.run.as_ref(), wait.shell.as_ref(), Effect::Read);
        parts.on = outer.on;
        parts.user = outer.user;
        parts.cwd = outer.cwd;
        parts.stdin = outer.stdin;
        parts.env = Some(&wait.env);
        parts.timeout = field(node, "poll_timeout", wait.poll_timeout.as_ref());
        parts.output = wait.output.unwrap_or_default();
        parts.may_write = &wait.may_write;
        parts.may_connect = wait.may_connect;
        parts.reads_because = field(node, "reads_because", wait.reads_because.as_ref());
        let command = self.command(&parts, node, scope);
        let has_command = node.has("run") || node.has("shell");
        if !has_command {
            for key in ["env", "output", "poll_timeout", "may_write", "may_connect", "reads_because"].iter().filter(|key| node.has(key)) {
                self.faults.push(
                    Fault::error("needs-command", key_of(node, key), format!("`{key}` needs a command, but the wait has none"))
                        .label("no command here")
                        .hint("add `run`, or remove the key"),
                );
            }
        }
        let own = scope.with_own(has_command.then_some(parts.output));
        let until = field(node, "until", wait.until.as_ref()).map(|field| self.expression(field, &own));
        let stall = wait.stall.as_ref().zip(node.get("stall")).and_then(|(stall, node)| {
            let watch = field(node, "watch", stall.watch.as_ref()).map(|field| self.expression(field, &own));
            let after = field(node, "after", stall.after.as_ref()).map(|field| self.timespan(field, scope));
            Some(Stall { watch: watch?, after: after? })
        });
        let progress = wait.progress.as_ref().zip(node.get("progress")).and_then(|(progress, node)| {
            for (key, instead) in [("pattern", "compute `done` and `total` from `output`"), ("message", "use the `message` of the wait")] {
                if node.has(key) {
                    let what = format!("`{key}` is only for the progress of a command, not of a wait");
                    let fault = Fault::error("misplaced-key", key_of(node, key), what).label("not here");
                    self.faults.push(fault.hint(format!("remove `{key}`: {instead}")));
                }
            }
            self.progress(progress, node, &own, None)
        });
        Wait {
            command,
            until: until.unwrap_or_else(|| Expr { text: "false".into(), span: node.span }),
            every: field(node, "every", wait.every.as_ref()).map(|field| self.positive(field, scope)),
            timeout: field(node, "timeout", wait.timeout.as_ref()).or(outer.timeout).map(|field| self.timespan(field, scope)),
            stable_for: field(node, "stable_for", wait.stable_for.as_ref()).map(|field| self.timespan(field, scope)),
            stall,
            unread_for: field(node, "unread_for", wait.unread_for.as_ref()).map(|field| self.positive(field, scope)),
            fail_if: field(node, "fail_if", wait.fail_if.as_ref()).map(|field| self.expression(field, &own)),
            progress,
            message: field(node, "message", wait.message.as_ref()).map(|field| self.template(field, &own)),
        }
    }

    /// A length of time that cannot be nothing.
    fn positive(&mut self, field: Field<'_>, scope: &NameScope) -> Timespan {
        let timespan = self.timespan(field, scope);
        if matches!(timespan, Timespan::Fixed(length) if length.is_zero()) && crate::quantity::duration(field.text).is_ok() {
            self.faults.push(
                Fault::error("out-of-range", field.span, format!("`{}` must be greater than 0", field.key))
                    .label("zero")
                    .hint("write a longer duration, such as `1s`"),
            );
        }
        timespan
    }

    pub(super) fn progress(
        &mut self,
        progress: &document::ProgressDocument,
        node: &Node,
        scope: &NameScope,
        pattern: Option<regex::Regex>,
    ) -> Option<ProgressSpec> {
        let done = field(node, "done", progress.done.as_ref()).map(|field| self.expression(field, scope));
        let total = field(node, "total", progress.total.as_ref()).map(|field| self.expression(field, scope));
        let message = field(node, "message", progress.message.as_ref()).map(|field| self.template(field, scope));
        Some(ProgressSpec { done: done?, total: total?, pattern, message })
    }

    /// The progress of a command, read from its output line by line.
    pub(super) fn command_progress(
        &mut self,
        progress: &document::ProgressDocument,
        node: &Node,
        scope: &NameScope,
    ) -> Option<ProgressSpec> {
        let Some(text) = &progress.pattern else {
            if !node.has("pattern") {
                self.faults.push(
                    Fault::error("missing-key", key_of(node, "done"), "missing `pattern` in the progress of a command")
                        .label("no `pattern` here")
                        .hint(r"add `pattern`: a regular expression for its output lines, such as '(?P<percent>[0-9.]+)%'"),
                );
            }
            return None;
        };
        let pattern = self.regex(text, super::value::span_of(node, "pattern"))?;
        let mut inner = scope.with_local("line");
        Arc::make_mut(&mut inner.locals).extend(pattern.capture_names().flatten().map(str::to_owned));
        self.progress(progress, node, &inner, Some(pattern))
    }
}
