//! One detector's way to a queue.

use std::sync::Arc;

use multifd_dsa::{Job, Tally};
use multifd_typed_array::{Float64s, Uint8s};
use napi::Env;
use napi::bindgen_prelude::{Error, Object, Result, Status, Uint8Array};
use napi_derive::napi;

use crate::in_flight::InFlight;
use crate::options::QueueOptions;
use crate::queues::{Open, get, give_back};

/// The answers, and what they took.
#[napi(object)]
pub struct Checked {
    /// 1 or 0 for each page.
    pub answers: Uint8Array,
    pub by_device: u32,
    pub by_cpu: u32,
    pub retries: u32,
    /// From the first descriptor to the last answer.
    pub nanoseconds: f64,
}

impl Checked {
    fn new(answers: Vec<u8>, tally: Tally) -> Checked {
        Checked {
            answers: answers.into(),
            by_device: tally.by_device,
            by_cpu: tally.by_cpu,
            retries: tally.retries,
            nanoseconds: tally.device_time.as_nanos() as f64,
        }
    }
}

type Resolver = Box<dyn FnOnce(Env) -> Result<Checked>>;

#[napi]
pub struct Lane {
    open: Option<Arc<Open>>,
}

#[napi]
impl Lane {
    #[napi(constructor)]
    pub fn new(options: QueueOptions) -> Result<Self> {
        let open = Some(get(&options)?);
        Ok(Lane { open })
    }

    /// How descriptors get to the device.
    #[napi(getter)]
    pub fn how(&self) -> &'static str {
        self.open.as_ref().map_or("closed", |open| open.how)
    }

    /// The caller keeps `memory` until the promise settles.
    #[napi(ts_return_type = "Promise<Checked>")]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        memory: Uint8s,
        offsets: Float64s,
        count: u32,
        page_size: u32,
    ) -> Result<Object<'env>> {
        let open = self
            .open
            .as_ref()
            .ok_or_else(|| refuse("the queue is closed".to_owned()))?;
        // SAFETY: only this thread writes to it, and not while it is in this call.
        let offsets = unsafe { offsets.as_slice() };
        let offsets = offsets
            .get(..count as usize)
            .ok_or_else(|| refuse(format!("{count} pages, but fewer offsets")))?;
        // SAFETY: JavaScript holds the typed array until the promise settles, which is after `done` was called. If this
        // thread is ended before that, V8 frees nothing until `in_flight` is dropped.
        let job = unsafe { Job::new(memory.start(), memory.len(), page_size as usize, offsets) };
        let job = job.map_err(|bad| refuse(bad.to_string()))?;
        let in_flight = InFlight::begin(env)?;
        let (deferred, promise) = env.create_deferred::<Checked, Resolver>()?;
        open.queue.submit(job, move |outcome| {
            match outcome {
                Ok((answers, tally)) => deferred.resolve(Box::new(move |_| Ok(Checked::new(answers, tally)))),
                Err(reason) => deferred.reject(Error::new(Status::GenericFailure, reason)),
            }
            drop(in_flight);
        });
        Ok(promise)
    }

    /// After the last call has been answered. May be called twice.
    #[napi]
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            give_back(open);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.close();
    }
}

fn refuse(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
