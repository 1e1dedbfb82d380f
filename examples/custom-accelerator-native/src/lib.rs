//! The accelerator's machine code: knows which memory the device may read, and checks batches beside the thread that asked.

mod device;
pub mod typed_array;

use std::ops::Range;
use std::time::Instant;

use napi::bindgen_prelude::{AsyncTask, Error, Result, Status, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use device::{Device, Page};
use typed_array::{Float64s, Uint8s};

/// One detector's end of the device.
#[napi]
pub struct Engine {
    page_size: usize,
    device: Device,
    /// Addresses that are registered with the device. It reads nothing else.
    registered: Vec<Range<usize>>,
}

#[napi]
impl Engine {
    /// `fault_every`: a rehearsal, in which each page of that number is one that the device cannot read; 0: none.
    #[napi(constructor)]
    pub fn new(page_size: u32, fault_every: u32) -> Self {
        Engine {
            page_size: page_size as usize,
            device: Device::open(fault_every),
            registered: Vec::new(),
        }
    }

    /// Registers memory: a driver pins it, and maps it for the device, here.
    #[napi]
    pub fn attach(&mut self, piece: Uint8s) {
        let start = piece.start() as usize;
        self.registered.push(start..start + piece.len());
    }

    /// Withdraws all of it. No batch is with the device.
    #[napi]
    pub fn detach(&mut self) {
        self.registered.clear();
    }

    /// Submits a batch. The caller keeps `memory` until the promise is settled.
    #[napi]
    pub fn check(&self, memory: Uint8s, offsets: Float64s, count: u32) -> Result<AsyncTask<Check>> {
        // SAFETY: the offsets are this thread's alone during the call.
        let offsets = unsafe { offsets.as_slice() };
        let offsets = offsets
            .get(..count as usize)
            .ok_or_else(|| refuse(format!("{count} pages, but {} offsets", offsets.len())))?;
        let start = memory.start() as usize;
        let end = start + memory.len();
        let pages = offsets.iter().enumerate().map(|(index, &offset)| {
            // A number beyond the memory, below 0, or none at all: never an address.
            if !(offset >= 0.0 && offset.fract() == 0.0 && offset + self.page_size as f64 <= memory.len() as f64) {
                return Err(refuse(format!("offsets[{index}] is {offset}: no whole page there")));
            }
            let address = start + offset as usize;
            let page = address..(address + self.page_size).min(end);
            Ok(Page {
                address,
                is_registered: self
                    .registered
                    .iter()
                    .any(|each| each.start <= page.start && page.end <= each.end),
            })
        });
        Ok(AsyncTask::new(Check {
            pages: pages.collect::<Result<_>>()?,
            page_size: self.page_size,
            device: self.device,
        }))
    }
}

/// A batch that is with the device.
pub struct Check {
    pages: Vec<Page>,
    page_size: usize,
    device: Device,
}

/// What came of it.
#[napi(object)]
pub struct Checked {
    /// 1 for each page that is zero, else 0.
    pub answers: Uint8Array,
    /// Pages that the CPU checked or finished, as the device could not read them.
    pub cpu_after_fault: u32,
    /// ms.
    pub device_time: f64,
}

impl Task for Check {
    type Output = Checked;
    type JsValue = Checked;

    /// In a thread of libuv's, where a driver would wait for its completion records.
    fn compute(&mut self) -> Result<Checked> {
        let began = Instant::now();
        let mut cpu_after_fault = 0;
        let mut answers = Vec::with_capacity(self.pages.len());
        for (index, page) in self.pages.iter().enumerate() {
            // SAFETY: `check` has seen that the page lies in the caller's memory, which stays until this is over.
            let by_device = unsafe { self.device.check(index, page, self.page_size) };
            let is_zero = by_device.unwrap_or_else(|fault| {
                cpu_after_fault += 1;
                // SAFETY: as above. The device has found zeros up to where it stopped.
                unsafe { device::is_zero(page.address + fault.done, self.page_size - fault.done) }
            });
            answers.push(u8::from(is_zero));
        }
        Ok(Checked {
            answers: answers.into(),
            cpu_after_fault,
            device_time: began.elapsed().as_secs_f64() * 1000.0,
        })
    }

    fn resolve(&mut self, _env: Env, checked: Checked) -> Result<Checked> {
        Ok(checked)
    }
}

fn refuse(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
