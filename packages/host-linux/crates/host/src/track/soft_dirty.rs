//! Writes of this or of another process, by soft-dirty bits (CONFIG_MEM_SOFT_DIRTY): `clear_refs` forgets, `pagemap`
//! tells. What is written between the two is lost, so nobody may write meanwhile: another process is stopped, and in
//! this one the caller has to pause its writers. Source: Documentation/admin-guide/mm/soft-dirty.rst.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::area::{Area, page_size};
use crate::bits::DirtyBits;
use crate::extents::{Extents, extents};
use crate::fault::{Code, Fault, Result};
use crate::mapping::Mapping;
use crate::pagemap::{Pagemap, entry};
use crate::track::Tracker;
use crate::track::given_back::GivenBack;
use crate::track::stopped::Process;

/// Entries that are read at once: those of 2 MiB.
const ENTRIES: usize = 512;

/// Who writes.
#[derive(Debug)]
pub enum Writer {
    /// Threads of this process, which are paused while `sync` runs.
    Paused,
    /// Another process, and where it has the mappings.
    Process { process: Process, addresses: Vec<u64> },
}

/// A mapping, and where it begins in the writer's address space.
#[derive(Debug)]
struct Tracked {
    mapping: Arc<Mapping>,
    given_back: Arc<GivenBack>,
    base: u64,
}

#[derive(Debug)]
pub struct SoftDirty {
    // In this order: after the last look somebody else may forget.
    tracked: Vec<Tracked>,
    writer: Writer,
    map: Pagemap,
    _alone: Alone,
}

impl SoftDirty {
    pub fn new(mappings: Vec<Arc<Mapping>>, writer: Writer) -> Result<SoftDirty> {
        if !is_compiled_in() {
            return Err(Fault::new(Code::Io, "this kernel has no soft-dirty bits")
                .hint("use a kernel with CONFIG_MEM_SOFT_DIRTY"));
        }
        SoftDirty::unchecked(mappings, writer)
    }

    /// As `new`, also where the kernel never sets a bit: for tests of everything else.
    pub fn unchecked(mappings: Vec<Arc<Mapping>>, writer: Writer) -> Result<SoftDirty> {
        let bases = match &writer {
            Writer::Paused => mappings.iter().map(|mapping| mapping.range().start).collect(),
            Writer::Process { addresses, .. } => addresses.clone(),
        };
        if bases.len() != mappings.len() || !bases.iter().all(|base| base.is_multiple_of(page_size() as u64)) {
            return Err(Fault::new(
                Code::Usage,
                "each block needs the address of its first page in the other process",
            ));
        }
        let who = name(&writer);
        let alone = Alone::new(&who)?;
        let map = Pagemap::open(&who).map_err(|error| refused(&who, &error))?;
        let track = |(mapping, base): (Arc<Mapping>, u64)| Tracked {
            given_back: mapping.given_back.listen(),
            mapping,
            base,
        };
        Ok(SoftDirty {
            tracked: mappings.into_iter().zip(bases).map(track).collect(),
            writer,
            map,
            _alone: alone,
        })
    }

