//! SSE2, AVX2 and AVX-512 for x86-64.

use core::arch::x86_64::*;

use super::{Absent, Kernel};
use crate::page::Lanes;

pub(super) fn get(name: &str) -> Result<Kernel, Absent> {
    match name {
        // x86-64 is never without it.
        "sse2" => Ok(kernel!("sse2", __m128i, "sse2")),
        "avx2" if is_x86_feature_detected!("avx2") => Ok(kernel!("avx2", __m256i, "avx2")),
        "avx2" => Err(Absent::Feature("AVX2")),
        // Detection asks the operating system too: it has to keep the wide registers.
        "avx512" if is_x86_feature_detected!("avx512f") => Ok(kernel!("avx512", __m512i, "avx512f")),
        "avx512" => Err(Absent::Feature("AVX-512 F")),
        _ => Err(Absent::Unknown),
    }
}

// SAFETY: one volatile read of 16 aligned bytes.
unsafe impl Lanes for __m128i {
    #[inline(always)]
    unsafe fn read(from: *const Self) -> Self {
        // SAFETY: the caller's.
        unsafe { from.read_volatile() }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller has SSE2.
        unsafe { _mm_or_si128(self, other) }
    }
    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller has SSE2.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self, _mm_setzero_si128())) == 0xffff }
    }
}

// SAFETY: one volatile read of 32 aligned bytes.
unsafe impl Lanes for __m256i {
    #[inline(always)]
    unsafe fn read(from: *const Self) -> Self {
        // SAFETY: the caller's.
        unsafe { from.read_volatile() }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { _mm256_or_si256(self, other) }
    }
    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller has AVX2.
        unsafe { _mm256_testz_si256(self, self) == 1 }
    }
}

// SAFETY: one volatile read of 64 aligned bytes.
unsafe impl Lanes for __m512i {
    #[inline(always)]
    unsafe fn read(from: *const Self) -> Self {
        // SAFETY: the caller's.
        unsafe { from.read_volatile() }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller has AVX-512 F.
        unsafe { _mm512_or_si512(self, other) }
    }
    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller has AVX-512 F.
        unsafe { _mm512_test_epi64_mask(self, self) == 0 }
    }
}
