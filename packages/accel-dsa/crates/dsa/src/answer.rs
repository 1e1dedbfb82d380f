//! What a completion record says of a page, and what the CPU does about the rest of it.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::compare::is_zero;
use crate::layout::{CompletionRecord, status};

#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    ByDevice(bool),
    ByCpu(bool),
    /// It does not understand what it was asked: no other page would fare better.
    Refused(u8),
}

/// # Safety
/// The page is valid for reads, and the device has answered the unit that the record belongs to (`Arena::answered`).
pub(crate) unsafe fn read(record: &CompletionRecord, page: u64, size: u32) -> Answer {
    // First, with the order that makes the rest of the record the device's.
    let said = record.status.load(Acquire) & status::MASK;
    let result = record.result.load(Relaxed);
    let completed = record.bytes_completed.load(Relaxed);
    let from = match (said, result) {
        (status::SUCCESS, 0) => return Answer::ByDevice(true),
        (status::SUCCESS | status::SUCCESS_PRED, 1) => return Answer::ByDevice(false),
        // It has found something else before the fault.
        (status::PAGE_FAULT_NOBOF, 1) if completed > 0 => return Answer::ByDevice(false),
        // Up to there it was zeros. Beyond the page is nonsense: then nothing of it is believed.
        (status::PAGE_FAULT_NOBOF, _) if completed <= size => completed,
        (status::PAGE_FAULT_NOBOF | status::PAGE_FAULT_IR, _) => 0,
        // The batch ended before its turn; or poison, or no translation.
        (status::NONE | status::HW_ERR1 | status::HW_ERR_DRB | status::TRANSLATION_FAIL, _) => 0,
        _ => return Answer::Refused(said),
    };
    let start = std::ptr::with_exposed_provenance::<u8>(page as usize);
    // SAFETY: the page is the caller's word, and `from` is at most its size.
    Answer::ByCpu(unsafe { is_zero(start.add(from as usize), (size - from) as usize) })
}

/// A status in words, for the errors that no page can cause.
pub(crate) fn words(status: u8) -> &'static str {
    match status {
        status::BAD_OPCODE => "it has no such operation",
        status::INVALID_FLAGS => "invalid flags",
        status::XFER_ERANGE => "the page is larger than its max_transfer_size",
        status::DESC_CNT_ERANGE => "more descriptors than its max_batch_size",
        status::DESCLIST_ALIGN => "the list of descriptors is not aligned",
        status::CRA_ALIGN => "the completion record is not aligned",
        _ => "see enum dsa_completion_status of linux/idxd.h",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(page: &[u8], said: u8, result: u8, completed: u32) -> Answer {
        let record = CompletionRecord::default();
        record.status.store(said, Relaxed);
        record.result.store(result, Relaxed);
        record.bytes_completed.store(completed, Relaxed);
        let address = page.as_ptr().expose_provenance() as u64;
        // SAFETY: `page` is valid, and nobody writes the record any more.
        unsafe { read(&record, address, page.len() as u32) }
    }

    #[test]
    fn a_fault_is_finished_from_where_the_device_stopped() {
        let mut page = vec![0; 4096];
        assert_eq!(ask(&page, 3, 0, 4096), Answer::ByCpu(true));
        assert_eq!(ask(&page, 3, 0, 0), Answer::ByCpu(true));
        page[1000] = 1;
        assert_eq!(ask(&page, 3, 0, 1000), Answer::ByCpu(false));
        // What the device has seen is not read again: the guest may have written there since.
        assert_eq!(ask(&page, 3, 0, 1001), Answer::ByCpu(true));
        // The faulting access was a write, says the highest bit.
        assert_eq!(ask(&page, 0x83, 0, 1000), Answer::ByCpu(false));
    }

    #[test]
    fn nonsense_is_never_zero() {
        let mut page = vec![0; 4096];
        page[7] = 1;
        for (said, result, completed) in [
            (3, 0, 4097),
            (3, 0, u32::MAX),
            (4, 0, 8),
            (0, 0, 0),
            (0, 0, 4096),
            (0x20, 0, 64),
            (0x22, 0, 64),
        ] {
            assert_eq!(ask(&page, said, result, completed), Answer::ByCpu(false), "{said:#x}");
        }
        assert_eq!(ask(&page, 3, 1, 64), Answer::ByDevice(false));
        assert_eq!(ask(&page, 3, 1, 0), Answer::ByCpu(false));
        assert_eq!(ask(&page, 1, 0, 0), Answer::ByDevice(true));
        assert_eq!(ask(&page, 1, 1, 0), Answer::ByDevice(false));
        for (said, result) in [(1, 2), (1, 0xff), (2, 0), (5, 0), (0x10, 0), (0x11, 0), (0x7f, 0)] {
            assert_eq!(ask(&page, said, result, 4096), Answer::Refused(said), "{said:#x}");
        }
    }
}