    fn read(&self, dirty: &[DirtyBits<'_>]) -> io::Result<()> {
        self.tracked
            .iter()
            .zip(dirty)
            .try_for_each(|(tracked, dirty)| self.read_one(tracked, dirty))
    }

    fn read_one(&self, tracked: &Tracked, dirty: &DirtyBits<'_>) -> io::Result<()> {
        let shared = !tracked.mapping.is_private();
        let ranges = if shared {
            extents(&tracked.mapping, Extents::Exact)
        } else {
            std::iter::once(0..tracked.mapping.area.len() as u64).collect()
        };
        let page = page_size() as u64;
        let mut entries = [0; ENTRIES];
        for range in ranges {
            let range = range.start / page * page..range.end.next_multiple_of(page);
            for start in range.clone().step_by(ENTRIES * page as usize) {
                let pages = ((range.end - start) / page).min(ENTRIES as u64) as usize;
                self.map.entries(tracked.base + start, &mut entries[..pages])?;
                for run in runs(&entries[..pages], shared) {
                    dirty.mark_bytes(start + run.start as u64 * page, (run.end - run.start) as u64 * page);
                }
            }
        }
        Ok(())
    }
}

impl Tracker for SoftDirty {
    fn sync(&mut self, dirty: &[DirtyBits<'_>]) -> Result<()> {
        for (tracked, dirty) in self.tracked.iter().zip(dirty) {
            for range in tracked.given_back.take() {
                dirty.mark_bytes(range.start, range.end - range.start);
            }
        }
        let who = name(&self.writer);
        let stopped = match &self.writer {
            Writer::Paused => None,
            Writer::Process { process, .. } => Some(process.stop()?),
        };
        let result = self.read(dirty).and_then(|()| forget(&who));
        drop(stopped);
        result.map_err(|error| refused(&who, &error))
    }
}

/// Forgetting is for a whole process, so that two trackers of one would lose each other's writes.
#[derive(Debug)]
struct Alone(String);

static TRACKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

impl Alone {
    fn new(who: &str) -> Result<Alone> {
        if TRACKED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(who.to_owned())
        {
            return Ok(Alone(who.to_owned()));
        }
        Err(Fault::new(
            Code::Io,
            format!("soft-dirty bits of process {who} are in use by another tracker"),
        ))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        TRACKED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

fn name(writer: &Writer) -> String {
    match writer {
        Writer::Paused => "self".to_owned(),
        Writer::Process { process, .. } => process.number().to_string(),
    }
}

fn refused(who: &str, error: &io::Error) -> Fault {
    Fault::io(format!("cannot use /proc/{who}/pagemap and clear_refs"), error)
        .hint("run it as the same user, with the right to trace the process (CAP_SYS_PTRACE)")
}

/// Clears the soft-dirty bits of a whole process.
fn forget(who: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/{who}/clear_refs"))?
        .write_all(b"4\n")
}

/// Runs of pages that may have been written. Shared memory that has dropped out of the page tables (and is to be
/// fetched from its file again) has lost its bit: it may have been.
fn runs(entries: &[u64], shared: bool) -> impl Iterator<Item = Range<usize>> + '_ {
    let written =
        move |each: u64| each & entry::SOFT_DIRTY != 0 || (shared && each & (entry::PRESENT | entry::SWAPPED) == 0);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + entries[at..].iter().position(|&each| written(each))?;
        at = entries[start..]
            .iter()
            .position(|&each| !written(each))
            .map_or(entries.len(), |run| start + run);
        Some(start..at)
    })
}

/// Whether this kernel marks a page that is written.
fn is_compiled_in() -> bool {
    let page = page_size();
    let Ok(area) = Area::map(page, true, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None) else {
        return false;
    };
    // SAFETY: a page of our own.
    unsafe { area.start().write_volatile(1) };
    let mut entries = [0];
    Pagemap::own().is_ok_and(|map| map.entries(area.address() as u64, &mut entries).is_ok())
        && entries[0] & entry::SOFT_DIRTY != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Documentation/admin-guide/mm/pagemap.rst has them, on a kernel with soft-dirty bits: untouched; clean;
    /// written; written and exclusive; swapped out after a write; swapped out clean; a file's page, clean and
    /// written.
    const ENTRIES: [u64; 8] = [
        0,
        0x8100_0000_0000_0000,
        0x8080_0000_0000_0000,
        0x8180_0000_0000_0000,
        0x4080_0000_0000_0c42,
        0x4000_0000_0000_0c42,
        0xa000_0000_0000_0000,
        0xa080_0000_0000_0000,
    ];

    #[test]
    fn written_pages_of_private_memory() {
        assert_eq!(runs(&ENTRIES, false).collect::<Vec<_>>(), [2..5, 7..8]);
        assert_eq!(runs(&ENTRIES[..2], false).count(), 0);
        assert_eq!(runs(&[], false).count(), 0);
    }

    #[test]
    fn shared_memory_without_an_entry_may_have_been_written() {
        assert_eq!(runs(&ENTRIES, true).collect::<Vec<_>>(), [0..1, 2..5, 7..8]);
    }
}
