//! The report as one file of HTML: nothing in it is loaded from elsewhere, and no script runs.

use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, context, escape_formatter, syntax::SyntaxConfig, value::Serde,
};

use super::{report_chart::Chart, report_page::ReportPage};
use crate::words::sanitise;

const NAME: &str = "report.html";

/// # Errors
/// The page cannot be made: a bug.
pub(super) fn render(page: &ReportPage, chart: &Chart) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(clean);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.add_template(NAME, include_str!("report.html"))?;
    environment.get_template(NAME)?.render(context! { page => Value::from(Serde(page)), chart => Value::from(Serde(chart)) })
}

/// What is recorded is text alone: markup in it is escaped, and what nobody sees made visible.
fn clean(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => escape_formatter(out, state, &Value::from(sanitise::line(text).into_owned())),
        None => escape_formatter(out, state, value),
    }
}
