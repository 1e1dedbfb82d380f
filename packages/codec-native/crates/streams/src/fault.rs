use std::fmt;

/// Why a payload is refused, or a stream cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It gives fewer bytes than its pages have.
    TooLittle {
        got: usize,
        wanted: usize,
    },
    /// It gives more bytes than its pages have.
    TooMuch {
        wanted: usize,
    },
    /// Its last bytes belong to a block that goes on.
    Unfinished,
    /// The stream ends in it; a channel's zlib stream goes on to the channel's end.
    Ended,
    /// In the library's own words.
    Corrupt(String),
    /// The output is too small for what has to be written.
    NoRoom,
    Setup(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooLittle { got, wanted } => write!(f, "the payload gives {got} bytes, its pages have {wanted}"),
            Fault::TooMuch { wanted } => write!(f, "the payload gives more than the {wanted} bytes of its pages"),
            Fault::Unfinished => write!(f, "the payload ends inside a block"),
            Fault::Ended => write!(f, "the stream ends in this payload, and must go on"),
            Fault::Corrupt(what) => write!(f, "corrupt payload: {what}"),
            Fault::NoRoom => write!(f, "the output has no room for the payload"),
            Fault::Setup(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Fault {}
