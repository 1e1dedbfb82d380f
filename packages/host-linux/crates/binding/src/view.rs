//! Guest memory as an ArrayBuffer. The engine calls back when the last view of it is collected, or its thread ends;
//! until then the memory stays mapped.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, LazyLock};

use multifd_host::fault::{Code, Fault};
use multifd_host::mapping::Mapping;
use multifd_host::registry::Registry;
use napi::bindgen_prelude::FromNapiValue;
use napi::{Env, Unknown, sys};

use crate::fault::{Result, raise};

/// What ArrayBuffers hold. By number, so that a finalizer that the engine calls although it made no ArrayBuffer, or
/// does not call, does no harm.
static HELD: LazyLock<Registry<Mapping>> = LazyLock::new(Registry::new);

/// ArrayBuffers that were not collected yet.
pub fn held() -> u32 {
    HELD.count() as u32
}

/// Bytes [offset, offset + length) of `mapping`, which the caller has checked.
pub fn create<'env>(env: &'env Env, mapping: &Arc<Mapping>, offset: u64, length: u64) -> Result<Unknown<'env>> {
    let number = HELD.add(Arc::clone(mapping));
    let mut value = ptr::null_mut();
    // SAFETY: the bytes lie in the mapping, which HELD keeps until the finalizer has run. They are valid for whatever
    // JavaScript does with bytes, other threads writing to them included.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            mapping.start().add(offset as usize).cast(),
            length as usize,
            Some(release),
            ptr::without_provenance_mut(number as usize),
            &mut value,
        )
    };
    if status == sys::Status::napi_ok {
        // SAFETY: a value that this call has just made.
        return unsafe { Unknown::from_napi_value(env.raw(), value) }
            .map_err(|error| raise(Fault::new(Code::Internal, error.reason.to_string())));
    }
    HELD.remove(number);
    let mut exception = ptr::null_mut();
    // SAFETY: takes an exception of this thread, if there is one.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &mut exception) };
    let message = format!("this JavaScript engine takes no memory of others ({length} bytes, napi status {status})");
    Err(raise(
        Fault::new(Code::Io, message).hint("run it in Node.js itself, 26.6 or newer"),
    ))
}

unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    drop(HELD.remove(hint.addr() as u32));
}
