//! How the items of a loop are put into batches, and how many of them may fail.

use super::{
    item::DistinctItems,
    scope::{Evaluated, Scope, scalar_text},
};
use crate::runbook::model::{ForEach, Portion};

/// What a portion comes to when it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Count(u64),
    Percent(u8),
}

impl Share {
    /// A batch of so many items: of a part of them rounded up, and one at least, so that the loop goes on.
    #[must_use]
    pub(crate) fn size(self, all: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Percent(percent) => (all * usize::from(percent)).div_ceil(100),
        }
        .max(1)
    }

    /// So many that may fail: of a part of them rounded down, so that it is never exceeded.
    #[must_use]
    pub(crate) fn allowance(self, all: usize) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (all * usize::from(percent) / 100) as u64,
        }
    }
}

/// What a portion comes to, as far as it is known.
///
/// # Errors
/// It cannot be evaluated, or is neither a whole number nor a percentage.
pub(crate) fn share(portion: &Portion, scope: &Scope) -> Result<Evaluated<Share>, String> {
    let template = match portion {
        Portion::Count(count) => return Ok(Evaluated::Known(Share::Count(*count))),
        Portion::Percent(percent) => return Ok(Evaluated::Known(Share::Percent(*percent))),
        Portion::Template(template) => template,
    };
    let value = match scope.render(template).map_err(|error| error.to_string())? {
        Evaluated::Known(value) => value,
        Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
    };
    let text = value.to_string();
    match Portion::of(text.trim()) {
        Some(Portion::Count(count)) => Ok(Evaluated::Known(Share::Count(count))),
        Some(Portion::Percent(percent)) => Ok(Evaluated::Known(Share::Percent(percent))),
        _ => Err(format!("`{template}` is {text}, which is neither a whole number nor a percentage")),
    }
}

/// Items in the order of their batches, and how many of them belong together each time: one, where nothing says what does.
pub(crate) type Grouped = (DistinctItems, Vec<usize>);

/// Puts those items together that `batch_by` says belong together.
///
/// # Errors
/// It cannot be evaluated for an item, or is neither text nor a number.
pub(crate) fn grouped(each: &ForEach, items: DistinctItems, scope: &Scope) -> Result<Evaluated<Grouped>, String> {
    let Some(by) = &each.batch_by else {
        let alone = vec![1; items.len()];
        return Ok(Evaluated::Known((items, alone)));
    };
    let mut scope = scope.clone();
    let mut keys = Vec::with_capacity(items.len());
    for item in items.iter() {
        scope.set(each.items.name.as_str(), item.value.clone());
        let fault = |why: &dyn std::fmt::Display| format!("`batch_by` of the item `{}`: {why}", item.label());
        match scope.evaluate(by).map_err(|error| fault(&error))? {
            Evaluated::Known(value) => keys.push(scalar_text(&value, &by.text).map_err(|error| fault(&error))?),
            Evaluated::Unknown(needs) => return Ok(Evaluated::Unknown(needs)),
        }
    }
    Ok(Evaluated::Known(items.grouped(keys)))
}

/// How many items each batch has, where each has so many of these groups.
pub(crate) fn batches_of(sizes: &[usize], groups: &[usize]) -> Vec<usize> {
    let mut groups = groups.iter();
    batches(sizes, groups.len()).into_iter().map(|size| groups.by_ref().take(size).sum()).collect()
}

/// How many items each batch has: the last size repeats until none is left.
fn batches(sizes: &[usize], items: usize) -> Vec<usize> {
    let mut left = items;
    let mut batches = Vec::new();
    let mut sizes = sizes.iter().copied();
    let mut size = 1;
    while left > 0 {
        size = sizes.next().unwrap_or(size).max(1);
        let batch = size.min(left);
        batches.push(batch);
        left -= batch;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_size_repeats() {
        assert_eq!(batches(&[1, 1, 3], 10), [1, 1, 3, 3, 2]);
        assert_eq!(batches(&[1], 3), [1, 1, 1]);
        assert_eq!(batches(&[5], 3), [3]);
        assert_eq!(batches(&[0], 2), [1, 1]);
        assert_eq!(batches(&[2], 0), [0usize; 0]);
    }

    #[test]
    fn a_batch_has_whole_groups() {
        assert_eq!(batches_of(&[1, 2], &[3, 1, 4, 2]), [3, 5, 2]);
        assert_eq!(batches_of(&[1], &[2, 2]), [2, 2]);
        assert_eq!(batches_of(&[3], &[]), [0usize; 0]);
    }

    #[test]
    fn a_part_is_rounded_so_that_a_batch_goes_on_and_failures_do_not() {
        let part = Share::Percent;
        assert_eq!([part(20).size(4), part(1).size(4), part(100).size(4)], [1, 1, 4]);
        assert_eq!([part(20).allowance(4), part(20).allowance(5), part(100).allowance(3), part(0).allowance(9)], [0, 1, 3, 0]);
        assert_eq!((Share::Count(0).size(4), Share::Count(7).allowance(4)), (1, 7));
    }
}
