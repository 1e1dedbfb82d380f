//! zlib and zstd as QEMU's multifd methods use them (docs/wire.md, 5): one stream for a channel, which is never
//! ended, flushed at the end of each packet.
//!
//! What comes in is a stranger's: a payload must give exactly the bytes that it stands for, and stop at a block's end.

mod fault;
mod span;
mod zlib;
mod zlib_level;
mod zstd;
mod zstd_frame;
mod zstd_whole;

pub use fault::Fault;
pub use span::Span;
pub use zstd_whole::FrameCompressor;

/// Most bytes that a zstd stream may look back, as a power of two: what QEMU's highest level (20) needs. It bounds the
/// memory that a stranger's frame can ask for.
pub const ZSTD_WINDOW_LOG: u32 = 25;

/// The sending end of one channel's stream.
pub trait Pack {
    /// Takes all of `pages`, and writes everything that is due for them to the front of `output`: the receiver gets all
    /// of them from it. Returns how many bytes that were.
    ///
    /// # Safety
    /// Each span is valid for reads until this is over. Others may write to it: what is sent of a byte is its old or
    /// its new value.
    unsafe fn pack(&mut self, pages: &[Span], output: &mut [u8]) -> Result<usize, Fault>;
}

/// The receiving end of one channel's stream. Good for nothing after a fault.
pub trait Unpack {
    /// Fills `pages` from `payload`, which must give so many bytes and no more. After a fault they hold anything.
    ///
    /// # Safety
    /// Each span is valid for writes until this is over. Others may write to it: it holds anything then.
    unsafe fn unpack(&mut self, payload: &[u8], pages: &[Span]) -> Result<(), Fault>;
}

/// The stream of one method: `zlib` (levels 0 to 9) or `zstd` (0 to 20; 0 is zstd's own default).
pub fn packer(method: &str, level: i32) -> Result<Box<dyn Pack>, Fault> {
    match method {
        "zlib" => Ok(Box::new(zlib::Deflater::new(level)?)),
        "zstd" => Ok(Box::new(zstd::Compressor::new(level)?)),
        _ => Err(Fault::Setup(format!("no method {method}"))),
    }
}

pub fn unpacker(method: &str) -> Result<Box<dyn Unpack>, Fault> {
    match method {
        "zlib" => Ok(Box::new(zlib::Inflater::new()?)),
        "zstd" => Ok(Box::new(zstd::Decompressor::new()?)),
        _ => Err(Fault::Setup(format!("no method {method}"))),
    }
}

/// The version of the library that is linked in.
pub fn version(method: &str) -> Option<String> {
    match method {
        "zlib" => Some(zlib::version()),
        "zstd" => Some(zstd::version()),
        _ => None,
    }
}
