//! Eight bytes at a time, on every CPU: the definition.

use super::Kernel;
use crate::page::{Lanes, Pages};

pub(super) const KERNEL: Kernel = Kernel {
    name: "scalar",
    check,
    read,
};

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

fn check(pages: &mut Pages<'_>) {
    // SAFETY: every CPU has u64.
    unsafe { pages.check::<u64>() }
}

fn read(pages: &mut Pages<'_>) {
    // SAFETY: every CPU has u64.
    unsafe { pages.read::<u64>() }
}
