//! Sockets.

use std::sync::Arc;
use std::time::Duration;

use multifd_host::fault::{Code, Fault};
use multifd_host::interrupt::{self, Interrupt};
use multifd_host::socket::Socket;
use multifd_typed_array::Uint8s;
use napi_derive::napi;

use crate::fault::{Result, raise, refuse};

#[napi]
pub struct NativeInterrupt {
    number: u32,
    interrupt: Arc<Interrupt>,
}

#[napi]
impl NativeInterrupt {
    #[napi(constructor)]
    pub fn new() -> Result<Self> {
        let (number, interrupt) = interrupt::create().map_err(raise)?;
        Ok(NativeInterrupt { number, interrupt })
    }

    #[napi]
    pub fn number(&self) -> u32 {
        self.number
    }

    #[napi]
    pub fn fire(&self) {
        self.interrupt.fire();
    }

    #[napi]
    pub fn close(&self) {
        interrupt::forget(self.number);
    }
}

#[napi]
pub struct NativeSocket {
    socket: Option<Socket>,
}

#[napi]
impl NativeSocket {
    #[napi(constructor)]
    pub fn new(descriptor: i32, interrupt: u32) -> Result<Self> {
        // Its owner is done with it, so it is over for whoever comes late.
        let interrupt = interrupt::open(interrupt)
            .ok_or_else(|| raise(Fault::new(Code::Cancelled, format!("interrupt {interrupt} was closed"))))?;
        let socket = Socket::new(descriptor, interrupt).map_err(raise)?;
        Ok(NativeSocket { socket: Some(socket) })
    }

    #[napi]
    pub fn send(&self, vectors: Vec<Uint8s>, stall_timeout: f64) -> Result<()> {
        let limit = limit(stall_timeout)?;
        // SAFETY: the arrays keep their bytes while this thread, and so its engine, is in this call.
        unsafe { self.socket()?.send(&mut io_vectors(vectors), limit) }.map_err(raise)
    }

    #[napi]
    pub fn receive(&self, targets: Vec<Uint8s>, timeout: f64) -> Result<f64> {
        let limit = limit(timeout)?;
        // SAFETY: as in `send`.
        let received = unsafe { self.socket()?.receive(&mut io_vectors(targets), limit) };
        received.map(|bytes| bytes as f64).map_err(raise)
    }

    #[napi]
    pub fn limit_queues(&self, unsent: u32, unread: u32) -> Result<()> {
        self.socket()?.limit_queues(unsent, unread).map_err(raise)
    }

    #[napi]
    pub fn close(&mut self) {
        self.socket = None;
    }

    fn socket(&self) -> Result<&Socket> {
        self.socket.as_ref().ok_or_else(|| refuse("this socket was closed"))
    }
}

pub(crate) fn io_vectors(arrays: Vec<Uint8s>) -> Vec<libc::iovec> {
    let vector = |array: Uint8s| libc::iovec {
        iov_base: array.start().cast(),
        iov_len: array.len(),
    };
    arrays.into_iter().map(vector).collect()
}

/// Milliseconds; infinite: none.
pub(crate) fn limit(milliseconds: f64) -> Result<Option<Duration>> {
    if milliseconds == f64::INFINITY {
        return Ok(None);
    }
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map(Some)
        .map_err(|_| refuse(format!("a time limit of {milliseconds} ms")))
}
