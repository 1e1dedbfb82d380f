//! Both streams from end to end, and what must be refused.

use multifd_streams::{Fault, packer, unpacker, version};

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

fn packed(method: &str, level: i32, input: &[u8]) -> Vec<u8> {
    let mut output = vec![0; input.len() + input.len() / 256 + 1024];
    let size = packer(method, level).unwrap().pack(input, &mut output).unwrap();
    output.truncate(size);
    output
}

fn unpacked(method: &str, payload: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
    let mut output = vec![0xee; size];
    unpacker(method)?.unpack(payload, &mut output)?;
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
                let size = send.pack(&input, &mut payload).unwrap();
                let mut output = vec![0xee; input.len()];
                receive.unpack(&payload[..size], &mut output).unwrap();
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
        assert_eq!(packer(method, 1).unwrap().pack(&input, &mut output), Err(Fault::NoRoom));
    }
}

#[test]
fn no_other_method_and_no_other_level() {
    assert!(packer("lzma", 1).is_err() && unpacker("lzma").is_err());
    assert!(packer("zlib", 10).is_err() && packer("zlib", -2).is_err());
    assert_eq!(version("lzma"), None);
    assert!(version("zlib").unwrap().starts_with("1.") && version("zstd").unwrap().starts_with("1."));
}
