//! Why an expression has no value.

/// An expression or template that does not parse, or cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the text, in bytes, if it is known.
    pub at: Option<std::ops::Range<usize>>,
}

pub(super) fn fault(error: &minijinja::Error) -> ExpressionError {
    let mut message = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    ExpressionError { message, at: error.range() }
}
