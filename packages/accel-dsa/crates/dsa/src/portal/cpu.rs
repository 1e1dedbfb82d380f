//! The instructions that ring a portal, and which of them this CPU has.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _mm_sfence};

use crate::layout::Descriptor;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features {
    /// For shared queues.
    pub enqcmd: bool,
    /// For dedicated queues.
    pub movdir64b: bool,
}

impl Features {
    pub fn of_this_cpu() -> Features {
        let ecx = if __cpuid(0).eax < 7 { 0 } else { __cpuid_count(7, 0).ecx };
        Features {
            enqcmd: ecx & (1 << 29) != 0,
            movdir64b: ecx & (1 << 28) != 0,
        }
    }
}

/// Stores before this one are visible to a device that sees the doorbell: both instructions are weakly ordered.
pub(super) fn fence() {
    // SAFETY: every x86-64 CPU has SSE.
    unsafe { _mm_sfence() };
}

/// Hands one descriptor to a shared queue. Returns whether it was taken.
///
/// # Safety
/// The CPU has ENQCMD; `portal` is a mapped portal, 64 bytes aligned. And as `Portal::submit` says.
pub(super) unsafe fn enqcmd(portal: *mut u8, descriptor: &Descriptor) -> bool {
    let full: u8;
    // SAFETY: reads the 64 bytes of `descriptor` and writes to the portal, which is no memory. ZF: try again.
    unsafe {
        asm!(
            "enqcmd {portal}, [{descriptor}]",
            "setz {full}",
            portal = in(reg) portal,
            descriptor = in(reg) descriptor,
            full = out(reg_byte) full,
            options(nostack),
        );
    }
    full == 0
}

/// Writes 64 bytes at once to `portal`.
///
/// # Safety
/// The CPU has MOVDIR64B; `portal` is 64 bytes aligned, and valid for a write of 64 bytes. And as `Portal::submit` says.
pub(super) unsafe fn movdir64b(portal: *mut u8, descriptor: &Descriptor) {
    // SAFETY: reads the 64 bytes of `descriptor`, writes as many to `portal`.
    unsafe {
        asm!(
            "movdir64b {portal}, [{descriptor}]",
            portal = in(reg) portal,
            descriptor = in(reg) descriptor,
            options(nostack, preserves_flags),
        );
    }
}
