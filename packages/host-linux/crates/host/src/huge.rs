//! Huge pages for the parts of guest memory that are going to be full: a huge page is filled faster than 512 small ones,
//! and takes 512 times the memory if one page of it is used. So memory begins in small pages, and whoever is about to
//! write much of a huge page's range says so before it is touched.

use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::area::{Area, HUGE_PAGE};
use crate::fault::{Fault, Result};
use crate::mapping::{Backing, Mapping};
use crate::pagemap::{HUGE, PRESENT, Pagemap, Query, ZERO};
use crate::presence;

/// Runs of huge ranges in one mapping at most. Each makes up to two more pieces of address space, of which Linux allows a
/// process 65530 in all (`vm.max_map_count`).
const MOST_RUNS: usize = 4096;

/// Which pages a mapping is made of.
#[derive(Debug)]
pub(crate) enum Pages {
    /// As the kernel or the file's owner decides, or small.
    Small,
    /// Huge ones wherever the kernel can.
    Huge,
    /// Huge ones in the ranges that were asked for.
    Asked(Asked),
}

/// One bit for each range of 2 MiB: whether it was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    words: Vec<AtomicU64>,
    /// Whole ranges.
    ranges: usize,
    /// About how many runs of ranges there are: threads that ask at the same time may miscount.
    runs: AtomicUsize,
}

impl Asked {
    fn new(length: usize) -> Self {
        let ranges = length / HUGE_PAGE;
        Asked {
            words: (0..ranges.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            ranges,
            runs: AtomicUsize::new(0),
        }
    }

    fn has(&self, range: usize) -> bool {
        self.words
            .get(range / 64)
            .is_some_and(|word| word.load(Relaxed) >> (range % 64) & 1 == 1)
    }

    /// Whether the caller is the one who asks the kernel.
    fn take(&self, range: usize) -> bool {
        if range >= self.ranges || self.has(range) {
            return false;
        }
        let neighbours = usize::from(range > 0 && self.has(range - 1)) + usize::from(self.has(range + 1));
        if neighbours == 0 && self.runs.load(Relaxed) >= MOST_RUNS {
            return false;
        }
        if self.words[range / 64].fetch_or(1 << (range % 64), Relaxed) >> (range % 64) & 1 == 1 {
            return false;
        }
        match neighbours {
            0 => _ = self.runs.fetch_add(1, Relaxed),
            // Two runs have become one.
            2 => _ = self.runs.fetch_sub(1, Relaxed),
            _ => {}
        }
        true
    }
}

impl Pages {
    /// @param area as it was mapped. @param tmpfs whether it is of a file in memory.
    pub(crate) fn of(backing: &Backing, area: &Area, tmpfs: bool) -> Self {
        let asked = || Pages::Asked(Asked::new(area.len()));
        match backing {
            Backing::Thp => Pages::Huge,
            Backing::Auto if gives("enabled") => asked(),
            Backing::Memfd if gives("shmem_enabled") => asked(),
            // What a tmpfs gives is an option of its mount, which nobody tells.
            Backing::File { shared: true, .. } if tmpfs => asked(),
            Backing::Auto | Backing::Anon | Backing::Memfd | Backing::File { .. } => Pages::Small,
        }
    }
}

/// Whether the kernel gives huge pages to who asks for them.
fn gives(setting: &str) -> bool {
    fs::read_to_string(format!("/sys/kernel/mm/transparent_hugepage/{setting}"))
        .is_ok_and(|words| !words.contains("[never]") && !words.contains("[deny]"))
}

impl Mapping {
    /// Whether `ask_huge` can bring anything.
    pub fn can_ask(&self) -> bool {
        matches!(self.pages, Pages::Asked(_))
    }

    /// Much of the 2 MiB at `offset` is about to be written: they become a huge page when they are first touched, if the
    /// kernel has one. Only a wish: what was touched already, or cannot be had, stays in small pages.
    pub fn ask_huge(&self, offset: u64) -> Result<()> {
        self.check_range(offset, 0)?;
        let range = offset as usize / HUGE_PAGE;
        if let Pages::Asked(asked) = &self.pages
            && asked.take(range)
        {
            // The only thing that can go wrong is a want of memory or of address space, and the wish is not granted.
            let _ = self.area.advise_part(range * HUGE_PAGE, HUGE_PAGE, libc::MADV_HUGEPAGE);
        }
        Ok(())
    }

    /// Whether a huge page may lie at `offset`.
    pub(crate) fn may_be_huge(&self, offset: u64) -> bool {
        match &self.pages {
            Pages::Small => false,
            Pages::Huge => true,
            Pages::Asked(asked) => asked.has(offset as usize / HUGE_PAGE),
        }
    }

    /// Bytes of it that this process has mapped in huge pages; none where the kernel does not say (before Linux 6.7).
    pub fn in_huge_pages(&self) -> Result<Option<u64>> {
        const MAPPED_HUGE: Query = Query {
            all: HUGE | PRESENT,
            none: ZERO,
            any: 0,
            tell: HUGE,
            flags: 0,
        };
        let failed = |error: &std::io::Error| Fault::io("cannot read /proc/self/pagemap", error);
        let map = Pagemap::own().map_err(|error| failed(&error))?;
        if !map.can_scan() {
            return Ok(None);
        }
        presence::count(map, true, self.range(), MAPPED_HUGE)
            .map(Some)
            .map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_asked_for_once_and_only_whole_ones() {
        let asked = Asked::new(3 * HUGE_PAGE + 4096);
        assert!(asked.take(1) && !asked.take(1) && asked.has(1));
        assert!(!asked.has(0) && !asked.has(2));
        assert!(!asked.take(3) && !asked.take(usize::MAX / 2));
    }

    #[test]
    fn runs_are_counted_and_limited() {
        let asked = Asked::new(3 * MOST_RUNS * HUGE_PAGE);
        (0..MOST_RUNS).for_each(|run| assert!(asked.take(3 * run)));
        let last = 3 * (MOST_RUNS - 1);
        assert!(!asked.take(last + 2), "a run of its own");
        assert!(asked.take(1), "longer than it was");
        assert!(asked.take(2), "two become one");
        assert!(asked.take(last + 2), "there is room for one again");
    }
}
