//! Trackers of writes.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, LazyLock};

use multifd_host::bits::DirtyBits;
use multifd_host::fault::{Code, Fault};
use multifd_host::registry::{self, Registry};
use multifd_host::track::Tracker;
use multifd_host::track::digest::{DigestTracker, Digests};
use multifd_host::track::soft_dirty::{SoftDirty, Writer};
use multifd_host::track::stopped::Process;
use multifd_host::track::uffd::Uffd;
use napi_derive::napi;

use crate::fault::{Result, raise, refuse, whole};
use crate::typed_array::{Int32s, Uint8s};

static DIGESTS: LazyLock<Registry<Digests>> = LazyLock::new(Registry::new);

/// `NativeTrackerPlan` in `src/binding.ts`.
#[napi(object)]
pub struct TrackerPlan {
    pub kind: String,
    pub mapping: u32,
    pub page_size: u32,
    pub process: Option<i32>,
    pub address: Option<f64>,
    /// For tests: also where the kernel never sets a bit.
    pub unchecked: Option<bool>,
}

#[napi]
pub struct NativeTracker {
    page_size: u64,
    tracker: Option<Box<dyn Tracker>>,
    digests: Option<u32>,
}

#[napi]
impl NativeTracker {
    #[napi(constructor)]
    pub fn new(plan: TrackerPlan) -> Result<Self> {
        let page_size = u64::from(plan.page_size);
        let mapping = registry::open(plan.mapping).map_err(raise)?;
        let soft_dirty = |writer| {
            let mapping = Arc::clone(&mapping);
            if plan.unchecked == Some(true) {
                SoftDirty::unchecked(mapping, writer)
            } else {
                SoftDirty::new(mapping, writer)
            }
        };
        let mut digests = None;
        let tracker: Box<dyn Tracker> = match plan.kind.as_str() {
            "uffd" => Box::new(Uffd::new(mapping).map_err(raise)?),
            "soft-dirty" => Box::new(soft_dirty(Writer::Paused).map_err(raise)?),
            "soft-dirty-process" => {
                let number = plan.process.ok_or_else(|| refuse("no process"))?;
                let address = whole(plan.address.unwrap_or(f64::NAN), "the address")?;
                let process = Process::open(number).map_err(raise)?;
                Box::new(soft_dirty(Writer::Process { process, address }).map_err(raise)?)
            }
            "digest" => {
                let made = Arc::new(Digests::new(mapping, page_size).map_err(raise)?);
                digests = Some(DIGESTS.add(Arc::clone(&made)));
                Box::new(DigestTracker::new(made))
            }
            other => return Err(refuse(format!("no kind of tracker: {other}"))),
        };
        Ok(NativeTracker {
            page_size,
            tracker: Some(tracker),
            digests,
        })
    }

    /// What `NativeDigests` opens; 0: none.
    #[napi]
    pub fn digests(&self) -> u32 {
        self.digests.unwrap_or(0)
    }

    #[napi]
    pub fn sync(&mut self, words: Int32s, pages: f64) -> Result<()> {
        let tracker = self.tracker.as_mut().ok_or_else(|| refuse("this tracker was closed"))?;
        // SAFETY: the array keeps its words while this thread is in this call. Other threads use them by Atomics of
        // JavaScript, which are what `AtomicU32` is; an i32 is as large and as aligned.
        let words: &[AtomicU32] = unsafe { std::slice::from_raw_parts(words.start().cast(), words.len()) };
        let bits = DirtyBits::new(words, whole(pages, "pages")?, self.page_size)
            .ok_or_else(|| refuse(format!("a bitmap of {} words for {pages} pages", words.len())))?;
        tracker.sync(&bits).map_err(raise)
    }

    #[napi]
    pub fn close(&mut self) {
        self.tracker = None;
        if let Some(number) = self.digests.take() {
            DIGESTS.remove(number);
        }
    }
}

/// What was last read of a mapping, as one thread has it open.
#[napi]
pub struct NativeDigests {
    digests: Option<Arc<Digests>>,
}

#[napi]
impl NativeDigests {
    #[napi(constructor)]
    pub fn new(number: u32) -> Result<Self> {
        let digests = DIGESTS
            .get(number)
            .ok_or_else(|| raise(Fault::new(Code::Io, "its tracker was closed")))?;
        Ok(NativeDigests { digests: Some(digests) })
    }

    #[napi]
    pub fn read(&self, offset: f64, target: Uint8s) -> Result<()> {
        // SAFETY: the array is this thread's while it is in this call, and a copy's place is not guest memory.
        unsafe {
            self.open()?
                .read(whole(offset, "offset")?, target.start(), target.len() as u64)
        }
        .map_err(raise)
    }

    #[napi]
    pub fn absent(&self, offset: f64, length: f64) -> Result<f64> {
        let presence = self
            .open()?
            .presence(whole(offset, "offset")?, whole(length, "length")?);
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
