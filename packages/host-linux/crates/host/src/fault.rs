//! What went wrong, in the words of `MultifdError`.

use std::fmt;
use std::io;

/// Codes of `MultifdError` that this crate uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Usage,
    Io,
    Internal,
    Cancelled,
    Timeout,
    PeerClosed,
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        match self {
            Code::Usage => "usage",
            Code::Io => "io",
            Code::Internal => "internal",
            Code::Cancelled => "cancelled",
            Code::Timeout => "timeout",
            Code::PeerClosed => "peer-closed",
        }
    }
}

/// An error: one line on what and where, and one on what to do if there is something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub message: String,
    pub hint: Option<&'static str>,
}

pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Fault {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The system refused `what`.
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        let fault = Fault::new(Code::Io, format!("{what}: {error}"));
        match error.raw_os_error() {
            Some(libc::EFBIG) => fault.hint("raise ulimit -f; it binds memory that is a file (memfd), too"),
            _ => fault,
        }
    }

    /// The system refused `what`; the reason is in `errno`.
    pub fn last(what: impl fmt::Display) -> Self {
        Fault::io(what, &io::Error::last_os_error())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.as_ref(), self.message)
    }
}

impl std::error::Error for Fault {}

/// `errno` of the system call that has just failed.
pub fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
