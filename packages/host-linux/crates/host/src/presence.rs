//! Which bytes were never touched, so that they are zero without a look; and how much memory is in use. Nothing here
//! populates a page. That something is absent is never kept from one call to the next: the guest writes meanwhile. That
//! there is data may be: at worst memory that was given back is looked at.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;

use crate::area::page_size;
use crate::fault::{Fault, Result, errno};
use crate::mapping::{Backed, Mapping};
use crate::pagemap::{OCCUPIED, PRESENT, Pagemap, Query, Region, SWAPPED, Scan, first_occupied, is_occupied};

/// How many bytes from some offset on are absent, or have to be looked at. Never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent(u64),
    Look(u64),
}

impl Presence {
    /// Absent is positive.
    pub fn signed(self) -> f64 {
        match self {
            Presence::Absent(length) => length as f64,
            Presence::Look(length) => -(length as f64),
        }
    }

    /// What both say: absent where both have nothing.
    fn both(self, other: Presence) -> Presence {
        match (self, other) {
            (Presence::Absent(one), Presence::Absent(two)) => Presence::Absent(one.min(two)),
            (Presence::Look(one), Presence::Look(two)) => Presence::Look(one.max(two)),
            (Presence::Look(length), _) | (_, Presence::Look(length)) => Presence::Look(length),
        }
    }
}

/// The run of data that a thread was told of last, bytes in the block.
#[derive(Debug, Clone, Default)]
pub struct KnownData(Range<u64>);

impl Mapping {
    /// What is known of the bytes from `offset` on, `length` at most. Looks at the kernel's lists, not at memory.
    pub fn presence(&self, offset: u64, length: u64) -> Result<Presence> {
        self.presence_after(&mut KnownData::default(), offset, length)
    }

    /// The same for somebody who goes through a block piece by piece: the kernel goes through all data up to the next
    /// hole to answer, so it is asked once for each run of data and not once for each piece of it.
    pub fn presence_after(&self, known: &mut KnownData, offset: u64, length: u64) -> Result<Presence> {
        self.check_range(offset, length)?;
        if length == 0 {
            return Ok(Presence::Absent(0));
        }
        Ok(match &self.backed {
            None => self.private_presence(offset, length),
            Some(backed) if backed.shared => self.file_presence(backed, known, offset, length),
            Some(backed) => match self.file_presence(backed, known, offset, length) {
                look @ Presence::Look(_) => look,
                absent => absent.both(self.private_presence(offset, length)),
            },
        })
    }

    /// Of memory that this process alone has: pages that are neither in RAM nor in swap.
    fn private_presence(&self, offset: u64, length: u64) -> Presence {
        let Ok(map) = Pagemap::own() else {
            return Presence::Look(length);
        };
        let base = self.range().start;
        let page = page_size() as u64;
        let from = (base + offset) / page * page;
        let to = (base + offset + length).next_multiple_of(page);
        match first(map, map.can_scan(), from..to) {
            // What cannot be known has to be looked at.
            Err(_) => Presence::Look(length),
            Ok(None) => Presence::Absent(length),
            Ok(Some(run)) if run.start > base + offset => Presence::Absent(run.start - base - offset),
            Ok(Some(run)) => Presence::Look((run.end - base - offset).min(length)),
        }
    }

    /// Of a file: holes.
    fn file_presence(&self, backed: &Backed, known: &mut KnownData, offset: u64, length: u64) -> Presence {
        if !backed.holes {
            return Presence::Look(length);
        }
        if known.0.contains(&offset) {
            return Presence::Look((known.0.end - offset).min(length));
        }
        let (from, to) = (backed.offset + offset, backed.offset + offset + length);
        match seek(&backed.file, from, libc::SEEK_DATA) {
            Err(libc::ENXIO) => {
                // No data up to the end of the file, wherever that is now.
                self.check_size();
                Presence::Absent(length)
            }
            Err(_) => Presence::Look(length),
            Ok(data) if data >= to => Presence::Absent(length),
            Ok(data) if data > from => Presence::Absent(data - from),
            Ok(_) => {
                let hole = seek(&backed.file, from, libc::SEEK_HOLE).unwrap_or(to);
                // A hole may have been punched since.
                let data = hole.saturating_sub(from).max(1);
                known.0 = offset..offset + data;
                Presence::Look(data.min(length))
            }
        }
    }
}

/// The first run of occupied pages in an address range.
fn first(map: &Pagemap, scan: bool, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
    if scan {
        let mut found = [Region::default()];
        let filled = Scan::new(map, range.start, range.end, OCCUPIED).next(&mut found)?;
        return Ok((filled == 1).then(|| found[0].start..found[0].end));
    }
    let page = page_size() as u64;
    let mut entries = [0; 512];
    for start in range.clone().step_by(512 * page as usize) {
        let pages = ((range.end - start) / page).min(512) as usize;
        map.entries(start, &mut entries[..pages])?;
        if let Some((from, to)) = first_occupied(&entries[..pages]) {
            return Ok(Some(start + from as u64 * page..start + to as u64 * page));
        }
    }
    Ok(None)
}

