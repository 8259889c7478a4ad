//! `halligan doctor --without`: what can still be done without something.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::{command::printed::print_json, context::Context, exit::ProgramExit, failure::Failure, session::load},
    cli,
    inventory::Inventory,
    plan::{
        Called,
        missing::Missing,
        without::{Dependence, Weight, Without, judged, needs},
    },
    runbook::{
        library::Library,
        model::{Kind, Runbook},
        resolve,
    },
    ui::layout::Page,
    words::{
        self,
        mark::Mark,
        sanitise::{self, line as visible},
    },
};

/// So many needs of one runbook are told; JSON has all.
const TOLD: usize = 8;

/// What `halligan doctor --without WHAT --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::app) struct WithoutReport {
    /// What is missing, in words.
    without: Vec<String>,
    runbooks: Vec<RunbookWithout>,
}

/// What can be done of one runbook.
#[derive(Debug, Serialize, JsonSchema)]
struct RunbookWithout {
    runbook: String,
    /// `whole`: nothing in it needs what is missing; `depends`: on the values and conditions of a run; `part`: it stops at `until`, or lacks
    /// something; `blocked`: its preflight needs what is missing; `faulty`: it cannot be read, or has errors.
    can: String,
    /// The first step that needs what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    needs: Vec<NeedTold>,
}

/// Something that needs what is missing.
#[derive(Debug, Serialize, JsonSchema)]
struct NeedTold {
    /// `check health`, `step restart`, `step move > step copy`.
    at: String,
    why: String,
    /// `stops`: the run stops there; `may_stop`: under a condition, or for some values; `passes`: the run goes on without it.
    weight: String,
}

fn name(can: Without) -> &'static str {
    match can {
        Without::Whole => "whole",
        Without::Depends => "depends",
        Without::Part => "part",
        Without::Blocked => "blocked",
    }
}

/// Tells for one runbook, or for all that are found, what can be done of it. That not all can be run whole is a failed check.
///
/// # Errors
/// It cannot be understood what is missing, or the inventory cannot be used.
pub(super) fn without(context: &Context, args: &cli::Doctor) -> Result<ProgramExit, Failure> {
    let mut missing = Vec::new();
    for text in &args.without {
        missing.extend(Missing::read(text).map_err(|why| Failure::new(ProgramExit::Usage, format!("--without {}: {why}", visible(text))))?);
    }
    let inventory = load::inventory(context, &args.hosts)?;
    let library = context.library();
    let names = match &args.runbook {
        Some(name) => {
            load::load(context, name)?;
            vec![name.clone()]
        }
        None => library.list().into_iter().filter(|listed| listed.hidden_by.is_none()).map(|listed| listed.name).collect(),
    };
    let runbooks: Vec<_> = names.into_iter().map(|name| RunbookWithout::of(&library, name, inventory.as_deref(), &missing)).collect();
    let report = WithoutReport { without: missing.iter().map(ToString::to_string).collect(), runbooks };
    let out = &context.out.stdout;
    if args.form.is_json() {
        print_json(context, "needs", &report)?;
    } else {
        out.lines(&report.lines(&out.page()));
    }
    let whole = report.runbooks.iter().all(|runbook| runbook.can == name(Without::Whole));
    Ok(if whole { ProgramExit::Completed } else { ProgramExit::CheckFailed })
}

/// A runbook with all that it calls. `None` where one of them is not there or has errors.
fn whole(library: &Library, name: &str) -> Option<(Runbook, Called)> {
    let find = |name: &str| resolve(library.find(name).ok()?).0;
    let (runbook, mut called) = (find(name)?, BTreeMap::new());
    let calls = |runbook: &Runbook| -> Vec<_> {
        let inner =
            runbook.all_steps().filter_map(|step| if let Kind::Call(call) = &step.kind { Some(call.runbook.clone()) } else { None });
        inner.collect()
    };
    let mut open = calls(&runbook);
    while let Some(name) = open.pop() {
        if called.contains_key(&name) {
            continue;
        }
        let inner = find(name.as_str())?;
        open.extend(calls(&inner));
        called.insert(name, inner.into());
    }
    Some((runbook, called))
}

impl RunbookWithout {
    fn of(library: &Library, runbook: String, inventory: Option<&Inventory>, missing: &[Missing]) -> Self {
        let Some((found, called)) = whole(library, &runbook) else {
            return Self { runbook, can: "faulty".to_owned(), until: None, needs: Vec::new() };
        };
        let needs = needs(&found, &called, inventory, missing);
        let (can, until) = judged(&needs);
        Self { runbook, can: name(can).to_owned(), until: until.map(str::to_owned), needs: needs.iter().map(NeedTold::of).collect() }
    }
}

impl NeedTold {
    fn of(need: &Dependence) -> Self {
        let weight = match need.weight {
            Weight::Stops => "stops",
            Weight::MayStop => "may_stop",
            Weight::Passes => "passes",
        };
        Self { at: need.at.clone(), why: need.why.clone(), weight: weight.to_owned() }
    }
}

impl WithoutReport {
    fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = vec![page.style.bold(&format!("Without {}", visible(&words::list(&self.without, usize::MAX)))), String::new()];
        for runbook in &self.runbooks {
            let until = runbook.until.as_ref().map(|until| format!(", as far as {until}")).unwrap_or_default();
            let (mark, can) = match runbook.can.as_str() {
                "whole" => (Mark::Passed, "can be run whole".to_owned()),
                "depends" => (Mark::Warned, "can be run, depending on its values and conditions".to_owned()),
                "part" if runbook.until.is_none() => (Mark::Warned, "can be run, but for what is named here".to_owned()),
                "part" => (Mark::Warned, format!("can be run in part{until}")),
                "blocked" => (Mark::Failed, "cannot begin: its preflight needs that".to_owned()),
                _ => (Mark::Unknown, "not known: it cannot be read, or has errors (halligan check)".to_owned()),
            };
            let label = format!("{} {}", page.style.mark(mark), visible(&runbook.runbook));
            lines.extend(page.field(0, crate::ui::layout::width(&label).max(32) + 2, &label, &sanitise::text(&can)));
            let told = runbook.needs.iter().take(TOLD).map(|need| {
                let weight = match need.weight.as_str() {
                    "may_stop" => " (perhaps)",
                    "passes" => " (the run goes on without)",
                    _ => "",
                };
                format!("{}: {}{weight}", need.at, need.why)
            });
            let more = runbook.needs.len().saturating_sub(TOLD);
            let more = (more > 0).then(|| format!("and {more} more: --format json has all"));
            for line in told.chain(more) {
                lines.extend(crate::ui::layout::wrap(&visible(&line), page.width, "    ", "      "));
            }
        }
        let whole = self.runbooks.iter().filter(|runbook| runbook.can == "whole").count();
        lines.push(String::new());
        lines.push(format!("{whole} of {} can be run whole.", words::counted(self.runbooks.len(), "runbook", "runbooks")));
        lines.push("What a program itself needs, such as the hosts it talks to, is not known here: name that, too.".to_owned());
        lines
    }
}
