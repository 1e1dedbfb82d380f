//! Which bytes were never touched, so that they are zero without a look; and how much memory is in use. Nothing here
//! populates a page. That something is absent is never kept from one call to the next: the guest writes meanwhile. That
//! there is data may be, since nothing is lost if it is gone: what is looked at then are zeros.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering::Relaxed;

use crate::area::page_size;
use crate::fault::{Fault, Result};
use crate::known_data::KnownData;
use crate::mapping::{Backed, Mapping};
use crate::pagemap::{OCCUPIED, Pagemap, Query, Region, Scan, first_occupied, is_occupied};

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

impl Mapping {
    /// Bytes that it occupies: of the whole file, or of private memory in RAM and swap.
    pub fn allocated(&self) -> Result<u64> {
        match &self.backed {
            Some(backed) if backed.shared => backed
                .file
                .metadata()
                .map(|now| now.blocks() * 512)
                .map_err(|error| Fault::io(format!("RAM block {}", self.name), &error)),
            _ => Pagemap::own()
                .and_then(|map| count(map, map.can_scan(), self.range(), OCCUPIED))
                .map_err(|error| Fault::io("cannot read /proc/self/pagemap", &error)),
        }
    }

    /// How often the kernel was asked where a run of the file's data ends, over all threads.
    pub fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// What is known of the bytes from `offset` on, `length` at most. Looks at the kernel's lists, not at memory. Of a
    /// file's data it tells no more than a page, since to tell where it ends the kernel goes through all of it.
    pub fn presence(&self, offset: u64, length: u64) -> Result<Presence> {
        self.presence_of(None, offset, length)
    }

    /// The same for somebody who goes through a block piece by piece: the kernel is asked once where a run of data ends,
    /// and not for each piece of it.
    pub fn presence_after(&self, known: &mut KnownData, offset: u64, length: u64) -> Result<Presence> {
        self.presence_of(Some(known), offset, length)
    }

    fn presence_of(&self, known: Option<&mut KnownData>, offset: u64, length: u64) -> Result<Presence> {
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

    /// Takes as long as there is data, unless the file has as many blocks as one without a hole. (One with blocks behind its
    /// end, and holes, then is taken for data all over: what is looked at are zeros.)
    /// @param from in the file. @returns an offset in the file, or the error's number.
    pub(crate) fn end_of_data(&self, backed: &Backed, from: u64) -> std::result::Result<u64, i32> {
        if let Ok(now) = backed.file.metadata()
            && now.blocks() * 512 >= now.len()
            && now.len() > from
        {
            return Ok(now.len());
        }
        self.asked.fetch_add(1, Relaxed);
        seek(&backed.file, from, libc::SEEK_HOLE)
    }

    /// Of a file: holes.
    fn file_presence(
        &self,
        backed: &Backed,
        mut known: Option<&mut KnownData>,
        offset: u64,
        length: u64,
    ) -> Presence {
        if !backed.holes {
            return Presence::Look(length);
        }
        if let Some(known) = &mut known {
            let data = known.from(offset);
            if data > 0 {
                return Presence::Look(data.min(length));
            }
            known.listen(&self.given_back);
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
                let page = page_size() as u64;
                let data = match known {
                    None => (from / page + 1) * page - from,
                    Some(known) => {
                        let hole = self.end_of_data(backed, from).unwrap_or(to);
                        // A hole may have been punched since.
                        let data = hole.saturating_sub(from).max(1);
                        known.keep(offset..offset + data);
                        data
                    }
                };
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

/// @returns the offset, or the error's number.
pub(crate) fn seek(file: &File, offset: u64, whence: i32) -> std::result::Result<u64, i32> {
    // Nobody reads through the descriptor, so its position is nobody's.
    crate::files::seek(file.as_raw_fd(), offset, whence)
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
    const XFS: i128 = 0x5846_5342;
    file_system(file).is_ok_and(|known| [BTRFS, EXT4, OVERLAY, TMPFS, XFS].contains(&i128::from(known.f_type)))
}

const TMPFS: i128 = 0x0102_1994;

pub(crate) fn is_tmpfs(file: &File) -> bool {
    file_system(file).is_ok_and(|known| i128::from(known.f_type) == TMPFS)
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
