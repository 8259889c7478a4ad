//! Parts of a runbook as they are read aloud.

use crate::{
    quantity::show_duration,
    runbook::{
        model::{Choices, Command, ForEach, ItemList, OnItemFailure, Parameter, Portion, Program, Timespan},
        value::plain,
    },
};

/// What a parameter may be, one fact after the other.
pub(super) fn parameter(parameter: &Parameter) -> Vec<String> {
    let kind = parameter.kind.words();
    let need = match &parameter.default {
        Some(value) => format!("default {}", default(value)),
        None => "required".to_owned(),
    };
    let mut facts = vec![if parameter.list { format!("a list, each {kind}") } else { kind.to_owned() }, need];
    facts.extend(parameter.min.as_ref().map(|min| format!("at least {}", min.text)));
    facts.extend(parameter.max.as_ref().map(|max| format!("at most {}", max.text)));
    facts.extend(parameter.from_env.as_ref().map(|variable| format!("or from ${variable}")));
    match &parameter.choices {
        Some(Choices::Fixed(choices)) => facts.push(format!("one of {}", choices.iter().map(plain).collect::<Vec<_>>().join(", "))),
        Some(Choices::Live { command: finds, .. }) => facts.push(format!("one of what `{}` finds", command(finds))),
        None => {}
    }
    facts
}

fn default(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) if items.is_empty() => "none".to_owned(),
        value => plain(value),
    }
}

/// What a loop goes through, and how.
pub(super) fn for_each(each: &ForEach) -> String {
    let items = match &each.items.list {
        ItemList::Expression(template) => text(&template.text),
        ItemList::Literal(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
    };
    let sizes: Vec<String> = each.batch.iter().map(portion_words).collect();
    let pause = each.pause.as_ref().map(|pause| format!(", {} between", timespan(pause))).unwrap_or_default();
    let by = each.batch_by.as_ref().map(|by| format!(", in groups by {by}")).unwrap_or_default();
    let label = each.items.label.as_ref().map(|label| format!(", called {}", text(&label.text))).unwrap_or_default();
    let most = each.max_failures.as_ref().map(portion_words);
    let failures = match (each.on_item_failure, most) {
        (OnItemFailure::Stop, most) => format!("at most {} may fail", most.unwrap_or_else(|| "0".to_owned())),
        (OnItemFailure::Continue, None) => "continues after a failed item, and fails at the end".to_owned(),
        (OnItemFailure::Continue, Some(most)) => {
            format!("continues after a failed item, and fails at the end; stops after more than {most}")
        }
    };
    format!("for each {} of {items}{label}; batches of {}{by}{pause}; {failures}", each.items.name, sizes.join(", then "))
}

fn portion_words(portion: &Portion) -> String {
    match portion {
        Portion::Count(count) => count.to_string(),
        Portion::Percent(percent) => format!("{percent}%"),
        Portion::Template(template) => text(&template.text),
    }
}

/// A length of time.
pub(super) fn timespan(length: &Timespan) -> String {
    match length {
        Timespan::Fixed(length) => show_duration(*length),
        Timespan::Template(template) => text(&template.text),
    }
}

/// The words of a command, quoted where they need it.
pub(super) fn command(command: &Command) -> String {
    let Program::Argv(words) = &command.program else { return String::new() };
    let quoted = |text: &str| {
        let bare = !text.is_empty() && !text.contains([' ', '\'', '"', '$', '*', ';', '|', '&', '<', '>', '(', ')']);
        if bare || text.starts_with('{') { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    words.iter().map(|word| quoted(&text(&word.text))).collect::<Vec<_>>().join(" ")
}

/// The words of a command, or the first line of its script.
pub(super) fn first_line(of: &Command) -> String {
    match &of.program {
        Program::Argv(_) => command(of),
        Program::Shell(script) => script.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned(),
    }
}

/// A template as it is read aloud: `{{ osd }}` becomes `{osd}`.
pub(in crate::app) fn text(template: &str) -> String {
    template.replace("{{ ", "{").replace(" }}", "}").replace("{{", "{").replace("}}", "}")
}
