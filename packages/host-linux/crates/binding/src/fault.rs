//! Faults as exceptions: `code` is that of `MultifdError`, and a second line of the message says what to do.

use multifd_host::fault::{Code, Fault};
use napi::Error;

pub type Result<T> = std::result::Result<T, Error<Code>>;

pub fn raise(fault: Fault) -> Error<Code> {
    let text = match fault.hint {
        Some(hint) => format!("{}\n{hint}", fault.message),
        None => fault.message,
    };
    Error::new(fault.code, text)
}

pub fn refuse(message: impl Into<String>) -> Error<Code> {
    raise(Fault::new(Code::Usage, message))
}

/// A count, an offset or a length of bytes, as JavaScript has it.
pub fn whole(number: f64, what: &str) -> Result<u64> {
    let good = (0.0..=9_007_199_254_740_991.0).contains(&number) && number.fract() == 0.0;
    if good {
        Ok(number as u64)
    } else {
        Err(refuse(format!("{what} is {number}, not a whole number")))
    }
}
