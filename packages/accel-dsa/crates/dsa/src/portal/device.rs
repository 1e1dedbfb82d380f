//! Opens a work queue of a real device.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::mapped::{Instruction, Mapped};
use super::written::Written;
use super::{Limits, Portal};

/// A work queue, as sysfs describes it.
#[derive(Clone, Debug)]
pub struct Device {
    /// `/dev/dsa/wq0.0`.
    pub path: PathBuf,
    /// The queue's mode: several processes may have it. Else it is dedicated to one.
    pub shared: bool,
    pub limits: Limits,
}

/// What failed, and what the system said.
#[derive(Debug)]
pub enum OpenError {
    Open(io::Error),
    Map(io::Error),
}

/// By a mapped portal if the kernel and this CPU allow it, else by writing. Says which.
pub fn open(device: &Device) -> Result<(Box<dyn Portal>, &'static str), OpenError> {
    let file = OpenOptions::new().read(true).write(true).open(&device.path);
    let file = OwnedFd::from(file.map_err(OpenError::Open)?);
    let instruction = if device.shared {
        Instruction::Enqcmd
    } else {
        Instruction::Movdir64b
    };
    match Mapped::new(file, instruction, device.limits) {
        Ok(mapped) => Ok((Box::new(mapped), if device.shared { "ENQCMD" } else { "MOVDIR64B" })),
        Err((error, file)) if is_denied(&error) => Ok((Box::new(Written::new(file, device.limits)), "write()")),
        Err((error, _)) => Err(OpenError::Map(error)),
    }
}

/// The kernel does not let this user map it, or the CPU cannot use it: the kernel may do it instead.
fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(libc::EPERM)
}
