//! The kernels and their names. Detection happens when one is asked for; a page costs no decision.

/// A kernel: the loops over pages, compiled for one vector and, where the CPU may lack it, one feature.
macro_rules! kernel {
    ($name:literal, $vector:ty $(, $feature:literal)?) => {{
        use crate::kernels::{Checks, Kernel};
        use crate::page::{Ends, Front, NoGlance, Pages};

        $(#[target_feature(enable = $feature)])?
        fn check(pages: &mut Pages<'_>) {
            // SAFETY: this function runs only where the vector is.
            unsafe { pages.check::<$vector, NoGlance>() }
        }

        $(#[target_feature(enable = $feature)])?
        fn check_front(pages: &mut Pages<'_>) {
            // SAFETY: as above.
            unsafe { pages.check::<$vector, Front>() }
        }

        $(#[target_feature(enable = $feature)])?
        fn check_ends(pages: &mut Pages<'_>) {
            // SAFETY: as above.
            unsafe { pages.check::<$vector, Ends>() }
        }

        $(#[target_feature(enable = $feature)])?
        fn read(pages: &mut Pages<'_>) {
            // SAFETY: as above.
            unsafe { pages.read::<$vector>() }
        }

        Kernel {
            name: $name,
            checks: Checks {
                none: check,
                front: check_front,
                ends: check_ends,
            },
            read,
        }
    }};
}

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
    pub(crate) checks: Checks,
    pub(crate) read: Run,
}

/// The same check behind each quick look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    pub(crate) none: Run,
    pub(crate) front: Run,
    pub(crate) ends: Run,
}

/// What a check looks at before it reads a whole page. None of them changes an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    None,
    /// Four bytes of the first 32. What measures best: `docs/benchmarks.md`.
    #[default]
    Front,
    /// The first byte, one in the middle and the last, as QEMU does.
    Ends,
}

impl Look {
    /// Every one.
    pub const ALL: [Look; 3] = [Look::None, Look::Front, Look::Ends];
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
            "scalar" => Ok(scalar::get()),
            "sse2" | "avx2" | "avx512" => get_x86(name),
            "neon" => get_neon(),
            _ => Err(Absent::Unknown),
        }
    }

    pub(crate) fn check(&self, look: Look) -> Run {
        match look {
            Look::None => self.checks.none,
            Look::Front => self.checks.front,
            Look::Ends => self.checks.ends,
        }
    }

    /// The widest that this CPU can run.
    pub fn best() -> Kernel {
        let found = NAMES.iter().find_map(|name| Kernel::get(name).ok());
        found.unwrap_or_else(scalar::get)
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
