use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use zstd_sys as z;

use crate::span::total;
use crate::zstd_frame::{BETWEEN_FRAMES, check_window, may_end};
use crate::{Fault, Pack, Span, Unpack, ZSTD_WINDOW_LOG};

#[cfg(zstd_decoder)]
unsafe extern "C" {
    /// What the decoder has written, past the cache, is in memory before anything that is written from now on
    /// (`zstd/decompress.c`).
    safe fn multifd_zstd_settle();
}

#[cfg(not(zstd_decoder))]
fn multifd_zstd_settle() {}

pub fn version() -> String {
    // SAFETY: a constant string of the library.
    unsafe { CStr::from_ptr(z::ZSTD_versionString()) }
        .to_string_lossy()
        .into_owned()
}

pub struct Compressor(NonNull<z::ZSTD_CCtx>);

// SAFETY: a context is nobody's but its owner's, and zstd ties it to no thread.
unsafe impl Send for Compressor {}

impl Compressor {
    pub fn new(level: i32) -> Result<Self, Fault> {
        // SAFETY: no condition.
        let compressor = Compressor(NonNull::new(unsafe { z::ZSTD_createCCtx() }).ok_or_else(no_memory)?);
        let parameter = z::ZSTD_cParameter::ZSTD_c_compressionLevel;
        // SAFETY: the context was made.
        explained(unsafe { z::ZSTD_CCtx_setParameter(compressor.0.as_ptr(), parameter, level) })?;
        Ok(compressor)
    }