/// Bytes of the pages in an address range that `query` asks for; without the scan, of occupied pages.
pub(crate) fn count(map: &Pagemap, scan: bool, range: Range<u64>, query: Query) -> io::Result<u64> {
    let mut total = 0;
    if scan {
        let mut regions = [Region::default(); 128];
        let mut walk = Scan::new(map, range.start, range.end, query);
        loop {
            let filled = walk.next(&mut regions)?;
            if filled == 0 {
                return Ok(total);
            }
            total += regions[..filled].iter().map(|each| each.end - each.start).sum::<u64>();
        }
    }
    let page = page_size() as u64;
    let mut entries = [0; 512];
    for start in range.clone().step_by(512 * page as usize) {
        let pages = ((range.end - start) / page).min(512) as usize;
        map.entries(start, &mut entries[..pages])?;
        total += entries[..pages].iter().filter(|&&each| is_occupied(each)).count() as u64 * page;
    }
    Ok(total)
}

/// How finely a file is divided into data and holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extents {
    Exact,
    /// Rounded outward to what one page table maps: scattered pages do not make many pieces.
    Tables,
}

/// Bytes that one page table maps: as many entries as fit into a page.
fn table_size() -> u64 {
    (page_size() / 8 * page_size()) as u64
}

/// Ranges of bytes of private memory that has page tables with something in them, ascending and apart.
pub(crate) fn occupied_tables(mapping: &Mapping, map: &Pagemap) -> io::Result<Vec<Range<u64>>> {
    const ANYTHING: Query = Query {
        all: 0,
        none: 0,
        any: PRESENT | SWAPPED,
        tell: PRESENT,
        flags: 0,
    };
    let (addresses, round) = (mapping.range(), table_size());
    let length = addresses.end - addresses.start;
    let mut regions = [Region::default(); 256];
    let mut all: Vec<Range<u64>> = Vec::new();
    let mut walk = Scan::new(map, addresses.start, addresses.end, ANYTHING);
    loop {
        let filled = walk.next(&mut regions)?;
        if filled == 0 {
            return Ok(all);
        }
        for each in &regions[..filled] {
            let start = (each.start - addresses.start) / round * round;
            let end = (each.end - addresses.start).next_multiple_of(round).min(length);
            match all.last_mut().filter(|last| last.end >= start) {
                Some(last) => last.end = last.end.max(end),
                None => all.push(start..end),
            }
        }
    }
}

/// Ranges of bytes of a mapping that its file has data for, ascending and apart. All of it where that is not known.
pub(crate) fn extents(mapping: &Mapping, extents: Extents) -> Vec<Range<u64>> {
    let length = mapping.area.len() as u64;
    let whole = || std::iter::once(0..length).collect();
    let Some(backed) = mapping.backed.as_ref().filter(|backed| backed.holes) else {
        return whole();
    };
    let round = if extents == Extents::Exact { 1 } else { table_size() };
    let mut all: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    while at < length {
        let data = match seek(&backed.file, backed.offset + at, libc::SEEK_DATA) {
            Ok(data) if data < backed.offset + length => data - backed.offset,
            Ok(_) | Err(libc::ENXIO) => break,
            Err(_) => return whole(),
        };
        let hole = match seek(&backed.file, backed.offset + data, libc::SEEK_HOLE) {
            Ok(hole) => hole - backed.offset,
            Err(_) => length,
        };
        let (start, end) = (
            data / round * round,
            hole.max(data + 1).next_multiple_of(round).min(length),
        );
        match all.last_mut().filter(|last| last.end >= start) {
            Some(last) => last.end = end,
            None => all.push(start..end),
        }
        at = end;
    }
    all
}

/// @returns the offset, or the error's number.
pub(crate) fn seek(file: &File, offset: u64, whence: i32) -> std::result::Result<u64, i32> {
    // SAFETY: a system call without memory. Nobody reads through the descriptor, so its position is nobody's.
    let at = unsafe { libc::lseek(file.as_raw_fd(), offset as libc::off_t, whence) };
    u64::try_from(at).map_err(|_| errno())
}

fn file_system(file: &File) -> io::Result<libc::statfs> {
    let mut answer = MaybeUninit::uninit();
    // SAFETY: the kernel fills the structure if it says 0.
    unsafe {
        if libc::fstatfs(file.as_raw_fd(), answer.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(answer.assume_init())
    }
}

/// Whether a hole that this file system tells of holds nothing, also while others write through mappings. One that
/// is not in the list (NFS, FUSE: another machine may know better) has no holes for us, and is read.
pub(crate) fn tells_holes(file: &File) -> bool {
    const BTRFS: i128 = 0x9123_683e;
    const EXT4: i128 = 0xef53;
    const OVERLAY: i128 = 0x794c_7630;
    const TMPFS: i128 = 0x0102_1994;
    const XFS: i128 = 0x5846_5342;
    file_system(file).is_ok_and(|known| [BTRFS, EXT4, OVERLAY, TMPFS, XFS].contains(&i128::from(known.f_type)))
}

/// Bytes of the pages that the file is mapped in.
pub(crate) fn unit(backed: &Backed) -> Result<usize> {
    const HUGETLBFS: i128 = 0x9584_58f6;
    let known = file_system(&backed.file).map_err(|error| Fault::io("cannot tell the file system", &error))?;
    let size = known.f_bsize as usize;
    Ok(if i128::from(known.f_type) == HUGETLBFS && size.is_power_of_two() {
        size
    } else {
        page_size()
    })
}
