//! What has been compiled before: a wait evaluates the same few expressions thousands of times.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{LazyLock, PoisonError, RwLock},
};

/// Something that follows from a text alone, kept by the text. What does not compile is not kept.
pub(crate) struct Cache<T: 'static> {
    known: LazyLock<RwLock<HashMap<Box<str>, T>>>,
    most: usize,
}

impl<T: Clone> Cache<T> {
    pub(crate) const fn new(most: usize) -> Self {
        Self { known: LazyLock::new(|| RwLock::new(HashMap::new())), most }
    }

    pub(crate) fn get<E>(&self, text: &str, make: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E> {
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

    /// The same where nothing can go wrong.
    pub(crate) fn of(&self, text: &str, make: impl FnOnce(&str) -> T) -> T {
        let Ok(known): Result<_, Infallible> = self.get(text, |text| Ok(make(text)));
        known
    }
}
