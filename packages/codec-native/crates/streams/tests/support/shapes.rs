//! Valid payloads of all shapes, as a QEMU and others may make them.

use multifd_streams::packer;

use super::send;
use super::zstd::{COMPRESSED, RLE, block, header, open, raw, skippable, whole, window_of};

/// What the payloads here give, but for those that say otherwise.
pub const CONTENT: &[u8] = b"the bytes of a page, for want of a longer one";
pub const COUNT: u8 = CONTENT.len() as u8;

/// A valid payload, the first of its channel.
pub struct Shape {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub content: Vec<u8>,
    /// How many of its last bytes can be missing: what is left ends where a packet may end, too, and gives all of its
    /// content.
    pub spare: &'static [usize],
}

fn shape(name: &'static str, parts: &[&[u8]], spare: &'static [usize]) -> Shape {
    Shape {
        name,
        bytes: parts.concat(),
        content: CONTENT.to_vec(),
        spare,
    }
}

/// As a QEMU's sender makes it.
fn flushed(method: &str, level: i32, spare: &'static [usize]) -> Shape {
    let content = CONTENT.repeat(8);
    Shape {
        name: "flushed",
        bytes: send(&mut *packer(method, level).unwrap(), &content),
        content,
        spare,
    }
}

fn zstd_shapes() -> Vec<Shape> {
    let open = open(10);
    let (goes_on, ends) = (raw(CONTENT, false), raw(CONTENT, true));
    let (empty, last) = (raw(&[], false), raw(&[], true));
    let frame = [&open[..], &ends].concat();
    let checked = whole(CONTENT, 3, true);
    let checksum = &checked[checked.len() - 4..];
    let open_checked = header(0x04, &[window_of(10)]);
    // A compressed block that gives nothing: no literals, which 3 bytes say, and no sequences.
    let nothing = block(COMPRESSED, 4, &[0x0c, 0, 0, 0], true);
    let window_32m = window_of(25);
    let sized_32m = header(0x80, &[window_32m, COUNT, 0, 0, 0]);
    let (front, back) = CONTENT.split_at(9);
    let (first, second) = (raw(front, true), whole(back, 1, true));
    let marks = [skippable(b"12345"), skippable(b"123"), skippable(b"1"), skippable(&[])];
    vec![
        flushed("zstd", 1, &[]),
        flushed("zstd", 19, &[]),
        shape("a frame that goes on", &[&open, &goes_on], &[]),
        shape("an empty block behind", &[&open, &goes_on, &empty], &[3]),
        shape(
            "empty blocks around",
            &[&open, &empty, &goes_on, &empty, &empty],
            &[3, 6],
        ),
        shape("a frame that ends", &[&frame], &[]),
        shape("an empty last block", &[&open, &goes_on, &last], &[3]),
        shape("a compressed last block of nothing", &[&open, &goes_on, &nothing], &[7]),
        shape("a frame with its size", &[&header(0x20, &[COUNT]), &ends], &[]),
        shape("in 4 bytes", &[&header(0xa0, &[COUNT, 0, 0, 0]), &ends], &[]),
        shape(
            "in 8 bytes",
            &[&header(0xe0, &[COUNT, 0, 0, 0, 0, 0, 0, 0]), &ends],
            &[],
        ),
        shape("a window of 32 MiB", &[&header(0, &[window_32m]), &goes_on], &[]),
        shape("a window of 32 MiB, in one piece", &[&sized_32m, &ends], &[]),
        shape("dictionary 0: none", &[&header(0x03, &[0, 0, 0, 0, 0]), &goes_on], &[]),
        shape("a whole frame", &[&whole(CONTENT, 3, false)], &[]),
        shape("a checksum", &[&checked], &[]),
        shape(
            "a checksum behind an empty block",
            &[&open_checked, &goes_on, &last, checksum],
            &[7],
        ),
        shape("two frames", &[&open, &first, &second], &[]),
        shape(
            "a frame that goes on, behind one",
            &[&open, &first, &open, &raw(back, false)],
            &[],
        ),
        shape(
            "a frame of nothing behind",
            &[&frame, &header(0x20, &[0]), &last],
            &[3, 9],
        ),
        shape("a header behind", &[&frame, &open], &[6]),
        shape("a skippable frame before", &[&marks[0], &frame], &[]),
        shape("a skippable frame behind", &[&frame, &marks[0]], &[13]),
        shape(
            "skippable frames of 3 bytes and 1",
            &[&frame, &marks[1], &marks[2]],
            &[9, 20],
        ),
        shape(
            "skippable frames of nothing",
            &[&marks[3], &frame, &marks[3], &marks[3]],
            &[8, 16],
        ),
        Shape {
            name: "equal bytes",
            bytes: [&open[..], &block(RLE, 600, b"x", false)].concat(),
            content: vec![b'x'; 600],
            spare: &[],
        },
        Shape {
            name: "its size in 2 bytes",
            bytes: whole(&[b'x'; 300], 3, false),
            content: vec![b'x'; 300],
            spare: &[],
        },
    ]
}

