//! A batch as it comes from the caller, checked before anything is read.

use crate::kernels::{Kernel, Look};
use crate::page::Pages;

/// Smallest page in bytes: longer than any vector with everything that may stand around it.
pub const MIN_PAGE: usize = 4096;

/// Memory that holds guest pages, and the size of those.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    start: *const u8,
    length: usize,
    page_size: usize,
}

/// Why a batch cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Not a page size: a power of two, at least 4096.
    PageSize(usize),
    /// An offset without a whole page behind it, or none at all: its index, and what it is.
    Offset(usize, f64),
    /// There are not as many answers as offsets.
    Answers,
}

impl Memory {
    /// # Safety
    /// `start` is valid for reads of `length` bytes for as long as this is used. Others may write there meanwhile.
    pub unsafe fn new(start: *const u8, length: usize, page_size: usize) -> Result<Memory, Fault> {
        if page_size < MIN_PAGE || !page_size.is_power_of_two() {
            return Err(Fault::PageSize(page_size));
        }
        Ok(Memory {
            start,
            length,
            page_size,
        })
    }

    /// Writes 1 (every byte of the page is zero) or 0 for each offset.
    pub fn check(&self, kernel: Kernel, look: Look, offsets: &[f64], answers: &mut [u8]) -> Result<(), Fault> {
        let mut pages = self.pages(offsets, answers)?;
        // SAFETY: a `Kernel` is only given out where the CPU can run it.
        unsafe { kernel.check(look)(&mut pages) };
        Ok(())
    }

    /// Reads the pages and decides nothing but at each one's end: what no check can be faster than.
    pub fn read(&self, kernel: Kernel, offsets: &[f64], answers: &mut [u8]) -> Result<(), Fault> {
        let mut pages = self.pages(offsets, answers)?;
        // SAFETY: as above.
        unsafe { (kernel.read)(&mut pages) };
        Ok(())
    }

    fn pages<'a>(&self, offsets: &'a [f64], answers: &'a mut [u8]) -> Result<Pages<'a>, Fault> {
        if offsets.len() != answers.len() {
            return Err(Fault::Answers);
        }
        let bad = |offset: f64| {
            // Below 2^53, so that it is exact; NaN is in no range.
            let whole = (0.0..9007199254740992.0).contains(&offset) && offset == offset.trunc();
            !whole
                || (offset as usize)
                    .checked_add(self.page_size)
                    .is_none_or(|end| end > self.length)
        };
        if let Some(index) = offsets.iter().position(|&offset| bad(offset)) {
            return Err(Fault::Offset(index, offsets[index]));
        }
        Ok(Pages {
            memory: self.start,
            offsets,
            size: self.page_size,
            answers,
        })
    }
}
