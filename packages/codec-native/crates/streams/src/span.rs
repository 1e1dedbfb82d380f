use std::ptr;

/// Bytes at an address: pages where they are, which a guest or another channel may write to at the same time. So it is
/// never looked at as a slice.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: *mut u8,
    pub length: usize,
}

impl Span {
    /// # Safety
    /// The bytes are valid for reads. Whoever else writes to them makes the copy of those bytes old or new.
    pub(crate) unsafe fn copy_to(self, target: &mut [u8]) {
        let target = &mut target[..self.length];
        // SAFETY: the caller's word for one side, a slice as long for the other.
        unsafe { ptr::copy_nonoverlapping(self.start, target.as_mut_ptr(), self.length) }
    }

    /// # Safety
    /// The bytes are valid for writes.
    pub(crate) unsafe fn copy_from(self, source: &[u8]) {
        let source = &source[..self.length];
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(source.as_ptr(), self.start, self.length) }
    }
}

impl From<&mut [u8]> for Span {
    fn from(bytes: &mut [u8]) -> Self {
        Span {
            start: bytes.as_mut_ptr(),
            length: bytes.len(),
        }
    }
}

/// Bytes in all spans.
pub(crate) fn total(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length).sum()
}
