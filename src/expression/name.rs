//! What an expression refers to.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use minijinja::{
    Environment, ErrorKind, Value,
    machinery::{Token, tokenize},
};

use super::{cache::Cache, environment::ENVIRONMENT, error::ExpressionError, syntax::syntax};

/// What a template may do besides showing values.
const STATEMENTS: &[&str] = &["for", "else", "elif", "endfor", "if", "endif", "set", "break", "continue", "with", "endwith", "do"];

/// Whether a statement of a template begins with this word, allowed or not.
pub(crate) fn is_statement(word: &str) -> bool {
    STATEMENTS.contains(&word)
        || matches!(word, "raw" | "endraw" | "endset" | "macro" | "endmacro" | "block" | "endblock" | "filter" | "include")
}

/// Functions that exist without being anybody's result.
pub(crate) const FUNCTIONS: &[&str] = &["range", "dict"];

/// The names that an expression refers to, with dots: `params.osds`, `gate.output`. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Arc<NameSet>);

#[derive(Debug, Default, PartialEq, Eq)]
struct NameSet {
    all: BTreeSet<String>,
    roots: BTreeSet<String>,
    /// Variables, by their names.
    variables: BTreeSet<String>,
}

impl Names {
    /// What a text refers to.
    ///
    /// # Errors
    /// It does not parse.
    pub(super) fn of(text: &str, expression: bool) -> Result<Self, ExpressionError> {
        let names = |text: &str| {
            if expression {
                ENVIRONMENT.compile_expression(text).map(|compiled| compiled.undeclared_variables(true))
            } else {
                ENVIRONMENT.template_from_str(text).map(|compiled| compiled.undeclared_variables(true))
            }
        };
        let found = names(text).map_err(|error| super::error::fault(&error))?;
        // minijinja does not look at what is sliced.
        let unsliced = without_slices(text, expression);
        Ok(Self::new(match unsliced {
            Some(unsliced) => names(&unsliced).map_err(|error| super::error::fault(&error))?,
            None => found,
        }))
    }

    fn new(names: HashSet<String>) -> Self {
        let all: BTreeSet<String> = names.into_iter().filter(|name| !FUNCTIONS.contains(&name.as_str())).collect();
        let roots = all.iter().map(|name| name.split('.').next().unwrap_or(name).to_owned()).collect();
        let variables = all.iter().filter_map(|name| name.strip_prefix("vars."));
        let variables = variables.map(|rest| rest.split('.').next().unwrap_or(rest).to_owned()).collect();
        Self(Arc::new(NameSet { all, roots, variables }))
    }

    /// Each name with all its dots.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.all.iter().map(String::as_str)
    }

    /// The variables that are named; `None` where it cannot be told which, as in `vars[name]`.
    #[must_use]
    pub(crate) fn variables(&self) -> Option<&BTreeSet<String>> {
        (!self.0.all.contains("vars")).then_some(&self.0.variables)
    }

    /// The first word of each name.
    #[must_use]
    pub fn roots(&self) -> &BTreeSet<String> {
        &self.0.roots
    }
}

/// The same with a subscript in the place of each slice, which speaks of the same names; `None` if there is no slice.
fn without_slices(text: &str, expression: bool) -> Option<String> {
    let tokens: Vec<_> = tokenize(text, expression, syntax()).collect::<Result<_, _>>().ok()?;
    let mut unsliced = String::new();
    let mut copied = 0;
    let mut in_brackets = Vec::new();
    for (index, (token, span)) in tokens.iter().enumerate() {
        match token {
            Token::BracketOpen => in_brackets.push(true),
            Token::ParenOpen | Token::BraceOpen => in_brackets.push(false),
            Token::BracketClose | Token::ParenClose | Token::BraceClose => drop(in_brackets.pop()),
            // Only a slice has one right between brackets. What it may leave out is written out.
            Token::Colon if in_brackets.last() == Some(&true) => {
                let before = index.checked_sub(1).and_then(|index| tokens.get(index)).map(|(token, _)| token);
                let after = tokens.get(index + 1).map(|(token, _)| token);
                unsliced.push_str(text.get(copied..span.start_offset as usize)?);
                unsliced.push_str(if matches!(before, Some(Token::BracketOpen)) { "0" } else { " ~ 0" });
                unsliced.push_str(if matches!(after, Some(Token::BracketClose | Token::Colon)) { "" } else { " ~ " });
                copied = span.end_offset as usize;
            }
            _ => {}
        }
    }
    (copied > 0).then(|| unsliced + text.get(copied..).unwrap_or_default())
}

/// Filters that are offered when a name is misspelt. A test holds it against the environment.
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "basename",
    "batch",
    "bool",
    "chain",
    "count",
    "default",
    "dictsort",
    "difference",
    "dirname",
    "duration",
    "extract",
    "first",
    "float",
    "format",
    "from_json",
    "groupby",
    "hex_int",
    "human",
    "indent",
    "int",
    "intersect",
    "items",
    "items2dict",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "regex_findall",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "size",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "to_json",
    "tojson",
    "trim",
    "union",
    "unique",
    "upper",
    "zip",
];

