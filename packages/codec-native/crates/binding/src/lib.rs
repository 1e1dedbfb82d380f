//! The streams for Node; `src/binding.ts` says the same in TypeScript. Payloads are the caller's own: nobody else reads
//! or writes them while a call goes on. Pages are a guest's.

use std::ptr;

use multifd_streams::{Fault, FrameCompressor, Pack, Span, Unpack};
use multifd_typed_array::Uint8s;
use napi::bindgen_prelude::{Error, Result, Status};
use napi_derive::napi;

/// The version of zlib or zstd that is linked in; absent for any other name.
#[napi]
pub fn version(method: String) -> Option<String> {
    multifd_streams::version(&method)
}

/// The sending end of one channel's stream.
#[napi]
pub struct Packer(Option<Box<dyn Pack>>);

#[napi]
impl Packer {
    #[napi(constructor)]
    pub fn new(method: String, level: i32) -> Result<Self> {
        let stream = multifd_streams::packer(&method, level).map_err(refuse)?;
        Ok(Packer(Some(stream)))
    }

    /// Takes all of `pages` and writes the payload to the front of `payload`. Returns its bytes.
    #[napi]
    pub fn pack(&mut self, pages: Vec<Uint8s>, mut payload: Uint8s) -> Result<u32> {
        // SAFETY: nobody else has the payload while this call goes on.
        let payload = unsafe { payload.as_mut_slice() };
        // SAFETY: the engine keeps the pages where they are until this call is over.
        let size = unsafe { open(&mut self.0)?.pack(&spans(&pages), payload) }.map_err(refuse)?;
        Ok(size as u32)
    }

    /// Frees what it holds; may be called twice.
    #[napi]
    pub fn close(&mut self) {
        self.0 = None;
    }
}

/// The receiving end of one channel's stream.
#[napi]
pub struct Unpacker(Option<Box<dyn Unpack>>);

#[napi]
impl Unpacker {
    #[napi(constructor)]
    pub fn new(method: String) -> Result<Self> {
        let stream = multifd_streams::unpacker(&method).map_err(refuse)?;
        Ok(Unpacker(Some(stream)))
    }

    /// Fills `pages` from `payload`, which must give so many bytes and no more.
    #[napi]
    pub fn unpack(&mut self, payload: Uint8s, pages: Vec<Uint8s>) -> Result<()> {
        // SAFETY: nobody else has the payload while this call goes on.
        let payload = unsafe { payload.as_slice() };
        // SAFETY: the engine keeps the pages where they are until this call is over.
        unsafe { open(&mut self.0)?.unpack(payload, &spans(&pages)) }.map_err(refuse)
    }

    /// Frees what it holds; may be called twice.
    #[napi]
    pub fn close(&mut self) {
        self.0 = None;
    }
}

/// Makes zstd frames that stand for themselves.
#[napi]
pub struct FramePacker {
    compressor: FrameCompressor,
    copy: Vec<u8>,
}

#[napi]
impl FramePacker {
    #[napi(constructor)]
    pub fn new(level: i32) -> Result<Self> {
        let compressor = FrameCompressor::new(level).map_err(refuse)?;
        Ok(FramePacker {
            compressor,
            copy: Vec::new(),
        })
    }

    /// Writes one frame of all of `bytes` to the front of `frame`. Returns its bytes.
    #[napi]
    pub fn pack(&mut self, bytes: Uint8s, mut frame: Uint8s) -> Result<u32> {
        self.copy.resize(bytes.len(), 0);
        // SAFETY: they are there until this call is over, and the copy is ours. Whoever writes to them meanwhile makes the copy old
        // or new.
        unsafe { ptr::copy_nonoverlapping(bytes.start(), self.copy.as_mut_ptr(), bytes.len()) };
        // SAFETY: nobody else has the frame while this call goes on.
        let frame = unsafe { frame.as_mut_slice() };
        let size = self.compressor.compress(&self.copy, frame).map_err(refuse)?;
        Ok(size as u32)
    }
}

fn spans(arrays: &[Uint8s]) -> Vec<Span> {
    let span = |array: &Uint8s| Span {
        start: array.start(),
        length: array.len(),
    };
    arrays.iter().map(span).collect()
}

fn open<T: ?Sized>(stream: &mut Option<Box<T>>) -> Result<&mut T> {
    let closed = || Error::new(Status::InvalidArg, "the stream is closed".to_owned());
    stream.as_deref_mut().ok_or_else(closed)
}

fn refuse(fault: Fault) -> Error {
    Error::new(Status::InvalidArg, fault.to_string())
}
