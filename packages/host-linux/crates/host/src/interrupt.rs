//! What ends waits of other threads.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::fault::{Fault, Result};
use crate::registry::Registry;

/// Fires once and for good. Sockets that wait with it hold an `Arc` of it.
#[derive(Debug)]
pub struct Interrupt {
    fired: AtomicBool,
    /// An eventfd: readable from the moment it fires, since nobody reads it.
    event: File,
}

static INTERRUPTS: Registry<Interrupt> = Registry::new();

impl Interrupt {
    pub fn new() -> Result<Interrupt> {
        // SAFETY: a system call without memory.
        let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if event < 0 {
            return Err(Fault::last("cannot create an eventfd").hint("raise the limit of open files (ulimit -n)"));
        }
        Ok(Interrupt {
            fired: AtomicBool::new(false),
            // SAFETY: the kernel has just given it to us, and nobody else knows it.
            event: unsafe { File::from_raw_fd(event) },
        })
    }

    pub fn fire(&self) {
        if !self.fired.swap(true, SeqCst) {
            // Cannot fail: a fresh counter takes a one.
            let _ = (&self.event).write(&1_u64.to_ne_bytes());
        }
    }

    pub fn fired(&self) -> bool {
        self.fired.load(SeqCst)
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

/// A new interrupt, and the number that other threads open it by until `forget`.
pub fn create() -> Result<(u32, Arc<Interrupt>)> {
    let interrupt = Arc::new(Interrupt::new()?);
    Ok((INTERRUPTS.add(Arc::clone(&interrupt)), interrupt))
}

/// Nothing once it is forgotten.
pub fn open(number: u32) -> Option<Arc<Interrupt>> {
    INTERRUPTS.get(number)
}

pub fn forget(number: u32) {
    drop(INTERRUPTS.remove(number));
}
