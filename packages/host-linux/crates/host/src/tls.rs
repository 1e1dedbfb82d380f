//! The records of a TLS 1.3 connection whose handshake somebody else has done, OpenSSL in Node: it proved who is at the
//! other end, and gives up its keys and the connection (as it would to kernel TLS). From then on this encrypts straight
//! from guest memory, and decrypts into it.
//!
//! Each direction by itself: a source sends, and what comes is not for this; a destination receives and sends nothing.
//!
//! The bytes are copied once on each end, between guest memory and a buffer that stays in the cache: guest memory changes
//! while it is read, and what was not authenticated must not come into it.

mod opening;
mod protection;
mod sealing;

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use libc::iovec;

use crate::fault::{Code, Fault, Result};
use crate::interrupt::Interrupt;
use crate::socket::Socket;
use opening::Opening;
use protection::{Protection, Suite};
pub use sealing::RECORDS_PER_KEY;
use sealing::Sealing;

/// Blocking TLS on a connected stream socket.
#[derive(Debug)]
pub struct TlsSocket {
    // Before the descriptor that it uses.
    socket: Socket,
    /// Of its own: whoever did the handshake may close the socket at any time.
    descriptor: OwnedFd,
    sealing: Option<Sealing>,
    opening: Option<Opening>,
}

impl TlsSocket {
    pub fn new(descriptor: RawFd, interrupt: Arc<Interrupt>) -> Result<TlsSocket> {
        // SAFETY: a system call without memory.
        let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
        if copy < 0 {
            return Err(Fault::last("cannot duplicate a socket").hint("raise the limit of open files (ulimit -n)"));
        }
        // SAFETY: the kernel has just given it to us, and nobody else knows it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(copy) };
        let socket = Socket::new(descriptor.as_raw_fd(), interrupt)?;
        Ok(TlsSocket {
            socket,
            descriptor,
            sealing: None,
            opening: None,
        })
    }

    /// From now on it sends, and nobody else does. Once only.
    /// @param secret the first application traffic secret of this direction, which has protected nothing.
    /// @param per_key records that one key protects at most.
    pub fn sends(&mut self, suite: &str, secret: &[u8], per_key: u64) -> Result<()> {
        if self.sealing.is_some() {
            // It would count its records from 0 again.
            return Err(Fault::new(Code::Internal, "this TLS connection sends already"));
        }
        let protection = Protection::new(named(suite)?, secret)?;
        self.sealing = Some(Sealing::new(protection, per_key));
        Ok(())
    }

    /// From now on it receives.
    /// @param secret the application traffic secret of this direction. @param received all bytes of the connection in this
    /// direction so far. @param taken bytes of content in them that somebody else has taken.
    pub fn receives(&mut self, suite: &str, secret: &[u8], received: &[u8], taken: u64) -> Result<()> {
        let protection = Protection::new(named(suite)?, secret)?;
        self.opening = Some(Opening::new(protection, received, taken)?);
        Ok(())
    }

    /// # Safety
    /// As for `Socket::send`, and the addresses have memory.
    pub unsafe fn send(&mut self, vectors: &mut [iovec], stall: Option<Duration>) -> Result<()> {
        let sealing = self.sealing.as_mut().ok_or_else(|| one_way("send"))?;
        // SAFETY: the caller's word.
        unsafe { sealing.send(&self.socket, vectors, stall) }
    }

    /// # Safety
    /// As for `Socket::receive`, and the addresses have memory.
    pub unsafe fn receive(&mut self, targets: &mut [iovec], timeout: Option<Duration>) -> Result<usize> {
        let opening = self.opening.as_mut().ok_or_else(|| one_way("receive"))?;
        // SAFETY: the caller's word.
        unsafe { opening.receive(&self.socket, targets, timeout) }
    }

    /// Says that nothing more follows, and closes this direction. Drops what has come, such as session tickets: closing with
    /// bytes unread would reset the connection, and what is in flight would be lost.
    pub fn end(&mut self, stall: Option<Duration>) -> Result<()> {
        let sealing = self.sealing.as_mut().ok_or_else(|| one_way("send"))?;
        sealing.end(&self.socket, stall)?;
        // SAFETY: a system call without memory. If it fails the other end is gone.
        unsafe { libc::shutdown(self.descriptor.as_raw_fd(), libc::SHUT_WR) };
        self.drop_unread();
        Ok(())
    }

    /// A peer that never stops to send is no reason to stay.
    fn drop_unread(&self) {
        let mut room = [0_u8; 4096];
        for _ in 0..256 {
            let (descriptor, target) = (self.descriptor.as_raw_fd(), room.as_mut_ptr().cast());
            // SAFETY: the kernel writes into an array of ours, no more than it holds.
            if unsafe { libc::recv(descriptor, target, room.len(), libc::MSG_DONTWAIT) } <= 0 {
                return;
            }
        }
    }

    /// The other end has gone without saying so. Known once `receive` has returned 0.
    pub fn is_cut(&self) -> bool {
        self.opening.as_ref().is_some_and(Opening::is_cut)
    }

    pub fn limit_queues(&self, unsent: u32, unread: u32) -> Result<()> {
        self.socket.limit_queues(unsent, unread)
    }
}

fn named(suite: &str) -> Result<Suite> {
    Suite::named(suite).ok_or_else(|| Fault::new(Code::Usage, format!("TLS: no suite {suite}")))
}

fn one_way(what: &str) -> Fault {
    Fault::new(Code::Internal, format!("this TLS connection does not {what}"))
}
