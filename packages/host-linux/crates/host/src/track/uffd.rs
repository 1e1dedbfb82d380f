//! Writes of this process, by userfaultfd in its asynchronous mode (Linux 6.7): the kernel takes note of the first
//! write to a protected page by itself, and PAGEMAP_SCAN reads and renews the protection in one step. Exact to the
//! page; a write of the same bytes counts, a read does not. Source: Documentation/admin-guide/mm/userfaultfd.rst.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;

use crate::bits::DirtyBits;
use crate::extents::{Extents, extents, occupied_tables};
use crate::fault::{Code, Fault, Result, errno};
use crate::mapping::Mapping;
use crate::pagemap::{CHECK_ASYNC, PRESENT, PROTECT_MATCHING, Pagemap, Query, Region, SWAPPED, Scan, WRITTEN};
use crate::track::Tracker;
use crate::track::given_back::GivenBack;

/// `struct uffdio_api`.
#[repr(C)]
struct Handshake {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Registration {
    start: u64,
    length: u64,
    mode: u64,
    ioctls: u64,
}

const API: u64 = 0xaa;
const WRITE_PROTECT: u64 = 1 << 1;
/// Shared memory, untouched pages, and no thread that would have to answer.
const FEATURES: u64 = 1 << 12 | 1 << 13 | 1 << 15;
const UFFDIO_API: u64 = 3 << 30 | (size_of::<Handshake>() as u64) << 16 | 0xaa << 8 | 0x3f;
const UFFDIO_REGISTER: u64 = 3 << 30 | (size_of::<Registration>() as u64) << 16 | 0xaa << 8;
/// `USERFAULTFD_IOC_NEW`.
const NEW: u64 = 0xaa << 8;
/// Faults of the kernel are none of ours. In this mode they are noted all the same, and it needs no privilege.
const USER_MODE_ONLY: i32 = 1;

/// Written since the last scan, page tables without an entry included: a page that was dropped from them, to be
/// fetched from its file again, may have been written before. For the kernel this very query is that question.
const WRITES: Query = Query {
    all: WRITTEN,
    none: 0,
    any: 0,
    tell: WRITTEN,
    flags: PROTECT_MATCHING | CHECK_ASYNC,
};
/// Without even a page table, so that nothing is known. Asked of pages with data only.
const UNKNOWN: Query = Query {
    all: 0,
    none: WRITTEN | PRESENT | SWAPPED,
    any: 0,
    tell: WRITTEN,
    flags: PROTECT_MATCHING | CHECK_ASYNC,
};

/// Regions that one call of the kernel gives.
const REGIONS: usize = 2048;

/// One mapping. Protection is laid only where there is something: an untouched guest has no page tables, and protecting
/// it would make them, and end its pages' being known as untouched.
#[derive(Debug)]
struct Tracked {
    mapping: Arc<Mapping>,
    given_back: Arc<GivenBack>,
}

#[derive(Debug)]
pub struct Uffd {
    mappings: Vec<Tracked>,
    map: &'static Pagemap,
    regions: Vec<Region>,
    /// Closing it ends the protection.
    _events: File,
}

impl Uffd {
    /// From now on nothing that is written is forgotten.
    pub fn new(mappings: Vec<Arc<Mapping>>) -> Result<Uffd> {
        let map = Pagemap::own().map_err(|error| Fault::io("cannot open /proc/self/pagemap", &error))?;
        if !map.can_scan() {
            return Err(Fault::new(Code::Io, "this kernel has no PAGEMAP_SCAN").hint("use Linux 6.7 or newer"));
        }
        let events = open().map_err(|error| {
            Fault::io("userfaultfd is not allowed here", &error)
                .hint("allow it (seccomp profile of the container, /dev/userfaultfd)")
        })?;
        let mut handshake = Handshake {
            api: API,
            features: FEATURES,
            ioctls: 0,
        };
        control(&events, UFFDIO_API, &raw mut handshake).map_err(|error| {
            Fault::io("this kernel cannot note writes by userfaultfd", &error).hint("use Linux 6.7 or newer")
        })?;
        let listen = |mapping: Arc<Mapping>| -> Result<_> {
            let given_back = mapping.given_back.listen();
            register(&events, &mapping)?;
            Ok(Tracked { mapping, given_back })
        };
        Ok(Uffd {
            mappings: mappings.into_iter().map(listen).collect::<Result<_>>()?,
            map,
            regions: vec![Region::default(); REGIONS],
            _events: events,
        })
    }

