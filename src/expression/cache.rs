//! What has been compiled before: a wait evaluates the same few expressions thousands of times.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use super::{Compiled, ExpressionError, Names};

/// More texts than any library of runbooks has. When they are exceeded all is forgotten, and compiled again when it is met.
const MOST: usize = 8192;

pub(super) static EXPRESSIONS: Cache<Compiled> = Cache::new();
pub(super) static TEMPLATES: Cache<Compiled> = Cache::new();
pub(super) static NAMES_IN_EXPRESSIONS: Cache<Names> = Cache::new();
pub(super) static NAMES_IN_TEMPLATES: Cache<Names> = Cache::new();

/// Something that follows from a text alone, kept by the text. What does not compile is not kept.
pub(super) struct Cache<T: 'static>(LazyLock<RwLock<HashMap<Box<str>, T>>>);

impl<T: Clone> Cache<T> {
    const fn new() -> Self {
        Self(LazyLock::new(|| RwLock::new(HashMap::new())))
    }

    pub fn get(&self, text: &str, make: impl FnOnce(&str) -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        // Made without the lock: two that make it at once make the same.
        let made = make(text)?;
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(text.into(), made.clone());
        Ok(made)
    }
}
