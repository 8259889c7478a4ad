//! Text of a runbook that stands for something, and where it stands.

use std::{fmt, sync::Arc};

/// A stretch of the runbook's text, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub offset: usize,
    pub len: usize,
}

/// A Jinja expression, known to parse. Knows where it stands, so that a fault at run time can show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    pub text: Arc<str>,
    pub span: Span,
}

/// Text with `{{ expressions }}` in it, known to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub text: Arc<str>,
    pub span: Span,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
