//! What the kernel says of the pages of an address range: the PAGEMAP_SCAN ioctl (Linux 6.7), or the entries of
//! `/proc/PID/pagemap`. Neither ever populates a page. Sources: Documentation/admin-guide/mm/pagemap.rst,
//! include/uapi/linux/fs.h.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use crate::area::page_size;

/// `struct pm_scan_arg`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
pub struct ScanArgument {
    pub size: u64,
    pub flags: u64,
    pub start: u64,
    pub end: u64,
    pub walk_end: u64,
    pub vec: u64,
    pub vec_len: u64,
    pub max_pages: u64,
    pub category_inverted: u64,
    pub category_mask: u64,
    pub category_anyof_mask: u64,
    pub return_mask: u64,
}

/// `struct page_region`: addresses [start, end) whose pages are of the same categories.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub start: u64,
    pub end: u64,
    pub categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: u64 = 3 << 30 | (size_of::<ScanArgument>() as u64) << 16 | (b'f' as u64) << 8 | 16;

pub const WRITTEN: u64 = 1 << 1;
pub const FILE: u64 = 1 << 2;
pub const PRESENT: u64 = 1 << 3;
pub const SWAPPED: u64 = 1 << 4;
pub const ZERO: u64 = 1 << 5;
pub const HUGE: u64 = 1 << 6;

/// Protects what matches, in the same step.
pub const PROTECT_MATCHING: u64 = 1 << 0;
/// Refuses ranges that asynchronous write-protection does not cover.
pub const CHECK_ASYNC: u64 = 1 << 1;

/// Bits of an entry of `/proc/PID/pagemap`.
pub mod entry {
    pub const SOFT_DIRTY: u64 = 1 << 55;
    /// A page of a file, or of shared memory.
    pub const FILE: u64 = 1 << 61;
    pub const SWAPPED: u64 = 1 << 62;
    pub const PRESENT: u64 = 1 << 63;
}

/// Which pages are asked for: those that have all of `all`, none of `none` and one of `any` (if it is not 0).
#[derive(Debug, Default, Clone, Copy)]
pub struct Query {
    pub all: u64,
    pub none: u64,
    pub any: u64,
    /// Categories that a region tells apart.
    pub tell: u64,
    pub flags: u64,
}

/// Pages of private memory that hold something: neither untouched nor the shared zero page, nor still the file's.
pub const OCCUPIED: Query = Query {
    all: 0,
    none: ZERO | FILE,
    any: PRESENT | SWAPPED,
    tell: PRESENT,
    flags: 0,
};

/// The page map of one process.
#[derive(Debug)]
pub struct Pagemap {
    file: File,
}

impl Pagemap {
    /// This process's. Opened once.
    pub fn own() -> io::Result<&'static Pagemap> {
        static OWN: OnceLock<io::Result<Pagemap>> = OnceLock::new();
        match OWN.get_or_init(|| Pagemap::open("self")) {
            Ok(map) => Ok(map),
            Err(error) => Err(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::other(error.to_string()),
            }),
        }
    }

    /// @param process its number, or `self`.
    pub fn open(process: &str) -> io::Result<Pagemap> {
        File::open(format!("/proc/{process}/pagemap")).map(|file| Pagemap { file })
    }

    /// Whether PAGEMAP_SCAN is there.
    pub fn can_scan(&self) -> bool {
        static CAN: OnceLock<bool> = OnceLock::new();
        *CAN.get_or_init(|| {
            let mut none = [];
            Scan::new(self, 0, page_size() as u64, OCCUPIED).next(&mut none).is_ok()
        })
    }

    /// Entries of the pages from `address` on. Fewer than asked for only at the end of the address space.
    pub fn entries(&self, address: u64, entries: &mut [u64]) -> io::Result<()> {
        let bytes: &mut [u8] = {
            let length = size_of_val(entries);
            // SAFETY: the same memory, exclusively borrowed; any bytes are good for both types.
            unsafe { std::slice::from_raw_parts_mut(entries.as_mut_ptr().cast(), length) }
        };
        self.file.read_exact_at(bytes, address / page_size() as u64 * 8)
    }
}

