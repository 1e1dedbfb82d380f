//! The memory that a device is told of: descriptors, which it reads, and completion records, which it writes.
//!
//! The device knows addresses, not lifetimes. So an arena goes through three states, all in its queue's thread:
//!
//! 1. *Ours.* Nothing was submitted: `new` has the only reference, and writes descriptors as any Rust code does.
//! 2. *The device's.* From the first submission on nobody makes a `&mut` to any of it. Descriptors are only read, by both
//!    sides. Records are atomics, which the device writes and this side reads.
//! 3. *Ours again*, when every record that was asked for has been written: the device writes a record once, and after it
//!    nothing of that descriptor. A batch's record says nothing of its pages' records: they may come after it. So each of
//!    them is waited for, but those of descriptors that the batch's record says were not executed.
//!
//! An arena that is dropped in state 2 is leaked: what may still write there must find memory that is nobody else's.
//! That happens only when a device is lost, and costs 100 KiB for each 1024 pages in flight.

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::layout::{CompletionRecord, Descriptor, status};

#[derive(Default)]
struct Memory {
    /// One for each page.
    descriptors: Vec<Descriptor>,
    records: Vec<CompletionRecord>,
    /// What is submitted: one for each unit.
    units: Vec<Descriptor>,
    batch_records: Vec<CompletionRecord>,
}

pub(crate) struct Arena {
    // An `Arc`, not a `Box`: moving a `Box` claims that nobody else has what is in it.
    memory: ManuallyDrop<Arc<Memory>>,
    /// Pages of a unit at most; with 1 each page is a unit, and nothing is a batch.
    unit_pages: usize,
    pages: usize,
    /// Submitted and not seen to be answered, as bits would be: one for each unit.
    outstanding: Vec<bool>,
}

impl Arena {
    pub(crate) fn new(pages: &[u64], page_size: u32, unit_pages: usize) -> Arena {
        let count = pages.len();
        let unit_pages = unit_pages.max(1);
        let units = count.div_ceil(unit_pages);
        let records = |count: usize| (0..count).map(|_| CompletionRecord::default()).collect::<Vec<_>>();
        let mut memory = Memory {
            descriptors: Vec::with_capacity(count),
            records: records(count),
            units: Vec::with_capacity(units),
            batch_records: records(units),
        };
        for record in memory.records.iter().chain(&memory.batch_records) {
            // Written, so that it is there: to the device a record that is not is one that it cannot write.
            record.status.store(status::NONE, Relaxed);
        }
        for (page, record) in pages.iter().zip(&memory.records) {
            memory
                .descriptors
                .push(Descriptor::compare_with_zero(*page, page_size, address(record)));
        }
        for unit in 0..units {
            let range = span(unit, unit_pages, count);
            memory.units.push(match &memory.descriptors[range] {
                // A batch has at least two.
                [alone] => *alone,
                several => Descriptor::batch(
                    several.as_ptr().expose_provenance() as u64,
                    several.len() as u32,
                    address(&memory.batch_records[unit]),
                ),
            });
        }
        Arena {
            // The vectors' elements stay where they are when the vectors move.
            memory: ManuallyDrop::new(Arc::new(memory)),
            unit_pages,
            pages: count,
            outstanding: vec![false; units],
        }
    }

    /// What is to be submitted, in order.
    pub(crate) fn units(&self) -> &[Descriptor] {
        &self.memory.units
    }

    /// The pages of a unit.
    pub(crate) fn span(&self, unit: usize) -> Range<usize> {
        span(unit, self.unit_pages, self.pages)
    }

    pub(crate) fn record(&self, page: usize) -> &CompletionRecord {
        &self.memory.records[page]
    }

