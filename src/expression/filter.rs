//! Filters beside Jinja's own, named as in Ansible where it has them.

use indexmap::IndexMap;
use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters,
    value::{Kwargs, Rest, ValueKind, ValueOrKwargs},
};

use super::{
    alike,
    bounded_regex::BoundedRegex,
    error::{brief, defined},
    figure, growth, human, limit, version,
};
use crate::quantity;

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// The first match of a regular expression: its group if it has one, else all of it; `none` if there is no match.
fn regex_search(value: &str, expression: &str) -> Result<Value, Error> {
    let Some(found) = BoundedRegex::of(expression)?.once(value)?.captures(value) else { return Ok(Value::from(())) };
    Ok(found.get(1).or_else(|| found.get(0)).map_or(Value::from(()), |text| Value::from(text.as_str())))
}

/// Every match of a regular expression, by the same rule.
fn regex_findall(value: &str, expression: &str) -> Result<Vec<String>, Error> {
    Ok(BoundedRegex::of(expression)?
        .throughout(value)?
        .captures_iter(value)
        .filter_map(|found| found.get(1).or_else(|| found.get(0)).map(|text| text.as_str().to_owned()))
        .collect())
}

fn regex_replace(value: &str, expression: &str, replacement: &str) -> Result<String, Error> {
    // `'\\1'` in Jinja is the character U+0001.
    let backslash = replacement.split('\\').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if backslash || replacement.contains(|c: char| ('\u{1}'..'\u{9}').contains(&c)) {
        return Err(refuse("`regex_replace`: a group is written `$1` or `${name}`, not `\\1`"));
    }
    let mut replaced = String::new();
    let mut from = 0;
    for found in BoundedRegex::of(expression)?.throughout(value)?.captures_iter(value) {
        let Some(whole) = found.get(0) else { continue };
        let before = replaced.len();
        replaced.push_str(&value[from..whole.start()]);
        found.expand(replacement, &mut replaced);
        from = whole.end();
        limit::make(replaced.len() - before)?;
        if replaced.len() > limit::LONGEST_TEXT {
            limit::make(replaced.len())?;
        }
    }
    replaced.push_str(&value[from..]);
    limit::make(replaced.len())?;
    Ok(replaced)
}

/// Whether a regular expression matches at the beginning.
fn is_match(value: &str, expression: &str) -> Result<bool, Error> {
    Ok(BoundedRegex::of(&format!("^(?:{expression})"))?.once(value)?.is_match(value))
}

/// Whether a regular expression matches anywhere.
fn is_search(value: &str, expression: &str) -> Result<bool, Error> {
    Ok(BoundedRegex::of(expression)?.once(value)?.is_match(value))
}

fn from_json(value: &str) -> Result<Value, Error> {
    figure::read_json(value).map_err(|error| refuse(format!("not JSON: {error}")))
}

fn to_json(value: &Value) -> Result<String, Error> {
    defined(std::slice::from_ref(value))?;
    let mut written = limit::Rendered::default();
    serde_json::to_writer(&mut written, value).map_err(|error| refuse(format!("cannot be written as JSON: {error}")))?;
    limit::make(written.0.len())?;
    String::from_utf8(written.0).map_err(|error| refuse(error.to_string()))
}

/// A length of time such as `5m`, in seconds.
fn duration(value: &Value) -> Result<f64, Error> {
    match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()),
        _ => quantity::duration(&value.to_string()).map(|length| length.as_secs_f64()).map_err(|error| refuse(error.to_string())),
    }
}

/// A size such as `4GiB`, in bytes.
fn size(value: &Value) -> Result<u64, Error> {
    match value.kind() {
        ValueKind::Number => u64::try_from(value.clone()),
        _ => quantity::size(&value.to_string()).map_err(|error| refuse(error.to_string())),
    }
}

/// A hexadecimal number, with or without `0x`.
fn hex_int(value: &str) -> Result<u64, Error> {
    let digits = value.trim().trim_start_matches("0x");
    u64::from_str_radix(digits, 16).map_err(|_| refuse(format!("`{}` is not a hexadecimal number", brief(&Value::from(value)))))
}

fn basename(value: &str) -> String {
    value.rsplit('/').find(|part| !part.is_empty()).unwrap_or(value).to_owned()
}

fn dirname(value: &str) -> String {
    std::path::Path::new(value).parent().map_or_else(|| "/".to_owned(), |parent| parent.display().to_string())
}

