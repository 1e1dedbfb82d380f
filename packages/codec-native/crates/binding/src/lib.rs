//! The streams for Node; `src/binding.ts` says the same in TypeScript. Payloads are the caller's own: nobody else reads
//! or writes them while a call goes on. Pages are a guest's.

use multifd_streams::{Fault, Pack, Span, Unpack};
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
