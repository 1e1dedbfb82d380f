use std::ffi::{CStr, c_int};

use libz_rs_sys as z;

use crate::span::total;
use crate::zlib_level::zlib_level;
use crate::{Fault, Pack, Span, Unpack};

/// QEMU's: the largest window, with zlib's own header.
const WINDOW_BITS: c_int = 15;
/// In `data_type` of an inflating stream: it stands behind a block's last code …
const AT_BLOCK_END: c_int = 128;
/// … which is or was the last of the stream …
const LAST_BLOCK: c_int = 64;
/// … and so many bits of the last byte are not used yet. A sync flush leaves none.
const BITS_LEFT: c_int = 63;

pub fn version() -> String {
    // SAFETY: a constant string of the library.
    unsafe { CStr::from_ptr(z::zlibVersion()) }
        .to_string_lossy()
        .into_owned()
}

/// A `z_stream` at an address of its own, which zlib's rules ask for.
struct Stream(Box<z::z_stream>);

// SAFETY: a stream is nobody's but its owner's, and zlib ties it to no thread.
unsafe impl Send for Stream {}

impl Stream {
    fn new() -> Self {
        Stream(Box::default())
    }

    fn at(&mut self) -> *mut z::z_stream {
        &raw mut *self.0
    }

    /// Gives the stream what is left of `input`, and room in `output`. The caller keeps both until zlib's next call is
    /// over.
    fn lend(&mut self, input: &[u8], output: &mut [u8]) {
        self.0.next_in = input.as_ptr();
        self.0.avail_in = length(input.len());
        self.0.next_out = output.as_mut_ptr();
        self.0.avail_out = length(output.len());
    }

    fn input_left(&self) -> usize {
        self.0.avail_in as usize
    }

    fn room_left(&self) -> usize {
        self.0.avail_out as usize
    }

    fn message(&self) -> String {
        if self.0.msg.is_null() {
            return "no reason given".to_owned();
        }
        // SAFETY: a constant string of the library.
        unsafe { CStr::from_ptr(self.0.msg) }.to_string_lossy().into_owned()
    }
}

/// Packets are far smaller than what zlib counts in one call.
fn length(bytes: usize) -> z::uInt {
    bytes.min(z::uInt::MAX as usize) as z::uInt
}

const STREAM_SIZE: c_int = size_of::<z::z_stream>() as c_int;

pub struct Deflater {
    stream: Stream,
    /// A packet's pages as they were at one moment: zlib does not say that it looks at its input only once.
    copy: Vec<u8>,
}

impl Deflater {
    /// The stream of one of QEMU's levels, 0 to 9.
    pub fn new(level: i32) -> Result<Self, Fault> {
        let unusable = |what: String| Fault::Setup(format!("no zlib stream of level {level}: {what}"));
        let setting = zlib_level(level).ok_or_else(|| unusable("0 to 9".to_owned()))?;
        let mut stream = Stream::new();
        // SAFETY: a fresh stream of the size that is said.
        let result = unsafe {
            z::deflateInit2_(
                stream.at(),
                setting.level,
                z::Z_DEFLATED,
                WINDOW_BITS,
                setting.mem_level,
                z::Z_DEFAULT_STRATEGY,
                z::zlibVersion(),
                STREAM_SIZE,
            )
        };
        if result != z::Z_OK {
            // Nothing was set up, and nothing must be ended.
            return Err(unusable(format!("error {result}")));
        }
        let mut deflater = Deflater {
            stream,
            copy: Vec::new(),
        };
        if let Some(limits) = &setting.tuning {
            // SAFETY: the stream was set up.
            let result = unsafe {
                z::deflateTune(
                    deflater.stream.at(),
                    limits.good_length,
                    limits.max_lazy,
                    limits.nice_length,
                    limits.max_chain,
                )
            };
            if result != z::Z_OK {
                return Err(unusable(format!("error {result} of its limits")));
            }
        }
        Ok(deflater)
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // SAFETY: it was set up.
        unsafe { z::deflateEnd(self.stream.at()) };
    }
}

