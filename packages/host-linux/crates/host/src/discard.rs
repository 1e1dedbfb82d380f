//! Giving memory back: bytes become zero, and their pages a hole where that is possible.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use crate::area::{HUGE_PAGE, page_size};
use crate::fault::{Code, Fault, Result, errno};
use crate::mapping::{Backed, Mapping};
use crate::pagemap::{FILE, HUGE, PRESENT, Pagemap, Query, Region, SWAPPED, Scan, ZERO};
use crate::presence::Presence;

impl Mapping {
    /// Makes [offset, offset + length) read as zero, in every process that has it mapped. Whole pages are given back;
    /// a part of a huge page is cleared, and the page stays whole. Trackers see it as a write.
    pub fn zero(&self, offset: u64, length: u64) -> Result<()> {
        self.check_range(offset, length)?;
        if !self.writable {
            return Err(Fault::new(
                Code::Io,
                format!("RAM block {}: it is read-only", self.name),
            ));
        }
        let page = page_size() as u64;
        let (from, to) = (offset, offset + length);
        let (first, last) = (from.next_multiple_of(page), to / page * page);
        if first >= last {
            self.clear_used(from, to)?;
        } else {
            self.clear_used(from, first)?;
            self.discard(first, last)?;
            self.clear_used(last, to)?;
        }
        // As any writer: first the bytes, then the mark.
        self.given_back.mark(offset, length);
        Ok(())
    }

    fn discard(&self, from: u64, to: u64) -> Result<()> {
        let refused =
            |error: &io::Error| Fault::io(format!("RAM block {}: cannot give memory back", self.name), error);
        match &self.backed {
            None if self.may_be_huge(from) || self.may_be_huge(to - 1) => self.discard_huge(from, to),
            None => self.drop_pages(from, to).map_err(|error| refused(&error)),
            Some(backed) if backed.shared => match punch(backed, from, to) {
                Ok(()) => Ok(()),
                Err(libc::EOPNOTSUPP | libc::EINVAL | libc::ENODEV) => self.clear_used(from, to),
                Err(number) => Err(refused(&io::Error::from_raw_os_error(number))),
            },
            // Dropping them would bring the file's bytes back.
            Some(_) => self.clear_used(from, to),
        }
    }

    fn drop_pages(&self, from: u64, to: u64) -> io::Result<()> {
        self.area
            .advise_part(from as usize, (to - from) as usize, libc::MADV_DONTNEED)
    }

    /// Whole huge pages are dropped, and so are small ones. A huge page of which only a part becomes zero stays.
    fn discard_huge(&self, from: u64, to: u64) -> Result<()> {
        let huge = HUGE_PAGE as u64;
        let whole = (from.next_multiple_of(huge), to / huge * huge);
        let edges = if whole.0 < whole.1 {
            self.drop_pages(whole.0, whole.1)
                .map_err(|error| Fault::io(format!("RAM block {}: cannot give memory back", self.name), &error))?;
            [(from, whole.0), (whole.1, to)]
        } else {
            [(from, to), (to, to)]
        };
        edges.iter().try_for_each(|&(from, to)| self.discard_edge(from, to))
    }

    fn discard_edge(&self, from: u64, to: u64) -> Result<()> {
        const USED: Query = Query {
            all: 0,
            none: ZERO | FILE,
            any: PRESENT | SWAPPED,
            tell: HUGE,
            flags: 0,
        };
        let map = match Pagemap::own() {
            Ok(map) if map.can_scan() => map,
            // Which pages are huge is not known: all stay.
            _ => return self.clear_used(from, to),
        };
        let base = self.range().start;
        let mut walk = Scan::new(map, base + from, base + to, USED);
        let mut found = [Region::default(); 16];
        loop {
            let result = walk.next(&mut found).and_then(|filled| {
                for each in &found[..filled] {
                    let (start, end) = (each.start - base, each.end - base);
                    if each.categories & HUGE != 0 {
                        self.clear(start, end);
                    } else {
                        self.drop_pages(start, end)?;
                    }
                }
                Ok(filled)
            });
            match result {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(Fault::io("cannot scan /proc/self/pagemap", &error)),
            }
        }
    }

    /// Clears what is not absent: a hole stays one.
    fn clear_used(&self, from: u64, to: u64) -> Result<()> {
        let mut at = from;
        while at < to {
            at += match self.presence(at, to - at)? {
                Presence::Absent(length) => length,
                Presence::Look(length) => {
                    self.clear(at, at + length);
                    length
                }
            };
        }
        Ok(())
    }

    fn clear(&self, from: u64, to: u64) {
        // SAFETY: all callers checked the range. The guest may write meanwhile, as it may while any device clears
        // its memory: no reference to the bytes exists, and either of the two writes may come last.
        unsafe { ptr::write_bytes(self.start().add(from as usize), 0, (to - from) as usize) };
    }
}

fn punch(backed: &Backed, from: u64, to: u64) -> std::result::Result<(), i32> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let (offset, length) = (backed.offset + from, to - from);
    loop {
        // SAFETY: a system call without memory. What it takes from the file are bytes that were to be cleared.
        let done = unsafe { libc::fallocate(backed.file.as_raw_fd(), mode, offset as i64, length as i64) };
        match if done == 0 { 0 } else { errno() } {
            0 => return Ok(()),
            libc::EINTR => {}
            number => return Err(number),
        }
    }
}