/// A whole number; text that is none is an error, never zero.
fn int(value: &Value) -> Result<Value, Error> {
    let whole = |number: f64| {
        #[allow(clippy::cast_possible_truncation, reason = "checked to be within i64's exact range")]
        (number.is_finite() && number.abs() < 9.0e15).then(|| Value::from(number.trunc() as i64))
    };
    let found = match value.kind() {
        ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value.clone()),
        ValueKind::Number => f64::try_from(value.clone()).ok().and_then(whole),
        ValueKind::String => {
            let text = value.to_string();
            let text = text.trim();
            text.parse::<i64>()
                .map(Value::from)
                .ok()
                .or_else(|| text.parse::<u64>().map(Value::from).ok())
                .or_else(|| text.parse::<f64>().ok().and_then(whole))
        }
        _ => None,
    };
    found.ok_or_else(|| refuse(format!("`{}` is not a whole number", brief(value))))
}

/// A number; text that is none is an error, never zero.
fn float(value: &Value) -> Result<f64, Error> {
    let found = match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value.to_string().trim().parse::<f64>().ok().filter(|number| number.is_finite()),
        _ => None,
    };
    found.ok_or_else(|| refuse(format!("`{}` is not a number", brief(value))))
}

/// A map of what stands at one key of each item, by what stands at another: what is looked up many times is not searched for each time.
fn items2dict(items: &Value, arguments: &Kwargs) -> Result<Value, Error> {
    defined(std::slice::from_ref(items))?;
    let name = |argument: &str, usual: &str| Ok::<_, Error>(arguments.get::<Option<String>>(argument)?.unwrap_or_else(|| usual.to_owned()));
    let (key_name, value_name) = (name("key_name", "key")?, name("value_name", "value")?);
    arguments.assert_all_used()?;
    limit::list(items.len().unwrap_or(0))?;
    let mut found = IndexMap::new();
    for item in items.try_iter()? {
        let at = |name: &str| match item.get_attr(name) {
            Ok(value) if !value.is_undefined() => Ok(value),
            _ => Err(refuse(format!("`items2dict`: `{}` has no `{name}`", brief(&item)))),
        };
        let key = at(&key_name)?;
        if matches!(key.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
            return Err(refuse(format!("`items2dict`: `{}` is no key", brief(&key))));
        }
        if found.insert(key.clone(), at(&value_name)?).is_some() {
            return Err(refuse(format!("`items2dict`: two items have the key `{}`", brief(&key))));
        }
    }
    Ok(Value::from_pairs(found))
}

/// What stands at a key of a map, or at an index of a list: `keys | map('extract', map)`.
fn extract(key: &Value, container: &Value) -> Result<Value, Error> {
    defined(&[key.clone(), container.clone()])?;
    let found = container.get_item(key).ok().filter(|found| !found.is_undefined());
    found.ok_or_else(|| refuse(format!("`extract`: there is no `{}`", brief(key))))
}

/// The largest number of spaces, digits or slices that anybody could want.
const WIDEST: usize = 10_000;

/// One of Jinja's own filters, which is refused beforehand what would be too much; what it has made counts.
fn measured(environment: &mut Environment<'_>, name: &'static str, builtin: Value, before: fn(&[Value]) -> Result<(), Error>) {
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        defined(&arguments)?;
        before(&arguments)?;
        limit::made(builtin.call(state, &arguments)?)
    });
}

/// How much text a value is, in bytes.
fn length(value: &Value) -> usize {
    match value.as_str() {
        Some(text) => text.len(),
        None if value.kind() == ValueKind::Number => 40,
        None => value.to_string().len(),
    }
}

fn too_wide() -> Error {
    limit::exceeded(format!("it asks for a width or a count of more than {WIDEST}"))
}

/// Whole numbers among the arguments, those with a name too.
fn numbers(arguments: &[Value]) -> impl Iterator<Item = u64> {
    let named = arguments.iter().filter(|value| value.is_kwargs()).flat_map(|named| {
        let keys = named.try_iter().into_iter().flatten();
        keys.filter_map(|key| named.get_item(&key).ok()).collect::<Vec<_>>()
    });
    arguments.iter().cloned().chain(named).filter_map(|value| u64::try_from(value).ok())
}

fn narrow(arguments: &[Value]) -> Result<(), Error> {
    let rest = arguments.get(1..).unwrap_or_default();
    if numbers(rest).any(|number| number > WIDEST as u64) { Err(too_wide()) } else { Ok(()) }
}

fn before_indent(arguments: &[Value]) -> Result<(), Error> {
    narrow(arguments)?;
    let Some(text) = arguments.first().and_then(Value::as_str) else { return Ok(()) };
    let width = numbers(&arguments[1..]).max().and_then(|width| usize::try_from(width).ok()).unwrap_or(4);
    limit::make((text.matches('\n').count() + 1).saturating_mul(width).saturating_add(text.len()))
}

