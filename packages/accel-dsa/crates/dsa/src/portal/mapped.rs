//! A portal that is mapped: one instruction of this CPU hands a descriptor over, without the kernel.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};

use super::cpu::{Features, enqcmd, fence, movdir64b};
use super::{Limits, Portal, Refusal};
use crate::layout::Descriptor;

/// Bytes of a portal: any 64 of them take a descriptor.
const PORTAL: usize = 4096;
const SLOT: usize = size_of::<Descriptor>();

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// Shared queues. The device says whether it took the descriptor.
    Enqcmd,
    /// Dedicated queues. Nobody says anything: `Limits::in_flight` keeps the queue from overflowing.
    Movdir64b,
}

pub struct Mapped {
    // Dropped in this order: unmapped (`Drop`), then closed. The kernel drains the queue of this process's work when the
    // last of both goes.
    portal: NonNull<u8>,
    _file: OwnedFd,
    instruction: Instruction,
    limits: Limits,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone, and works in any thread of the process.
unsafe impl Send for Mapped {}

impl Mapped {
    /// `file` is a work queue's character device, or whatever else 4096 bytes of can be mapped for writing.
    ///
    /// # Errors
    /// `Unsupported` where the CPU lacks the instruction, else what `mmap` said.
    pub fn new(file: OwnedFd, instruction: Instruction, limits: Limits) -> Result<Mapped, (io::Error, OwnedFd)> {
        let features = Features::of_this_cpu();
        let able = match instruction {
            Instruction::Enqcmd => features.enqcmd,
            Instruction::Movdir64b => features.movdir64b,
        };
        if !able {
            return Err((io::Error::from(io::ErrorKind::Unsupported), file));
        }
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping, wherever the kernel likes.
        let at = unsafe { libc::mmap(null_mut(), PORTAL, libc::PROT_WRITE, flags, file.as_raw_fd(), 0) };
        match NonNull::new(at.cast()) {
            Some(portal) if at != libc::MAP_FAILED => Ok(Mapped {
                portal,
                _file: file,
                instruction,
                limits,
                next: 0,
            }),
            _ => Err((io::Error::last_os_error(), file)),
        }
    }
}

impl Portal for Mapped {
    fn limits(&self) -> Limits {
        self.limits
    }

    unsafe fn submit(&mut self, descriptors: &[Descriptor]) -> (usize, Option<Refusal>) {
        fence();
        for (index, descriptor) in descriptors.iter().enumerate() {
            // Each write goes to another slot, so that writes to the bus need not wait for each other.
            let slot = self.next % (PORTAL / SLOT) * SLOT;
            self.next = self.next.wrapping_add(1);
            // SAFETY: `slot` is within the portal, and aligned as the portal's page is; `new` has asked for the
            // instruction; the rest is the caller's word.
            let taken = unsafe {
                let portal = self.portal.as_ptr().add(slot);
                match self.instruction {
                    Instruction::Enqcmd => enqcmd(portal, descriptor),
                    Instruction::Movdir64b => {
                        movdir64b(portal, descriptor);
                        true
                    }
                }
            };
            if !taken {
                return (index, Some(Refusal::Full));
            }
        }
        (descriptors.len(), None)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nothing points there any more.
        unsafe { libc::munmap(self.portal.as_ptr().cast(), PORTAL) };
    }
}
