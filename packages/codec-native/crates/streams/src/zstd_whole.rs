use std::ptr::NonNull;

use zstd_sys as z;

use crate::Fault;
use crate::zstd::{explained, no_memory};

/// Makes zstd frames that stand for themselves, with one context for all.
pub struct FrameCompressor(NonNull<z::ZSTD_CCtx>);

// SAFETY: a context is nobody's but its owner's, and zstd ties it to no thread.
unsafe impl Send for FrameCompressor {}

impl FrameCompressor {
    pub fn new(level: i32) -> Result<Self, Fault> {
        // SAFETY: no condition.
        let compressor = FrameCompressor(NonNull::new(unsafe { z::ZSTD_createCCtx() }).ok_or_else(no_memory)?);
        let parameter = z::ZSTD_cParameter::ZSTD_c_compressionLevel;
        // SAFETY: the context was made.
        explained(unsafe { z::ZSTD_CCtx_setParameter(compressor.0.as_ptr(), parameter, level) })?;
        Ok(compressor)
    }

    /// Writes one frame of all of `input` to the front of `output`. Returns its bytes.
    pub fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Fault> {
        // SAFETY: the context was made, both are slices, and a call is a frame of its own, whatever became of the one before.
        let result = unsafe {
            z::ZSTD_compress2(
                self.0.as_ptr(),
                output.as_mut_ptr().cast(),
                output.len(),
                input.as_ptr().cast(),
                input.len(),
            )
        };
        // SAFETY: no condition.
        if unsafe { z::ZSTD_getErrorCode(result) } == z::ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall {
            return Err(Fault::NoRoom);
        }
        explained(result)
    }
}

impl Drop for FrameCompressor {
    fn drop(&mut self) {
        // SAFETY: the context was made, and nobody uses it any more.
        unsafe { z::ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}
