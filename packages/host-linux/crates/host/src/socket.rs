//! Blocking I/O on a connected stream socket, straight from and into memory that others may write to.

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libc::iovec;

use crate::fault::{Code, Fault, Result, errno};
use crate::interrupt::Interrupt;
use crate::options::{option, set_option};
use crate::waiting::{GONE, cancelled, wait_any};

/// Vectors that one call takes (UIO_MAXIOV).
const VECTORS: usize = 1024;

/// A socket whose calls block their thread until they are done, time is up, or the interrupt fires.
#[derive(Debug)]
pub struct Socket {
    /// Stays the caller's, and open as long as this.
    descriptor: RawFd,
    interrupt: Arc<Interrupt>,
}

impl Socket {
    pub fn new(descriptor: RawFd, interrupt: Arc<Interrupt>) -> Result<Socket> {
        match option(descriptor, libc::SOL_SOCKET, libc::SO_TYPE) {
            Ok(libc::SOCK_STREAM) => Ok(Socket { descriptor, interrupt }),
            Ok(_) => Err(Fault::new(
                Code::Usage,
                format!("descriptor {descriptor} is no stream socket"),
            )),
            Err(error) => Err(Fault::io(format!("descriptor {descriptor} is no socket"), &error)),
        }
    }

    /// Sends all bytes of `vectors`, which are used up.
    ///
    /// # Safety
    /// The vectors' addresses stay mapped or unmapped as they are until it returns: no other memory may come there.
    /// Others may write to the bytes. (An address without memory is an error, not a fault.)
    pub unsafe fn send(&self, vectors: &mut [iovec], stall: Option<Duration>) -> Result<()> {
        let mut rest = skip(vectors, 0);
        if rest.is_empty() {
            return self.check();
        }
        // Nothing comes back on a channel: an end of that direction means that nobody is there, also if the kernel
        // would still take bytes.
        self.wait(libc::POLLOUT, stall)?;
        while !rest.is_empty() {
            self.check()?;
            // SAFETY: the caller's word.
            match unsafe { self.give(rest) }? {
                Some(sent) => rest = skip(rest, sent),
                None => self.wait(libc::POLLOUT, stall)?,
            }
        }
        Ok(())
    }

    /// As `send`, but waits for nothing, and does not ask whether the other end is there. @returns how many bytes the kernel
    /// has taken.
    ///
    /// # Safety
    /// As for `send`.
    pub unsafe fn try_send(&self, vectors: &mut [iovec]) -> Result<usize> {
        let mut rest = skip(vectors, 0);
        let mut taken = 0;
        self.check()?;
        while !rest.is_empty() {
            // SAFETY: the caller's word.
            let Some(sent) = (unsafe { self.give(rest) })? else {
                break;
            };
            taken += sent;
            rest = skip(rest, sent);
        }
        Ok(taken)
    }

