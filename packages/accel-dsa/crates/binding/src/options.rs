//! What TypeScript says of a queue.

use std::time::Duration;

use multifd_dsa::{Device, Faults, Limits, Vanish};
use napi::bindgen_prelude::{Error, Result, Status};
use napi_derive::napi;

#[napi(object)]
pub struct QueueOptions {
    /// Its character device; absent: the software queue.
    pub device: Option<DeviceOptions>,
    /// ms that it may take and answer nothing before it counts as lost.
    pub patience: u32,
    /// Of the software queue, for tests.
    pub faults: Option<FaultOptions>,
}

#[napi(object)]
pub struct DeviceOptions {
    pub path: String,
    pub shared: bool,
    /// `size`, `max_batch_size` and `max_transfer_size` of sysfs.
    pub size: u32,
    pub max_batch_size: u32,
    pub max_transfer_size: f64,
}

/// See `Faults`: in a thousand, unless it says otherwise.
#[napi(object)]
#[derive(Default)]
pub struct FaultOptions {
    pub seed: Option<u32>,
    pub partial: Option<u32>,
    pub poison: Option<u32>,
    pub batch: Option<u32>,
    pub behind: Option<u32>,
    pub full: Option<u32>,
    pub late: Option<u32>,
    pub shuffled: Option<bool>,
    /// `EPERM` or `EINVAL`, from the unit `deniedAfter` on.
    pub denied: Option<String>,
    pub denied_after: Option<u32>,
    /// `silent` or `ENODEV`, after the descriptor `vanishAfter`.
    pub vanish: Option<String>,
    pub vanish_after: Option<u32>,
}

impl QueueOptions {
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience.into())
    }

    pub fn faults(&self) -> Result<Faults> {
        self.faults.as_ref().map_or(Ok(Faults::default()), FaultOptions::read)
    }
}

impl DeviceOptions {
    pub fn read(&self) -> Device {
        Device {
            path: self.path.clone().into(),
            shared: self.shared,
            limits: Limits {
                in_flight: self.size as usize,
                batch: self.max_batch_size as usize,
                transfer: self.max_transfer_size as u64,
            },
        }
    }
}

impl FaultOptions {
    fn read(&self) -> Result<Faults> {
        // As Linux has them on every architecture.
        let errno = match self.denied.as_deref() {
            None => None,
            Some("EPERM") => Some(1),
            Some("EINVAL") => Some(22),
            Some(other) => return Err(unknown(other)),
        };
        let vanish = match self.vanish.as_deref() {
            None => None,
            Some("silent") => Some(Vanish::Silent),
            Some("ENODEV") => Some(Vanish::Enodev),
            Some(other) => return Err(unknown(other)),
        };
        Ok(Faults {
            seed: self.seed.unwrap_or(0).into(),
            partial: self.partial.unwrap_or(0),
            poison: self.poison.unwrap_or(0),
            batch: self.batch.unwrap_or(0),
            behind: self.behind.unwrap_or(0),
            full: self.full.unwrap_or(0),
            late: self.late.unwrap_or(0),
            shuffled: self.shuffled.unwrap_or(false),
            denied: errno.map(|errno| (self.denied_after.unwrap_or(0).into(), errno)),
            vanish_after: vanish.map(|_| self.vanish_after.unwrap_or(0).into()),
            vanish: vanish.unwrap_or_default(),
        })
    }
}

fn unknown(fault: &str) -> Error {
    Error::new(Status::InvalidArg, format!("there is no fault {fault}"))
}