fn before_replace(arguments: &[Value]) -> Result<(), Error> {
    let [value, from, to, ..] = arguments else { return Ok(()) };
    let (value, from) = (value.to_string(), from.to_string());
    let found = if from.is_empty() { value.len() + 1 } else { value.matches(from.as_str()).count() };
    limit::make(found.saturating_mul(length(to)).saturating_add(value.len()))
}

fn before_join(arguments: &[Value]) -> Result<(), Error> {
    let Some(list) = arguments.first() else { return Ok(()) };
    let joiner = arguments.get(1).map_or(0, |joiner| if joiner.is_kwargs() { 0 } else { length(joiner) });
    limit::make(list.len().unwrap_or(0).saturating_mul(joiner))?;
    if matches!(list.kind(), ValueKind::Seq)
        && let Ok(items) = list.try_iter()
    {
        for item in items {
            limit::make(length(&item))?;
        }
    }
    Ok(())
}

fn before_format(arguments: &[Value]) -> Result<(), Error> {
    let Some((text, rest)) = arguments.split_first() else { return Ok(()) };
    let text = text.to_string();
    let mut conversions = 0_usize;
    for found in BoundedRegex::of(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")?.throughout(&text)?.captures_iter(&text) {
        conversions += 1;
        for width in [found.get(1), found.get(2)].into_iter().flatten().map(|width| width.as_str()) {
            let wide = if width == "*" {
                numbers(rest).any(|number| number > WIDEST as u64)
            } else {
                width.parse().unwrap_or(WIDEST + 1) > WIDEST
            };
            if wide {
                return Err(too_wide());
            }
        }
    }
    let longest = rest.iter().map(length).max().unwrap_or(0).max(WIDEST.min(text.len()));
    limit::make(conversions.saturating_mul(longest).saturating_add(text.len()))
}

/// What each pass makes longer can be made longer without end.
fn before_writing(arguments: &[Value]) -> Result<(), Error> {
    arguments.first().map_or(Ok(()), |value| limit::make(length(value)))
}

fn unlimited(_: &[Value]) -> Result<(), Error> {
    limit::in_time()
}

fn within_limits(environment: &mut Environment<'_>) {
    measured(environment, "replace", Value::from_function(filters::replace), before_replace);
    measured(environment, "indent", Value::from_function(filters::indent), before_indent);
    measured(environment, "join", Value::from_function(filters::join), before_join);
    measured(environment, "format", Value::from_function(filters::format), before_format);
    measured(environment, "slice", Value::from_function(filters::slice), narrow);
    measured(environment, "batch", Value::from_function(filters::batch), narrow);
    measured(environment, "pprint", Value::from_function(filters::pprint), before_writing);
    for name in ["escape", "e"] {
        measured(environment, name, Value::from_function(filters::escape), before_writing);
    }
    measured(environment, "string", Value::from_function(filters::string), unlimited);
    measured(environment, "list", Value::from_function(filters::list), unlimited);
    alike::guarded_filter(environment, "chain", Value::from_function(filters::chain), |_| Ok(()));
    alike::guarded_filter(environment, "reverse", Value::from_function(filters::reverse), |_| Ok(()));
    alike::guarded_filter(environment, "zip", Value::from_function(filters::zip), |_| Ok(()));
    environment.add_filter(growth::PART, limit::made);
    environment.add_filter(growth::REPEATED, |left: Value, right: Value| limit::repeated(left, &right));
}