/// Tests that are offered when a name is misspelt. A test holds it against the environment.
pub(crate) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "finite",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "match",
    "nan",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "search",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
    "version",
];

/// Whether the environment has such a filter or test.
fn exists(environment: &Environment<'_>, expression: &str, missing: ErrorKind) -> bool {
    static KNOWN: Cache<bool> = Cache::new(1024);
    let asked = KNOWN.get(expression, |expression| {
        let exists = match environment.compile_expression(expression) {
            Ok(compiled) => !matches!(compiled.eval(Value::from(0)), Err(error) if error.kind() == missing),
            Err(error) => error.kind() != missing,
        };
        // Made up names are without number, and are not kept.
        if exists { Ok(true) } else { Err(()) }
    });
    asked.is_ok()
}

/// What does the work of a method of Python.
fn instead(method: &str) -> Option<String> {
    let written = match method {
        "startswith" => "value is startingwith('…')",
        "endswith" => "value is endingwith('…')",
        "strip" | "lstrip" | "rstrip" => "value | trim",
        "splitlines" => "value | lines",
        "get" => "value.name | default(…)",
        "keys" => "value | list",
        "values" => "value | items | map('last')",
        "find" | "index" => "'…' in value",
        "isdigit" | "isnumeric" => "value is match('[0-9]+$')",
        _ if FILTERS.contains(&method) => return Some(format!("value | {method}")),
        _ if TESTS.contains(&method) => return Some(format!("value is {method}")),
        _ => return None,
    };
    Some(written.to_owned())
}

/// Refuses filters, tests and methods that do not exist: minijinja itself says so only when it comes to them.
pub(super) fn check_calls(text: &str, expression: bool) -> Result<(), ExpressionError> {
    let tokens = tokenize(text, expression, syntax()).collect::<Result<Vec<_>, _>>().map_err(|error| super::error::fault(&error))?;
    for (index, (token, span)) in tokens.iter().enumerate() {
        let Token::Ident(name) = token else { continue };
        let at = Some(span.start_offset as usize..span.end_offset as usize);
        let before = |back: usize| index.checked_sub(back).and_then(|index| tokens.get(index)).map(|(token, _)| token);
        let refuse = |what: &str, known: &[&str]| {
            let near = nearest(name, known.iter().copied()).map(str::to_owned);
            Err(ExpressionError { message: format!("unknown {what} `{name}`"), near, at: at.clone() })
        };
        if matches!(before(1), Some(Token::BlockStart)) && !STATEMENTS.contains(name) {
            return Err(ExpressionError { message: format!("`{{% {name} %}}` is not allowed here"), near: None, at });
        }
        // What is between them is gathered where nobody sees how much it is.
        if matches!(before(1), Some(Token::BlockStart))
            && *name == "set"
            && !matches!(tokens.get(index + 2), Some((Token::Assign | Token::Comma | Token::Dot, _)))
        {
            return Err(ExpressionError { message: "`{% set %}` without `=` is not allowed here".to_owned(), near: None, at });
        }
        match before(1) {
            Some(Token::Pipe) if !exists(&ENVIRONMENT, &format!("0|{name}"), ErrorKind::UnknownFilter) => return refuse("filter", FILTERS),
            Some(Token::Ident("is")) if *name != "not" && !exists(&ENVIRONMENT, &format!("0 is {name}"), ErrorKind::UnknownTest) => {
                return refuse("test", TESTS);
            }
            Some(Token::Ident("not"))
                if matches!(before(2), Some(Token::Ident("is")))
                    && !exists(&ENVIRONMENT, &format!("0 is {name}"), ErrorKind::UnknownTest) =>
            {
                return refuse("test", TESTS);
            }
            Some(Token::Dot) if matches!(tokens.get(index + 1), Some((Token::ParenOpen, _))) => {
                let advice = instead(name).map(|instead| format!("; write `{instead}`")).unwrap_or_default();
                return Err(ExpressionError {
                    message: format!("`.{name}(` cannot be called: values have no methods{advice}"),
                    near: None,
                    at,
                });
            }
            _ => {}
        }
        if name.starts_with('_') {
            return Err(ExpressionError { message: format!("invalid name `{name}`: names cannot begin with `_`"), near: None, at });
        }
    }
    Ok(())
}

