//! Which pages were written. All trackers keep one rule: a write that happened before `sync` begins is in the bitmap
//! when `sync` returns; one that happens meanwhile is in it then, or after the next `sync`. They may say too much,
//! and the first `sync` does.

pub mod digest;
pub mod given_back;
pub mod soft_dirty;
pub mod stopped;
pub mod uffd;

use std::fmt::Debug;

use crate::bits::DirtyBits;
use crate::fault::Result;

/// Writes to some mappings.
pub trait Tracker: Debug + Send {
    /// Marks what was written since the last call, in one bitmap for each mapping, in their order. After an error
    /// what was written since may be unknown: all pages have to count as written.
    fn sync(&mut self, dirty: &[DirtyBits<'_>]) -> Result<()>;
}
