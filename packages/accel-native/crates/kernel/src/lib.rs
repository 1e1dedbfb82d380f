//! The answer to "is this page all zero?", in every width that this CPU may have.
//!
//! `scalar` defines it: a page is zero exactly if every one of its bytes is 0. Each other kernel says the same of
//! every page that nobody writes to; `tests/kernels.rs` holds them all to it.
//!
//! # Memory that changes
//!
//! Guest memory is no Rust memory: other threads, and the guest itself, write to it while it is read. So it is only
//! ever reached through raw pointers and volatile reads, never through a reference or a slice. Each byte is read at
//! most once, but for the few of a quick look, which are read again with all the others; no read decides where
//! another one goes outside its page, and all that comes of a value is one bit. A page that changes meanwhile may be answered either way: it is dirty and comes again. Its neighbours
//! are not touched by that, for pages are looked at one by one.

mod batch;
mod kernels;
mod page;

pub use batch::{Fault, MIN_PAGE, Memory};
pub use kernels::{Absent, Kernel, Look, NAMES};
