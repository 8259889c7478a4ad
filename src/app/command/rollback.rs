//! `halligan rollback`: taking back what a run has done.

use crate::{
    app::{
        context::Context,
        exit::ProgramExit,
        failure::Failure,
        session::{
            adoption::Accepted,
            conduct::{self, Signals, flags},
            findings,
            interrupted::Left,
            take_up::{TakeUp, password, show, take_up},
        },
    },
    cli::{self, Subcommands},
    event::{Outcome, Place, StepState, state::Phase},
    plan::{Plan, remaining},
    runbook::model::Undo,
    ui::layout::Page,
};

/// Takes a run back.
///
/// # Errors
/// A rule keeps it from being taken back.
pub(super) fn roll_back(context: &Context, args: &cli::Rollback) -> Result<ProgramExit, Failure> {
    let mut left = Left::find(context, Some(&args.run), Accepted::of(&args.how, args.accept_damaged.as_deref()))?;
    let id = left.history.run;
    if left.history.past.state.phase == Phase::Closed(Outcome::RolledBack) {
        return Err(Failure::new(ProgramExit::Usage, format!("run {id} is already rolled back")));
    }
    let signals = Signals::listen(context)?;
    let stdin = std::io::stdin();
    let asking = conduct::terminal_prompt(context, &stdin, &signals, None);
    let password = password(&args.how, &asking)?;
    let (plan, inherited) = left.plan(context, &args.how, &asking, password.as_deref(), false)?;
    show(context, args.how.form, &to_take_back(&left, &plan, &context.out.stdout.page()));
    left.wait(context, &flags(&args.how.answers, &asking), &signals)?;
    let text = to_take_back(&left, &plan, &Page::recorded());
    let manner = TakeUp {
        how: &args.how,
        again: context.cli(Subcommands::Rollback(cli::Rollback { run: id.to_string(), ..args.clone() })),
        wanted: Outcome::RolledBack,
        settles: false,
        password,
        inherited,
    };
    take_up(context, &left, &plan, text, &manner, &signals, crate::run::roll_back)
}

/// What a rollback would do, the last first, and what it cannot.
fn to_take_back(left: &Left, plan: &Plan, page: &Page) -> String {
    let mut lines = crate::ui::layout::wrap(&crate::words::sanitise::text(&findings::headline(left)), page.width, "", "  ");
    let mut field = |label: &str, text: String| lines.extend(page.field(2, 11, label, &crate::words::sanitise::text(&text)));
    for (label, text) in left.remarks(plan) {
        field(label, text);
    }
    let state = &left.history.past.state;
    let step = |place: &Place| remaining::step_at(plan, state, place);
    let unsaid = |place: &Place| !matches!(step(place).map(|step| &step.undo), Some(Undo::Command(_) | Undo::Impossible { .. }));
    // What has no undo, and whose cleanup has run, was put back by that.
    let put_back = |place: &Place| state.steps.get(place).is_some_and(StepState::is_put_back) && unsaid(place);
    let places: Vec<&Place> = state.took_effect.iter().rev().filter(|place| !put_back(place)).collect();
    for place in &places {
        let undo = step(place).map(|step| &step.undo);
        match undo {
            Some(Undo::Command(_)) => field("undo", format!("{place}  the command is shown and confirmed first")),
            Some(Undo::Impossible { why }) => field("stays", format!("{place}  irreversible: {why}")),
            Some(Undo::Unsaid) | None if state.owed.contains_key(*place) => {}
            Some(Undo::Unsaid) | None => field("stays", format!("{place}  no undo in the runbook")),
        }
    }
    for (place, command) in &state.owed {
        field("put back", format!("{place}  {}", crate::words::brief(command)));
    }
    if places.is_empty() && state.owed.is_empty() {
        field("nothing", "nothing to undo: no change of this run remains".to_owned());
    }
    for (place, alive) in &left.running {
        field("running", format!("{place}  still running, as process {}:  {}", alive.pid, alive.command));
    }
    lines.join("\n") + "\n"
}
