//! One descriptor, as a device executes it.

use std::ptr::with_exposed_provenance as pointer;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use super::LIMITS;
use super::faults::Faults;
use crate::compare::is_zero;
use crate::layout::{CompletionRecord, Descriptor, flag, opcode, status};
use crate::random::Random;

/// The device's own state.
pub(super) struct Device<'a> {
    pub(super) faults: &'a Faults,
    pub(super) random: Random,
    /// Descriptors executed.
    pub(super) executed: u64,
    /// Records of the batch's pages that are written after the batch's own.
    pub(super) behind: Vec<(u64, Said)>,
}

/// What a record says.
pub(super) struct Said {
    status: u8,
    result: u8,
    completed: u32,
}

/// The device is gone: it has written no record, and does nothing any more.
pub(super) struct Gone;

/// How long a page's record stays behind its batch's: longer than the other side needs to look.
const BEHIND: Duration = Duration::from_micros(200);

const KNOWN_FLAGS: u32 = flag::CRAV | flag::RCR;

impl Device<'_> {
    /// # Safety
    /// As `Portal::submit`.
    pub(super) unsafe fn execute(&mut self, descriptor: &Descriptor, in_batch: bool) -> Result<u8, Gone> {
        if !descriptor
            .completion_addr
            .is_multiple_of(align_of::<CompletionRecord>() as u64)
        {
            // A device has nowhere to say so.
            return Err(Gone);
        }
        // SAFETY: the caller's word.
        let said = unsafe {
            match descriptor.opcode() {
                _ if descriptor.flags() != KNOWN_FLAGS => Said::only(status::INVALID_FLAGS),
                opcode::COMPVAL => self.compare(descriptor)?,
                opcode::BATCH if !in_batch => self.batch(descriptor)?,
                _ => Said::only(status::BAD_OPCODE),
            }
        };
        let status = said.status;
        if in_batch && self.random.chance(self.faults.behind) {
            self.behind.push((descriptor.completion_addr, said));
            return Ok(status);
        }
        // SAFETY: aligned, as was asked above, and valid by the caller's word.
        unsafe { write(descriptor.completion_addr, said) };
        if !in_batch && !self.behind.is_empty() {
            std::thread::sleep(BEHIND);
            for (record, said) in self.behind.drain(..) {
                // SAFETY: as above; the caller's word holds until every record is written.
                unsafe { write(record, said) };
            }
        }
        Ok(status)
    }

    /// # Safety
    /// As `Portal::submit`.
    unsafe fn compare(&mut self, descriptor: &Descriptor) -> Result<Said, Gone> {
        if self.faults.vanish_after.is_some_and(|after| self.executed >= after) {
            return Err(Gone);
        }
        self.executed += 1;
        let size = descriptor.xfer_size;
        if u64::from(size) > LIMITS.transfer || size == 0 {
            return Ok(Said::only(status::XFER_ERANGE));
        }
        if descriptor.comp_pattern != 0 {
            return Ok(Said::only(status::BAD_OPCODE));
        }
        if self.random.chance(self.faults.poison) {
            let kinds = [status::HW_ERR1, status::TRANSLATION_FAIL];
            return Ok(Said::only(kinds[self.random.below(2) as usize]));
        }
        let start = pointer::<u8>(descriptor.src_addr as usize);
        let faults = self.random.chance(self.faults.partial);
        // A translation covers lines at least; sometimes it fails at the first.
        let readable = if faults {
            self.random.below(u64::from(size) / 64) as u32 * 64
        } else {
            size
        };
        // SAFETY: the page is the caller's word, and `readable` is at most its size.
        let zero = unsafe { is_zero(start, readable as usize) };
        Ok(match (zero, faults) {
            (true, true) => Said {
                status: status::PAGE_FAULT_NOBOF,
                result: 0,
                completed: readable,
            },
            _ => Said {
                status: status::SUCCESS,
                result: u8::from(!zero),
                completed: if zero { size } else { 0 },
            },
        })
    }

    /// # Safety
    /// As `Portal::submit`.
    unsafe fn batch(&mut self, batch: &Descriptor) -> Result<Said, Gone> {
        let count = batch.xfer_size as usize;
        if !(2..=LIMITS.batch).contains(&count) {
            return Ok(Said::only(status::DESC_CNT_ERANGE));
        }
        if !batch.src_addr.is_multiple_of(align_of::<Descriptor>() as u64) {
            return Ok(Said::only(status::DESCLIST_ALIGN));
        }
        let list = pointer::<Descriptor>(batch.src_addr as usize);
        let fetched = if self.random.chance(self.faults.batch) {
            self.random.below(count as u64) as usize
        } else {
            count
        };
        let mut failed = false;
        for index in 0..fetched {
            // SAFETY: the list has `count` descriptors, by the caller's word; nobody writes to them meanwhile.
            failed |= unsafe { self.execute(&*list.add(index), true)? } != status::SUCCESS;
        }
        Ok(Said {
            status: match (fetched < count, failed) {
                (true, _) => status::BATCH_PAGE_FAULT,
                (false, true) => status::BATCH_FAIL,
                (false, false) => status::SUCCESS,
            },
            result: 0,
            completed: fetched as u32,
        })
    }
}

/// # Safety
/// A record is at `address`, and aligned.
unsafe fn write(address: u64, said: Said) {
    // SAFETY: the caller's word; all fields of a record are atomics.
    let record = unsafe { &*pointer::<CompletionRecord>(address as usize) };
    record.result.store(said.result, Relaxed);
    record.bytes_completed.store(said.completed, Relaxed);
    // Last: who sees it, sees the others.
    record.status.store(said.status, Release);
}

impl Said {
    fn only(status: u8) -> Said {
        Said {
            status,
            result: 0,
            completed: 0,
        }
    }
}
