//! Writes of anybody, by digests of pages: works for every kind of memory and on every kernel, and reads all of it.
//!
//! A page is clean if its digest is that of the bytes that were last taken from it with `Digests::read_to_send`. So what
//! counts is not that a page was written, but that it is different from what the other end has: a page that changed, was
//! sent, and changed back, is found. Whoever looks for any other purpose looks at the mapping. The digest is BLAKE3 with a random key of the tracker's own, cut to 128 bits: a
//! guest that wants two contents with one digest would have to know the key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::thread;

use crate::area::{Area, page_size as page_size_of_machine};
use crate::bits::DirtyBits;
use crate::fault::{Code, Fault, Result};
use crate::known_data::KnownData;
use crate::mapping::Mapping;
use crate::presence::Presence;
use crate::track::Tracker;

/// Pages that one thread takes at a time: 4096 bytes of the table for each 64 pages.
const PORTION: u64 = 4096;
/// Threads that one `sync` uses at most.
const THREADS: usize = 8;

/// What was last sent of every page. 16 bytes a page, of which only those of pages with content take memory.
#[derive(Debug)]
pub struct Digests {
    mapping: Arc<Mapping>,
    page_size: u64,
    pages: u64,
    table: Area,
    key: [u8; 32],
    /// The digest of a zero page, which all digests differ by: so zero pages are zero in the table, as is fresh memory.
    zero: u128,
}

impl Digests {
    /// @param page_size of the guest, a power of two, at least 4096.
    pub fn new(mapping: Arc<Mapping>, page_size: u64) -> Result<Digests> {
        if !page_size.is_power_of_two() || page_size < 4096 || !mapping.length().is_multiple_of(page_size) {
            let message = format!(
                "RAM block {} does not consist of pages of {page_size} bytes",
                mapping.name()
            );
            return Err(Fault::new(Code::Usage, message));
        }
        let pages = mapping.length() / page_size;
        let bytes = (pages as usize * 16).next_multiple_of(page_size_of_machine());
        let table = Area::map(bytes, true, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)
            .map_err(|error| Fault::io("cannot map a table of digests", &error))?;
        let mut key = [0_u8; 32];
        // SAFETY: the kernel writes 32 bytes into the key.
        if unsafe { libc::getrandom(key.as_mut_ptr().cast(), key.len(), 0) } != 32 {
            return Err(Fault::last("cannot make a random key"));
        }
        let zero = hash(&key, &vec![0; page_size as usize]);
        Ok(Digests {
            mapping,
            page_size,
            pages,
            table,
            key,
            zero,
        })
    }

    /// Copies whole pages from `offset` on into `target`, and remembers what was read. Whoever reads a page here must
    /// send it: it is clean from now on. Holes are read without being touched.
    ///
    /// @param known the caller's: a thread that reads page by page asks the kernel once for each run of data.
    ///
    /// # Safety
    /// `target` is valid for writes of `length` bytes that nobody else uses meanwhile, and no part of guest memory.
    pub unsafe fn read_to_send(
        &self,
        known: &mut KnownData,
        offset: u64,
        target: *mut u8,
        length: u64,
    ) -> Result<()> {
        self.mapping.check_range(offset, length)?;
        if !offset.is_multiple_of(self.page_size) || !length.is_multiple_of(self.page_size) {
            return Err(Fault::new(
                Code::Internal,
                format!("no whole pages: {length} bytes at {offset}"),
            ));
        }
        let mut page = vec![0; self.page_size as usize];
        self.visit(known, offset, offset + length, |number, absent| {
            // SAFETY: the page lies within what the caller gave.
            let into = unsafe { target.add((number * self.page_size - offset) as usize) };
            let digest = if absent {
                page.fill(0);
                0
            } else {
                self.copy(number, &mut page);
                self.digest(&page)
            };
            // SAFETY: as above; `page` is ours.
            unsafe { into.copy_from_nonoverlapping(page.as_ptr(), page.len()) };
            self.remember(number, digest);
        })
    }

    /// As `Mapping::presence`: absent are pages that are so, and were zero when they were last sent.
    pub fn presence_to_send(&self, known: &mut KnownData, offset: u64, length: u64) -> Result<Presence> {
        let presence = self.mapping.presence_after(known, offset, length)?;
        let Presence::Absent(absent) = presence else {
            return Ok(presence);
        };
        let page_size = self.page_size;
        let (first, last) = (offset / page_size, (offset + absent).div_ceil(page_size));
        let known = (first..last).take_while(|&page| self.remembered(page) == 0).count() as u64;
        if known > 0 {
            return Ok(Presence::Absent(((first + known) * page_size - offset).min(absent)));
        }
        let unknown = (first..last).take_while(|&page| self.remembered(page) != 0).count() as u64;
        Ok(Presence::Look(((first + unknown) * page_size - offset).min(absent)))
    }