    /// Whether the device writes nothing of a unit any more.
    fn is_answered(&self, unit: usize) -> bool {
        let records = &self.memory.records[self.span(unit)];
        let expected = if records.len() == 1 {
            1
        } else {
            let batch = &self.memory.batch_records[unit];
            match batch.status.load(Acquire) & status::MASK {
                status::NONE => return false,
                status::SUCCESS => records.len(),
                // How many were executed: fewer where the list faulted, none where the batch was refused. More than
                // there are is nonsense.
                _ => records.len().min(batch.bytes_completed.load(Relaxed) as usize),
            }
        };
        records.iter().filter(|record| record.status.load(Acquire) != 0).count() >= expected
    }

    pub(crate) fn submitted(&mut self, units: Range<usize>) {
        self.outstanding[units].fill(true);
    }

    /// The next unit that was submitted, has been answered, and was not given before; from `from` on.
    pub(crate) fn answered(&mut self, from: usize) -> Option<usize> {
        let unit = (from..self.outstanding.len()).find(|&unit| self.outstanding[unit] && self.is_answered(unit))?;
        self.outstanding[unit] = false;
        Some(unit)
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.iter().filter(|&&each| each).count()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        while self.answered(0).is_some() {}
        if self.outstanding() == 0 {
            // SAFETY: nothing uses `memory` after `drop`, and the device is done with it: state 3 or 1 above.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}

fn span(unit: usize, unit_pages: usize, pages: usize) -> Range<usize> {
    unit * unit_pages..((unit + 1) * unit_pages).min(pages)
}

fn address(record: &CompletionRecord) -> u64 {
    std::ptr::from_ref(record).expose_provenance() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four pages that are one batch, submitted. The first `written` have their records.
    fn submitted(written: usize) -> Arena {
        let mut arena = Arena::new(&[0x1000, 0x2000, 0x3000, 0x4000], 4096, 32);
        arena.submitted(0..1);
        for page in 0..written {
            arena.record(page).status.store(status::SUCCESS, Relaxed);
        }
        arena
    }

    fn end(arena: &Arena, said: u8, completed: u32) {
        let batch = &arena.memory.batch_records[0];
        batch.bytes_completed.store(completed, Relaxed);
        batch.status.store(said, Relaxed);
    }

    /// Whether it is answered, now and once the other records are there; so that nothing is leaked.
    fn now_and_then(mut arena: Arena) -> (bool, bool) {
        let now = arena.answered(0).is_some();
        for page in 0..4 {
            arena.record(page).status.store(status::SUCCESS, Relaxed);
        }
        (now, now || arena.answered(0).is_some())
    }

    #[test]
    fn a_batch_is_the_devices_until_each_page_that_it_has_executed_has_its_record() {
        for (said, written, completed, now) in [
            (status::SUCCESS, 4, 4, true),
            (status::SUCCESS, 3, 4, false),
            (status::SUCCESS, 0, 4, false),
            // A success has executed all, whatever it says.
            (status::SUCCESS, 3, 3, false),
            (status::BATCH_FAIL, 3, 4, false),
            (status::BATCH_FAIL, 4, 4, true),
            (status::BATCH_PAGE_FAULT, 2, 2, true),
            (status::BATCH_PAGE_FAULT, 1, 2, false),
            (status::BATCH_PAGE_FAULT | 0x80, 1, 2, false),
            (status::BATCH_PAGE_FAULT, 3, u32::MAX, false),
            (status::BATCH_PAGE_FAULT, 0, 0, true),
            (status::DESC_CNT_ERANGE, 0, 0, true),
        ] {
            let arena = submitted(written);
            end(&arena, said, completed);
            assert_eq!(
                now_and_then(arena),
                (now, true),
                "{said:#x}, {written} of {completed} written"
            );
        }
    }

    #[test]
    fn a_batch_whose_own_record_is_not_there_is_the_devices() {
        let mut arena = submitted(4);
        assert_eq!(arena.answered(0), None);
        end(&arena, status::SUCCESS, 4);
        assert_eq!((arena.answered(0), arena.outstanding()), (Some(0), 0));
    }
}
