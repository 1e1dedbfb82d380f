//! The receiving direction.

use std::ops::Range;
use std::time::Duration;

use libc::iovec;

use super::protection::{
    ALERT, APPLICATION_DATA, BEHIND, HANDSHAKE, HEADER, LONGEST, Protection, broken, record_length,
};
use crate::fault::{Code, Fault, Result};
use crate::socket::{Socket, skip};

/// Bytes that one system call takes at most: they are decrypted while they are in the cache.
const READ: usize = 256 << 10;

const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;
const KEY_UPDATE: u8 = 24;

/// Receives and decrypts.
#[derive(Debug)]
pub struct Opening {
    protection: Protection,
    /// Encrypted bytes: `encrypted` of them are still to be opened, `plain` are content that was not taken yet.
    buffer: Vec<u8>,
    encrypted: Range<usize>,
    plain: Range<usize>,
    /// Bytes of content that somebody else has taken before.
    taken: u64,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By close_notify.
    Said,
    Cut,
}

impl Opening {
    /// @param received everything that came on the connection so far, the handshake too.
    /// @param taken bytes of content in it that somebody else has taken.
    pub fn new(mut protection: Protection, received: &[u8], taken: u64) -> Result<Opening> {
        let mut at = 0;
        // Of the handshake are those that these keys do not open.
        while let Some(length) = record_length(&received[at..]) {
            let Some(record) = received.get(at..at + length) else {
                break;
            };
            if record[0] == APPLICATION_DATA
                && length >= HEADER + BEHIND
                && protection.open(&mut record.to_vec())?.is_some()
            {
                break;
            }
            at += length;
        }
        // What was opened for a try is opened again.
        protection.continue_from(0);
        let rest = &received[at..];
        let mut buffer = vec![0; READ.max(rest.len() + LONGEST)];
        buffer[..rest.len()].copy_from_slice(rest);
        Ok(Opening {
            protection,
            buffer,
            encrypted: 0..rest.len(),
            plain: 0..0,
            taken,
            end: None,
        })
    }

    /// The other end has gone without saying so. Known once `receive` has returned 0.
    pub fn is_cut(&self) -> bool {
        self.end == Some(End::Cut)
    }

    /// As `Socket::receive`: what is written to the targets was authenticated.
    ///
    /// # Safety
    /// As for `Socket::receive`, and the addresses have memory.
    pub unsafe fn receive(
        &mut self,
        socket: &Socket,
        targets: &mut [iovec],
        timeout: Option<Duration>,
    ) -> Result<usize> {
        let mut targets = skip(targets, 0);
        if targets.is_empty() {
            return Err(Fault::new(Code::Internal, "nothing to receive into"));
        }
        let mut count = 0;
        loop {
            while let Some(first) = targets.first() {
                let copied = first.iov_len.min(self.plain.len());
                if copied == 0 {
                    break;
                }
                let source = &self.buffer[self.plain.start..][..copied];
                // SAFETY: the caller vouches for the target, which is none of ours.
                unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), first.iov_base.cast(), copied) };
                self.plain.start += copied;
                count += copied;
                targets = skip(targets, copied);
            }
            if targets.is_empty() {
                return Ok(count);
            }
            if self.end.is_none() && self.open_next()? {
                continue;
            }
            if count > 0 || self.end.is_some() {
                return Ok(count);
            }
            self.read(socket, timeout)?;
        }
    }

    /// Waits for encrypted bytes.
    fn read(&mut self, socket: &Socket, timeout: Option<Duration>) -> Result<()> {
        self.buffer.copy_within(self.encrypted.clone(), 0);
        self.encrypted = 0..self.encrypted.len();
        let room = &mut self.buffer[self.encrypted.end..];
        let mut whole = [iovec {
            iov_base: room.as_mut_ptr().cast(),
            iov_len: room.len(),
        }];
        // SAFETY: the buffer lives through the call, and nobody else knows it.
        match unsafe { socket.receive(&mut whole, timeout) }? {
            0 => self.end = Some(End::Cut),
            read => self.encrypted.end += read,
        }
        Ok(())
    }

    /// Opens the next record. False: it is not whole yet.
    fn open_next(&mut self) -> Result<bool> {
        let Some(length) = record_length(&self.buffer[self.encrypted.clone()]) else {
            return Ok(false);
        };
        if !(HEADER + BEHIND..=LONGEST).contains(&length) {
            return Err(broken("a record of a length that there is not"));
        }
        if self.encrypted.len() < length {
            return Ok(false);
        }
        let start = self.encrypted.start;
        self.encrypted.start += length;
        let record = &mut self.buffer[start..start + length];
        if record[0] != APPLICATION_DATA {
            return Err(broken("a record without protection"));
        }
        let Some((kind, content)) = self.protection.open(record)? else {
            return Err(broken("decryption failed or bad record mac"));
        };
        match kind {
            APPLICATION_DATA => {
                let skipped = self.taken.min(content.len() as u64);
                self.taken -= skipped;
                self.plain = start + content.start + skipped as usize..start + content.end;
            }
            ALERT => self.heed(start + content.start..start + content.end)?,
            // Its answer would go out in front of the next content of this end: there is none.
            HANDSHAKE if matches!(record[content], [KEY_UPDATE, 0, 0, 1, 0 | 1]) => self.protection.update()?,
            _ => return Err(broken("unexpected message")),
        }
        Ok(true)
    }

    fn heed(&mut self, alert: Range<usize>) -> Result<()> {
        match self.buffer[alert] {
            [_, CLOSE_NOTIFY] => self.end = Some(End::Said),
            [_, USER_CANCELED] => {}
            [_, number] => return Err(broken(&format!("the other end gave up ({})", alert_name(number)))),
            _ => return Err(broken("an alert of another length")),
        }
        Ok(())
    }
}

fn alert_name(number: u8) -> String {
    match number {
        10 => "unexpected message".into(),
        20 => "bad record mac".into(),
        22 => "record overflow".into(),
        80 => "internal error".into(),
        _ => format!("alert {number}"),
    }
}
