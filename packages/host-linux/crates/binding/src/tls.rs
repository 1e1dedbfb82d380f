//! Sockets with TLS.

use multifd_host::fault::{Code, Fault};
use multifd_host::interrupt;
use multifd_host::tls::{RECORDS_PER_KEY, TlsSocket};
use multifd_typed_array::Uint8s;
use napi_derive::napi;

use crate::fault::{Result, raise, refuse, whole};
use crate::sockets::{io_vectors, limit};

#[napi]
pub struct NativeTlsSocket {
    socket: Option<TlsSocket>,
}

#[napi]
impl NativeTlsSocket {
    #[napi(constructor)]
    pub fn new(descriptor: i32, interrupt: u32) -> Result<Self> {
        let interrupt = interrupt::open(interrupt)
            .ok_or_else(|| raise(Fault::new(Code::Cancelled, format!("interrupt {interrupt} was closed"))))?;
        let socket = TlsSocket::new(descriptor, interrupt).map_err(raise)?;
        Ok(NativeTlsSocket { socket: Some(socket) })
    }

    #[napi]
    pub fn sends(&mut self, suite: String, secret: Uint8s, records_per_key: Option<u32>) -> Result<()> {
        let per_key = records_per_key.map_or(RECORDS_PER_KEY, u64::from);
        // SAFETY: bytes of JavaScript's own that nobody writes to while its thread is in this call.
        let secret = unsafe { secret.as_slice() };
        self.socket()?.sends(&suite, secret, per_key).map_err(raise)
    }

    #[napi]
    pub fn receives(&mut self, suite: String, secret: Uint8s, received: Uint8s, taken: f64) -> Result<()> {
        let taken = whole(taken, "taken")?;
        // SAFETY: as in `sends`.
        let (secret, received) = unsafe { (secret.as_slice(), received.as_slice()) };
        self.socket()?.receives(&suite, secret, received, taken).map_err(raise)
    }

    #[napi]
    pub fn send(&mut self, vectors: Vec<Uint8s>, stall_timeout: f64) -> Result<()> {
        let limit = limit(stall_timeout)?;
        // SAFETY: the arrays keep their bytes while this thread, and so its engine, is in this call.
        unsafe { self.socket()?.send(&mut io_vectors(vectors), limit) }.map_err(raise)
    }

    #[napi]
    pub fn receive(&mut self, targets: Vec<Uint8s>, timeout: f64) -> Result<f64> {
        let limit = limit(timeout)?;
        // SAFETY: as in `send`.
        let received = unsafe { self.socket()?.receive(&mut io_vectors(targets), limit) };
        received.map(|bytes| bytes as f64).map_err(raise)
    }

    #[napi]
    pub fn end(&mut self, stall_timeout: f64) -> Result<()> {
        let limit = limit(stall_timeout)?;
        self.socket()?.end(limit).map_err(raise)
    }

    #[napi]
    pub fn is_cut(&mut self) -> bool {
        self.socket.as_ref().is_some_and(TlsSocket::is_cut)
    }

    #[napi]
    pub fn limit_queues(&mut self, unsent: u32, unread: u32) -> Result<()> {
        self.socket()?.limit_queues(unsent, unread).map_err(raise)
    }

    #[napi]
    pub fn close(&mut self) {
        self.socket = None;
    }

    fn socket(&mut self) -> Result<&mut TlsSocket> {
        self.socket.as_mut().ok_or_else(|| refuse("this socket was closed"))
    }
}
