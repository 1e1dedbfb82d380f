use zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;
use zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, SafeResult, get_error_name};

use crate::{Fault, Pack, Unpack, ZSTD_WINDOW_LOG};

/// Between two blocks of a frame the decoder asks for the next block's header, which has so many bytes.
const BLOCK_HEADER: usize = 3;

pub fn version() -> String {
    zstd_safe::version_string().to_owned()
}

pub struct Compressor(CCtx<'static>);

impl Compressor {
    pub fn new(level: i32) -> Result<Self, Fault> {
        let mut context = CCtx::try_create().ok_or_else(no_memory)?;
        explained(context.set_parameter(CParameter::CompressionLevel(level)))?;
        Ok(Compressor(context))
    }
}

impl Pack for Compressor {
    fn pack(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Fault> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        loop {
            let left = explained(self.0.compress_stream2(&mut to, &mut from, ZSTD_e_flush))?;
            if left == 0 && from.pos() == input.len() {
                return Ok(to.pos());
            }
            if to.pos() == to.capacity() {
                return Err(Fault::NoRoom);
            }
        }
    }
}

pub struct Decompressor(DCtx<'static>);

impl Decompressor {
    pub fn new() -> Result<Self, Fault> {
        let mut context = DCtx::try_create().ok_or_else(no_memory)?;
        explained(context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)))?;
        Ok(Decompressor(context))
    }
}

impl Unpack for Decompressor {
    /// A payload may be the next part of one frame, or whole frames: a sender need not be a QEMU.
    fn unpack(&mut self, payload: &[u8], output: &mut [u8]) -> Result<(), Fault> {
        let wanted = output.len();
        let mut from = InBuffer::around(payload);
        let mut to = OutBuffer::around(output);
        let mut hint = self.advance(&mut to, &mut from)?.unwrap_or(0);
        while to.pos() < wanted {
            match self.advance(&mut to, &mut from)? {
                Some(next) => hint = next,
                None => return Err(Fault::TooLittle { got: to.pos(), wanted }),
            }
        }
        // Whatever still comes out is one byte too much; what is left of the payload must give none.
        let mut beyond = [0_u8];
        let mut probe = OutBuffer::around(&mut beyond[..]);
        while let Some(next) = self.advance(&mut probe, &mut from)? {
            hint = next;
            if probe.pos() > 0 {
                return Err(Fault::TooMuch { wanted });
            }
        }
        if hint == 0 || hint == BLOCK_HEADER {
            Ok(())
        } else {
            Err(Fault::Unfinished)
        }
    }
}

impl Decompressor {
    /// One step. The decoder's hint of how many bytes it wants next, 0 at a frame's end; none if nothing was done,
    /// since there was nothing left to do.
    fn advance(&mut self, to: &mut OutBuffer<'_, [u8]>, from: &mut InBuffer<'_>) -> Result<Option<usize>, Fault> {
        let before = (to.pos(), from.pos());
        let hint = explained(self.0.decompress_stream(to, from))?;
        Ok((before != (to.pos(), from.pos())).then_some(hint))
    }
}

fn explained(result: SafeResult) -> Result<usize, Fault> {
    result.map_err(|code| Fault::Corrupt(get_error_name(code).to_owned()))
}

fn no_memory() -> Fault {
    Fault::Setup("no memory for a zstd stream".to_owned())
}