impl Pack for Deflater {
    unsafe fn pack(&mut self, pages: &[Span], output: &mut [u8]) -> Result<usize, Fault> {
        let Deflater { stream, copy } = self;
        copy.resize(total(pages), 0);
        let mut rest = copy.as_mut_slice();
        for span in pages {
            let (front, back) = rest.split_at_mut(span.length);
            // SAFETY: the caller's word.
            unsafe { span.copy_to(front) };
            rest = back;
        }
        let room = output.len();
        stream.lend(copy, output);
        // SAFETY: the stream was set up, and has what it was lent until this call is over.
        let result = unsafe { z::deflate(stream.at(), z::Z_SYNC_FLUSH) };
        if result != z::Z_OK {
            return Err(Fault::Setup(format!("deflate: error {result}")));
        }
        // With no room left zlib may have more to say.
        if stream.room_left() == 0 || stream.input_left() > 0 {
            return Err(Fault::NoRoom);
        }
        Ok(room - stream.room_left())
    }
}

pub struct Inflater {
    stream: Stream,
    /// zlib takes what it has just written for its past, and guest memory is not this stream's alone: a packet's pages,
    /// until all of them are right.
    pages: Vec<u8>,
}

impl Inflater {
    pub fn new() -> Result<Self, Fault> {
        let mut stream = Stream::new();
        // SAFETY: a fresh stream of the size that is said.
        let result = unsafe { z::inflateInit2_(stream.at(), WINDOW_BITS, z::zlibVersion(), STREAM_SIZE) };
        if result == z::Z_OK {
            Ok(Inflater {
                stream,
                pages: Vec::new(),
            })
        } else {
            Err(Fault::Setup(format!("no zlib stream: error {result}")))
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it was set up.
        unsafe { z::inflateEnd(self.stream.at()) };
    }
}

impl Unpack for Inflater {
    unsafe fn unpack(&mut self, payload: &[u8], pages: &[Span]) -> Result<(), Fault> {
        let Inflater { stream, pages: output } = self;
        output.resize(total(pages), 0);
        inflate(stream, payload, output)?;
        let mut rest = output.as_slice();
        for span in pages {
            let (front, back) = rest.split_at(span.length);
            // SAFETY: the caller's word.
            unsafe { span.copy_from(front) };
            rest = back;
        }
        Ok(())
    }
}

/// Fills `output` from `payload`, which must give so many bytes and no more, and stop at a block's end.
fn inflate(stream: &mut Stream, payload: &[u8], output: &mut [u8]) -> Result<(), Fault> {
    let wanted = output.len();
    let (mut used, mut filled) = (0, 0);
    let mut beyond = [0];
    loop {
        let input = &payload[used..];
        let full = filled == wanted;
        // Once the pages are full, one byte more is one too many.
        let room = if full { &mut beyond[..] } else { &mut output[filled..] };
        let offered = room.len();
        stream.lend(input, room);
        // SAFETY: the stream was set up, and has what it was lent until this call is over. It stops at each
        // block's end, since nothing else tells whether the payload ends at one.
        let result = unsafe { z::inflate(stream.at(), z::Z_BLOCK) };
        match result {
            z::Z_OK | z::Z_BUF_ERROR => {}
            z::Z_STREAM_END => return Err(Fault::Ended),
            z::Z_NEED_DICT => return Err(Fault::Corrupt("it needs a dictionary".to_owned())),
            _ => return Err(Fault::Corrupt(stream.message())),
        }
        used = payload.len() - stream.input_left();
        let came = offered - stream.room_left();
        if full && came > 0 {
            return Err(Fault::TooMuch { wanted });
        }
        if !full {
            filled += came;
        }
        let place = stream.0.data_type;
        // Said here, since the checksum that ends the stream may have been cut off: what follows would be read as one.
        if place & AT_BLOCK_END != 0 && place & LAST_BLOCK != 0 {
            return Err(Fault::Ended);
        }
        let complete = place & (AT_BLOCK_END | BITS_LEFT) == AT_BLOCK_END;
        if used == payload.len() && (complete || result == z::Z_BUF_ERROR) {
            if filled < wanted {
                return Err(Fault::TooLittle { got: filled, wanted });
            }
            return if complete { Ok(()) } else { Err(Fault::Unfinished) };
        }
    }
}
