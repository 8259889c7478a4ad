//! Rules and events with everything in them checked and compiled.

use std::{sync::Arc, time::Duration};

use minijinja::Value;

use crate::{
    event::Outcome,
    expression::{self, Compiled, name::nearest},
};

use super::{
    document::{At, FindingName},
    fault::Mistake,
    line::Spot,
    matcher::Pattern,
    world::BUILTINS,
};

/// A value with templates in it.
#[derive(Debug, Clone)]
pub enum Formula {
    Fixed(Value),
    Template(Compiled),
    List(Vec<Formula>),
    Map(Vec<(String, Formula)>),
}

impl Formula {
    /// Its value in a scope. A template that is one whole expression keeps its value's type.
    ///
    /// # Errors
    /// As for [`expression::render_with`].
    pub fn evaluate(&self, scope: &Value) -> Result<Value, String> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Template(template) => template.evaluate(scope).map_err(|error| error.to_string()),
            Self::List(members) => members.iter().map(|member| member.evaluate(scope)).collect::<Result<Vec<_>, _>>().map(Value::from),
            Self::Map(members) => {
                let pairs = members.iter().map(|(key, member)| Ok((key.clone(), member.evaluate(scope)?)));
                Ok(Value::from_pairs(pairs.collect::<Result<Vec<_>, String>>()?))
            }
        }
    }
}

impl Formula {
    /// Whether its value may be another though the command and the world are the same.
    fn passes(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Template(template) => passes(template),
            Self::List(members) => members.iter().any(Self::passes),
            Self::Map(members) => members.iter().any(|(_, member)| member.passes()),
        }
    }
}

/// A path in the world and the value that it gets.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The first part is always written out.
    pub path: Vec<Compiled>,
    pub value: Formula,
    pub line: Option<Spot>,
}

/// What a command prints.
#[derive(Debug, Clone)]
pub enum Printout {
    Nothing,
    Template(Compiled),
    Json(Formula),
    Bytes(Arc<[u8]>),
    /// A fixture that has not been read.
    Unread(String),
}

#[derive(Debug, Clone)]
pub enum Code {
    Fixed(i32),
    Template(Compiled),
}

/// Answers a command.
#[derive(Debug, Clone)]
pub struct Rule {
    pub pattern: Pattern,
    /// The command as it was written.
    pub text: String,
    pub when: Option<Compiled>,
    pub takes: Duration,
    pub set: Vec<Assignment>,
    pub stdout: Printout,
    pub stderr: Option<Compiled>,
    pub code: Code,
    pub hang: bool,
    pub after: Vec<(Duration, Arc<[Assignment]>)>,
    pub line: Option<Spot>,
}

/// Whether it speaks of what may be another though the command and the world are the same.
#[must_use]
pub(crate) fn passes(compiled: &Compiled) -> bool {
    compiled.names().is_some_and(|names| ["elapsed", "calls", "place", "part"].iter().any(|name| names.roots().contains(*name)))
}

impl Rule {
    /// Whether following it again, in the same world, comes to the same: it changes nothing, takes no time, and says nothing that
    /// passes.
    #[must_use]
    pub fn lasts(&self) -> bool {
        let changes = !self.set.is_empty() || !self.after.is_empty() || self.hang || !self.takes.is_zero();
        let stdout = match &self.stdout {
            Printout::Nothing | Printout::Bytes(_) | Printout::Unread(_) => false,
            Printout::Template(template) => passes(template),
            Printout::Json(formula) => formula.passes(),
        };
        let code = matches!(&self.code, Code::Template(template) if passes(template));
        !changes && !stdout && !code && !self.stderr.as_ref().is_some_and(passes)
    }
}

/// Something that happens by itself.
#[derive(Debug, Clone)]
pub struct Happening {
    /// `None`: as soon as `when` is true, once.
    pub at: Option<Duration>,
    /// Never zero.
    pub every: Option<Duration>,
    pub when: Option<Compiled>,
    pub set: Vec<Assignment>,
    pub line: Option<Spot>,
}

/// A command that is expected to have run.
#[derive(Debug, Clone)]
pub struct ExpectedCommand {
    pub pattern: Pattern,
    pub times: Option<usize>,
    /// As it was written.
    pub text: String,
    pub line: Option<Spot>,
}

/// What must not be true: at no time, or not at the end.
#[derive(Debug, Clone)]
pub struct Never {
    pub expression: Compiled,
    pub at: At,
    pub text: String,
    pub line: Option<Spot>,
}

