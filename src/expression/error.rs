//! Why an expression has no value.

/// An expression or template that does not parse, or cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct ExpressionError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// The name that was probably meant.
    pub near: Option<String>,
    /// Where in the text, in bytes, if it is known.
    pub at: Option<std::ops::Range<usize>>,
}

impl ExpressionError {
    /// No more is known than what is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), near: None, at: None }
    }
}

/// The longest text of a value that an error shows, in characters.
const SHOWN: usize = 80;

/// A value as an error shows it: its beginning, since it may be all that a command printed.
pub(super) fn brief(value: &minijinja::Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Some of Jinja's own filters take what is undefined for an empty list.
///
/// # Errors
/// One of the arguments of a filter is undefined.
pub(super) fn defined(arguments: &[minijinja::Value]) -> Result<(), minijinja::Error> {
    // What has no value has no attribute either, and minijinja says by which name it was asked for.
    arguments.iter().filter(|argument| argument.is_undefined()).try_for_each(|argument| argument.get_attr("").map(drop))
}

pub(super) fn fault(error: &minijinja::Error) -> ExpressionError {
    let mut message = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    ExpressionError { message, near: None, at: error.range() }
}
