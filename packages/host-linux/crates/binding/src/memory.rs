//! Guest memory.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use multifd_host::known_data::KnownData;
use multifd_host::mapping::{Backing, Mapping, Plan, Source};
use multifd_host::registry;
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::fault::{Result, raise, refuse, whole};
use crate::view;

/// `NativePlan` in `src/binding.ts`.
#[napi(object)]
pub struct MapPlan {
    pub name: String,
    pub length: f64,
    pub kind: String,
    pub path: Option<String>,
    pub descriptor: Option<i32>,
    pub offset: Option<f64>,
    pub shared: Option<bool>,
    pub writable: Option<bool>,
}

impl MapPlan {
    fn backing(&self) -> Result<Backing> {
        Ok(match self.kind.as_str() {
            "auto" => Backing::Auto,
            "anon" => Backing::Anon,
            "thp" => Backing::Thp,
            "memfd" => Backing::Memfd,
            "file" => Backing::File {
                source: match (&self.path, self.descriptor) {
                    (Some(path), None) => Source::Path(PathBuf::from(path)),
                    (None, Some(number)) => Source::Descriptor(number),
                    _ => return Err(refuse("a file is named by its path or by a descriptor")),
                },
                offset: whole(self.offset.unwrap_or(0.0), "the offset in the file")?,
                shared: self.shared.unwrap_or(true),
            },
            other => return Err(refuse(format!("no kind of memory: {other}"))),
        })
    }
}

/// Maps memory. @returns the number that every thread opens it by.
#[napi]
pub fn map_memory(plan: MapPlan) -> Result<u32> {
    let plan = Plan {
        backing: plan.backing()?,
        length: whole(plan.length, "the length")?,
        writable: plan.writable.unwrap_or(true),
        name: plan.name,
    };
    registry::map(plan).map(|(number, _)| number).map_err(raise)
}

/// No thread can open it any more; those who have it keep it.
#[napi]
pub fn unmap_memory(number: u32) {
    registry::unmap(number);
}

/// For tests: mappings that can be opened, and SharedArrayBuffers that still hold one.
#[napi]
pub fn held_memory() -> Vec<u32> {
    vec![registry::count() as u32, view::held()]
}

/// A mapping as one thread has it open.
#[napi]
pub struct Memory {
    mapping: Option<Arc<Mapping>>,
    known: RefCell<KnownData>,
}

impl Memory {
    pub fn mapping(&self) -> Result<&Arc<Mapping>> {
        self.mapping
            .as_ref()
            .ok_or_else(|| refuse("this guest memory was closed"))
    }
}

#[napi]
impl Memory {
    #[napi(constructor)]
    pub fn new(number: u32) -> Result<Self> {
        let mapping = registry::open(number).map_err(raise)?;
        Ok(Memory {
            mapping: Some(mapping),
            known: RefCell::default(),
        })
    }

    #[napi]
    pub fn view<'env>(&self, env: &'env Env, offset: f64, length: f64) -> Result<Unknown<'env>> {
        let mapping = self.mapping()?;
        let (offset, length) = (whole(offset, "offset")?, whole(length, "length")?);
        if offset.checked_add(length).is_none_or(|end| end > mapping.length()) {
            return Err(refuse(format!("no {length} bytes at {offset}")));
        }
        view::create(env, mapping, offset, length)
    }

    #[napi]
    pub fn absent(&self, offset: f64, length: f64) -> Result<f64> {
        let (offset, length) = (whole(offset, "offset")?, whole(length, "length")?);
        let presence = self
            .mapping()?
            .presence_after(&mut self.known.borrow_mut(), offset, length)
            .map_err(raise)?;
        Ok(presence.signed())
    }

    #[napi]
    pub fn zero(&self, offset: f64, length: f64) -> Result<()> {
        let (offset, length) = (whole(offset, "offset")?, whole(length, "length")?);
        self.mapping()?.zero(offset, length).map_err(raise)
    }

    #[napi]
    pub fn intact(&self) -> Result<()> {
        self.mapping()?.intact().map_err(raise)
    }

    #[napi]
    pub fn allocated(&self) -> Result<f64> {
        self.mapping()?.allocated().map(|bytes| bytes as f64).map_err(raise)
    }

    /// Whether `ask_huge` can bring anything.
    #[napi]
    pub fn can_ask(&self) -> Result<bool> {
        Ok(self.mapping()?.can_ask())
    }

    #[napi]
    pub fn ask_huge(&self, offset: f64) -> Result<()> {
        self.mapping()?.ask_huge(whole(offset, "offset")?).map_err(raise)
    }

    /// -1: the kernel does not say.
    #[napi]
    pub fn in_huge_pages(&self) -> Result<f64> {
        let bytes = self.mapping()?.in_huge_pages().map_err(raise)?;
        Ok(bytes.map_or(-1.0, |bytes| bytes as f64))
    }

    /// For tests: how often the kernel was asked where a run of the file's data ends, over all threads.
    #[napi]
    pub fn asked(&self) -> Result<f64> {
        Ok(self.mapping()?.asked() as f64)
    }

    /// -1: there is none.
    #[napi]
    pub fn descriptor(&self) -> Result<i32> {
        Ok(self.mapping()?.descriptor().unwrap_or(-1))
    }

    #[napi]
    pub fn close(&mut self) {
        self.mapping = None;
    }
}