/// A walk over [start, end) that goes on where the last call ended.
#[derive(Debug)]
pub struct Scan<'a> {
    map: &'a Pagemap,
    argument: ScanArgument,
}

impl<'a> Scan<'a> {
    pub fn new(map: &'a Pagemap, start: u64, end: u64, query: Query) -> Self {
        Scan {
            map,
            argument: ScanArgument {
                size: size_of::<ScanArgument>() as u64,
                flags: query.flags,
                start,
                end,
                category_inverted: query.none,
                category_mask: query.all | query.none,
                category_anyof_mask: query.any,
                return_mask: query.tell,
                ..ScanArgument::default()
            },
        }
    }

    /// The next regions, ascending; how many of `regions` were filled. 0 with room for more: there are no more.
    pub fn next(&mut self, regions: &mut [Region]) -> io::Result<usize> {
        let argument = &mut self.argument;
        if argument.start >= argument.end {
            return Ok(0);
        }
        argument.vec = if regions.is_empty() {
            0
        } else {
            regions.as_mut_ptr().expose_provenance() as u64
        };
        argument.vec_len = regions.len() as u64;
        loop {
            // SAFETY: the argument and the regions live through the call, and the kernel writes no more than
            // `vec_len` regions.
            let filled = unsafe { libc::ioctl(self.map.file.as_raw_fd(), PAGEMAP_SCAN as _, &raw mut *argument) };
            if let Ok(filled) = usize::try_from(filled) {
                let done = argument.walk_end.max(argument.start);
                let stuck = filled == 0 && done < argument.end;
                if stuck && done == argument.start {
                    return Err(io::Error::other("PAGEMAP_SCAN does not get on"));
                }
                argument.start = done;
                if stuck {
                    continue;
                }
                return Ok(filled);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

/// The first run of occupied pages at or behind `start`: [start, end) in pages, cut at the end of `entries`.
pub fn first_occupied(entries: &[u64]) -> Option<(usize, usize)> {
    let start = entries.iter().position(|&each| is_occupied(each))?;
    let length = entries[start..].iter().position(|&each| !is_occupied(each));
    Some((start, length.map_or(entries.len(), |length| start + length)))
}

/// Without PAGEMAP_SCAN the shared zero page cannot be told from others: it counts as occupied.
pub fn is_occupied(entry: u64) -> bool {
    entry & entry::SWAPPED != 0 || entry & (entry::PRESENT | entry::FILE) == entry::PRESENT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on Linux 6.18, x86-64: three untouched pages, two written ones, the shared zero page, a page of a
    /// file, one marked by userfaultfd (a swap entry too). By hand, after pagemap.rst: one swapped out.
    const RECORDED: [u64; 9] = [
        0,
        0,
        0,
        0x8100_0000_0023_699e,
        0x8100_0000_0023_6995,
        0x8000_0000_0000_3b34,
        0xa100_0000_0046_5a00,
        0x4200_0000_0000_003f,
        0x4080_0000_0000_0c42,
    ];

    #[test]
    fn runs_of_recorded_entries() {
        assert_eq!(first_occupied(&RECORDED), Some((3, 6)));
        assert_eq!(first_occupied(&RECORDED[..3]), None);
        assert_eq!(first_occupied(&RECORDED[6..]), Some((1, 3)));
        assert_eq!(first_occupied(&RECORDED[4..5]), Some((0, 1)));
        assert_eq!(first_occupied(&[]), None);
    }

    #[test]
    fn the_kernels_layout() {
        assert_eq!(size_of::<ScanArgument>(), 96);
        assert_eq!(size_of::<Region>(), 24);
        assert_eq!(PAGEMAP_SCAN, 0xc060_6610);
    }
}
