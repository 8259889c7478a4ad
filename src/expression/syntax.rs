//! Where a template's marks begin and end.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;

/// The delimiters, the same wherever a text is read.
pub(super) fn syntax() -> SyntaxConfig {
    static SYNTAX: LazyLock<SyntaxConfig> =
        LazyLock::new(|| SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default());
    SYNTAX.clone()
}
