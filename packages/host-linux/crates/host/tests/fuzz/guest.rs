//! A mapping and its model: what is done to one is done to the other.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use multifd_host::bits::DirtyBits;
use multifd_host::known_data::KnownData;
use multifd_host::mapping::{Backing, Mapping, Plan, Source};
use multifd_host::presence::Presence;
use multifd_host::registry;
use multifd_host::track::Tracker;
use multifd_host::track::digest::{DigestTracker, Digests};
use multifd_host::track::uffd::Uffd;

use crate::PAGE;
use crate::random::Random;

/// What a tracker has to report at least, and what it may report.
enum Tracking {
    None,
    Writes {
        tracker: Uffd,
        written: BTreeSet<usize>,
    },
    Digests {
        tracker: DigestTracker,
        digests: Arc<Digests>,
        known: KnownData,
        read: Vec<u8>,
    },
}

/// A mapping, and what must be read of it.
pub struct Guest {
    number: u32,
    mapping: Arc<Mapping>,
    known: KnownData,
    model: Vec<u8>,
    private: bool,
    file: Option<PathBuf>,
    tracking: Tracking,
}

impl Guest {
    pub fn new(random: &mut Random, folder: &Path) -> Guest {
        let length = (1 + random.below(1200)) * PAGE;
        let mut file = None;
        let mut model = vec![0; length];
        let backing = match random.below(6) {
            0 => Backing::Anon,
            1 => Backing::Thp,
            2 => Backing::Memfd,
            5 => Backing::Auto,
            kind => {
                let path = folder.join(format!("ram-{}", random.below(1 << 30)));
                let offset = random.below(3) * PAGE;
                let at = random.below(length);
                model[at] = 1 + random.below(255) as u8;
                // Holes but for one byte.
                let made = File::create(&path).expect("a file");
                made.set_len((offset + length) as u64).expect("room");
                made.write_all_at(&model[at..=at], (offset + at) as u64).expect("room");
                file = Some(path.clone());
                Backing::File {
                    source: Source::Path(path),
                    offset: offset as u64,
                    shared: kind == 3,
                }
            }
        };
        let private = !matches!(backing, Backing::Memfd | Backing::File { shared: true, .. });
        let plan = Plan {
            name: "fuzz".to_owned(),
            length: length as u64,
            backing,
            writable: true,
        };
        let (number, mapping) = registry::map(plan).expect("a mapping");
        Guest {
            number,
            mapping,
            known: KnownData::default(),
            model,
            private,
            file,
            tracking: Tracking::None,
        }
    }

    fn touched(&mut self, from: usize, length: usize) {
        if let Tracking::Writes { written, .. } = &mut self.tracking {
            written.extend(from / PAGE..=(from + length - 1) / PAGE);
        }
    }

    fn write(&mut self, random: &mut Random) {
        let (from, length) = random.range(self.model.len());
        let value = if random.below(3) == 0 {
            0
        } else {
            random.below(256) as u8
        };
        // SAFETY: within the mapping, which nobody else uses.
        unsafe { self.mapping.start().add(from).write_bytes(value, length) };
        self.model[from..from + length].fill(value);
        self.touched(from, length);
    }

    fn zero(&mut self, random: &mut Random) {
        let (from, length) = random.range(self.model.len());
        self.mapping.zero(from as u64, length as u64).expect("zero");
        self.model[from..from + length].fill(0);
        self.touched(from, length);
    }

    /// As a balloon of somebody else's does, which userfaultfd does not see. Only private memory without a file is
    /// zero then.
    fn drop_pages(&mut self, random: &mut Random) {
        if !self.private || self.file.is_some() || matches!(self.tracking, Tracking::Writes { .. }) {
            return;
        }
        let (from, length) = random.range(self.model.len());
        let (from, to) = (from.next_multiple_of(PAGE), (from + length) / PAGE * PAGE);
        if from < to {
            // SAFETY: within the mapping, which nobody else uses.
            let done =
                unsafe { libc::madvise(self.mapping.start().add(from).cast(), to - from, libc::MADV_DONTNEED) };
            assert_eq!(done, 0);
            self.model[from..to].fill(0);
        }
    }

    /// Changes no byte, whatever was written there before.
    fn ask_huge(&self, random: &mut Random) {
        let (at, _) = random.range(self.model.len());
        self.mapping.ask_huge(at as u64).expect("asked");
        self.compare(random);
    }

    fn compare(&self, random: &mut Random) {
        let (from, length) = random.range(self.model.len());
        // SAFETY: within the mapping, which nobody writes to while the slice is in use.
        let bytes = unsafe { std::slice::from_raw_parts(self.mapping.start().add(from), length) };
        assert!(bytes == &self.model[from..from + length], "{length} bytes at {from}");
    }

