//! Descriptors that are written to the character device: the kernel hands them over. So it is where an unprivileged user
//! may not map the portal, which the kernel denies on parts whose hardware does not check what it is given.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Limits, Portal, Refusal};
use crate::layout::Descriptor;

/// No batches, whatever the queue takes: the kernel refuses them here, since it could not check what is in one.
const BATCH: usize = 1;

pub struct Written {
    file: OwnedFd,
    limits: Limits,
}

impl Written {
    pub fn new(file: OwnedFd, limits: Limits) -> Written {
        Written {
            file,
            limits: Limits { batch: BATCH, ..limits },
        }
    }
}

impl Portal for Written {
    fn limits(&self) -> Limits {
        self.limits
    }

    unsafe fn submit(&mut self, descriptors: &[Descriptor]) -> (usize, Option<Refusal>) {
        let mut taken = 0;
        while taken < descriptors.len() {
            let left = &descriptors[taken..];
            // SAFETY: reads what the slice has.
            let written = unsafe { libc::write(self.file.as_raw_fd(), left.as_ptr().cast(), size_of_val(left)) };
            match usize::try_from(written) {
                Ok(0) => return (taken, Some(Refusal::Gone(io::Error::from(io::ErrorKind::WriteZero)))),
                // The kernel takes whole descriptors.
                Ok(bytes) => taken += bytes / size_of::<Descriptor>(),
                Err(_) => match refusal(io::Error::last_os_error()) {
                    Some(refusal) => return (taken, Some(refusal)),
                    None => continue,
                },
            }
        }
        (taken, None)
    }
}

/// `None`: nothing has happened, try again.
fn refusal(error: io::Error) -> Option<Refusal> {
    match error.raw_os_error() {
        Some(libc::EINTR) => None,
        Some(libc::EAGAIN) => Some(Refusal::Full),
        Some(libc::EPERM | libc::EACCES | libc::EINVAL | libc::EFAULT | libc::EOPNOTSUPP) => {
            Some(Refusal::Denied(error))
        }
        _ => Some(Refusal::Gone(error)),
    }
}
