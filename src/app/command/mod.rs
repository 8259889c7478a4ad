//! The straight line: one file a command.

pub(super) mod aloud;
pub(crate) mod check;
mod debts;
pub(crate) mod generate;
mod hand;
mod inventory;
mod journal;
mod list;
mod look;
mod markdown;
mod printed;
mod rehearse;
mod resume;
mod rollback;
mod run;
mod runbook_page;
mod scenario;
mod show;
mod test;
mod test_report;

use super::{completion, context::Context, exit::ProgramExit, failure::Failure};
use crate::cli::{self, Subcommands};

/// Does what one command says.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn dispatch(context: &Context, command: Subcommands) -> Result<ProgramExit, Failure> {
    match command {
        Subcommands::Run(run) => run::run(context, &run),
        Subcommands::Resume(args) => resume::resume(context, &args),
        Subcommands::Rollback(args) => rollback::roll_back(context, &args),
        Subcommands::Debts(args) => debts::debts(context, &args),
        Subcommands::Rehearse(rehearse) => rehearse::rehearse(context, &rehearse),
        Subcommands::Test(test) => test::test(context, &test),
        Subcommands::Scenario { command: cli::ScenarioCommand::New { name, from_run, directory } } => {
            scenario::new(context, &name, &from_run, directory.as_deref())
        }
        Subcommands::Look(command) => look::look(context, &command),
        Subcommands::Hand(command) => hand::hand(context, &command),
        Subcommands::Journal { command } => journal::journal(context, &command),
        Subcommands::Check(args) => {
            let page = context.out.stdout.page();
            let manner = check::CheckManner {
                format: args.format,
                strict: args.strict,
                today: jiff::Zoned::now().date(),
                drawn: context.out.stdout.is_terminal().then_some(&page),
            };
            written(check::check(&context.library(), &args.files, manner, &mut &context.out.stdout))
        }
        Subcommands::List(args) => {
            written(list::list(&context.library(), args.form.is_json(), &context.out.stdout.page(), &mut &context.out.stdout))
        }
        Subcommands::Show(args) => {
            let out = &context.out.stdout;
            written(show::show(&context.library(), &args, &out.page(), out.is_terminal(), &mut out.unchanged(), &mut &*out))
        }
        Subcommands::Inventory { command: cli::InventoryCommand::FromAnsible(args) } => inventory::from_ansible(context, &args),
        Subcommands::Schema(schema) => {
            let name = match (schema.inventory, schema.scenario) {
                (true, _) => "inventory",
                (_, true) => "scenario",
                _ => "runbook",
            };
            context.out.stdout.text(crate::runbook::schema::written(name));
            Ok(ProgramExit::Completed)
        }
        Subcommands::Completions(wanted) => {
            context.out.stdout.text(completion::script(wanted.shell));
            Ok(ProgramExit::Completed)
        }
    }
}

/// What could not be written out is a failure, though nothing else went wrong.
fn written(done: std::io::Result<ProgramExit>) -> Result<ProgramExit, Failure> {
    done.map_err(|error| Failure::new(ProgramExit::CheckFailed, format!("the output cannot be written: {error}")))
}
