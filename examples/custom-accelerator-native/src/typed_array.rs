//! Where a typed array's bytes are, for the addons of all packages. napi's own types give slices, which memory that a
//! guest writes to must never be.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Result, Status, TypeName, ValidateNapiValue, ValueType};
use napi::{Error, check_status, sys};

/// A typed array of one kind, for the length of the call that it is an argument of.
#[derive(Debug)]
pub struct Elements<T, const KIND: i32> {
    start: *mut T,
    length: usize,
}

pub type Uint8s = Elements<u8, { sys::TypedarrayType::uint8_array }>;
pub type Int32s = Elements<i32, { sys::TypedarrayType::int32_array }>;
pub type Float64s = Elements<f64, { sys::TypedarrayType::float64_array }>;

impl<T, const KIND: i32> Elements<T, KIND> {
    /// Dangling if there are none.
    pub fn start(&self) -> *mut T {
        self.start
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// # Safety
    /// Nobody writes to the elements while the slice is in use.
    pub unsafe fn as_slice(&self) -> &[T] {
        // SAFETY: start and length come from the engine; the rest is the caller's word.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    /// # Safety
    /// Nobody else reads or writes the elements while the slice is in use.
    pub unsafe fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl<T, const KIND: i32> TypeName for Elements<T, KIND> {
    fn type_name() -> &'static str {
        "TypedArray"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl<T, const KIND: i32> ValidateNapiValue for Elements<T, KIND> {}

impl<T, const KIND: i32> FromNapiValue for Elements<T, KIND> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (mut kind, mut length, mut start) = (0, 0, ptr::null_mut());
        // SAFETY: `env` and `value` belong to the call that is going on; the outputs are ours, and those that are
        // null are not asked for.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env,
                value,
                &mut kind,
                &mut length,
                &mut start,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        check_status!(status, "not a typed array")?;
        if kind != KIND {
            return Err(Error::new(Status::InvalidArg, "not a typed array of the right kind"));
        }
        // An array without elements may lie nowhere.
        let start = if length == 0 {
            ptr::NonNull::dangling().as_ptr()
        } else {
            start.cast()
        };
        Ok(Elements { start, length })
    }
}