pub(super) fn install(environment: &mut Environment<'_>) {
    within_limits(environment);
    alike::install(environment);
    figure::install(environment);
    human::install(environment);
    version::install(environment);
    environment.add_filter("regex_search", |value: String, expression: String| regex_search(&value, &expression));
    environment.add_filter("regex_findall", |value: String, expression: String| regex_findall(&value, &expression));
    environment.add_filter("regex_replace", |value: String, expression: String, with: String| regex_replace(&value, &expression, &with));
    environment.add_test("match", |value: String, expression: String| is_match(&value, &expression));
    environment.add_test("search", |value: String, expression: String| is_search(&value, &expression));
    environment.add_filter("from_json", |value: String| from_json(&value));
    environment.add_filter("to_json", |value: Value| to_json(&value));
    environment.add_filter("tojson", |value: Value| to_json(&value));
    environment.add_filter("items2dict", |items: Value, arguments: Kwargs| items2dict(&items, &arguments));
    environment.add_filter("extract", |key: Value, container: Value| extract(&key, &container));
    environment.add_filter("duration", |value: Value| duration(&value));
    environment.add_filter("size", |value: Value| size(&value));
    environment.add_filter("hex_int", |value: String| hex_int(&value));
    environment.add_filter("basename", |value: String| basename(&value));
    environment.add_filter("dirname", |value: String| dirname(&value));
    environment.add_filter("int", |value: Value| int(&value));
    environment.add_filter("float", |value: Value| float(&value));
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};

    use super::super::text::evaluate;

    fn value(text: &str) -> Value {
        evaluate(text, &context! { l => vec!["a 1", "b 22"], t => "used: 17 of 20" }).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A step that was skipped has no output: what is made of it would read as if there were nothing to tell.
    #[test]
    fn no_filter_takes_what_is_undefined() {
        let arguments = ["", "('a')", "('a', 'b')", "(2)", "([1])", "(attribute='a')"];
        for name in super::super::name::FILTERS.iter().filter(|name| **name != "default") {
            for arguments in arguments {
                let text = format!("x.output | {name}{arguments}");
                let value = evaluate(&text, &context! { x => context! { ran => false } });
                assert!(value.is_err(), "{text}: {value:?}");
            }
        }
        for text in ["x.output | join(',')", "[1] | chain(x.output) | list", "x.output | to_json", "x.output | reverse"] {
            let error = evaluate(text, &context! { x => context! { ran => false } }).unwrap_err();
            assert!(error.message.contains("`x.output` is undefined"), "{text}: {error}");
        }
        assert_eq!(value("[1, 2] | chain([3]) | reverse | join(',')").as_str(), Some("3,2,1"));
        assert_eq!(value("[1, 2] | zip([3, 4]) | map('join', '-') | join(' ')").as_str(), Some("1-3 2-4"));
    }

    #[test]
    fn each_filter_does_what_its_name_says() {
        assert_eq!(value("t | regex_search('used: ([0-9]+)') | int"), Value::from(17));
        assert!(value("t | regex_search('nothing') is none").is_true());
        assert_eq!(value("t | regex_findall('[0-9]+') | join(',')").as_str(), Some("17,20"));
        assert_eq!(value("'a-b' | regex_replace('(.)-(.)', '${2}_$1')").as_str(), Some("b_a"));
        for text in [r"t | regex_replace('(.)', '\1')", r"t | regex_replace('(.)', '\\1')", r"l | map('regex_replace', '(.)', '\2') | list"]
        {
            assert!(evaluate(text, &context! { l => vec!["a"], t => "x" }).is_err(), "{text}");
        }
        assert_eq!(value("'5m' | duration"), Value::from(300.0));
        assert_eq!(value("'4KiB' | size"), Value::from(4096));
        assert_eq!(value("'0000ff' | hex_int"), Value::from(255));
        assert_eq!(value("[1,2,3] | difference([2]) | length"), Value::from(2));
        assert_eq!(value("[1,2] | union([2,3]) | length"), Value::from(3));
        assert_eq!(value("'/a/b' | basename").as_str(), Some("b"));
        assert_eq!(value("'{\"a\": [1]}' | from_json | to_json").as_str(), Some("{\"a\":[1]}"));
    }

    #[test]
    fn a_map_is_made_of_a_list_and_nothing_stands_for_two() {
        assert_eq!(value("([{'id': 3, 'host': 'a'}] | items2dict(key_name='id', value_name='host'))[3]").as_str(), Some("a"));
        assert_eq!(value("[{'key': 'x', 'value': 1}] | items2dict | to_json").as_str(), Some("{\"x\":1}"));
        assert_eq!(
            value("([{'d': 'a', 'n': 1}, {'d': 'b', 'n': 2}, {'d': 'a', 'n': 3}] | groupby('d') | items2dict(key_name='grouper', value_name='list'))['a'] | map(attribute='n') | join(',')").as_str(),
            Some("1,3")
        );
        assert_eq!(value("['b', 'a'] | map('extract', {'a': 1, 'b': 2}) | join(',')").as_str(), Some("2,1"));
        for (text, why) in [
            ("['c'] | map('extract', {'a': 1}) | list", "there is no `c`"),
            ("[{'key': 1, 'value': 2}, {'key': 1, 'value': 3}] | items2dict", "two items have the key `1`"),
            ("[{'key': 1}] | items2dict", "has no `value`"),
            ("[1] | items2dict", "has no `key`"),
            ("[{'key': [1], 'value': 2}] | items2dict", "is no key"),
            ("[] | items2dict(name='x')", "name"),
            ("([{'key': 1, 'value': 2}] | items2dict)[2]", "undefined"),
        ] {
            let error = evaluate(text, &Value::UNDEFINED).unwrap_err();
            assert!(error.message.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn no_number_is_made_up() {
        for text in ["'x' | int", "'' | int", "none | int", "'1.5.2' | float", "'nan' | float", "'5 parsecs' | duration"] {
            assert!(evaluate(text, &Value::UNDEFINED).is_err(), "{text}");
        }
        assert_eq!(value("' 42 ' | int"), Value::from(42));
    }
}
