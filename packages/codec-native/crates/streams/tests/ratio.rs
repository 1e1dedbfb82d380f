//! zlib's ratio at each of QEMU's levels, held against zlib's own. The speed at each is for `bench/compare.mjs` to say.

use multifd_streams::{Span, packer};

const PACKET: usize = 128 * 4096;
/// What zlib 1.2.13 makes of `logs` at levels 0 to 9, in bytes: two packets in one stream, as a QEMU feeds them
/// (`bench/qemu-way.c`).
const ZLIB_LOGS: [usize; 10] = [
    1048748, 349334, 337633, 305251, 295800, 261590, 255680, 254405, 254288, 254288,
];
/// And of `records`.
const ZLIB_RECORDS: [usize; 10] = [
    1048748, 475753, 463548, 438232, 438701, 423900, 407697, 401210, 397702, 395520,
];

/// xorshift32.
fn numbers(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}

/// Words and numbers, as in logs.
fn logs(bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "kernel", "page", "memory", "guest", "block", "channel", "stream", "buffer", "error", "warning", "device",
        "driver", "started", "stopped", "request", "thread",
    ];
    let mut next = numbers(7);
    let mut text = String::with_capacity(bytes + 32);
    while text.len() < bytes {
        let word = WORDS[next() as usize % WORDS.len()];
        text.push_str(&format!("{word} {} ", next() % 1000));
    }
    text.truncate(bytes);
    text.into_bytes()
}

/// Records of 48 bytes, as on a heap: pointers into a few regions, counts, flags, a short name, some noise.
fn records(bytes: usize) -> Vec<u8> {
    let mut next = numbers(11);
    let mut heap = Vec::with_capacity(bytes + 48);
    while heap.len() < bytes {
        for region in [0x7f3a_1c00_0000_u64, 0x7f3a_2000_0000, 0x5581_0440_0000] {
            heap.extend((region + u64::from(next() % 4096) * 48).to_le_bytes());
        }
        heap.extend((next() % 12).to_le_bytes());
        heap.extend((1_u32 << (next() % 5)).to_le_bytes());
        heap.extend(format!("node{:04}", next() % 700).into_bytes());
        heap.extend(u64::from(next()).to_le_bytes());
    }
    heap.truncate(bytes);
    heap
}

#[test]
fn no_level_gives_1_percent_less_than_zlib() {
    for (kind, mut pages, sizes) in [
        ("logs", logs(2 * PACKET), ZLIB_LOGS),
        ("records", records(2 * PACKET), ZLIB_RECORDS),
    ] {
        for (level, zlib) in sizes.into_iter().enumerate() {
            let mut stream = packer("zlib", level as i32).unwrap();
            let mut payload = vec![0; 2 * PACKET];
            let mut pack = |packet: &mut [u8]| {
                // SAFETY: the packet is valid until the call is over, and nobody else's.
                unsafe { stream.pack(&[Span::from(packet)], &mut payload) }.unwrap()
            };
            let size: usize = pages.chunks_mut(PACKET).map(&mut pack).sum();
            assert!(
                size * 99 <= zlib * 100,
                "{kind}, level {level}: {size} bytes, zlib {zlib}"
            );
        }
    }
}
