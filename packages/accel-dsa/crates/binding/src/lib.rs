//! `multifd-dsa` for Node: finds the bytes behind typed arrays, and turns answers into promises. `src/binding.ts` says
//! the same in TypeScript.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod in_flight;
mod lane;
mod options;
mod queues;

use multifd_dsa::Features;
use napi_derive::napi;

/// What of the two instructions that ring a portal this CPU has.
#[napi(object)]
pub struct CpuFeatures {
    pub enqcmd: bool,
    pub movdir64b: bool,
}

#[napi]
pub fn features() -> CpuFeatures {
    let Features { enqcmd, movdir64b } = Features::of_this_cpu();
    CpuFeatures { enqcmd, movdir64b }
}
