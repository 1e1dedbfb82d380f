//! A batch of pages, as the caller gives it, and what becomes of it.

use std::fmt;
use std::time::Duration;

/// Smallest and largest page in bytes.
const PAGE: std::ops::RangeInclusive<usize> = 4096..=65536;

/// Why pages cannot be asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bad {
    /// Not a power of two from 4096 to 65536.
    PageSize(usize),
    /// An offset without a whole page behind it, or none at all: its index, and what it is.
    Offset(usize, f64),
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Bad::PageSize(size) => write!(f, "page size {size} is not a power of two from 4096 to 65536"),
            Bad::Offset(index, offset) => {
                write!(f, "offsets[{index}] is {offset}: there is no whole page in memory")
            }
        }
    }
}

/// What it took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Pages that the device answered.
    pub by_device: u32,
    /// Pages that the CPU finished, since the device could not read all of them.
    pub by_cpu: u32,
    /// Times that the queue was full.
    pub retries: u32,
    /// From the first descriptor that the device took to the last that it answered.
    pub device_time: Duration,
}

/// The answers, 1 (all zero) or 0 for each page; or why there are none.
pub type Outcome = Result<(Vec<u8>, Tally), String>;

pub(crate) type Done = Box<dyn FnOnce(Outcome) + Send>;

/// Pages to ask about.
pub struct Job {
    /// Addresses: a device is given numbers.
    pub(crate) pages: Vec<u64>,
    pub(crate) page_size: u32,
}

impl Job {
    /// # Safety
    /// `length` bytes at `start` stay valid for reads until this was dropped, or the `done` that it was submitted with was
    /// called. Others may write there meanwhile.
    pub unsafe fn new(start: *const u8, length: usize, page_size: usize, offsets: &[f64]) -> Result<Job, Bad> {
        if !PAGE.contains(&page_size) || !page_size.is_power_of_two() {
            return Err(Bad::PageSize(page_size));
        }
        let base = start.expose_provenance() as u64;
        let page = |(index, &offset): (usize, &f64)| {
            // Below 2^53, so that it is exact; NaN is in no range.
            let whole = (0.0..9007199254740992.0).contains(&offset) && offset == offset.trunc();
            match (offset as usize).checked_add(page_size) {
                Some(end) if whole && end <= length => Ok(base + offset as u64),
                _ => Err(Bad::Offset(index, offset)),
            }
        };
        Ok(Job {
            pages: offsets.iter().enumerate().map(page).collect::<Result<_, _>>()?,
            page_size: page_size as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bad, Job};

    const PAGE: usize = 4096;

    #[test]
    fn bad_offsets_and_page_sizes_never_reach_a_device() {
        let memory = vec![0_u8; 3 * PAGE];
        let job = |size, offsets: &[f64]| {
            // SAFETY: no job is submitted.
            unsafe { Job::new(memory.as_ptr(), memory.len(), size, offsets) }.err()
        };
        for size in [0, 64, 2048, 4095, 6144, 131072] {
            assert_eq!(job(size, &[]), Some(Bad::PageSize(size)));
        }
        for offset in [8193.0, 12288.0, -1.0, 0.5, 1e300, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(job(PAGE, &[0.0, offset]), Some(Bad::Offset(1, offset)));
        }
        assert!(matches!(job(PAGE, &[f64::NAN]), Some(Bad::Offset(0, _))));
        assert_eq!(job(PAGE, &[8192.0, 1.0]), None);
    }
}
