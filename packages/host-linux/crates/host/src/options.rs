//! Options of sockets.

use std::io;
use std::os::fd::RawFd;

pub(crate) fn option(descriptor: RawFd, level: i32, name: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: value and length live through the call, and the kernel writes no more than `length`.
    let done = unsafe { libc::getsockopt(descriptor, level, name, (&raw mut value).cast(), &mut length) };
    if done == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}

pub(crate) fn set_option(descriptor: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value lives through the call, and the kernel reads `length` bytes of it.
    let done = unsafe { libc::setsockopt(descriptor, level, name, (&raw const value).cast(), length) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
