//! Payloads as data: where each shape may be cut and where not, what must be refused, and each bit the other way round.

mod support;

use multifd_streams::{Fault, ZSTD_WINDOW_LOG, unpacker};
use support::framing::{At, framing};
use support::receive;
use support::shapes::{CONTENT, COUNT, MARKER, Shape, ZLIB, shapes, stored};
use support::zstd::{RAW, RLE, block, header, open, raw, skippable, window_of};

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
