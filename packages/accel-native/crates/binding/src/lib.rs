//! The kernels for Node: finds the bytes behind typed arrays, and turns faults into exceptions. `src/binding.ts` says
//! the same in TypeScript.

use multifd_typed_array::{Float64s, Uint8s};
use multifd_zero_kernel::{Absent, Fault, Kernel, Look, Memory, NAMES};
use napi::bindgen_prelude::{Error, Result, Status};
use napi_derive::napi;

/// A kernel, and why it cannot run here if it cannot.
#[napi(object)]
pub struct KernelState {
    pub name: String,
    /// `architecture` or `feature`; absent if it can run.
    pub lacks: Option<String>,
    /// Which one.
    pub what: Option<String>,
}

/// Every kernel, widest first.
#[napi]
pub fn kernels() -> Vec<KernelState> {
    let state = |name: &str| {
        let (lacks, what) = match Kernel::get(name) {
            Ok(_) => (None, None),
            Err(Absent::Architecture(what)) => (Some("architecture"), Some(what)),
            Err(Absent::Feature(what)) => (Some("feature"), Some(what)),
            Err(Absent::Unknown) => (Some("feature"), Some("nothing known")),
        };
        KernelState {
            name: name.to_owned(),
            lacks: lacks.map(str::to_owned),
            what: what.map(str::to_owned),
        }
    };
    NAMES.iter().map(|name| state(name)).collect()
}

/// One kernel for pages of one size.
#[napi]
pub struct Checker {
    kernel: Kernel,
    look: Look,
    page_size: usize,
}

#[napi]
impl Checker {
    /// `look`: `none`, `front` or `ends`, for benchmarks; without it, what measures best.
    #[napi(constructor)]
    pub fn new(name: String, page_size: u32, look: Option<String>) -> Result<Self> {
        let kernel = Kernel::get(&name).map_err(|absent| refuse(format!("kernel {name}: {absent:?}")))?;
        let look = match look.as_deref() {
            None => Look::default(),
            Some("none") => Look::None,
            Some("front") => Look::Front,
            Some("ends") => Look::Ends,
            Some(other) => return Err(refuse(format!("no look is called {other}"))),
        };
        Ok(Checker {
            kernel,
            look,
            page_size: page_size as usize,
        })
    }

    /// Writes 1 or 0 to the first `count` of `is_zero`.
    #[napi]
    pub fn check(&self, memory: Uint8s, offsets: Float64s, count: u32, mut is_zero: Uint8s) -> Result<()> {
        let (view, offsets, answers) = self.look(&memory, &offsets, count, &mut is_zero)?;
        view.check(self.kernel, self.look, offsets, answers).map_err(explain)
    }

    /// Reads as many bytes as `check` would of zero pages, and decides as little as can be.
    #[napi]
    pub fn read(&self, memory: Uint8s, offsets: Float64s, count: u32, mut is_zero: Uint8s) -> Result<()> {
        let (view, offsets, answers) = self.look(&memory, &offsets, count, &mut is_zero)?;
        view.read(self.kernel, offsets, answers).map_err(explain)
    }

    fn look<'a>(
        &self,
        memory: &Uint8s,
        offsets: &'a Float64s,
        count: u32,
        is_zero: &'a mut Uint8s,
    ) -> Result<(Memory, &'a [f64], &'a mut [u8])> {
        let count = count as usize;
        // SAFETY: the typed array keeps its bytes until this call is over; others may write to them.
        let view = unsafe { Memory::new(memory.start(), memory.len(), self.page_size) }.map_err(explain)?;
        // SAFETY: both arrays are this thread's alone while it is in this call, as the contract has it, and they are
        // not parts of each other or of guest memory.
        let (offsets, answers) = unsafe { (offsets.as_slice(), is_zero.as_mut_slice()) };
        let offsets = offsets
            .get(..count)
            .ok_or_else(|| refuse(format!("{count} pages, but fewer offsets")))?;
        let answers = answers
            .get_mut(..count)
            .ok_or_else(|| refuse(format!("{count} pages, but fewer answers")))?;
        Ok((view, offsets, answers))
    }
}

fn explain(fault: Fault) -> Error {
    refuse(match fault {
        Fault::PageSize(size) => format!("page size {size} is not a power of two from 4096"),
        Fault::Offset(index, offset) => format!("offsets[{index}] is {offset}: there is no whole page in memory"),
        Fault::Answers => "not as many answers as offsets".to_owned(),
    })
}

fn refuse(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
