//! Pretend hardware: replace it by your driver. All that matters is that it reads registered memory alone, and that it may stop
//! in the middle of a page.

use std::ptr;

/// A page that is to be checked.
pub struct Page {
    /// For a DMA engine this is the address in its descriptor (with an IOMMU, and memory that is registered as such).
    pub address: usize,
    /// Whether the device may read it.
    pub is_registered: bool,
}

/// The device has stopped: at memory that is not registered, not present, or broken.
pub struct Fault {
    /// Bytes of the page that it has found to be zero before.
    pub done: usize,
}

#[derive(Clone, Copy)]
pub struct Device {
    fault_every: usize,
}

impl Device {
    pub fn open(fault_every: u32) -> Self {
        Device {
            fault_every: fault_every as usize,
        }
    }

    /// Whether the page is zero, or where the device stopped.
    ///
    /// # Safety
    /// `size` bytes at the page's address may be read until this returns. Others may write to them meanwhile.
    pub unsafe fn check(&self, index: usize, page: &Page, size: usize) -> Result<bool, Fault> {
        if !page.is_registered {
            return Err(Fault { done: 0 });
        }
        let faults = self.fault_every > 0 && index % self.fault_every == self.fault_every - 1;
        let reads = if faults { size / 2 } else { size };
        // SAFETY: `reads` is at most `size`; the rest is the caller's word.
        let is_zero = unsafe { is_zero(page.address, reads) };
        if faults && is_zero {
            return Err(Fault { done: reads });
        }
        Ok(is_zero)
    }
}

/// # Safety
/// `size` bytes at `address` may be read until this returns. Others may write to them meanwhile: so there is no slice of them
/// here, and each word is read once, by a volatile read.
pub unsafe fn is_zero(address: usize, size: usize) -> bool {
    let bytes = address as *const u8;
    let words = bytes.cast::<u64>();
    // Guest memory starts on a page of the host; a copy from a file may lie anywhere.
    if words.is_aligned() && size.is_multiple_of(8) {
        // SAFETY: aligned, and within the `size` bytes.
        return (0..size / 8).all(|index| unsafe { ptr::read_volatile(words.add(index)) } == 0);
    }
    // SAFETY: within the `size` bytes.
    (0..size).all(|index| unsafe { ptr::read_volatile(bytes.add(index)) } == 0)
}
