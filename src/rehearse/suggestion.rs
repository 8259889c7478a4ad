//! The rule to write for a command that no rule answers.

use crate::ports::{Order, Words};

use super::{matcher::escape, rule::Rule, scenario::Scenario};

/// A rule in YAML that matches exactly this command, ready to be pasted below `commands:`.
#[must_use]
pub(super) fn rule(order: &Order) -> String {
    let mut text = match &order.words {
        _ if order.query.is_some() => format!("  - query: {}\n", scalar(order.query.as_deref().unwrap_or_default())),
        Words::Argv(argv) => {
            let words: Vec<String> = argv.iter().map(|word| scalar(&escape(word))).collect();
            format!("  - match: [{}]\n", words.join(", "))
        }
        Words::Script(script) => {
            let line = script.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
            format!("  - script: {}\n", scalar(&regex::escape(line)))
        }
    };
    if let Some(host) = &order.host {
        text.extend(["    on: ", &scalar(&escape(host)), "\n"]);
    }
    text.push_str("    stdout: ''    # what does it print?\n");
    text
}

/// The text as a YAML scalar that is text again, in a flow list too.
pub(super) fn scalar(text: &str) -> String {
    if text.chars().any(char::is_control) {
        // JSON's double quotes are YAML's.
        return serde_json::Value::from(text).to_string();
    }
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./@+=-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// The command as a person would write it.
#[must_use]
pub(super) fn command(order: &Order) -> String {
    let text = match &order.words {
        Words::Argv(argv) => {
            argv.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { word.clone() }).collect::<Vec<_>>().join(" ")
        }
        Words::Script(script) => format!("the script `{}`", script.trim().lines().next().unwrap_or_default()),
    };
    match &order.host {
        Some(host) => format!("{text} on {host}"),
        None => text,
    }
}

/// The rule that is most like a command that none answers, and why it does not.
#[must_use]
pub(super) fn nearest(scenario: &Scenario, order: &Order) -> Option<String> {
    let text = command(order);
    let alike = |rule: &Rule| strsim::normalized_levenshtein(&rule.text, &text);
    let whole =
        scenario.rules.iter().find(|rule| rule.pattern.matches(&order.words, order.host.as_deref(), order.query.as_deref()).is_some());
    let (rule, why) = match whole {
        Some(rule) => (rule, ", but its `when` is false"),
        None => (scenario.rules.iter().max_by(|a, b| alike(a).total_cmp(&alike(b))).filter(|rule| alike(rule) > 0.5)?, ""),
    };
    let at = rule.line.as_ref().map(|spot| format!(" at {}:{}", spot.file, spot.line)).unwrap_or_default();
    Some(format!("the nearest rule{at} answers `{}`{why}", rule.text))
}
