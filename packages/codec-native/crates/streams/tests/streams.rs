//! Both streams from end to end, and what must be refused.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use multifd_streams::{Fault, Pack, Span, Unpack, packer, unpacker, version};

const PAGE: usize = 4096;
const METHODS: [(&str, &[i32]); 2] = [("zlib", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), ("zstd", &[0, 1, 3, 19, 20])];

/// xorshift32: the same bytes for the same seed. One part in three is noise, the others repeat.
fn pages(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..count)
        .flat_map(|page| {
            let word = next();
            (0..PAGE / 4)
                .flat_map(|at| {
                    if page % 3 == 0 {
                        next()
                    } else {
                        word.wrapping_add(at as u32 / 7)
                    }
                    .to_le_bytes()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// With pages that are nobody else's, in two spans.
fn pack(stream: &mut dyn Pack, pages: &[u8], output: &mut [u8]) -> Result<usize, Fault> {
    let mut pages = pages.to_vec();
    let (front, back) = pages.split_at_mut(PAGE / 2);
    // SAFETY: both are valid until the call is over.
    unsafe { stream.pack(&[front.into(), back.into()], output) }
}

/// Into pages that are nobody else's, in two spans.
fn unpack(stream: &mut dyn Unpack, payload: &[u8], pages: &mut [u8]) -> Result<(), Fault> {
    let (front, back) = pages.split_at_mut(PAGE / 2);
    // SAFETY: both are valid until the call is over.
    unsafe { stream.unpack(payload, &[front.into(), back.into()]) }
}

fn packed(method: &str, level: i32, input: &[u8]) -> Vec<u8> {
    let mut output = vec![0; input.len() + input.len() / 256 + 1024];
    let size = pack(&mut *packer(method, level).unwrap(), input, &mut output).unwrap();
    output.truncate(size);
    output
}

fn unpacked(method: &str, payload: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
    let mut output = vec![0xee; size];
    unpack(&mut *unpacker(method)?, payload, &mut output)?;
    Ok(output)
}

#[test]
fn a_channel_goes_on_over_its_packets() {
    for (method, levels) in METHODS {
        for &level in levels {
            let (mut send, mut receive) = (packer(method, level).unwrap(), unpacker(method).unwrap());
            for round in 0..12 {
                let input = pages(1 + round * 11 % 128, round as u32 / 2);
                let mut payload = vec![0; input.len() + input.len() / 256 + 1024];
                let size = pack(&mut *send, &input, &mut payload).unwrap();
                let mut output = vec![0xee; input.len()];
                unpack(&mut *receive, &payload[..size], &mut output).unwrap();
                assert!(output == input, "{method} {level}, packet {round}");
            }
        }
    }
}

#[test]
fn every_cut_is_refused() {
    for (method, levels) in METHODS {
        for &level in levels {
            let input = pages(2, 5);
            let payload = packed(method, level, &input);
            // zlib's payload ends in an empty block of 5 bytes, if the one before it ends with a byte. Up to there the
            // pages are complete, at a block's end.
            let flushed = payload.len() - 5;
            for end in 0..payload.len() {
                let result = unpacked(method, &payload[..end], 2 * PAGE);
                let right = method == "zlib" && end == flushed && result.as_ref() == Ok(&input);
                assert!(
                    result.is_err() || right,
                    "{method} {level}: cut after {end} of {} bytes",
                    payload.len()
                );
            }
        }
    }
}

#[test]
fn faults_say_what_is_wrong() {
    for (method, _) in METHODS {
        let input = pages(3, 7);
        let payload = packed(method, 1, &input);
        let more = [payload.as_slice(), &payload[payload.len() / 2..]].concat();
        let [little, much] = [4, 2].map(|count| unpacked(method, &payload, count * PAGE).unwrap_err());
        assert_eq!(
            little,
            Fault::TooLittle {
                got: 3 * PAGE,
                wanted: 4 * PAGE
            }
        );
        assert_eq!(much, Fault::TooMuch { wanted: 2 * PAGE });
        assert!(unpacked(method, &more, 3 * PAGE).is_err());
        assert!(matches!(unpacked(method, &[0x5a; 100], PAGE), Err(Fault::Corrupt(_))));
        assert_eq!(
            unpacked(method, &[], PAGE),
            Err(Fault::TooLittle { got: 0, wanted: PAGE })
        );
    }
}

#[test]
fn too_small_an_output_is_an_error() {
    for (method, _) in METHODS {
        let input = pages(3, 9);
        let mut output = vec![0; 1000];
        let result = pack(&mut *packer(method, 1).unwrap(), &input, &mut output);
        assert_eq!(result, Err(Fault::NoRoom));
    }
}

#[test]
fn no_other_method_and_no_other_level() {
    assert!(packer("lzma", 1).is_err() && unpacker("lzma").is_err());
    assert!(packer("zlib", 10).is_err() && packer("zlib", -2).is_err());
    assert_eq!(version("lzma"), None);
    assert!(version("zlib").unwrap().starts_with("1.") && version("zstd").unwrap().starts_with("1."));
}

/// Pages lie where they lie: spans of any length, in any order, none of them touched beyond its ends.
#[test]
fn pages_come_and_go_in_pieces() {
    for (method, levels) in METHODS {
        for &level in levels {
            let (mut send, mut receive) = (packer(method, level).unwrap(), unpacker(method).unwrap());
            for round in 0..6 {
                let mut input = pages(20, 3 + round);
                let mut output = vec![0xee; input.len()];
                let mut payload = vec![0; input.len() + input.len() / 256 + 1024];
                // Pieces of 1 byte to a few pages, every third of them, the last ones first.
                let cuts: Vec<usize> = (0..).map(|at| at * at * 13 % (3 * PAGE) + 1).take(40).collect();
                let pieces = |memory: &mut [u8]| {
                    let mut rest = memory;
                    let mut spans: Vec<Span> = Vec::new();
                    for (index, &length) in cuts.iter().enumerate() {
                        let (piece, behind) = rest.split_at_mut(length.min(rest.len()));
                        if index % 3 == 0 {
                            spans.push(piece.into());
                        }
                        rest = behind;
                    }
                    spans.reverse();
                    spans
                };
                // SAFETY: the spans are apart, and valid until the calls are over.
                unsafe {
                    let size = send.pack(&pieces(&mut input), &mut payload).unwrap();
                    receive.unpack(&payload[..size], &pieces(&mut output)).unwrap();
                }
                let mut at = 0;
                for (index, &length) in cuts.iter().enumerate() {
                    let end = (at + length).min(input.len());
                    let same = output[at..end] == input[at..end];
                    let untouched = output[at..end].iter().all(|&byte| byte == 0xee);
                    assert!(
                        if index % 3 == 0 { same } else { untouched },
                        "{method} {level}, piece {index}"
                    );
                    at = end;
                }
            }
        }
    }
}

/// Ends the writer when it goes, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A guest that goes on writing: each byte is sent as it was or as it became. A stream that looked at guest memory again
/// would find there what it has sent otherwise, and refer to it.
#[test]
fn a_page_is_copied_before_it_is_compressed() {
    const SIZE: usize = 64 * PAGE;
    // Everywhere the same 64 bytes below 128, or noise above.
    let noise = pages(64, 1);
    let states: [Vec<u8>; 2] = [
        (0..SIZE).map(|at| (at % 64) as u8).collect(),
        (0..SIZE).map(|at| noise[at * 7 % SIZE] | 0x80).collect(),
    ];
    for (method, level) in [
        ("zlib", 0),
        ("zlib", 1),
        ("zlib", 6),
        ("zstd", 1),
        ("zstd", 3),
        ("zstd", 9),
    ] {
        let memory: Vec<AtomicU8> = states[0].iter().copied().map(AtomicU8::new).collect();
        let stop = AtomicBool::new(false);
        let wrong = std::thread::scope(|scope| {
            scope.spawn(|| {
                for state in states.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    for (byte, &value) in memory.iter().zip(state) {
                        byte.store(value, Ordering::Relaxed);
                    }
                }
            });
            let _stop = Stop(&stop);
            let (mut send, mut receive) = (packer(method, level).unwrap(), unpacker(method).unwrap());
            let mut payload = vec![0; SIZE + SIZE / 256 + 1024];
            let mut output = vec![0; SIZE];
            (0..40).find_map(|round| {
                let span = Span {
                    start: memory[0].as_ptr(),
                    length: SIZE,
                };
                // SAFETY: the memory outlives the call, and its writer is one that a span may have.
                let size = unsafe { send.pack(&[span], &mut payload) }.unwrap();
                unpack(&mut *receive, &payload[..size], &mut output).unwrap();
                let odd = |&at: &usize| states.iter().all(|state| state[at] != output[at]);
                (0..SIZE).find(odd).map(|at| (round, at))
            })
        });
        assert_eq!(wrong, None, "{method} {level}: (round, offset)");
    }
}