    /// Gives the kernel as many bytes as it takes at once; nothing if it has no room.
    ///
    /// # Safety
    /// As for `send`.
    unsafe fn give(&self, rest: &mut [iovec]) -> Result<Option<usize>> {
        loop {
            // SAFETY: all-zero is an empty header.
            let mut header: libc::msghdr = unsafe { mem::zeroed() };
            header.msg_iov = rest.as_mut_ptr();
            header.msg_iovlen = rest.len().min(VECTORS) as _;
            // SAFETY: header and vectors live through the call; the kernel reads the bytes, and says so if it cannot.
            let sent = unsafe { libc::sendmsg(self.descriptor, &header, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
            match usize::try_from(sent) {
                Ok(sent) => return Ok(Some(sent)),
                Err(_) => match errno() {
                    libc::EINTR => {}
                    libc::EAGAIN => return Ok(None),
                    number => return Err(explain(number, "read")),
                },
            }
        }
    }

    /// Waits until something has come and fills `targets` in order. @returns bytes; 0: the other end has closed.
    ///
    /// # Safety
    /// As for `send`; and the bytes may be written to.
    pub unsafe fn receive(&self, targets: &mut [iovec], timeout: Option<Duration>) -> Result<usize> {
        let mut deadline = None;
        loop {
            // SAFETY: the caller's word.
            if let Some(received) = unsafe { self.try_receive(targets) }? {
                return Ok(received);
            }
            // One limit for the whole call, however often it is woken for nothing.
            let until = *deadline.get_or_insert_with(|| timeout.map(|limit| Instant::now().checked_add(limit)));
            let left = until
                .flatten()
                .map(|until| until.saturating_duration_since(Instant::now()));
            self.wait(libc::POLLIN, left)?;
        }
    }

    /// As `receive`, but waits for nothing. @returns nothing if nothing has come.
    ///
    /// # Safety
    /// As for `receive`.
    pub unsafe fn try_receive(&self, targets: &mut [iovec]) -> Result<Option<usize>> {
        let targets = skip(targets, 0);
        if targets.is_empty() {
            return Err(Fault::new(Code::Internal, "nothing to receive into"));
        }
        loop {
            self.check()?;
            // SAFETY: all-zero is an empty header.
            let mut header: libc::msghdr = unsafe { mem::zeroed() };
            header.msg_iov = targets.as_mut_ptr();
            header.msg_iovlen = targets.len().min(VECTORS) as _;
            // SAFETY: as in `give`; the kernel writes to the targets only.
            let received = unsafe { libc::recvmsg(self.descriptor, &mut header, libc::MSG_DONTWAIT) };
            match usize::try_from(received) {
                Ok(received) => return Ok(Some(received)),
                Err(_) => match errno() {
                    libc::EINTR => {}
                    libc::EAGAIN => return Ok(None),
                    number => return Err(explain(number, "written")),
                },
            }
        }
    }

    /// Limits the bytes that wait in the kernel: `unsent`, until the other end has room for them, and `unread`, of which
    /// the kernel takes twice as much with its own bookkeeping (socket(7)).
    ///
    /// `unsent` is no SO_SNDBUF, which also counts what is not acknowledged yet: with one of 32 KiB a sender waited for
    /// delayed acknowledgements, 0.1 s for each packet.
    pub fn limit_queues(&self, unsent: u32, unread: u32) -> Result<()> {
        for (level, name, bytes) in [
            (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, unsent),
            (libc::SOL_SOCKET, libc::SO_RCVBUF, unread),
        ] {
            let value = i32::try_from(bytes).unwrap_or(i32::MAX);
            set_option(self.descriptor, level, name, value)
                .map_err(|error| Fault::io("cannot limit a socket's queue", &error))?;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.interrupt.fired() {
            Err(cancelled())
        } else {
            Ok(())
        }
    }

    /// Waits until the socket is ready for `event`; for POLLOUT, an other end that is gone is an error.
    fn wait(&self, event: i16, limit: Option<Duration>) -> Result<()> {
        let came = wait_any(&self.interrupt, &[(self.descriptor, event)], limit)?;
        let came = came.first().copied().unwrap_or(0);
        if came & libc::POLLNVAL != 0 {
            return Err(Fault::new(
                Code::Internal,
                format!("socket {} was closed here", self.descriptor),
            ));
        }
        if event == libc::POLLOUT && came & GONE != 0 {
            return Err(match option(self.descriptor, libc::SOL_SOCKET, libc::SO_ERROR) {
                Ok(number) if number != 0 => explain(number, "read"),
                _ => Fault::new(Code::PeerClosed, "the other end has closed the connection"),
            });
        }
        if came == 0 {
            return Err(Fault::new(Code::Timeout, "not a byte moved in time"));
        }
        Ok(())
    }
}

fn explain(number: i32, memory: &str) -> Fault {
    let error = io::Error::from_raw_os_error(number);
    match number {
        libc::EFAULT => Fault::new(Code::Io, format!("memory cannot be {memory}: {error}"))
            .hint("the file below the memory became shorter, its disk is full, or it is mapped read-only"),
        libc::EBADF | libc::ENOTSOCK | libc::EINVAL | libc::EMSGSIZE => Fault::io("socket", &error),
        libc::ENOBUFS | libc::ENOMEM => Fault::io("socket", &error).hint("this machine has too little memory"),
        // Whoever has asked says what broke.
        _ => Fault::new(Code::PeerClosed, error.to_string()),
    }
}

/// The vectors without their first `bytes`, and without empty ones in front.
pub(crate) fn skip(mut vectors: &mut [iovec], mut bytes: usize) -> &mut [iovec] {
    while let Some(first) = vectors.first_mut() {
        if bytes < first.iov_len {
            first.iov_base = first.iov_base.wrapping_byte_add(bytes);
            first.iov_len -= bytes;
            break;
        }
        bytes -= first.iov_len;
        vectors = &mut mem::take(&mut vectors)[1..];
    }
    vectors
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    fn vectors(lengths: &[usize]) -> Vec<iovec> {
        let vector = |&iov_len| iovec {
            iov_base: std::ptr::without_provenance_mut(0x1000),
            iov_len,
        };
        lengths.iter().map(vector).collect()
    }

    #[test]
    fn both_queues_are_limited() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (_, interrupt) = crate::interrupt::create().expect("an eventfd");
        let socket = Socket::new(stream.as_raw_fd(), interrupt).expect("a stream socket");
        socket.limit_queues(64 << 10, 256 << 10).expect("it is TCP");
        assert_eq!(
            option(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF).ok(),
            Some(512 << 10)
        );
        let unsent = option(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT);
        assert_eq!(unsent.ok(), Some(64 << 10));
    }

    #[test]
    fn what_was_sent_in_part_goes_on_where_it_ended() {
        let cases: [(&[usize], usize, &[usize]); 6] = [
            (&[3, 4], 0, &[3, 4]),
            (&[3, 4], 2, &[1, 4]),
            (&[3, 4], 3, &[4]),
            (&[3, 0, 4], 3, &[4]),
            (&[0, 0], 0, &[]),
            (&[3, 4], 7, &[]),
        ];
        for (before, sent, after) in cases {
            let mut all = vectors(before);
            let rest = skip(&mut all, sent);
            assert_eq!(rest.iter().map(|each| each.iov_len).collect::<Vec<_>>(), after);
        }
        let mut one = vectors(&[9]);
        assert_eq!(skip(&mut one, 4)[0].iov_base.addr(), 0x1004);
    }
}
