//! The queues of this process: a dedicated work queue can be opened once, and one thread for each is enough. Addons are
//! loaded once in a process, whatever its threads; so all of them find the same queues here.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use multifd_dsa::{OpenError, Portal, Queue, Software, open};
use napi::bindgen_prelude::{Error, Result, Status};

use crate::options::{DeviceOptions, QueueOptions};

/// A queue, and how descriptors get to it.
pub struct Open {
    pub queue: Queue,
    pub how: &'static str,
}

static QUEUES: Mutex<Option<HashMap<String, Weak<Open>>>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<HashMap<String, Weak<Open>>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue that is open already, unless its device is lost; else a new one.
pub fn get(options: &QueueOptions) -> Result<Arc<Open>> {
    let faults = options.faults()?;
    let key = match &options.device {
        Some(device) => device.path.clone(),
        None => format!("software, {} ms, {faults:?}", options.patience),
    };
    let mut queues = lock();
    let queues = queues.get_or_insert_default();
    queues.retain(|_, each| each.strong_count() > 0);
    if let Some(open) = queues
        .get(&key)
        .and_then(Weak::upgrade)
        .filter(|open| !open.queue.is_lost())
    {
        return Ok(open);
    }
    let (portal, how, name): (Box<dyn Portal>, _, _) = match &options.device {
        Some(device) => {
            let (portal, how) = open(&device.read()).map_err(|error| explain(device, error))?;
            (portal, how, device.path.as_str())
        }
        None => {
            let software = Software::new(faults).map_err(|error| failed(format!("no thread: {error}")))?;
            (Box::new(software), "a thread of this process", "the software queue")
        }
    };
    let queue =
        Queue::new(name, portal, options.patience()).map_err(|error| failed(format!("no thread: {error}")))?;
    let open = Arc::new(Open { queue, how });
    queues.insert(key, Arc::downgrade(&open));
    Ok(open)
}

/// Whoever opens a dedicated queue again right now must find it closed: so the last one closes it under the lock.
pub fn give_back(open: Arc<Open>) {
    let queues = lock();
    drop(open);
    drop(queues);
}

fn explain(device: &DeviceOptions, error: OpenError) -> Error {
    let path = &device.path;
    failed(match error {
        OpenError::Open(error) if error.kind() == ErrorKind::ResourceBusy => {
            format!("{path} cannot be opened: it is dedicated to one process, and another has it ({error})")
        }
        OpenError::Open(error) => format!("{path} cannot be opened: {error}"),
        OpenError::Map(error) => format!("the portal of {path} cannot be mapped: {error}"),
    })
}

fn failed(message: String) -> Error {
    Error::new(Status::GenericFailure, message)
}
