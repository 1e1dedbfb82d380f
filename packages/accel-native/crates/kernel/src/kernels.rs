//! The kernels and their names. Detection happens when one is asked for; a page costs no decision.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::page::Pages;

/// Looks at pages, or only reads them.
///
/// # Safety
/// The CPU has what the kernel is named for.
pub(crate) type Run = unsafe fn(&mut Pages<'_>);

/// A kernel that this build has code for. `Kernel::get` gives it only where the CPU can run it.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    pub name: &'static str,
    pub(crate) check: Run,
    pub(crate) read: Run,
}

/// Every kernel that some CPU has, widest first. Not all of them are in one build.
pub const NAMES: [&str; 5] = ["avx512", "avx2", "sse2", "neon", "scalar"];

/// Why a kernel cannot run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// No kernel has that name.
    Unknown,
    /// It is for CPUs of this other architecture.
    Architecture(&'static str),
    /// The CPU, or the operating system, lacks this.
    Feature(&'static str),
}

impl Kernel {
    /// The kernel called `name`, if this CPU can run it.
    pub fn get(name: &str) -> Result<Kernel, Absent> {
        match name {
            "scalar" => Ok(scalar::KERNEL),
            "sse2" | "avx2" | "avx512" => get_x86(name),
            "neon" => get_neon(),
            _ => Err(Absent::Unknown),
        }
    }

    /// The widest that this CPU can run.
    pub fn best() -> Kernel {
        let found = NAMES.iter().find_map(|name| Kernel::get(name).ok());
        found.unwrap_or(scalar::KERNEL)
    }
}

#[cfg(target_arch = "x86_64")]
fn get_x86(name: &str) -> Result<Kernel, Absent> {
    x86::get(name)
}

#[cfg(not(target_arch = "x86_64"))]
fn get_x86(_name: &str) -> Result<Kernel, Absent> {
    Err(Absent::Architecture("x86-64"))
}

#[cfg(target_arch = "aarch64")]
fn get_neon() -> Result<Kernel, Absent> {
    neon::get()
}

#[cfg(not(target_arch = "aarch64"))]
fn get_neon() -> Result<Kernel, Absent> {
    Err(Absent::Architecture("arm64"))
}
