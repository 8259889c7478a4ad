//! Independent work, several items at once: the one pool of threads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::Builder,
};

use crate::defect::{Defect, caught};

/// Does the work for each item, on every core. The results are in the order of the items, however long each took.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    map_at_once(std::thread::available_parallelism().map_or(1, std::num::NonZero::get), items, work)
}

/// The same for work that waits more than it computes: `count` items are under way at once, and no more; fewer where the system
/// gives no more threads, down to this one.
///
/// A panic in the work for one item keeps no other from being done; when all have ended it goes on in this thread.
pub(crate) fn map_at_once<T: Sync, R: Send>(count: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    mapped(count, items, work, |threads, labour| Builder::new().spawn_scoped(threads, labour).map(drop))
}

/// Does the work while something else is done beside it, until `end` has told that to end.
///
/// # Errors
/// The system gives no thread for it. Then the work was not done.
pub(crate) fn beside<R>(other: impl FnOnce() + Send, work: impl FnOnce() -> R, end: impl FnOnce()) -> std::io::Result<R> {
    std::thread::scope(|threads| {
        let other = Builder::new().spawn_scoped(threads, other)?;
        let done = caught(work);
        end();
        if let Err(panic) = other.join() {
            std::panic::resume_unwind(panic);
        }
        Ok(done.unwrap_or_else(|defect| defect.pass_on()))
    })
}

fn mapped<T: Sync, R: Send>(
    count: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    spawn: impl for<'s> Fn(&'s std::thread::Scope<'s, '_>, &'s (dyn Fn() + Sync)) -> std::io::Result<()>,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let failed: Mutex<Option<Defect>> = Mutex::new(None);
    let labour = || {
        while let Some((index, item)) = items.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            match caught(|| work(item)) {
                Ok(result) => done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result)),
                Err(defect) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(defect);
                }
            }
        }
    };
    std::thread::scope(|threads| {
        // This thread works too: on one core nothing is locked in memory that need not be.
        for others in 1..count.min(items.len()) {
            if let Err(error) = spawn(threads, &labour) {
                tracing::debug!(%error, wanted = count, had = others, "no more threads: fewer items at once");
                break;
            }
        }
        labour();
    });
    if let Some(defect) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        defect.pass_on();
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..200).collect();
        assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(map(&[] as &[u64], |item| *item).is_empty());
    }

    #[test]
    fn what_is_done_beside_ends_with_the_work_also_when_that_fails() {
        for fails in [false, true] {
            let (begun, over, ended) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2), AtomicUsize::new(0));
            let other = || {
                begun.wait();
                over.wait();
                ended.fetch_add(1, Ordering::SeqCst);
            };
            let work = || {
                begun.wait();
                assert!(!fails, "on purpose");
                7
            };
            let end = || {
                over.wait();
            };
            let done = caught(|| beside(other, work, end).unwrap());
            assert_eq!(done.as_ref().ok(), (!fails).then_some(&7), "{done:?}");
            assert_eq!(ended.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn so_many_are_under_way_and_no_more() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let all_here = std::sync::Barrier::new(4);
        map_at_once(4, &[(); 20], |()| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all_here.wait();
            now.fetch_sub(1, Ordering::SeqCst);
        });
        assert_eq!(most.into_inner(), 4);
        assert_eq!(map_at_once(0, &[1, 2], |item| *item), [1, 2], "there is always one who works");
    }

    #[test]
    fn with_fewer_threads_all_is_done_all_the_same() {
        for given in 0..3 {
            let made = AtomicUsize::new(0);
            let items: Vec<usize> = (0..50).collect();
            let results = mapped(
                8,
                &items,
                |item| item + 1,
                |threads, labour| {
                    if made.fetch_add(1, Ordering::SeqCst) < given {
                        Builder::new().spawn_scoped(threads, labour).map(drop)
                    } else {
                        Err(std::io::ErrorKind::WouldBlock.into())
                    }
                },
            );
            assert_eq!(results, (1..51).collect::<Vec<_>>(), "{given}");
            assert_eq!(made.into_inner(), given + 1, "the first refusal is enough");
        }
    }

    #[test]
    fn a_panic_keeps_no_other_item_from_being_done() {
        let done = AtomicUsize::new(0);
        let items: Vec<usize> = (0..20).collect();
        let failed = caught(|| {
            map_at_once(4, &items, |item| {
                assert!(*item != 7, "seven");
                done.fetch_add(1, Ordering::SeqCst)
            })
        });
        assert!(failed.unwrap_err().to_string().contains("seven"));
        assert_eq!(done.into_inner(), 19);
    }
}
