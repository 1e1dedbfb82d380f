//! Where a decoder stands in its frames, in zstd's own words (RFC 8878 has the format): the decoder has followed the
//! framing to there anyway, and who followed it beside would have to agree with it about every byte.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use zstd_sys as z;

use crate::zstd::explained;
use crate::{Fault, ZSTD_WINDOW_LOG};

/// Bytes of a block's header.
const BLOCK_HEADER: usize = 3;

/// What a decoder's hint is when a frame has ended and all of it was given, or none has begun.
pub const BETWEEN_FRAMES: usize = 0;

/// Whether a packet may end where `decoder` stands: between frames, or in a frame before a block's header, which is where
/// a flush ends. `hint` is what its last step returned: the bytes that it wants next.
///
/// 3 bytes are a block's header, or what is left of a checksum, a skippable frame, or a frame's last block: zstd knows.
/// It is asked of nothing else, since before a decoder's first header is whole it has no answer: then it wants the rest
/// of the header and a block's, 4 bytes at least (`ZSTD_decompressStream`).
///
/// # Safety
/// The context is valid, and nobody else's.
pub unsafe fn may_end(decoder: NonNull<z::ZSTD_DCtx>, hint: usize) -> bool {
    match hint {
        BETWEEN_FRAMES => true,
        BLOCK_HEADER => {
            // SAFETY: the caller's word.
            let next = unsafe { z::ZSTD_nextInputType(decoder.as_ptr()) };
            next == z::ZSTD_nextInputType_e::ZSTDnit_blockHeader
        }
        _ => false,
    }
}

/// Refuses the frame that begins with what is left of `from` if it declares a window that is too large. A decoder that
/// can unpack a frame in one piece does so without a window, and does not hold what is declared against its bound.
///
/// A header that is not whole, or none at all, is for the decoder to refuse. A skippable frame has no window.
///
/// # Safety
/// The buffer is valid.
#[cold] // Once for a frame, beside a loop over the pages.
pub unsafe fn check_window(from: &z::ZSTD_inBuffer) -> Result<(), Fault> {
    let mut header = MaybeUninit::<z::ZSTD_FrameHeader>::uninit();
    // SAFETY: what is left of the buffer, by the caller's word.
    let wanted = explained(unsafe {
        z::ZSTD_getFrameHeader(header.as_mut_ptr(), from.src.byte_add(from.pos), from.size - from.pos)
    })?;
    if wanted > 0 {
        return Ok(());
    }
    // SAFETY: a result of 0 says that it was filled.
    let window = unsafe { header.assume_init() }.windowSize;
    if window > 1 << ZSTD_WINDOW_LOG {
        return Err(Fault::Corrupt(format!(
            "a frame declares a window of {window} bytes, more than {}",
            1 << ZSTD_WINDOW_LOG
        )));
    }
    Ok(())
}
