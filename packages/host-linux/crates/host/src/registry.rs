//! Mappings by number, for all threads of the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::{Code, Fault, Result};
use crate::mapping::{Mapping, Plan};

/// Things that one thread makes and others open by number.
#[derive(Debug)]
pub struct Registry<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    last: u32,
    entries: BTreeMap<u32, Arc<T>>,
}

impl<T> Registry<T> {
    pub const fn new() -> Self {
        Registry {
            inner: Mutex::new(Inner {
                last: 0,
                entries: BTreeMap::new(),
            }),
        }
    }

    /// Numbers begin with 1, and none comes twice.
    pub fn add(&self, item: Arc<T>) -> u32 {
        let mut inner = self.lock();
        inner.last += 1;
        let number = inner.last;
        inner.entries.insert(number, item);
        number
    }

    pub fn get(&self, number: u32) -> Option<Arc<T>> {
        self.lock().entries.get(&number).cloned()
    }

    pub fn remove(&self, number: u32) -> Option<Arc<T>> {
        self.lock().entries.remove(&number)
    }

    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A thread that panicked in here left nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Registry::new()
    }
}

static MAPPINGS: Registry<Mapping> = Registry::new();

/// Maps memory and keeps it until `unmap`, and longer if somebody still uses it.
pub fn map(plan: Plan) -> Result<(u32, Arc<Mapping>)> {
    let mapping = Arc::new(Mapping::new(plan)?);
    Ok((MAPPINGS.add(Arc::clone(&mapping)), mapping))
}

pub fn open(number: u32) -> Result<Arc<Mapping>> {
    MAPPINGS.get(number).ok_or_else(|| {
        Fault::new(Code::Io, format!("no guest memory {number} in this process (any more)"))
            .hint("open it in the process that mapped it, before the mapping is closed there")
    })
}

/// No thread can open it any more; those who have it keep it.
pub fn unmap(number: u32) {
    drop(MAPPINGS.remove(number));
}

/// Mappings that can be opened.
pub fn count() -> usize {
    MAPPINGS.count()
}