    /// Marks pages [from, to) that are not what was last sent.
    fn compare(&self, known: &mut KnownData, from: u64, to: u64, dirty: &DirtyBits<'_>) -> Result<()> {
        let mut page = vec![0; self.page_size as usize];
        self.visit(known, from * self.page_size, to * self.page_size, |number, absent| {
            // Whoever takes the mark reads the page afterwards, and so after every write that is to be found here.
            if dirty.has(number) {
                return;
            }
            let now = if absent {
                0
            } else {
                self.copy(number, &mut page);
                self.digest(&page)
            };
            if now != self.remembered(number) {
                dirty.mark(number, number + 1);
            }
        })
    }

    /// Calls `each` for the pages of [from, to), with whether all of the page is absent.
    fn visit(&self, known: &mut KnownData, from: u64, to: u64, mut each: impl FnMut(u64, bool)) -> Result<()> {
        let mut at = from;
        while at < to {
            let (length, absent) = match self.mapping.presence_after(known, at, to - at)? {
                // A page that is absent in part has data.
                Presence::Absent(length) if length >= self.page_size => {
                    (length / self.page_size * self.page_size, true)
                }
                Presence::Absent(_) => (self.page_size, false),
                Presence::Look(length) => (length.next_multiple_of(self.page_size), false),
            };
            let end = (at + length).min(to);
            (at / self.page_size..end / self.page_size).for_each(|number| each(number, absent));
            at = end;
        }
        Ok(())
    }

    /// The page's bytes, each read once; a guest that writes meanwhile makes a mixture of it.
    fn copy(&self, number: u64, page: &mut [u8]) {
        // SAFETY: the page lies within the mapping, and is aligned to more than 8 bytes.
        let source: *const u64 = unsafe { self.mapping.start().add((number * self.page_size) as usize) }.cast();
        for (index, word) in page.chunks_exact_mut(8).enumerate() {
            // SAFETY: within the page. Volatile: others may write to it.
            word.copy_from_slice(&unsafe { source.add(index).read_volatile() }.to_ne_bytes());
        }
    }

    fn digest(&self, page: &[u8]) -> u128 {
        hash(&self.key, page) ^ self.zero
    }

    fn slot(&self, number: u64) -> &[AtomicU64; 2] {
        assert!(number < self.pages);
        // SAFETY: 16 bytes a page, aligned, alive as long as the table, and only ever used as atomics.
        unsafe { &*self.table.start().add(number as usize * 16).cast() }
    }

    fn remembered(&self, number: u64) -> u128 {
        let [low, high] = self.slot(number);
        u128::from(high.load(Relaxed)) << 64 | u128::from(low.load(Relaxed))
    }

    fn remember(&self, number: u64, digest: u128) {
        // Untouched parts of the table stay untouched.
        if self.remembered(number) != digest {
            let [low, high] = self.slot(number);
            low.store(digest as u64, Relaxed);
            high.store((digest >> 64) as u64, Relaxed);
        }
    }
}

fn hash(key: &[u8; 32], bytes: &[u8]) -> u128 {
    let digest = blake3::keyed_hash(key, bytes);
    let half: [u8; 16] = std::array::from_fn(|index| digest.as_bytes()[index]);
    u128::from_le_bytes(half)
}

/// Compares all pages with what was last sent of them.
#[derive(Debug)]
pub struct DigestTracker {
    blocks: Vec<Arc<Digests>>,
}

impl DigestTracker {
    pub fn new(blocks: Vec<Arc<Digests>>) -> Self {
        DigestTracker { blocks }
    }
}

impl Tracker for DigestTracker {
    fn sync(&mut self, dirty: &[DirtyBits<'_>]) -> Result<()> {
        self.blocks
            .iter()
            .zip(dirty)
            .try_for_each(|(digests, dirty)| digests.compare_all(dirty))
    }
}

impl Digests {
    fn compare_all(&self, dirty: &DirtyBits<'_>) -> Result<()> {
        if dirty.page_size() != self.page_size {
            let message = format!(
                "digests are of pages of {} bytes, not {}",
                self.page_size,
                dirty.page_size()
            );
            return Err(Fault::new(Code::Usage, message));
        }
        let portions = self.pages.div_ceil(PORTION) as usize;
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            let mut known = KnownData::default();
            loop {
                let portion = next.fetch_add(1, SeqCst) as u64;
                if portion >= portions as u64 {
                    return Ok(());
                }
                let from = portion * PORTION;
                self.compare(&mut known, from, (from + PORTION).min(self.pages), dirty)?;
            }
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(THREADS)
            .min(portions);
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mine = work();
            others
                .into_iter()
                .map(|each| each.join().unwrap_or_else(|_| Err(panicked())))
                .fold(mine, Result::and)
        })?;
        self.mapping.intact()
    }
}

fn panicked() -> Fault {
    Fault::new(Code::Internal, "a thread that compares digests panicked")
}
