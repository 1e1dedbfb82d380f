//! Sockets.

use std::sync::Arc;
use std::time::Duration;

use multifd_host::fault::{Code, Fault};
use multifd_host::interrupt::{self, Interrupt};
use multifd_host::socket::Socket;
use multifd_host::waiting;
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
        let socket = Socket::new(descriptor, opened(interrupt)?).map_err(raise)?;
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
    pub fn try_send(&self, vectors: Vec<Uint8s>) -> Result<f64> {
        // SAFETY: as in `send`.
        let sent = unsafe { self.socket()?.try_send(&mut io_vectors(vectors)) };
        sent.map(|bytes| bytes as f64).map_err(raise)
    }

    /// -1: nothing has come.
    #[napi]
    pub fn try_receive(&self, targets: Vec<Uint8s>) -> Result<f64> {
        // SAFETY: as in `send`.
        let received = unsafe { self.socket()?.try_receive(&mut io_vectors(targets)) };
        received
            .map(|came| came.map_or(-1.0, |bytes| bytes as f64))
            .map_err(raise)
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

/// Waits until one of the sockets can go on.
/// @param descriptors of open sockets. @param sends for each, whether it is to send, not to receive. @param timeout ms.
/// @returns for each: 0 it waits, 1 it can go on, 2 it is to send, and the other end is gone.
#[napi]
pub fn wait_any(interrupt: u32, descriptors: Vec<i32>, sends: Vec<bool>, timeout: f64) -> Result<Vec<u32>> {
    let limit = limit(timeout)?;
    let interrupt = opened(interrupt)?;
    let event = |sends| if sends { libc::POLLOUT } else { libc::POLLIN };
    let asked: Vec<_> = descriptors.into_iter().zip(sends.into_iter().map(event)).collect();
    let came = waiting::wait_any(&interrupt, &asked, limit).map_err(raise)?;
    let state = |(came, (_, event)): (i16, &(i32, i16))| match came {
        0 => 0,
        _ if *event == libc::POLLOUT && came & waiting::GONE != 0 => 2,
        _ => 1,
    };
    Ok(came.into_iter().zip(&asked).map(state).collect())
}

/// Its owner is done with one that is closed, so it is over for whoever comes late.
fn opened(interrupt: u32) -> Result<Arc<Interrupt>> {
    interrupt::open(interrupt)
        .ok_or_else(|| raise(Fault::new(Code::Cancelled, format!("interrupt {interrupt} was closed"))))
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
