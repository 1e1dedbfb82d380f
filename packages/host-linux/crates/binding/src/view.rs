//! Guest memory as a SharedArrayBuffer: other threads write to it, it cannot be taken from its owner by a transfer,
//! and its length is not counted as this thread's memory (an ArrayBuffer of 1 GiB costs a garbage collection). The
//! engine calls back when the last of them is collected, or its thread ends; until then the memory stays mapped.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

use multifd_host::fault::{Code, Fault};
use multifd_host::mapping::Mapping;
use multifd_host::registry::Registry;
use napi::bindgen_prelude::FromNapiValue;
use napi::{Env, Unknown, sys};

use crate::fault::{Result, raise};

/// What buffers hold. By number, so that a finalizer that the engine calls although it made no buffer does no harm.
static HELD: Registry<Mapping> = Registry::new();

type Finalizer = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);
/// `node_api_create_external_sharedarraybuffer`, which napi's own bindings lack.
type Create = unsafe extern "C" fn(
    env: sys::napi_env,
    data: *mut c_void,
    length: usize,
    finalizer: Option<Finalizer>,
    hint: *mut c_void,
    result: *mut sys::napi_value,
) -> sys::napi_status;

const CREATE: &CStr = c"node_api_create_external_sharedarraybuffer";

/// Measured: the others of 22, 24 and 26 lack it.
const LATER: &str = "run it in Node.js itself, in a later version of its line: 22.23, 24.18 and 26.4 can";

/// Whether this engine takes memory of others at all.
#[napi_derive::napi]
pub fn takes_memory() -> bool {
    function().is_some()
}

/// Buffers that were not collected yet.
pub fn held() -> u32 {
    HELD.count() as u32
}

/// Bytes [offset, offset + length) of `mapping`, which the caller has checked.
pub fn create<'env>(env: &'env Env, mapping: &Arc<Mapping>, offset: u64, length: u64) -> Result<Unknown<'env>> {
    let create = function().ok_or_else(|| refused("it lacks node_api_create_external_sharedarraybuffer"))?;
    let number = HELD.add(Arc::clone(mapping));
    let mut value = ptr::null_mut();
    // SAFETY: the bytes lie in the mapping, which HELD keeps until the finalizer has run. They are valid for whatever
    // JavaScript does with bytes that it shares with others.
    let status = unsafe {
        create(
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
    Err(refused(&format!("{length} bytes, napi status {status}")))
}

fn function() -> Option<Create> {
    // SAFETY: looks for a name in what is loaded; a function of that name is of that type.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, CREATE.as_ptr());
        (!found.is_null()).then(|| std::mem::transmute::<*mut c_void, Create>(found))
    }
}

fn refused(why: &str) -> napi::Error<Code> {
    let message = format!("this JavaScript engine takes no memory of others: {why}");
    raise(Fault::new(Code::Io, message).hint(LATER))
}

/// Called in any thread.
unsafe extern "C" fn release(_data: *mut c_void, hint: *mut c_void) {
    drop(HELD.remove(hint.addr() as u32));
}