    /// What is absent is zero; looking does not change what is allocated.
    fn presence(&mut self, random: &mut Random) {
        let before = self.mapping.allocated().expect("allocated");
        let (mut at, length) = random.range(self.model.len());
        let end = at + length;
        let remembers = random.below(2) == 0;
        while at < end {
            let (from, length) = (at as u64, (end - at) as u64);
            let presence = if remembers {
                self.mapping.presence_after(&mut self.known, from, length)
            } else {
                self.mapping.presence(from, length)
            };
            let step = match presence.expect("presence") {
                Presence::Absent(length) => {
                    let length = length as usize;
                    assert!(
                        self.model[at..at + length].iter().all(|&byte| byte == 0),
                        "absent at {at}"
                    );
                    length
                }
                Presence::Look(length) => length as usize,
            };
            assert!(step > 0 && step <= end - at);
            at += step;
        }
        assert_eq!(self.mapping.allocated().expect("allocated"), before);
    }

    fn track(&mut self, random: &mut Random) {
        // One userfaultfd at a time.
        self.tracking = Tracking::None;
        self.tracking = match random.below(3) {
            0 => Tracking::None,
            1 => Tracking::Writes {
                tracker: Uffd::new(vec![Arc::clone(&self.mapping)]).expect("userfaultfd"),
                written: BTreeSet::new(),
            },
            _ => {
                let digests = Arc::new(Digests::new(Arc::clone(&self.mapping), PAGE as u64).expect("digests"));
                Tracking::Digests {
                    tracker: DigestTracker::new(vec![Arc::clone(&digests)]),
                    digests,
                    known: KnownData::default(),
                    read: vec![0; self.model.len()],
                }
            }
        };
    }

    fn sync(&mut self) {
        let pages = self.model.len() / PAGE;
        let words: Vec<AtomicU32> = (0..pages.div_ceil(32)).map(|_| AtomicU32::new(0)).collect();
        let bits = DirtyBits::new(&words, pages as u64, PAGE as u64).expect("enough words");
        let dirty = |page: usize| words[page / 32].load(SeqCst) >> (page % 32) & 1 == 1;
        match &mut self.tracking {
            Tracking::None => {}
            Tracking::Writes { tracker, written } => {
                tracker.sync(&[bits]).expect("sync");
                let lost: Vec<_> = written.iter().filter(|&&page| !dirty(page)).collect();
                assert!(lost.is_empty(), "lost writes to pages {lost:?}");
                written.clear();
                words.iter().for_each(|word| word.store(0, SeqCst));
                tracker.sync(&[bits]).expect("sync");
                let again: Vec<_> = (0..pages).filter(|&page| dirty(page)).collect();
                assert!(again.is_empty(), "nobody wrote to pages {again:?}");
            }
            Tracking::Digests {
                tracker,
                digests,
                known,
                read,
            } => {
                tracker.sync(&[bits]).expect("sync");
                for page in 0..pages {
                    let at = page * PAGE..(page + 1) * PAGE;
                    let differs = read[at.clone()] != self.model[at.clone()];
                    assert_eq!(dirty(page), differs, "page {page}");
                    if differs && page % 2 == 0 {
                        let target = read[at.clone()].as_mut_ptr();
                        // SAFETY: a page of a vector.
                        unsafe { digests.read_to_send(known, at.start as u64, target, PAGE as u64) }.expect("read");
                        assert!(read[at.clone()] == self.model[at], "a copy of page {page}");
                    }
                }
            }
        }
    }

    /// The same memory in a second mapping.
    fn twin(&self) {
        let Some(descriptor) = self
            .mapping
            .descriptor()
            .filter(|_| !self.private && self.file.is_none())
        else {
            return;
        };
        let plan = Plan {
            name: "fuzz-twin".to_owned(),
            length: self.model.len() as u64,
            backing: Backing::File {
                source: Source::Descriptor(descriptor),
                offset: 0,
                shared: true,
            },
            writable: false,
        };
        let twin = Mapping::new(plan).expect("a second mapping");
        // SAFETY: as long as `twin`, and nobody writes to it meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(twin.start(), self.model.len()) };
        assert!(bytes == self.model, "the second mapping");
    }

    /// One thing that may be done to it.
    pub fn step(&mut self, random: &mut Random) {
        match random.below(20) {
            0..8 => self.write(random),
            8..10 => self.zero(random),
            10 => self.drop_pages(random),
            11 => self.compare(random),
            12 => self.ask_huge(random),
            13..15 => self.presence(random),
            15 => self.track(random),
            16..19 => self.sync(),
            _ => self.twin(),
        }
    }

    /// Nothing of it is left.
    pub fn end(self) {
        self.mapping.intact().expect("intact");
        registry::unmap(self.number);
        assert!(registry::open(self.number).is_err());
        if let Some(path) = self.file {
            fs::remove_file(path).expect("removed");
        }
    }
}
