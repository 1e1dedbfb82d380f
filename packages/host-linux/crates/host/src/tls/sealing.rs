//! The sending direction.

use std::time::Duration;

use libc::iovec;

use super::protection::{ALERT, APPLICATION_DATA, BEHIND, CONTENT, HANDSHAKE, HEADER, Protection};
use crate::fault::Result;
use crate::socket::{Socket, skip};

/// Records that one system call sends: what is encrypted is still in the cache when the kernel copies it.
const RECORDS: usize = 16;
/// KeyUpdate: that is all that it says. The other end need not answer with one.
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
/// Records that one key of AES-GCM may protect: 2^24.5 (RFC 8446, 5.5).
pub const RECORDS_PER_KEY: u64 = 1 << 24;

/// Encrypts and sends.
#[derive(Debug)]
pub struct Sealing {
    protection: Protection,
    per_key: u64,
    buffer: Vec<u8>,
}

impl Sealing {
    /// @param per_key records that one key protects at most.
    pub fn new(protection: Protection, per_key: u64) -> Sealing {
        let buffer = Vec::with_capacity(RECORDS * (HEADER + CONTENT + BEHIND));
        Sealing {
            protection,
            per_key,
            buffer,
        }
    }

    /// As `Socket::send`.
    ///
    /// # Safety
    /// As for `Socket::send`, and the addresses have memory: what an address without it means is up to the process's
    /// handler of SIGBUS.
    pub unsafe fn send(&mut self, socket: &Socket, vectors: &mut [iovec], stall: Option<Duration>) -> Result<()> {
        let mut rest = skip(vectors, 0);
        while !rest.is_empty() {
            self.buffer.clear();
            for _ in 0..RECORDS {
                if rest.is_empty() {
                    break;
                }
                self.keep_keys_young()?;
                let start = self.buffer.len();
                self.buffer.extend_from_slice(&[0; HEADER]);
                let mut room = CONTENT;
                while let Some(first) = rest.first() {
                    let count = first.iov_len.min(room);
                    if count == 0 {
                        break;
                    }
                    let at = self.buffer.len();
                    self.buffer.reserve(count);
                    // SAFETY: the caller vouches for the source; there is room for as many, which nobody else knows.
                    // Others may write to the source meanwhile: whatever comes of that was never seen before, and is
                    // encrypted from here, so that what leaves is what was authenticated.
                    unsafe {
                        std::ptr::copy_nonoverlapping(first.iov_base.cast(), self.buffer.as_mut_ptr().add(at), count);
                        self.buffer.set_len(at + count);
                    }
                    room -= count;
                    rest = skip(rest, count);
                }
                self.seal_from(start, APPLICATION_DATA)?;
            }
            self.flush(socket, stall)?;
        }
        Ok(())
    }

    /// Says that nothing more follows (close_notify).
    pub fn end(&mut self, socket: &Socket, stall: Option<Duration>) -> Result<()> {
        self.buffer.clear();
        self.write_whole(ALERT, &[1, 0])?;
        self.flush(socket, stall)
    }

    fn keep_keys_young(&mut self) -> Result<()> {
        if self.protection.sequence() < self.per_key {
            return Ok(());
        }
        self.write_whole(HANDSHAKE, &KEY_UPDATE)?;
        self.protection.update()
    }

    fn write_whole(&mut self, kind: u8, content: &[u8]) -> Result<()> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEADER]);
        self.buffer.extend_from_slice(content);
        self.seal_from(start, kind)
    }

    fn seal_from(&mut self, start: usize, kind: u8) -> Result<()> {
        self.buffer.extend_from_slice(&[0; BEHIND]);
        self.protection.seal(&mut self.buffer[start..], kind)
    }

    fn flush(&mut self, socket: &Socket, stall: Option<Duration>) -> Result<()> {
        let mut whole = [iovec {
            iov_base: self.buffer.as_mut_ptr().cast(),
            iov_len: self.buffer.len(),
        }];
        // SAFETY: the buffer lives through the call.
        unsafe { socket.send(&mut whole, stall) }
    }
}
