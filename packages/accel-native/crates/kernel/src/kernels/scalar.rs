//! Eight bytes at a time, on every CPU: the definition.

use super::Kernel;
use crate::page::Lanes;

pub(super) fn get() -> Kernel {
    kernel!("scalar", u64)
}

// SAFETY: one volatile read of eight bytes.
unsafe impl Lanes for u64 {
    #[inline(always)]
    unsafe fn read(from: *const Self) -> Self {
        // SAFETY: the caller's.
        unsafe { from.read_volatile() }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        self | other
    }
    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        self == 0
    }
}
