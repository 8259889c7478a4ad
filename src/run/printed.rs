//! What expressions see of what a command has printed.

use minijinja::Value;

use crate::{
    event::Exit,
    expression::{self, cache::Cache},
    ports::{Printed, Ran},
    runbook::model::Output,
    words,
};

/// What a result has of the command itself, beside what its step makes of it.
pub(super) const PRINTED: [&str; 4] = ["code", "output", "stdout", "stderr"];

/// What expressions see of a command's result; the inner error says why its `output` cannot be read.
pub(super) type OutputFields = (Vec<(&'static str, Value)>, Result<(), String>);

/// Reads what a command has printed.
pub(super) fn result_of(ran: &Ran, output: Output) -> OutputFields {
    // What is not all there, or no text, is in no expression's reach: whoever asks for it gets an error.
    let text = |printed: &Printed| match printed.cut() {
        Some(cut) => Err((words::incomplete(cut, Printed::LIMIT), None)),
        // Another text in its place would be acted on: a name with a stand-in is the name of something else.
        None => std::str::from_utf8(&printed.head).map(str::to_owned).map_err(|error| {
            let shown = String::from_utf8_lossy(&printed.head).into_owned();
            (words::not_text(error.valid_up_to()), Some(shown))
        }),
    };
    let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
    let code = match ran.exit {
        Exit::Code(code) => Value::from(code),
        _ => Value::from(()),
    };
    let read = match &stdout {
        Ok(stdout) => read_output(stdout, output),
        // A command may print as much as it likes, as long as nobody looks.
        Err((why, shown)) if output == Output::Text => {
            let shown = shown.as_deref().map(|shown| shown.strip_suffix('\n').unwrap_or(shown).to_owned());
            Ok(expression::withheld(why.clone(), shown))
        }
        Err((why, _)) => Err(why.clone()),
    };
    let mut fields = vec![("ran", Value::from(true)), ("ok", Value::from(ran.exit.succeeded())), ("code", code)];
    let fault = match read {
        Ok(value) => {
            fields.push(("output", value));
            Ok(())
        }
        Err(fault) => Err(fault),
    };
    for (name, read) in [("stdout", stdout), ("stderr", stderr)] {
        fields.push((name, read.map_or_else(|(why, shown)| expression::withheld(why, shown), Value::from)));
    }
    (fields, fault)
}

fn read_output(stdout: &str, output: Output) -> Result<Value, String> {
    let text = stdout.strip_suffix('\n').unwrap_or(stdout);
    match output {
        Output::Text => Ok(Value::from(text)),
        Output::Lines => Ok(Value::from(text.lines().map(Value::from).collect::<Vec<_>>())),
        Output::Json => json(stdout).map_err(|error| format!("the output is not valid JSON: {error}")),
        Output::Int => text.trim().parse::<i64>().map(Value::from).map_err(|_| {
            let start: String = text.chars().take(40).collect();
            format!("the output is not a whole number: {}", serde_json::Value::from(start))
        }),
    }
}

/// JSON that was read before is shared: waits, gates and proofs ask the same again, and most often get the same answer.
fn json(text: &str) -> Result<Value, String> {
    static READ: Cache<Value> = Cache::new(256);
    /// In bytes: what is longer is not kept.
    const LONGEST: usize = 16 << 10;
    if text.len() > LONGEST { expression::read_json(text) } else { READ.get(text, expression::read_json) }
}
