//! A way to hand descriptors to a device.

pub mod cpu;
pub mod device;
pub mod mapped;
pub mod written;

use std::io;

use crate::layout::Descriptor;

/// What a work queue takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Units that may be in it at a time. A dedicated queue drops what is beyond that, and stops with an error.
    pub in_flight: usize,
    /// Descriptors of a batch at most; below 2: no batches.
    pub batch: usize,
    /// Bytes of one descriptor at most.
    pub transfer: u64,
}

/// Why a device took fewer than it was given.
#[derive(Debug)]
pub enum Refusal {
    /// The queue is full now.
    Full,
    /// The kernel refuses this descriptor (EPERM, EINVAL and the like). Others may be taken.
    Denied(io::Error),
    /// There is no device any more.
    Gone(io::Error),
}

/// One thread's way to one work queue. To drop it is to close it: after that the device uses no memory that it was told of.
pub trait Portal: Send {
    fn limits(&self) -> Limits;

    /// Hands descriptors over, in order, and says how many were taken.
    ///
    /// # Safety
    /// What the descriptors point at (pages for reads, lists of descriptors, completion records for writes) stays valid
    /// until the device has answered, or this is dropped; nobody holds a `&mut` to records or lists.
    unsafe fn submit(&mut self, descriptors: &[Descriptor]) -> (usize, Option<Refusal>);
}
