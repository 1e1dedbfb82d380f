//! A work queue in software: it executes real descriptors in a thread of its own, from and to the same memory as a device
//! would. For tests, and for machines without a device; slower than any check on the CPU.

mod execute;
pub mod faults;
mod thread;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::layout::Descriptor;
use crate::portal::{Limits, Portal, Refusal};
use crate::random::Random;
use faults::{Faults, Vanish};

/// As a work queue of a device is often configured.
const LIMITS: Limits = Limits {
    in_flight: 16,
    batch: 32,
    transfer: 2 << 20,
};

/// What both threads see.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Descriptor>,
    /// Executing, or held back.
    busy: usize,
    closed: bool,
    /// The device has vanished: nobody takes from `waiting` any more.
    gone: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Software {
    shared: Arc<Shared>,
    faults: Faults,
    random: Random,
    submitted: u64,
    thread: Option<JoinHandle<()>>,
}

impl Software {
    /// # Errors
    /// Where no thread can be started.
    pub fn new(faults: Faults) -> io::Result<Software> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let (device, plan) = (Arc::clone(&shared), faults.clone());
        let thread = std::thread::Builder::new()
            .name("dsa-software".to_owned())
            .spawn(move || thread::run(&device, &plan))?;
        Ok(Software {
            shared,
            random: Random::new(faults.seed),
            faults,
            submitted: 0,
            thread: Some(thread),
        })
    }

    /// What the kernel would say of the next descriptor.
    fn refusal(&mut self, state: &State) -> Option<Refusal> {
        if state.gone && self.faults.vanish == Vanish::Enodev {
            return Some(Refusal::Gone(io::Error::from_raw_os_error(libc::ENODEV)));
        }
        if self.faults.denied.is_some_and(|(after, _)| self.submitted >= after) {
            let errno = self.faults.denied.map_or(libc::EPERM, |(_, errno)| errno);
            return Some(Refusal::Denied(io::Error::from_raw_os_error(errno)));
        }
        // A device that is gone without a word takes nothing out of its queue, but what is in it counts.
        let full = state.waiting.len() + state.busy >= LIMITS.in_flight;
        (full || self.random.chance(self.faults.full)).then_some(Refusal::Full)
    }
}

impl Portal for Software {
    fn limits(&self) -> Limits {
        LIMITS
    }

    unsafe fn submit(&mut self, descriptors: &[Descriptor]) -> (usize, Option<Refusal>) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        for (index, descriptor) in descriptors.iter().enumerate() {
            if let Some(refusal) = self.refusal(&state) {
                return (index, Some(refusal));
            }
            self.submitted += 1;
            state.waiting.push_back(*descriptor);
            shared.changed.notify_one();
        }
        (descriptors.len(), None)
    }
}

impl Drop for Software {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        // After this nothing reads a page or writes a record.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
