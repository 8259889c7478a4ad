//! What is told, and asked, of reads that the kernel does not hold to reading.

use crate::{
    ports::{Answer, Ask, Behind, Prompt, Question},
    run::Foretold,
    words,
};

/// How many steps are named for one reason.
const NAMED: usize = 20;

/// What an operator should know of it before anything runs; nothing where all is held and writes nowhere.
#[must_use]
pub(super) fn told(foretold: &Foretold) -> Vec<String> {
    let mut lines = Vec::new();
    if !foretold.talking.is_empty() {
        lines.push(format!("Reads: {}", words::talking(&foretold.talking)));
    }
    if !foretold.identity.is_empty() {
        let names: Vec<String> = foretold.identity.iter().cloned().collect();
        lines.push(format!("Reads: ask as the inventory says: {}", words::list(&names, NAMED)));
    }
    if !foretold.may_write.is_empty() {
        let paths: Vec<String> = foretold.may_write.iter().cloned().collect();
        lines.push(format!("Reads: may write below {}", words::list(&paths, NAMED)));
    }
    let what = if foretold.runs_unheld { "not held to reading" } else { "not held to reading, and not run (--allow-unheld runs them)" };
    for (why, steps) in &foretold.unheld {
        let steps: Vec<String> = steps.iter().cloned().collect();
        lines.push(format!("Reads: {what}: {}: {why}", words::list(&steps, NAMED)));
    }
    lines
}

/// Whether a dry run may run what cannot be held: as a flag says, else as the operator does. Without a terminal it may not.
#[must_use]
pub(crate) fn may_run(foretold: &Foretold, flag: bool, prompt: &dyn Prompt) -> bool {
    if flag || foretold.unheld.is_empty() {
        return flag;
    }
    let mut text = told(&Foretold { unheld: foretold.unheld.clone(), runs_unheld: true, ..Foretold::default() });
    text.push("Run these in this dry run? Nothing but the runbook says that they change nothing.".to_owned());
    let question = Question { place: None, ask: Ask::YesNo, text: text.join("\n"), behind: Behind::default() };
    matches!(prompt.ask(&question), Ok(Answer::Yes { .. }))
}