/// How a rehearsal must end.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    pub outcome: Option<Outcome>,
    pub exit: Option<u8>,
    pub at: Option<String>,
    pub ran: Vec<ExpectedCommand>,
    pub never_ran: Vec<ExpectedCommand>,
    pub asked: Vec<String>,
    pub world: Vec<(String, serde_json::Value)>,
    pub never: Vec<Never>,
    pub owed: Option<Vec<String>>,
    pub findings: Vec<(String, FindingName)>,
}

/// The names that an expression may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsableNames<'a> {
    pub world: &'a [&'a str],
    pub captures: &'a [String],
    /// Whether there is a command that its words could come from.
    pub command: bool,
}

impl UsableNames<'_> {
    fn check(self, names: &expression::Names) -> Result<(), Mistake> {
        for root in names.roots().iter().map(String::as_str) {
            let builtin = BUILTINS.contains(&root) && (self.command || root == "elapsed");
            if builtin || self.world.contains(&root) || self.captures.iter().any(|name| name == root) {
                continue;
            }
            let all = self.world.iter().copied().chain(self.captures.iter().map(String::as_str));
            let what = format!("`{root}` is no variable of the world and nothing that is captured here");
            return Err(Mistake { what, near: nearest(root, all).map(ToOwned::to_owned) });
        }
        Ok(())
    }

    /// # Errors
    /// It does not parse, or uses a name that is not known.
    pub(crate) fn expression(self, text: &str) -> Result<Compiled, Mistake> {
        self.check(&expression::check_expression(text)?)?;
        Ok(Compiled::expression(text)?)
    }

    /// # Errors
    /// As for an expression.
    pub(crate) fn template(self, text: &str) -> Result<Compiled, Mistake> {
        self.check(&expression::check_template(text)?)?;
        Ok(Compiled::template(text)?)
    }

    /// # Errors
    /// As for an expression, for any text in it.
    pub(crate) fn formula(self, value: &serde_json::Value) -> Result<Formula, Mistake> {
        Ok(match value {
            serde_json::Value::String(text) if expression::is_dynamic(text) => Formula::Template(self.template(text)?),
            serde_json::Value::Array(members) => {
                Formula::List(members.iter().map(|member| self.formula(member)).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(members) => {
                let members = members.iter().map(|(key, member)| Ok((key.clone(), self.formula(member)?)));
                Formula::Map(members.collect::<Result<_, Mistake>>()?)
            }
            other => Formula::Fixed(expression::from_json(other)),
        })
    }

    /// # Errors
    /// As for an expression; also when the variable does not exist.
    pub(crate) fn assignment(self, path: &str, value: &serde_json::Value, line: Option<Spot>) -> Result<Assignment, Mistake> {
        let mut parts = split(path);
        if parts.first() == Some(&"here") && self.command && self.world.contains(&"hosts") {
            parts.splice(0..1, ["hosts", "{{ host or 'local' }}"]);
        }
        let root = parts.first().copied().unwrap_or_default();
        if !self.world.contains(&root) {
            let what = format!("`{root}` is no variable of the world, and only what `world` declares can be set");
            return Err(Mistake { what, near: nearest(root, self.world.iter().copied()).map(ToOwned::to_owned) });
        }
        let path = parts.into_iter().map(|part| self.template(part)).collect::<Result<_, _>>()?;
        Ok(Assignment { path, value: self.formula(value)?, line })
    }
}

/// Splits a path at its dots, but not inside `{{ }}`.
fn split(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (index, c) in path.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                parts.push(&path[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let captures = ["id".to_owned()];
        let known = UsableNames { world: &["noout", "up"], captures: &captures, command: true };
        assert!(known.expression("up and id and host and elapsed > 5").is_ok());
        assert!(known.expression("nout").unwrap_err().near.as_deref() == Some("noout"));
        assert!(known.assignment("nout", &serde_json::json!(1), None).unwrap_err().near.as_deref() == Some("noout"));
        assert!(known.assignment("up", &serde_json::json!({"a": ["{{ idd }}"]}), None).is_err());
        assert!(UsableNames { command: false, ..known }.expression("argv[0] == 'x'").is_err());
    }

    #[test]
    fn paths_are_split_outside_of_expressions() {
        assert_eq!(split("osd.{{ a.b }}.up"), ["osd", "{{ a.b }}", "up"]);
        assert_eq!(split("x"), ["x"]);
    }
}