    fn scan(&mut self, mapping: &Mapping, part: Range<u64>, query: Query, dirty: &DirtyBits<'_>) -> Result<()> {
        let base = mapping.range().start;
        let mut walk = Scan::new(self.map, base + part.start, base + part.end, query);
        loop {
            let filled = walk.next(&mut self.regions).map_err(|error| {
                // Zeros in place of a page that is gone are not tracked any more.
                mapping.intact().err().unwrap_or_else(|| {
                    Fault::io(format!("RAM block {}: cannot scan for writes", mapping.name), &error)
                })
            })?;
            if filled == 0 {
                return Ok(());
            }
            for each in &self.regions[..filled] {
                dirty.mark_bytes(each.start - base, each.end - each.start);
            }
        }
    }
}

impl Tracker for Uffd {
    fn sync(&mut self, dirty: &[DirtyBits<'_>]) -> Result<()> {
        for (index, dirty) in dirty.iter().enumerate() {
            let Some(tracked) = self.mappings.get(index) else {
                break;
            };
            for range in tracked.given_back.take() {
                dirty.mark_bytes(range.start, range.end - range.start);
            }
            let mapping = Arc::clone(&tracked.mapping);
            for part in touched(&mapping, self.map)? {
                self.scan(&mapping, part.clone(), WRITES, dirty)?;
                if !mapping.is_private() {
                    // A file's data must have an entry, or a mark, to be known as clean.
                    self.scan(&mapping, part, UNKNOWN, dirty)?;
                }
            }
        }
        Ok(())
    }
}

/// Where there is something, in whole page tables, ascending and apart. What was there and is no more was given back,
/// and its mapping has told.
fn touched(mapping: &Mapping, map: &Pagemap) -> Result<Vec<Range<u64>>> {
    if !mapping.is_private() {
        return Ok(extents(mapping, Extents::Tables));
    }
    occupied_tables(mapping, map).map_err(|error| Fault::io("cannot scan /proc/self/pagemap", &error))
}

fn register(events: &File, mapping: &Mapping) -> Result<()> {
    let range = mapping.range();
    let mut registration = Registration {
        start: range.start,
        length: range.end - range.start,
        mode: WRITE_PROTECT,
        ioctls: 0,
    };
    control(events, UFFDIO_REGISTER, &raw mut registration).map_err(|error| {
        let why = match error.raw_os_error() {
            Some(libc::EBUSY) => "it is tracked already",
            _ => "userfaultfd cannot note its writes",
        };
        Fault::io(format!("RAM block {}: {why}", mapping.name), &error)
    })
}

fn open() -> io::Result<File> {
    // SAFETY: a system call without memory.
    let descriptor = unsafe {
        libc::syscall(
            libc::SYS_userfaultfd,
            libc::O_CLOEXEC | libc::O_NONBLOCK | USER_MODE_ONLY,
        )
    };
    if descriptor >= 0 {
        // SAFETY: the kernel has just given it to us, and nobody else knows it.
        return Ok(unsafe { File::from_raw_fd(descriptor as i32) });
    }
    let refused = io::Error::last_os_error();
    let Ok(device) = File::open("/dev/userfaultfd") else {
        return Err(refused);
    };
    // SAFETY: a request without memory.
    let descriptor = unsafe {
        libc::ioctl(
            device.as_raw_fd(),
            NEW as _,
            libc::O_CLOEXEC | libc::O_NONBLOCK | USER_MODE_ONLY,
        )
    };
    if descriptor < 0 {
        return Err(refused);
    }
    // SAFETY: as above.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn control<T>(events: &File, request: u64, argument: *mut T) -> io::Result<()> {
    // SAFETY: all callers give the structure that the request is for.
    let done = unsafe { libc::ioctl(events.as_raw_fd(), request as _, argument) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(errno()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers() {
        assert_eq!((UFFDIO_API, UFFDIO_REGISTER, NEW), (0xc018_aa3f, 0xc020_aa00, 0xaa00));
    }
}
