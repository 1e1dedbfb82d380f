//! Memory that is given back leaves no page behind that could be marked as written: whoever tracks writes is told.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Ranges of bytes that became zero since they were last taken.
#[derive(Debug, Default)]
pub struct GivenBack {
    ranges: Mutex<Vec<Range<u64>>>,
}

/// More than this many are joined to one: a tracker that is not asked for long must not fill memory.
const LIMIT: usize = if cfg!(miri) { 64 } else { 1 << 16 };

impl GivenBack {
    fn push(&self, range: Range<u64>) {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = ranges.last_mut().filter(|last| last.end == range.start) {
            last.end = range.end;
            return;
        }
        ranges.push(range);
        if ranges.len() > LIMIT {
            let start = ranges.iter().map(|each| each.start).min().unwrap_or(0);
            let end = ranges.iter().map(|each| each.end).max().unwrap_or(0);
            *ranges = std::iter::once(start..end).collect();
        }
    }

    pub fn take(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.ranges.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The trackers of one mapping.
#[derive(Debug, Default)]
pub struct Listeners {
    all: Mutex<Vec<Weak<GivenBack>>>,
}

impl Listeners {
    /// From now on, until the last `Arc` is gone.
    pub fn listen(&self) -> Arc<GivenBack> {
        let list = Arc::new(GivenBack::default());
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|each| each.strong_count() > 0);
        all.push(Arc::downgrade(&list));
        list
    }

    pub fn mark(&self, offset: u64, length: u64) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for each in all.iter().filter_map(Weak::upgrade) {
            each.push(offset..offset + length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listener_hears_of_every_range_once() {
        let listeners = Listeners::default();
        listeners.mark(0, 1);
        let (one, two) = (listeners.listen(), listeners.listen());
        listeners.mark(4096, 4096);
        listeners.mark(8192, 4096);
        listeners.mark(0, 100);
        assert_eq!(one.take(), [4096..12288, 0..100]);
        assert_eq!(one.take(), []);
        drop(one);
        assert_eq!(two.take(), [4096..12288, 0..100]);
    }

    #[test]
    fn very_many_ranges_become_one_that_holds_them() {
        let listeners = Listeners::default();
        let list = listeners.listen();
        for index in 0..=LIMIT as u64 {
            listeners.mark((1 << 20) | (index * 8192), 4096);
        }
        let end = ((1 << 20) | (LIMIT as u64 * 8192)) + 4096;
        assert_eq!(list.take().iter().map(|each| each.end).max(), Some(end));
        assert!(list.take().is_empty());
    }
}
