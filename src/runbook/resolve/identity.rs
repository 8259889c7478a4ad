//! Which system a runbook acts on.

use std::sync::Arc;

use super::{
    probe::{Outer, Role},
    resolver::Resolver,
    scope::{NameScope, Shape},
    value::span_of,
};
use crate::{
    expression,
    runbook::{
        diagnostic::Fault,
        document,
        model::{Probe, Template},
        name::{IDENTITY, StepId},
        node::Node,
    },
};

impl Resolver<'_> {
    /// It is asked before all else, so it sees no result. What it answers is in scope from then on.
    pub(super) fn identity(
        &mut self,
        identity: Option<&document::SystemIdentity>,
        node: Option<&Node>,
        scope: &mut NameScope,
    ) -> Option<Probe> {
        let (identity, node) = (identity?, node?);
        let asks = node.has("run") || node.has("shell");
        if !asks {
            self.faults.push(
                Fault::error("empty-identity", node.span.first_line(self.text), "`identity` asks nothing")
                    .label("neither `ask` nor `run` nor `shell`")
                    .hint("add `ask: QUERY`, such as one that runs `ceph fsid`"),
            );
        }
        let probe = document::Probe {
            run: identity.run.clone(),
            shell: identity.shell.clone(),
            on: identity.on.clone(),
            env: identity.env.clone(),
            stdin: identity.stdin.clone(),
            cwd: identity.cwd.clone(),
            user: identity.user.clone(),
            timeout: identity.timeout.clone(),
            output: identity.output,
            message: identity.message.clone().or_else(|| asks.then(|| "{{ output }}".to_owned())),
            // The one that says nothing of its own was told of above.
            expect: None,
            ..document::Probe::default()
        };
        let found = self.probe(&probe, node, scope, Role::Identity, StepId::new(IDENTITY).ok(), Outer::default());
        let message = found.message.clone().unwrap_or_else(|| Template { text: "{{ output }}".into(), span: node.span });
        let speaks = |names: expression::Names| ["output", "stdout"].iter().any(|own| names.roots().contains(*own));
        if node.has("message") && expression::names_in_template(&message.text).is_ok_and(|names| !speaks(names)) {
            self.faults.push(
                Fault::error("identity-says-nothing", span_of(node, "message"), "the message of `identity` does not speak of `output`")
                    .label("the same for every system")
                    .hint("write what tells one system from another, such as `Ceph cluster {{ output }}`"),
            );
        }
        Arc::make_mut(&mut scope.results).insert(IDENTITY.to_owned(), Shape::of(&found));
        Some(Probe { message: Some(message), ..found })
    }
}
