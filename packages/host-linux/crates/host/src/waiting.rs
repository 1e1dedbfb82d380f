//! Waiting for sockets.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use libc::pollfd;

use crate::fault::{Code, Fault, Result, errno};
use crate::interrupt::Interrupt;

/// What the kernel says when the other end is gone, or going.
pub const GONE: i16 = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;

/// Waits until a socket is ready for its event (POLLIN or POLLOUT), or its other end is gone, and says what came to each:
/// 0 for all of them if time is up. A descriptor that is not open has POLLNVAL.
/// @param limit none: until something comes.
pub fn wait_any(interrupt: &Interrupt, sockets: &[(RawFd, i16)], limit: Option<Duration>) -> Result<Vec<i16>> {
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    let asked = |fd, events| pollfd { fd, events, revents: 0 };
    let mut polled: Vec<pollfd> = sockets
        .iter()
        .map(|&(descriptor, event)| asked(descriptor, event | libc::POLLRDHUP))
        .collect();
    polled.push(asked(interrupt.descriptor(), libc::POLLIN));
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // Rounded up: poll must not come back early for ever.
        let milliseconds = left.map_or(-1, |left| {
            i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: as many structures as it is told, which live through the call.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, milliseconds) };
        if ready < 0 {
            match errno() {
                libc::EINTR => continue,
                number => {
                    let error = io::Error::from_raw_os_error(number);
                    return Err(Fault::io("cannot wait for a socket", &error));
                }
            }
        }
        if interrupt.fired() {
            return Err(cancelled());
        }
        let is_late = until.is_some_and(|until| Instant::now() >= until);
        if ready > 0 || is_late {
            polled.pop();
            return Ok(polled.iter().map(|each| each.revents).collect());
        }
    }
}

pub(crate) fn cancelled() -> Fault {
    Fault::new(Code::Cancelled, "cancelled")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let there = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (there, listener.accept().expect("it has connected").0)
    }

    #[test]
    fn says_which_socket_is_ready() {
        let (mut there, here) = pair();
        let (_other, idle) = pair();
        let interrupt = Interrupt::new().expect("an eventfd");
        let asked = [(idle.as_raw_fd(), libc::POLLIN), (here.as_raw_fd(), libc::POLLIN)];
        assert_eq!(
            wait_any(&interrupt, &asked, Some(Duration::ZERO)).expect("waited"),
            [0, 0]
        );
        there.write_all(b"x").expect("sent");
        assert_eq!(wait_any(&interrupt, &asked, None).expect("waited"), [0, libc::POLLIN]);
        drop(there);
        let came = wait_any(&interrupt, &asked, None).expect("waited");
        assert_ne!(came[1] & GONE, 0);
    }

    #[test]
    fn is_over_when_the_interrupt_has_fired() {
        let (_there, here) = pair();
        let interrupt = Interrupt::new().expect("an eventfd");
        interrupt.fire();
        let waited = wait_any(&interrupt, &[(here.as_raw_fd(), libc::POLLOUT)], None);
        assert_eq!(waited.expect_err("it has fired").code, Code::Cancelled);
        assert!(wait_any(&interrupt, &[], None).is_err());
    }

    #[test]
    fn says_which_descriptor_is_none() {
        let interrupt = Interrupt::new().expect("an eventfd");
        // No process has as many.
        let came = wait_any(&interrupt, &[(1 << 30, libc::POLLIN)], None).expect("waited");
        assert_eq!(came, [libc::POLLNVAL]);
    }
}
