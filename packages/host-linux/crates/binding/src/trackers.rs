//! Trackers of writes.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use multifd_host::bits::DirtyBits;
use multifd_host::fault::{Code, Fault};
use multifd_host::known_data::KnownData;
use multifd_host::mapping::Mapping;
use multifd_host::registry::{self, Registry};
use multifd_host::track::Tracker;
use multifd_host::track::digest::{DigestTracker, Digests};
use multifd_host::track::soft_dirty::{SoftDirty, Writer};
use multifd_host::track::stopped::Process;
use multifd_host::track::uffd::Uffd;
use multifd_typed_array::{Int32s, Uint8s};
use napi_derive::napi;

use crate::fault::{Result, raise, refuse, whole};

static DIGESTS: Registry<Digests> = Registry::new();

/// `NativeTrackerPlan` in `src/binding.ts`.
#[napi(object)]
pub struct TrackerPlan {
    pub kind: String,
    pub mappings: Vec<u32>,
    pub page_size: u32,
    pub process: Option<i32>,
    pub addresses: Option<Vec<f64>>,
    /// For tests: soft-dirty also where the kernel never sets a bit.
    pub unchecked: Option<bool>,
}

impl TrackerPlan {
    fn soft_dirty(&self, mappings: Vec<Arc<Mapping>>) -> Result<SoftDirty> {
        let writer = match self.process {
            None => Writer::Paused,
            Some(number) => Writer::Process {
                process: Process::open(number).map_err(raise)?,
                addresses: self
                    .addresses
                    .iter()
                    .flatten()
                    .map(|&address| whole(address, "an address"))
                    .collect::<Result<_>>()?,
            },
        };
        let make = if self.unchecked == Some(true) {
            SoftDirty::unchecked
        } else {
            SoftDirty::new
        };
        make(mappings, writer).map_err(raise)
    }
}

#[napi]
pub struct NativeTracker {
    page_size: u64,
    tracker: Option<Box<dyn Tracker>>,
    digests: Vec<u32>,
}

#[napi]
impl NativeTracker {
    #[napi(constructor)]
    pub fn new(plan: TrackerPlan) -> Result<Self> {
        let page_size = u64::from(plan.page_size);
        let open = |&number: &u32| registry::open(number).map_err(raise);
        let mappings: Vec<Arc<Mapping>> = plan.mappings.iter().map(open).collect::<Result<_>>()?;
        let mut digests = Vec::new();
        let tracker: Box<dyn Tracker> = match plan.kind.as_str() {
            "uffd" => Box::new(Uffd::new(mappings).map_err(raise)?),
            "soft-dirty" | "soft-dirty-process" => Box::new(plan.soft_dirty(mappings)?),
            "digest" => {
                let make = |mapping| Digests::new(mapping, page_size).map(Arc::new).map_err(raise);
                let blocks: Vec<_> = mappings.into_iter().map(make).collect::<Result<_>>()?;
                digests = blocks.iter().map(|block| DIGESTS.add(Arc::clone(block))).collect();
                Box::new(DigestTracker::new(blocks))
            }
            other => return Err(refuse(format!("no kind of tracker: {other}"))),
        };
        Ok(NativeTracker {
            page_size,
            tracker: Some(tracker),
            digests,
        })
    }

    /// What `NativeDigests` opens, for each mapping; none for other kinds.
    #[napi]
    pub fn digests(&self) -> Vec<u32> {
        self.digests.clone()
    }

    #[napi]
    pub fn sync(&mut self, words: Vec<Int32s>, pages: Vec<f64>) -> Result<()> {
        let page_size = self.page_size;
        let tracker = self.tracker.as_mut().ok_or_else(|| refuse("this tracker was closed"))?;
        let open = |(words, &pages): (&Int32s, &f64)| {
            // SAFETY: the array keeps its words while this thread is in this call. Other threads use them by Atomics
            // of JavaScript, which are what `AtomicU32` is; an i32 is as large and as aligned.
            let atomics: &[AtomicU32] = unsafe { std::slice::from_raw_parts(words.start().cast(), words.len()) };
            DirtyBits::new(atomics, whole(pages, "pages")?, page_size)
                .ok_or_else(|| refuse(format!("a bitmap of {} words for {pages} pages", words.len())))
        };
        let dirty: Vec<DirtyBits<'_>> = words.iter().zip(&pages).map(open).collect::<Result<_>>()?;
        tracker.sync(&dirty).map_err(raise)
    }

    #[napi]
    pub fn close(&mut self) {
        self.tracker = None;
        for number in self.digests.drain(..) {
            DIGESTS.remove(number);
        }
    }
}

/// What was last sent of a mapping, as one thread that sends has it open.
#[napi]
pub struct NativeDigests {
    digests: Option<Arc<Digests>>,
    known: RefCell<KnownData>,
}

#[napi]
impl NativeDigests {
    #[napi(constructor)]
    pub fn new(number: u32) -> Result<Self> {
        let digests = DIGESTS
            .get(number)
            .ok_or_else(|| raise(Fault::new(Code::Io, "its tracker was closed")))?;
        Ok(NativeDigests {
            digests: Some(digests),
            known: RefCell::default(),
        })
    }

    #[napi]
    pub fn read_to_send(&self, offset: f64, target: Uint8s) -> Result<()> {
        // SAFETY: the array is this thread's while it is in this call, and a copy's place is not guest memory.
        unsafe {
            self.open()?.read_to_send(
                &mut self.known.borrow_mut(),
                whole(offset, "offset")?,
                target.start(),
                target.len() as u64,
            )
        }
        .map_err(raise)
    }

    #[napi]
    pub fn absent_to_send(&self, offset: f64, length: f64) -> Result<f64> {
        let (offset, length) = (whole(offset, "offset")?, whole(length, "length")?);
        let presence = self
            .open()?
            .presence_to_send(&mut self.known.borrow_mut(), offset, length);
        presence.map(|known| known.signed()).map_err(raise)
    }

    #[napi]
    pub fn close(&mut self) {
        self.digests = None;
    }

    fn open(&self) -> Result<&Digests> {
        self.digests
            .as_deref()
            .ok_or_else(|| refuse("these digests were closed"))
    }
}
