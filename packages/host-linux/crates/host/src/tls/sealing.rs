//! The sending direction.
//!
//! The first record is a KeyUpdate, so that content goes under keys that whoever did the handshake never had in use: he still has
//! the first ones, and a record of his own under them would be one nonce twice. What AES-GCM protects is then lost.

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
    /// These keys are not ours alone yet.
    shared: bool,
    buffer: Vec<u8>,
}

impl Sealing {
    /// @param protection has protected nothing. @param per_key records that one key protects at most.
    pub fn new(protection: Protection, per_key: u64) -> Sealing {
        let buffer = Vec::with_capacity(RECORDS * (HEADER + CONTENT + BEHIND));
        Sealing {
            protection,
            per_key,
            shared: true,
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
                self.change_keys()?;
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
        self.change_keys()?;
        self.write_whole(ALERT, &[1, 0])?;
        self.flush(socket, stall)
    }

    /// In front of every record: to the first keys of our own, and to new ones once these have protected as much as they may.
    fn change_keys(&mut self) -> Result<()> {
        if !self.shared && self.protection.sequence() < self.per_key {
            return Ok(());
        }
        self.write_whole(HANDSHAKE, &KEY_UPDATE)?;
        self.protection.update()?;
        self.shared = false;
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::super::protection::{Suite, record_length};
    use super::*;

    /// Types and contents of all records, opened with `protection`, whose keys change as the records say.
    fn open_all(mut bytes: &mut [u8], mut protection: Protection) -> Vec<(u8, Vec<u8>)> {
        let mut found = Vec::new();
        while let Some(length) = record_length(bytes) {
            let (record, rest) = bytes.split_at_mut(length);
            let (kind, content) = protection.open(record).expect("no fault").expect("it opens");
            let content = record[content].to_vec();
            if kind == HANDSHAKE {
                protection.update().expect("it updates");
            }
            found.push((kind, content));
            bytes = rest;
        }
        found
    }

    fn protection() -> Protection {
        let suite = Suite::named("TLS_AES_256_GCM_SHA384").expect("it is known");
        Protection::new(suite, &[7; 48]).expect("as long as SHA-384")
    }

    #[test]
    fn the_first_record_changes_keys_whatever_follows() {
        for content in [&b"pages"[..], b""] {
            let (one, mut other) = UnixStream::pair().expect("sockets");
            let (_, interrupt) = crate::interrupt::create().expect("an eventfd");
            let socket = Socket::new(one.as_raw_fd(), interrupt).expect("a stream socket");
            let mut sealing = Sealing::new(protection(), 2);
            for _ in 0..3 {
                let mut vectors = [iovec {
                    iov_base: content.as_ptr().cast_mut().cast(),
                    iov_len: content.len(),
                }];
                // SAFETY: the bytes are there, and are only read.
                unsafe { sealing.send(&socket, &mut vectors, None) }.expect("it sends");
            }
            sealing.end(&socket, None).expect("it ends");
            drop(one);
            let mut bytes = Vec::new();
            other.read_to_end(&mut bytes).expect("it reads");
            let update = (HANDSHAKE, KEY_UPDATE.to_vec());
            let pages = (APPLICATION_DATA, content.to_vec());
            let end = (ALERT, vec![1, 0]);
            let expected = if content.is_empty() {
                vec![update, end]
            } else {
                // Two records to a key.
                vec![update.clone(), pages.clone(), pages.clone(), update, pages, end]
            };
            assert_eq!(open_all(&mut bytes, protection()), expected);
        }
    }
}
