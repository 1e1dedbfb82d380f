//! The streams for Node; `src/binding.ts` says the same in TypeScript. All buffers are the caller's own, never guest
//! memory: nobody else reads or writes them while a call goes on.

use multifd_streams::{Fault, Pack, Unpack};
use napi::bindgen_prelude::{Error, Result, Status, Uint8ArraySlice};
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

    /// Takes all of `input` and writes the payload to the front of `output`. Returns its bytes.
    #[napi]
    pub fn pack(&mut self, input: &[u8], mut output: Uint8ArraySlice) -> Result<u32> {
        // SAFETY: nobody else has the buffer while this call goes on.
        let output = unsafe { output.as_mut() };
        let size = open(&mut self.0)?.pack(input, output).map_err(refuse)?;
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

    /// Fills `output` from `payload`, which must give so many bytes and no more.
    #[napi]
    pub fn unpack(&mut self, payload: &[u8], mut output: Uint8ArraySlice) -> Result<()> {
        // SAFETY: nobody else has the buffer while this call goes on.
        let output = unsafe { output.as_mut() };
        open(&mut self.0)?.unpack(payload, output).map_err(refuse)
    }

    /// Frees what it holds; may be called twice.
    #[napi]
    pub fn close(&mut self) {
        self.0 = None;
    }
}

fn open<T: ?Sized>(stream: &mut Option<Box<T>>) -> Result<&mut T> {
    let closed = || Error::new(Status::InvalidArg, "the stream is closed".to_owned());
    stream.as_deref_mut().ok_or_else(closed)
}

fn refuse(fault: Fault) -> Error {
    Error::new(Status::InvalidArg, fault.to_string())
}
