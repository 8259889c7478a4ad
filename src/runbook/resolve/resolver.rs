//! What is known while a runbook is resolved.

use std::{cell::Cell, collections::BTreeSet};

use indexmap::IndexMap;

use crate::{
    expression::{Names, mixture::StaticKind},
    runbook::{
        diagnostic::Fault,
        model::{Effect, Span},
    },
};

/// So many names are followed, through variables too: each name leads to all that it stands on.
pub(super) const VISIT_LIMIT: usize = 300_000;

#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub text: &'a str,
    pub faults: Vec<Fault>,
    /// Every parameter, and whether it is a secret.
    pub params: IndexMap<String, bool>,
    /// What is known of the values of parameters.
    pub kinds: IndexMap<String, StaticKind>,
    /// Every value that a parameter may have, where there are few of them.
    pub values: IndexMap<String, Vec<String>>,
    pub vars: IndexMap<String, (Names, Span)>,
    pub given: IndexMap<String, GivenName>,
    pub loop_variables: BTreeSet<String>,
    /// Every step in the order of the file.
    pub order: Vec<ListedStep>,
    pub used_params: BTreeSet<String>,
    pub used_vars: BTreeSet<String>,
    /// How many names were followed, through variables too.
    pub visits: Cell<usize>,
    /// A fault of shape may have taken a name away.
    pub incomplete: bool,
    pub name: String,
}

/// Where an id is given.
#[derive(Debug, Clone)]
pub(super) struct GivenName {
    pub span: Span,
    /// The loop around it, whose body alone sees it.
    pub inside: Option<String>,
    /// A gate, a live fact and the like: shown, and not kept for expressions.
    pub kept: bool,
}

/// A step where it is listed.
#[derive(Debug)]
pub(super) struct ListedStep {
    pub id: String,
    pub effect: Option<Effect>,
    /// Where its list of steps begins in the file.
    pub list: usize,
}

impl Resolver<'_> {
    /// Whether one more name may be followed. Beyond the limit none is, and the file has a fault.
    pub(super) fn may_follow(&self) -> bool {
        self.visits.set(self.visits.get() + 1);
        self.visits.get() <= VISIT_LIMIT
    }
}
