//! The expression language: Jinja, by minijinja, with undefined names an error.
//!
//! An expression is `a < b`; a template is text with `{{ expressions }}` in it. A template that is one whole expression keeps
//! its value's type, so that a list stays a list.

mod alike;
mod bounded_regex;
pub(crate) mod cache;
mod compare;
mod compiled;
pub(crate) mod environment;
mod error;
mod figure;
mod filter;
mod growth;
mod human;
pub(crate) mod limit;
pub(crate) mod mixture;
pub(crate) mod name;
mod syntax;
mod text;
mod version;
mod withheld;

pub(crate) use compiled::{Compiled, Prepared, expression, is_dynamic, template, truth, whole};
pub(crate) use environment::from_json;
pub(crate) use error::ExpressionError;
pub(crate) use figure::read_json;
pub(crate) use name::Names;
pub(crate) use text::{check_expression, check_template, names_in_expression, names_in_template, render_with};
#[cfg(test)]
pub(crate) use text::{evaluate, evaluate_bool, render};
pub(crate) use withheld::{fields_of, for_people, json, looked_at, result, times_met, why_withheld, withheld};

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_undefined_is_ever_an_answer() {
        let scope = context! { output => context! { a => 1 } };
        for text in [
            "output.b < 5",
            "output.b != 'x'",
            "output.b == none",
            "not output.b",
            "output.b",
            "missing",
            "output.b or true",
            "output.b.c | default(0)",
        ] {
            assert!(evaluate(text, &scope).is_err(), "{text}");
        }
        assert_eq!(evaluate("output.b | default(0)", &scope).unwrap(), Value::from(0));
        assert!(render("x {{ output.b }}", &scope).is_err());
    }

    #[test]
    fn an_expectation_is_true_or_false() {
        let scope = context! { n => 3 };
        assert!(evaluate_bool("n == 3", &scope).unwrap());
        assert!(evaluate_bool("n", &scope).is_err());
        assert!(evaluate_bool("'yes'", &scope).is_err());
    }

    #[test]
    fn text_and_number_are_never_ordered() {
        let scope = context! { lines => vec!["99"], n => 5 };
        assert!(evaluate("lines[0] > 100", &scope).is_err());
        assert!(!evaluate_bool("lines[0] | int > 100", &scope).unwrap());
    }

    #[test]
    fn values_are_written_as_json_writes_them() {
        let scope = context! { yes => true, list => vec!["a"], nothing => () };
        assert_eq!(render("{{ yes }}/{{ list }}", &scope).unwrap().as_str(), Some("true/[\"a\"]"));
        assert!(render("x{{ nothing }}", &scope).is_err());
        assert!(render("x{{ missing }}", &scope).is_err());
    }

    #[test]
    fn whole_expressions_keep_their_type() {
        let scope = context! { l => vec![1, 2], a => "x", b => "y" };
        assert_eq!(render("{{ l }}", &scope).unwrap().len(), Some(2));
        assert_eq!(render("{{ a }}{{ b }}", &scope).unwrap().as_str(), Some("xy"));
        assert_eq!(render("{{ a }} {{ b }}", &scope).unwrap().as_str(), Some("x y"));
        assert_eq!(render("plain", &scope).unwrap().as_str(), Some("plain"));
        assert_eq!(render("{{ a }}\n", &scope).unwrap().as_str(), Some("x\n"));
        assert_eq!(render(" {{ l }}\n", &scope).unwrap().len(), Some(2));
    }

    /// What a shell, a Go template or a jsonpath writes.
    const FOREIGN: &[&str] =
        &["{{", "}}", "{%", "%}", "{#", "#}", "${#f} g ${g%#}", "{{.State.Status}}", "{{json .}}", "{%s}", "{.items[*]}", "{{- end }}"];

    #[test]
    fn a_comment_is_refused_wherever_it_begins() {
        for text in ["len ${#f} g ${g%#}", "{# x #}", "{{ a }}{# x", "{#", "{% if true %}{# x #}{% endif %}", "${#a}", "{{ '{#' }}{# b #}"]
        {
            let error = check_template(text).unwrap_err();
            assert!(error.message.contains("begins a comment"), "{text}: {error}");
            assert_eq!(error.at.clone().and_then(|at| text.get(at)), Some("{#"), "{text}");
        }
        for text in ["{{ a", "{{ a {# b", "{% x %}{# b"] {
            assert!(check_template(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_mark_can_be_written() {
        for text in FOREIGN {
            let quoted = format!("x {{{{ {} }}}} y", serde_json::Value::from(*text));
            assert_eq!(render(&quoted, &Value::UNDEFINED).unwrap().to_string(), format!("x {text} y"));
            check_template(&quoted).unwrap();
            let raw = format!("{{% raw %}}{text}{{% endraw %}}");
            assert_eq!(render(&raw, &Value::UNDEFINED).unwrap().to_string(), *text);
            check_template(&raw).unwrap();
        }
    }

    proptest! {
        /// Whatever passes the check, every letter outside of braces arrives.
        #[test]
        fn no_letter_vanishes_unseen(parts in proptest::collection::vec(prop::sample::select(vec!["a", " ", "{#", "#}", "#", "${#f}", "{", "}", "\n", "é", "%}", "}}"]), 0..12)) {
            let text = parts.concat();
            if !text.contains("{{") && check_template(&text).is_ok() {
                prop_assert_eq!(render(&text, &Value::UNDEFINED).unwrap().to_string(), text);
            }
        }

        /// Any text at all can be written, quoted or raw.
        #[test]
        fn any_text_can_be_written(text in "([a-z {}%#'\"\\\\]|\\{\\{|\\{%|\\{#|%\\}){0,20}") {
            let quoted = format!("{{{{ {} }}}}", serde_json::Value::from(text.as_str()));
            check_template(&quoted).unwrap();
            prop_assert_eq!(render(&quoted, &Value::UNDEFINED).unwrap().to_string(), text.clone());
            let raw = format!("<{{% raw %}}{text}{{% endraw %}}>");
            check_template(&raw).unwrap();
            prop_assert_eq!(render(&raw, &Value::UNDEFINED).unwrap().to_string(), format!("<{text}>"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = check_expression(&text);
            let _ = check_template(&text);
            let _ = render(&text, &Value::from(1));
        }

        #[test]
        fn no_expression_makes_it_panic(parts in proptest::collection::vec(prop::sample::select(vec![
            "a", ".b", "[0]", "[-1]", "(", ")", " | ", "int", "duration", "size", "regex_search('a')", "length", " + ", " < ", " in ", "'x'", "1", "99999999999999999999", "~", " if ", " else ", "not ", "[1,2]", "{'k': 1}", "%", "**", "//", "-"]), 0..12)) {
            let text = parts.concat();
            let scope = context! { a => context! { b => vec![1, 2] } };
            let _ = check_expression(&text);
            let _ = evaluate(&text, &scope);
        }
    }
}
