//! What a question offers to run, as it is shown.

use std::fmt::Write;

use crate::{
    ports::Order,
    words::{self, quote},
};

/// What an order starts, with every value that is handed to it. Secrets are masked where it is shown and recorded.
pub(super) fn would_run(order: &Order) -> String {
    let mut text = words::command(&order.shown());
    for variable in &order.env {
        let _ = write!(text, "\n  with {}={}", variable.name, quote::word(&variable.value));
    }
    if let Some(stdin) = &order.stdin {
        let _ = write!(text, "\n  reading {}", quote::word(stdin));
    }
    text
}
