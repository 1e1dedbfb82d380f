//! Mappings by number, for all threads of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::{Code, Fault, Result};
use crate::mapping::{Mapping, Plan};

/// Things that one thread makes and others open by number.
#[derive(Debug)]
pub struct Registry<T> {
    entries: Mutex<Option<(u32, HashMap<u32, Arc<T>>)>>,
}

impl<T> Registry<T> {
    pub const fn new() -> Self {
        Registry {
            entries: Mutex::new(None),
        }
    }

    /// Numbers begin with 1, and none comes twice.
    pub fn add(&self, item: Arc<T>) -> u32 {
        self.with(|next, entries| {
            *next += 1;
            entries.insert(*next, item);
            *next
        })
    }

    pub fn get(&self, number: u32) -> Option<Arc<T>> {
        self.with(|_, entries| entries.get(&number).cloned())
    }

    pub fn remove(&self, number: u32) -> Option<Arc<T>> {
        self.with(|_, entries| entries.remove(&number))
    }

    pub fn count(&self) -> usize {
        self.with(|_, entries| entries.len())
    }

    fn with<R>(&self, act: impl FnOnce(&mut u32, &mut HashMap<u32, Arc<T>>) -> R) -> R {
        // A thread that panicked in here left nothing half done.
        let mut guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, entries) = guard.get_or_insert_with(Default::default);
        act(next, entries)
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
