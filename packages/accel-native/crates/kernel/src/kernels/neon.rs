//! NEON for arm64.

use core::arch::aarch64::*;

use super::{Absent, Kernel};
use crate::page::Lanes;

pub(super) fn get() -> Result<Kernel, Absent> {
    if std::arch::is_aarch64_feature_detected!("neon") {
        return Ok(kernel!("neon", uint8x16_t, "neon"));
    }
    Err(Absent::Feature("NEON"))
}

// SAFETY: one volatile read of 16 aligned bytes.
unsafe impl Lanes for uint8x16_t {
    #[inline(always)]
    unsafe fn read(from: *const Self) -> Self {
        // SAFETY: the caller's.
        unsafe { from.read_volatile() }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vorrq_u8(self, other) }
    }
    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller has NEON.
        unsafe { vmaxvq_u8(self) == 0 }
    }
}