/// Refuses `{#`: all that follows would vanish unseen, and shells write it too (`${#name}`).
pub(super) fn no_comment(text: &str) -> Result<(), ExpressionError> {
    if !text.contains("{#") {
        return Ok(());
    }
    // A comment is no token; in a quoted text or a raw block the mark stands inside one.
    let mut whole = true;
    let mut places = Vec::new();
    for token in tokenize(text, false, syntax()) {
        let Ok((_, span)) = token else {
            whole = false;
            break;
        };
        places.push(span.start_offset as usize..span.end_offset as usize);
    }
    let read = places.last().map_or(0, |place| place.end);
    // What could not be read begins behind the last token, with this mark or with another one.
    let next = ["{{", "{%", "{#"].iter().filter_map(|mark| text.get(read..)?.find(mark)).min().map(|at| read + at);
    let comment = text
        .match_indices("{#")
        .map(|(at, _)| at)
        .find(|at| !places.iter().any(|place| place.contains(at)) && (whole || *at < read || Some(*at) == next));
    comment.map_or(Ok(()), |at| {
        let message = "`{#` begins a comment, and comments are not allowed in a template".to_owned();
        Err(ExpressionError { message, near: None, at: Some(at..at + 2) })
    })
}

/// The known word that was probably meant, if any is near enough.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Nothing known is so long, in bytes; and comparing takes as long as both are.
    const LONGEST: usize = 256;
    known
        .filter(|candidate| word.len().max(candidate.len()) <= LONGEST)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longer = candidate.chars().count().max(word.chars().count());
            *distance <= 1 + longer / 4 && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{
        super::text::{check_expression, check_template},
        *,
    };

    #[test]
    fn every_offered_name_exists() {
        for name in FILTERS {
            assert!(exists(&ENVIRONMENT, &format!("0|{name}"), ErrorKind::UnknownFilter), "{name}");
        }
        for name in TESTS {
            assert!(exists(&ENVIRONMENT, &format!("0 is {name}"), ErrorKind::UnknownTest), "{name}");
        }
        for name in FUNCTIONS {
            assert!(ENVIRONMENT.globals().any(|(global, _)| global == *name), "{name}");
        }
        assert!(!exists(&ENVIRONMENT, "0|nonesuch", ErrorKind::UnknownFilter));
        assert!(
            check_expression("namespace().x").is_ok_and(|names| names.roots().contains("namespace")),
            "it is nobody's result, and no function"
        );
    }

    #[test]
    fn names_come_with_their_dots() {
        let names = check_expression("params.osds | length > gate.output.x and item in vars.hosts and range(3)").unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["gate.output.x", "item", "params.osds", "vars.hosts"]);
        assert_eq!(names.roots().iter().collect::<Vec<_>>(), ["gate", "item", "params", "vars"]);
    }

    #[test]
    fn variables_are_told_by_name_where_it_is_clear_which() {
        let variables = |text: &str| check_expression(text).unwrap().variables().cloned();
        assert_eq!(variables("vars.hosts[0].name ~ vars.own ~ a.vars.b"), Some(["hosts", "own"].map(str::to_owned).into()));
        assert_eq!(variables("a"), Some(BTreeSet::new()));
        assert_eq!(variables("vars[a] ~ vars.own"), None);
    }

    #[test]
    fn what_is_sliced_is_spoken_of() {
        for text in
            ["vars.x[:1]", "vars.x[1:]", "vars.x[:]", "vars.x[::]", "vars.x[::2]", "(vars.x | list)[0:1:2]", "[[vars.x[:1]], {'a': 1}]"]
        {
            assert_eq!(check_expression(text).unwrap().iter().collect::<Vec<_>>(), ["vars.x"], "{text}");
            assert_eq!(check_template(&format!("{{{{ {text} }}}}")).unwrap().iter().collect::<Vec<_>>(), ["vars.x"], "{text}");
        }
        let names = check_expression("a[b:c if d else e][f.g:]").unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f.g"]);
        let names = check_template("{% for x in a[1:] %}{{ x[:n] }}:[{% endfor %}").unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a", "n"]);
    }

    #[test]
    fn what_does_not_exist_is_refused_with_the_nearest() {
        let message = |text| check_expression(text).unwrap_err().to_string();
        assert_eq!(message("a | lenght"), "unknown filter `lenght`; did you mean `length`?");
        assert_eq!(message("a is defind"), "unknown test `defind`; did you mean `defined`?");
        assert!(message("a.startswith('x')").ends_with("no methods; write `value is startingwith('…')`"));
        assert!(message("a.upper()").ends_with("; write `value | upper`") && message("a.frob()").ends_with("no methods"));
        for method in ["startswith", "endswith", "strip", "splitlines", "get", "keys", "values", "find", "isdigit"] {
            let advised = instead(method).unwrap().replace('…', "x").replace("(x)", "('x')");
            check_expression(&advised).unwrap_or_else(|error| panic!("{method}: {error}"));
        }
        assert_eq!(nearest("pp", ["p"].into_iter()), Some("p"));
        assert_eq!(nearest("x", ["p"].into_iter()), None);
        assert!(message("a | _comparable(1, true)").contains("no filter") || message("a | _comparable(1, true)").contains("begin with"));
    }
}