/// The header of a stream.
pub const ZLIB: [u8; 2] = [0x78, 0x9c];
/// What a sync flush ends with, if the block before it ends with a byte.
pub const MARKER: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// A stored block.
pub fn stored(content: &[u8], last: bool) -> Vec<u8> {
    let size = content.len() as u16;
    let header = [&[u8::from(last)][..], &size.to_le_bytes(), &(!size).to_le_bytes()].concat();
    [&header, content].concat()
}

fn zlib_shapes() -> Vec<Shape> {
    let goes_on = stored(CONTENT, false);
    // By zlib 1.2.13, level 6, and in the last byte the 3 bits that begin a marker.
    let compressed = [
        0x2a, 0xc9, 0x48, 0x55, 0x48, 0xaa, 0x2c, 0x49, 0x2d, 0x56, 0xc8, 0x4f, 0x53, 0x48, 0x54, 0x28, 0x48, 0x4c,
        0x4f, 0xd5, 0x51, 0x48, 0xcb, 0x2f, 0x52, 0x28, 0x4f, 0xcc, 0x2b, 0x81, 0x88, 0xe5, 0xe4, 0xe7, 0xa5, 0xa7,
        0x16, 0x29, 0xe4, 0xe7, 0xa5, 0x02, 0x00,
    ];
    // A byte above 143 takes 9 bits, what is around them 10.
    let to_a_bytes_end = [0x3a, 0x71, 0xf2, 0xf4, 0xa5, 0x3b, 0xcf, 0x00];
    // Two of 10 bits each, the 3 bits that begin a marker, and one that is not used.
    let fixed_codes = [0x02, 0x08, 0x00];
    vec![
        flushed("zlib", 0, &[5]),
        shape("compressed", &[&ZLIB, &compressed, &MARKER[1..]], &[]),
        Shape {
            name: "compressed, to a byte's end",
            bytes: [&ZLIB[..], &to_a_bytes_end, &MARKER].concat(),
            content: vec![200, 201, 203, 210, 220, 230],
            spare: &[5],
        },
        shape("a stored block", &[&ZLIB, &goes_on], &[]),
        shape("a marker behind", &[&ZLIB, &goes_on, &MARKER], &[5]),
        shape(
            "markers around",
            &[&ZLIB, &MARKER, &goes_on, &MARKER, &MARKER],
            &[5, 10],
        ),
        shape(
            "empty blocks of fixed codes",
            &[&ZLIB, &goes_on, &fixed_codes, &MARKER[1..]],
            &[7],
        ),
    ]
}

/// Of each method.
pub fn shapes() -> [(&'static str, Vec<Shape>); 2] {
    [("zlib", zlib_shapes()), ("zstd", zstd_shapes())]
}
