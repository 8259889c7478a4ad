//! The variables of the simulated world.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::{
    Value,
    value::{Object, ValueKind},
};

use crate::expression;

/// Words of rules that mean something of their own; no variable of the world is called so.
pub(crate) const BUILTINS: &[&str] = &["params", "argv", "host", "user", "env", "stdin", "elapsed", "calls", "place", "part", "here"];

/// The host in `hosts` that is the machine on which halligan runs.
pub(crate) const LOCAL: &str = "local";

type Variables = IndexMap<String, Value>;
/// Names that one command brings with it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locals {
    /// What was captured of it, and how often its rule has answered.
    pub own: Arc<Vec<(String, Value)>>,
    /// What is the same for every rule.
    pub command: Arc<[(&'static str, Value)]>,
}

impl Locals {
    fn get(&self, key: &str) -> Option<&Value> {
        let own = self.own.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        own.or_else(|| self.command.iter().find(|(name, _)| *name == key).map(|(_, value)| value))
    }
}

/// The state of the simulated world. It has exactly the variables that the scenario declares.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Shared with scopes only while an expression is evaluated, so a change copies nothing.
    variables: Arc<Variables>,
    /// How often it was changed.
    changes: u64,
}

/// What an expression sees.
#[derive(Debug)]
struct WorldScope {
    variables: Arc<Variables>,
    locals: Locals,
    elapsed: f64,
}

impl Object for WorldScope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.locals.get(key).cloned().or_else(|| self.variables.get(key).cloned()).or_else(|| match key {
            "elapsed" => Some(Value::from(self.elapsed)),
            "here" => self.here(),
            _ => None,
        })
    }
}

impl WorldScope {
    /// What `hosts` holds for the host on which the command runs.
    fn here(&self) -> Option<Value> {
        let host = self.locals.get("host")?;
        child(self.variables.get("hosts")?, host.as_str().unwrap_or(LOCAL))
    }
}

impl World {
    #[must_use]
    pub(crate) fn new(variables: &IndexMap<String, serde_json::Value>) -> Self {
        let variables = variables.iter().map(|(name, value)| (name.clone(), expression::from_json(value))).collect();
        Self { variables: Arc::new(variables), changes: 0 }
    }

    /// The scope for an expression: the command's own names first, then the variables, and `elapsed` in seconds.
    #[must_use]
    pub(crate) fn scope(&self, locals: &Locals, elapsed: std::time::Duration) -> Value {
        Value::from_object(WorldScope { variables: Arc::clone(&self.variables), locals: locals.clone(), elapsed: elapsed.as_secs_f64() })
    }

    /// How often it was changed: as long as that is the same, so is all of it.
    #[must_use]
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The value at a path such as `osd.3.up`.
    #[must_use]
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let mut parts = path.split('.');
        let mut value = self.variables.get(parts.next()?)?.clone();
        for part in parts {
            value = child(&value, part)?;
        }
        Some(value)
    }

    /// Every variable as it is now.
    #[must_use]
    pub(crate) fn snapshot(&self) -> serde_json::Map<String, serde_json::Value> {
        let json = |value: &Value| serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into());
        self.variables.iter().map(|(name, value)| (name.clone(), json(value))).collect()
    }

    /// Changes the value at a path. Only its last part may be new, and only in a map inside a variable.
    ///
    /// # Errors
    /// There is nothing to change there.
    pub(crate) fn set(&mut self, path: &[String], value: Value) -> Result<(), String> {
        let missing = |upto: usize| format!("there is no `{}` in the world", path[..upto].join("."));
        let Some((root, rest)) = path.split_first() else { return Err("it names nothing to set".to_owned()) };
        self.changes += 1;
        let variable = Arc::make_mut(&mut self.variables).get_mut(root).ok_or_else(|| missing(1))?;
        let value = replaced(variable, rest, value).map_err(|left| missing(path.len() - left))?;
        if expression::limit::is_too_large(&value) {
            return Err(format!("`{root}` has become too large: at most 8 MiB of text and {} items", expression::limit::LONGEST_LIST / 8));
        }
        *variable = value;
        Ok(())
    }
}

fn child(value: &Value, part: &str) -> Option<Value> {
    let found = match value.kind() {
        ValueKind::Map => value.get_attr(part).ok()?,
        ValueKind::Seq => value.get_item_by_index(part.parse().ok()?).ok()?,
        _ => return None,
    };
    (!found.is_undefined()).then_some(found)
}

/// The value with a part of it replaced; else how many parts of the path come after the one that is missing.
fn replaced(value: &Value, path: &[String], new: Value) -> Result<Value, usize> {
    let Some((part, rest)) = path.split_first() else { return Ok(new) };
    let inner = match child(value, part) {
        Some(inner) => replaced(&inner, rest, new)?,
        None if rest.is_empty() && value.kind() == ValueKind::Map => new,
        None => return Err(rest.len()),
    };
    let members = value.try_iter().map_err(|_| rest.len())?;
    Ok(if value.kind() == ValueKind::Map {
        let mut map: IndexMap<String, Value> = IndexMap::new();
        for key in members {
            let member = value.get_item(&key).map_err(|_| rest.len())?;
            map.insert(key.to_string(), member);
        }
        map.insert(part.clone(), inner);
        Value::from_pairs(map)
    } else {
        let at: usize = part.parse().map_err(|_| rest.len())?;
        Value::from(members.enumerate().map(|(index, member)| if index == at { inner.clone() } else { member }).collect::<Vec<_>>())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::expression::evaluate;

    fn world() -> World {
        let variables = serde_json::json!({"osd": {"3": {"up": true, "in": true}, "1": {"up": true}}, "l": [1, 2], "n": 1});
        World::new(&serde_json::from_value(variables).unwrap())
    }

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_path_changes_only_what_it_names() {
        let mut world = world();
        world.set(&path("osd.3.up"), Value::from(false)).unwrap();
        world.set(&path("osd.7"), Value::from("new")).unwrap();
        world.set(&path("l.1"), Value::from("x")).unwrap();
        world.set(&path("n"), Value::from(2)).unwrap();
        let scope = world.scope(&Locals::default(), Duration::from_secs(5));
        let text = evaluate("[osd, l, n, elapsed] | tojson", &scope).unwrap().to_string();
        assert_eq!(text, r#"[{"3":{"up":false,"in":true},"1":{"up":true},"7":"new"},[1,"x"],2,5.0]"#);
        assert_eq!(world.get("osd.3.up"), Some(Value::from(false)));
        assert_eq!(world.get("osd.4"), None);
    }

    #[test]
    fn nothing_springs_into_being() {
        let mut world = world();
        for (bad, missing) in [("gone", "gone"), ("osd.9.up", "osd.9"), ("l.5", "l.5"), ("n.x", "n.x"), ("l.x.y", "l.x")] {
            assert_eq!(world.set(&path(bad), Value::from(1)).unwrap_err(), format!("there is no `{missing}` in the world"), "{bad}");
        }
    }

    #[test]
    fn a_commands_own_names_come_first() {
        let locals = Locals { own: Arc::new(vec![("n".into(), Value::from(9))]), ..Locals::default() };
        assert_eq!(evaluate("n", &world().scope(&locals, Duration::ZERO)).unwrap(), Value::from(9));
        assert!(evaluate("gone", &world().scope(&locals, Duration::ZERO)).is_err());
    }
}
