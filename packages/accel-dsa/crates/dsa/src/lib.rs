//! "Is this page all zero?", asked of Intel's Data Streaming Accelerator (DSA).
//!
//! A page is one descriptor of 64 bytes: compare these bytes with the pattern 0 (`COMPVAL`). The device answers with a
//! completion record of 32 bytes, which it writes to this process's memory. Many descriptors travel as one batch.
//! `layout` has both, as the kernel's `linux/idxd.h` does. A [`Portal`] is a way to hand descriptors over, and there are
//! three. A [`Queue`] is one work queue with the thread that owns everything that the device may write to.
//!
//! # Who owns what
//!
//! Descriptors and completion records belong to the queue's thread until the device has answered; `arena` argues it.
//! The device only ever *reads* guest memory. It is not Rust memory: others write to it meanwhile. So it is reached
//! through raw pointers and volatile reads, never through a reference.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod answer;
mod arena;
mod compare;
mod engine;
mod job;
pub mod layout;
mod portal;
mod queue;
mod random;
mod software;
mod work;

pub use compare::is_zero;
pub use job::{Bad, Job, Outcome, Tally};
pub use portal::cpu::Features;
pub use portal::device::{Device, OpenError, open};
pub use portal::mapped::{Instruction, Mapped};
pub use portal::written::Written;
pub use portal::{Limits, Portal, Refusal};
pub use queue::Queue;
pub use software::Software;
pub use software::faults::{Faults, Vanish};
