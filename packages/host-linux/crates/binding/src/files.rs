//! Files: `NativeBinding` in `src/binding.ts`.

use std::ffi::CString;

use multifd_host::files;
use napi_derive::napi;

use crate::fault::{Result, raise, refuse, whole};

/// -1: there is none.
#[napi]
pub fn next_data(descriptor: i32, offset: f64) -> Result<f64> {
    let found = files::next_data(descriptor, whole(offset, "the offset")?);
    Ok(found.map_err(raise)?.map_or(-1.0, |at| at as f64))
}

/// -1: the offset lies behind the end.
#[napi]
pub fn next_hole(descriptor: i32, offset: f64) -> Result<f64> {
    let found = files::next_hole(descriptor, whole(offset, "the offset")?);
    Ok(found.map_err(raise)?.map_or(-1.0, |at| at as f64))
}

/// None: it cannot be told here.
#[napi]
pub fn is_open_for_writing(descriptor: i32) -> Option<bool> {
    files::is_open_for_writing(descriptor)
}

/// @returns false where that cannot be done.
#[napi]
pub fn exchange_names(a: String, b: String) -> Result<bool> {
    files::exchange_names(&path(a)?, &path(b)?).map_err(raise)
}

fn path(text: String) -> Result<CString> {
    CString::new(text).map_err(|_| refuse("a path with a zero byte"))
}
