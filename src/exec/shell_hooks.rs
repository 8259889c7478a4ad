//! The hooks by which shells tell their commands: bash, zsh and fish. Any other shell is recorded without them.

/// In the order of `open.sh`: bash, zsh (`.zshenv` and `.zshrc`), fish.
const HOOKS: [&str; 4] = [
    include_str!("shell_hooks/bash"),
    include_str!("shell_hooks/zshenv"),
    include_str!("shell_hooks/zshrc"),
    include_str!("shell_hooks/fish"),
];

/// A command that becomes the shell of whoever it is run as, here or on another host, with this secret word for its hooks, and this one
/// for its prompt.
#[must_use]
pub(super) fn command(word: &str, prompt: &str) -> Vec<String> {
    let words = ["sh", "-c", include_str!("shell_hooks/open.sh"), "sh", word, prompt];
    words.into_iter().chain(HOOKS).map(str::to_owned).collect()
}