    /// # Safety
    /// As for `pack`, and `to` is valid for writes.
    unsafe fn take(
        &mut self,
        span: Span,
        to: &mut z::ZSTD_outBuffer,
        how: z::ZSTD_EndDirective,
    ) -> Result<(), Fault> {
        let mut from = z::ZSTD_inBuffer {
            src: span.start.cast(),
            size: span.length,
            pos: 0,
        };
        loop {
            // SAFETY: the context was made, and has both buffers until this call is over.
            let left = explained(unsafe { z::ZSTD_compressStream2(self.0.as_ptr(), to, &mut from, how) })?;
            let flushed = how == z::ZSTD_EndDirective::ZSTD_e_continue || left == 0;
            if from.pos == from.size && flushed {
                return Ok(());
            }
            if to.pos == to.size {
                return Err(Fault::NoRoom);
            }
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: the context was made, and nobody uses it any more.
        unsafe { z::ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}

impl Pack for Compressor {
    /// The pages are copied first, by zstd: a stream takes what it is given into its own window, and looks only there,
    /// but for a frame that is ended in the same call (`ZSTD_compressStream_generic`), which none is here.
    unsafe fn pack(&mut self, pages: &[Span], output: &mut [u8]) -> Result<usize, Fault> {
        let mut to = z::ZSTD_outBuffer {
            dst: output.as_mut_ptr().cast(),
            size: output.len(),
            pos: 0,
        };
        let Some((&last, others)) = pages.split_last() else {
            return Ok(0);
        };
        for &span in others {
            // SAFETY: the caller's word for the span; `to` is a slice of ours.
            unsafe { self.take(span, &mut to, z::ZSTD_EndDirective::ZSTD_e_continue) }?;
        }
        // SAFETY: as above.
        unsafe { self.take(last, &mut to, z::ZSTD_EndDirective::ZSTD_e_flush) }?;
        Ok(to.pos)
    }
}

pub struct Decompressor {
    context: NonNull<z::ZSTD_DCtx>,
    /// How many bytes it wants next, as its last step said; the next payload goes on there.
    hint: usize,
}

// SAFETY: a context is nobody's but its owner's, and zstd ties it to no thread.
unsafe impl Send for Decompressor {}

impl Decompressor {
    pub fn new() -> Result<Self, Fault> {
        // SAFETY: no condition.
        let context = NonNull::new(unsafe { z::ZSTD_createDCtx() }).ok_or_else(no_memory)?;
        let decompressor = Decompressor {
            context,
            hint: BETWEEN_FRAMES,
        };
        let parameter = z::ZSTD_dParameter::ZSTD_d_windowLogMax;
        // SAFETY: the context was made.
        explained(unsafe { z::ZSTD_DCtx_setParameter(context.as_ptr(), parameter, ZSTD_WINDOW_LOG as c_int) })?;
        Ok(decompressor)
    }

    /// One step, which ends where a frame does at the latest. Whether anything was done; if not, there was nothing left
    /// to do.
    ///
    /// # Safety
    /// Both buffers are valid, `to` for writes.
    unsafe fn advance(&mut self, to: &mut z::ZSTD_outBuffer, from: &mut z::ZSTD_inBuffer) -> Result<bool, Fault> {
        if self.hint == BETWEEN_FRAMES {
            // SAFETY: the caller's word.
            unsafe { check_window(from) }?;
        }
        let before = (to.pos, from.pos);
        // SAFETY: the context was made, and has both buffers until this call is over.
        let hint = explained(unsafe { z::ZSTD_decompressStream(self.context.as_ptr(), to, from) })?;
        let moved = before != (to.pos, from.pos);
        if moved {
            self.hint = hint;
        }
        Ok(moved)
    }

    /// # Safety
    /// As for `unpack`.
    unsafe fn fill(&mut self, payload: &[u8], pages: &[Span]) -> Result<(), Fault> {
        let wanted = total(pages);
        let mut from = z::ZSTD_inBuffer {
            src: payload.as_ptr().cast(),
            size: payload.len(),
            pos: 0,
        };
        let mut got = 0;
        for span in pages {
            let mut to = z::ZSTD_outBuffer {
                dst: span.start.cast(),
                size: span.length,
                pos: 0,
            };
            while to.pos < to.size {
                // SAFETY: the caller's word for the span; `from` is a slice of ours.
                if !unsafe { self.advance(&mut to, &mut from) }? {
                    return Err(Fault::TooLittle {
                        got: got + to.pos,
                        wanted,
                    });
                }
            }
            got += to.pos;
        }
        // Whatever still comes out is one byte too much; what is left of the payload must give none.
        let mut beyond = [0_u8];
        let mut probe = z::ZSTD_outBuffer {
            dst: beyond.as_mut_ptr().cast(),
            size: beyond.len(),
            pos: 0,
        };
        // SAFETY: both are ours.
        while unsafe { self.advance(&mut probe, &mut from) }? {
            if probe.pos > 0 {
                return Err(Fault::TooMuch { wanted });
            }
        }
        // SAFETY: the context was made, and its last step said so.
        if unsafe { may_end(self.context, self.hint) } {
            Ok(())
        } else {
            Err(Fault::Unfinished)
        }
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the context was made, and nobody uses it any more.
        unsafe { z::ZSTD_freeDCtx(self.context.as_ptr()) };
    }
}

impl Unpack for Decompressor {
    /// A payload may be the next part of one frame, or whole frames: a sender need not be a QEMU.
    ///
    /// The pages come straight from zstd's own window. Of what is in them it reads nothing that it has to trust.
    unsafe fn unpack(&mut self, payload: &[u8], pages: &[Span]) -> Result<(), Fault> {
        // SAFETY: the caller's word.
        let filled = unsafe { self.fill(payload, pages) };
        multifd_zstd_settle();
        filled
    }
}

pub(crate) fn explained(result: usize) -> Result<usize, Fault> {
    // SAFETY: no condition; the name is a constant string of the library.
    let name = unsafe {
        if z::ZSTD_isError(result) == 0 {
            return Ok(result);
        }
        CStr::from_ptr(z::ZSTD_getErrorName(result))
    };
    Err(Fault::Corrupt(name.to_string_lossy().into_owned()))
}

pub(crate) fn no_memory() -> Fault {
    Fault::Setup("no memory for a zstd stream".to_owned())
}
