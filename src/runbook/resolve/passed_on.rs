//! Variables of the operator's environment that commands get.

use super::resolver::Resolver;
use crate::{
    passed_on::{NotPassed, PassedVariable},
    runbook::{diagnostic::Fault, document::Document, node::Node},
};

impl Resolver<'_> {
    pub(super) fn passed_on(&mut self, document: &Document, root: &Node) -> Vec<PassedVariable> {
        let list = root.get("environment");
        let mut all: Vec<(PassedVariable, _)> = Vec::new();
        for (index, text) in document.environment.iter().enumerate() {
            let span = list.and_then(|list| list.item(index)).map_or(root.span, |item| item.span);
            let message = |why: &dyn std::fmt::Display| format!("`environment`: `{text}` cannot be passed on: {why}");
            match PassedVariable::new(text) {
                Ok(variable) => {
                    let known = |(other, _): &&(PassedVariable, _)| variable.is_within(other) || other.is_within(&variable);
                    if let Some((other, there)) = all.iter().find(known) {
                        self.faults.push(
                            Fault::error("passed-twice", span, format!("`environment`: `{text}` and `{other}` pass on the same variable"))
                                .label("twice")
                                .also(*there, "also passed on by this")
                                .hint(if variable.is_within(other) { format!("remove {text}") } else { format!("remove {other}") }),
                        );
                    }
                    all.push((variable, span));
                }
                Err(why @ NotPassed::Refused { .. }) => self.faults.push(
                    Fault::error("never-passed-on", span, message(&why))
                        .label("never passed on")
                        .hint("set it for the commands that need it, with `env`; or write names or a longer beginning that leaves it out"),
                ),
                Err(why) => self.faults.push(
                    Fault::error("bad-name", span, message(&why))
                        .label("not a name")
                        .hint("write the name of a variable, such as HTTPS_PROXY, or how names begin, such as AWS_*"),
                ),
            }
        }
        all.into_iter().map(|(variable, _)| variable).collect()
    }
}
