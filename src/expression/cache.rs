//! What has been compiled before: a wait evaluates the same few expressions thousands of times.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use regex::Regex;

use super::{Names, Prepared};

/// More texts than any library of runbooks has. When they are exceeded all is forgotten, and compiled again when it is met.
const TEXTS: usize = 8192;
/// A regular expression may take up to a megabyte, and may come from data.
const PATTERNS: usize = 256;

pub(super) static EXPRESSIONS: Cache<Prepared> = Cache::new(TEXTS);
pub(super) static TEMPLATES: Cache<Prepared> = Cache::new(TEXTS);
/// Those of which it is known that everything they call exists.
pub(super) static CHECKED_EXPRESSIONS: Cache<Names> = Cache::new(TEXTS);
pub(super) static CHECKED_TEMPLATES: Cache<Names> = Cache::new(TEXTS);
/// Shared and not cloned: each clone of a regular expression begins with no room to search in, and makes its own.
pub(super) static REGEXES: Cache<Arc<Regex>> = Cache::new(PATTERNS);

/// Something that follows from a text alone, kept by the text. What does not compile is not kept.
pub(crate) struct Cache<T: 'static> {
    known: LazyLock<RwLock<HashMap<Box<str>, T>>>,
    most: usize,
}

impl<T: Clone> Cache<T> {
    pub const fn new(most: usize) -> Self {
        Self { known: LazyLock::new(|| RwLock::new(HashMap::new())), most }
    }

    pub fn get<E>(&self, text: &str, make: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        // Made without the lock: two that make it at once make the same.
        let made = make(text)?;
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= self.most {
            all.clear();
        }
        all.insert(text.into(), made.clone());
        Ok(made)
    }
}
