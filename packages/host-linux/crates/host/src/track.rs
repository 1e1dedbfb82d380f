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

/// Writes to one mapping.
pub trait Tracker: Debug + Send {
    /// Marks what was written since the last call. After an error nothing is known, and nothing was forgotten but by
    /// `soft-dirty`, which then has to be begun anew.
    fn sync(&mut self, dirty: &DirtyBits<'_>) -> Result<()>;
}
