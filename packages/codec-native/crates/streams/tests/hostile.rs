//! Payloads as data: where each shape may be cut and where not, what must be refused, and each bit the other way round.

mod support;

use multifd_streams::{Fault, ZSTD_WINDOW_LOG, packer, unpacker};
use support::framing::{At, framing};
use support::zstd::{COMPRESSED, RAW, RLE, block, header, open, raw, skippable, whole, window_of};
use support::{receive, send};

/// What the payloads here give, but for those that say otherwise.
const CONTENT: &[u8] = b"the bytes of a page, for want of a longer one";
const COUNT: u8 = CONTENT.len() as u8;

/// A valid payload, the first of its channel.
struct Shape {
    name: &'static str,
    bytes: Vec<u8>,
    content: Vec<u8>,
    /// How many of its last bytes can be missing: what is left ends where a packet may end, too, and gives all of its
    /// content.
    spare: &'static [usize],
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

const ZLIB: [u8; 2] = [0x78, 0x9c];
/// What a sync flush ends with, if the block before it ends with a byte.
const MARKER: [u8; 5] = [0, 0, 0, 0xff, 0xff];

fn stored(content: &[u8], last: bool) -> Vec<u8> {
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

fn shapes() -> [(&'static str, Vec<Shape>); 2] {
    [("zlib", zlib_shapes()), ("zstd", zstd_shapes())]
}

#[test]
fn a_packet_ends_where_it_may_and_nowhere_else() {
    for (method, shapes) in shapes() {
        for Shape {
            name,
            bytes,
            content,
            spare,
        } in shapes
        {
            for missing in 0..=bytes.len() {
                let mut stream = unpacker(method).unwrap();
                let (payload, rest) = bytes.split_at(bytes.len() - missing);
                let result = receive(&mut *stream, payload, &[content.len() / 2, content.len().div_ceil(2)]);
                let told = format!("{method}, {name}: {missing} of {} bytes missing", bytes.len());
                if missing == 0 {
                    assert_eq!(result.as_ref(), Ok(&content), "{told}");
                } else if spare.contains(&missing) {
                    assert_eq!(result.as_ref(), Ok(&content), "{told}");
                    // A packet without pages: what is left gives none.
                    assert_eq!(receive(&mut *stream, rest, &[]), Ok(vec![]), "{told}: the rest");
                } else {
                    let right = matches!(result, Err(Fault::TooLittle { .. } | Fault::Unfinished));
                    assert!(right, "{told}: {result:?}");
                }
            }
        }
    }
}

/// Most shapes have no checksum, and the change may go unnoticed; but what passes ends where the next packet begins.
#[test]
fn each_bit_the_other_way_round_does_no_harm() {
    let mut passed = [0, 0];
    for (at, (method, shapes)) in shapes().into_iter().enumerate() {
        for Shape {
            name, bytes, content, ..
        } in shapes
        {
            for bit in 0..8 * bytes.len() {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let mut stream = unpacker(method).unwrap();
                let told = format!("{method}, {name}: bit {bit}");
                match receive(&mut *stream, &changed, &[content.len()]) {
                    Ok(_) if method == "zlib" => {
                        let next = receive(&mut *stream, &stored(b"next", false), &[4]);
                        assert_eq!(next.as_deref(), Ok(&b"next"[..]), "{told}");
                    }
                    Ok(_) => {
                        let found = framing(&changed);
                        let right = found.at != At::Inside && found.window <= 1 << ZSTD_WINDOW_LOG;
                        assert!(right, "{told}: {found:?}");
                    }
                    Err(fault) => {
                        let wrong =
                            method == "zstd" && fault == Fault::Unfinished && framing(&changed).at != At::Inside;
                        assert!(!wrong, "{told}: {fault}");
                        continue;
                    }
                }
                passed[at] += 1;
            }
        }
    }
    // Else this would hold no more than the changes that are refused.
    assert!(passed.iter().all(|&count| count > 300), "{passed:?} changes passed");
}

/// The name of each, the payload, and what its fault says.
type Refused<'a> = (&'a str, Vec<&'a [u8]>, &'a str);

#[test]
fn frames_that_must_be_refused() {
    const WINDOW: &str = "a frame declares a window of ";
    let (goes_on, ends, open_frame) = (raw(CONTENT, false), raw(CONTENT, true), open(10));
    let frame = [&open_frame[..], &ends].concat();
    let sized = |window, size| header(0x80, &[window, size, 0, 0, 0]);
    let (window_64m, window_36m) = (window_of(26), window_of(25) | 1);
    let (front, back) = CONTENT.split_at(9);
    let (front, back) = (raw(front, true), raw(back, true));
    let last = raw(&[], true);
    let [piece_64m, piece_36m] = [window_64m, window_36m].map(|window| sized(window, COUNT));
    let (second, third) = (sized(window_64m, COUNT - 9), sized(window_64m, 0));
    let stream_64m = header(0, &[window_64m]);
    let stream_36m = header(0, &[window_36m]);
    let stream_most = header(0, &[0xff]);
    let says_32m = header(0xa0, &[1, 0, 0, 2]);
    let says_most = header(0xe0, &[0xff; 8]);
    let [less, more] = [COUNT - 1, COUNT + 1].map(|size| header(0x20, &[size]));
    let dictionary = header(0x01, &[window_of(10), 0x99]);
    let reserved = header(0x08, &[window_of(10)]);
    let mark = skippable(b"1");
    let reserved_block = block(3, CONTENT.len(), CONTENT, false);
    let large_block = block(RLE, 1025, b"x", false);
    let huge_block = block(RAW, 0x1f_ffff, &[], false);
    let cases: Vec<Refused> = vec![
        ("a window of 64 MiB", vec![&stream_64m, &goes_on], WINDOW),
        ("64 MiB, in one piece", vec![&piece_64m, &ends], WINDOW),
        ("36 MiB", vec![&stream_36m, &goes_on], WINDOW),
        ("36 MiB, in one piece", vec![&piece_36m, &ends], WINDOW),
        (
            "64 MiB in the second frame",
            vec![&open_frame, &front, &second, &back],
            WINDOW,
        ),
        ("64 MiB behind the pages", vec![&frame, &third, &last], WINDOW),
        (
            "64 MiB behind a skippable frame",
            vec![&mark, &piece_64m, &ends],
            WINDOW,
        ),
        (
            "a window of nearly 4 TiB",
            vec![&stream_most, &goes_on],
            "requires too much memory",
        ),
        ("a frame of 32 MiB and a byte", vec![&says_32m, &goes_on], WINDOW),
        ("a frame of 2^64 bytes", vec![&says_most, &goes_on], ""),
        ("a frame that says less", vec![&less, &ends], "corruption"),
        ("a frame that says more", vec![&more, &ends], "corruption"),
        ("a dictionary", vec![&dictionary, &goes_on], "Dictionary mismatch"),
        (
            "the reserved bit",
            vec![&reserved, &goes_on],
            "Unsupported frame parameter",
        ),
        (
            "a block of the reserved type",
            vec![&open_frame, &reserved_block],
            "corruption",
        ),
        (
            "a block above the window",
            vec![&open_frame, &large_block],
            "corruption",
        ),
        (
            "a block of 2 MiB behind the pages",
            vec![&open_frame, &goes_on, &huge_block],
            "corruption",
        ),
        (
            "a frame of zstd 0.7",
            vec![&[0x27, 0xb5, 0x2f, 0xfd, 0, 0], &goes_on],
            "Unknown frame",
        ),
        ("no frame behind one", vec![&frame, b"more"], "Unknown frame"),
        ("a block behind a frame's end", vec![&frame, &last], "Unknown frame"),
    ];
    for (name, parts, says) in cases {
        refused("zstd", name, &parts, &["corrupt payload: ", says]);
    }
}

#[test]
fn streams_that_must_be_refused() {
    let (goes_on, ends) = (stored(CONTENT, false), stored(CONTENT, true));
    let last = stored(&[], true);
    const ENDS: &str = "the stream ends in this payload";
    let cases: Vec<Refused> = vec![
        ("a stream that ends", vec![&ZLIB, &ends, &[1, 2, 3, 4]], ENDS),
        ("without its checksum", vec![&ZLIB, &ends], ENDS),
        ("with half of it", vec![&ZLIB, &ends, &[1, 2]], ENDS),
        ("with an empty block", vec![&ZLIB, &goes_on, &last], ENDS),
        ("with one of fixed codes", vec![&ZLIB, &goes_on, &[3, 0]], ENDS),
        (
            "with what looks like a marker for a checksum",
            vec![&ZLIB, &ends, &MARKER],
            ENDS,
        ),
        ("a dictionary", vec![&[0x78, 0xbb, 1, 2, 3, 4], &goes_on], "dictionary"),
        (
            "a gzip header",
            vec![&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &goes_on],
            "incorrect header check",
        ),
        ("no header", vec![&goes_on, &MARKER], "incorrect header check"),
        (
            "the reserved type of a block",
            vec![&ZLIB, &goes_on, &[6]],
            "invalid block type",
        ),
        (
            "a length that is not its complement",
            vec![&ZLIB, &goes_on, &[0; 5]],
            "invalid stored block",
        ),
        ("a zero behind the pages", vec![&ZLIB, &goes_on, &[0]], "inside a block"),
        (
            "a second header behind the pages",
            vec![&ZLIB, &goes_on, &ZLIB, &goes_on],
            "",
        ),
    ];
    for (name, parts, says) in cases {
        refused("zlib", name, &parts, &[says]);
    }
}

fn refused(method: &str, name: &str, parts: &[&[u8]], says: &[&str]) {
    let mut stream = unpacker(method).unwrap();
    let fault = receive(&mut *stream, &parts.concat(), &[CONTENT.len()])
        .expect_err(name)
        .to_string();
    assert!(
        says.iter().all(|part| fault.contains(part)),
        "{method}, {name}: {fault}"
    );
}
