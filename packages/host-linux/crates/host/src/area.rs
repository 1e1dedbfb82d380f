//! A piece of this process's address space.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

/// Bytes; what the kernel makes a huge page of, and what is kept whole.
pub const HUGE_PAGE: usize = 2 << 20;

/// Bytes of a page of this machine.
pub fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: a query without arguments in memory.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}

/// Mapped memory, unmapped when it is dropped. Others write to it at any time: it is only ever reached through raw
/// pointers and system calls, and no reference to its bytes exists.
#[derive(Debug)]
pub struct Area {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: an address range belongs to the process, not to a thread.
unsafe impl Send for Area {}
// SAFETY: as above; nothing in an `Area` changes after it was made.
unsafe impl Sync for Area {}

impl Area {
    /// Maps `length` bytes, a multiple of the page size. `flags` are mmap's; there is no room for MAP_FIXED.
    pub fn map(length: usize, writable: bool, flags: i32, file: Option<(BorrowedFd<'_>, u64)>) -> io::Result<Area> {
        let (descriptor, offset) = match file {
            Some((file, offset)) => (
                file.as_raw_fd(),
                libc::off_t::try_from(offset).map_err(io::Error::other)?,
            ),
            None => (-1, 0),
        };
        // SAFETY: without MAP_FIXED the kernel chooses a free place: no memory of anybody changes.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                protection(writable),
                flags & !libc::MAP_FIXED | libc::MAP_NORESERVE,
                descriptor,
                offset,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        match NonNull::new(start.cast()) {
            Some(start) => Ok(Area { start, length }),
            None => Err(io::Error::other("mapped at address zero")),
        }
    }

    /// Private memory that starts at a multiple of `align`, a power of two.
    pub fn map_aligned(length: usize, align: usize) -> io::Result<Area> {
        let whole = Area::map(length + align, true, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)?;
        let head = whole.address().next_multiple_of(align) - whole.address();
        // All of `whole` belongs to the three parts from here on.
        let start = std::mem::ManuallyDrop::new(whole).start;
        // SAFETY: head < align, so that all three parts lie within what was mapped; each is dropped at most once.
        let (before, middle, after) = unsafe { (start, start.add(head), start.add(head + length)) };
        drop(Area {
            start: before,
            length: head,
        });
        drop(Area {
            start: after,
            length: align - head,
        });
        Ok(Area { start: middle, length })
    }

    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub fn address(&self) -> usize {
        self.start.as_ptr().addr()
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Gives the kernel a hint about all of it.
    pub fn advise(&self, advice: i32) -> io::Result<()> {
        self.advise_part(0, self.length, advice)
    }

    /// As `advise`, for page-aligned bytes [offset, offset + length). @panics if they are not within it.
    pub fn advise_part(&self, offset: usize, length: usize, advice: i32) -> io::Result<()> {
        assert!(offset <= self.length && length <= self.length - offset);
        // SAFETY: within the area. Advice that drops content only does what a writer could do.
        let result = unsafe { libc::madvise(self.start().add(offset).cast(), length, advice) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: it is ours, and whoever can reach it holds it alive.
            unsafe { libc::munmap(self.start().cast(), self.length) };
        }
    }
}

pub fn protection(writable: bool) -> i32 {
    if writable {
        libc::PROT_READ | libc::PROT_WRITE
    } else {
        libc::PROT_READ
    }
}
