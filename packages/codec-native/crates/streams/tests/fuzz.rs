//! Valid payloads that were cut, changed, spliced and prolonged, several packets to a stream: nothing panics, nothing is
//! written beside the pages, what is untouched comes out right, and what is accepted ends where the next packet can
//! begin. `MULTIFD_FUZZ_SECONDS` (default 2) says for how long, `MULTIFD_SEED` repeats a run.

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use multifd_streams::{Fault, ZSTD_WINDOW_LOG, packer, unpacker};
use support::framing::{At, framing};
use support::zstd::{RLE, block, open, raw, skippable, whole};
use support::{Random, receive, send};

struct Packet {
    payload: Vec<u8>,
    /// In one stretch.
    pages: Vec<u8>,
}

/// A page or a piece of one, of bytes of one kind.
fn stretch(random: &mut Random) -> Vec<u8> {
    let length = [1, 7, 100, 512, 4096, 4096, 4096][random.below(7)];
    let (kind, seed) = (random.below(4), random.next());
    (0..length)
        .map(|at: usize| match kind {
            0 => seed as u8,
            1 => random.next() as u8,
            2 => b"kernel page memory guest block "[(at + at / 31 * (seed as usize % 5)) % 31],
            _ => (seed >> (at % 7 * 8)) as u8 ^ if at.is_multiple_of(48) { random.next() as u8 } else { 0 },
        })
        .collect()
}

fn pages(random: &mut Random) -> Vec<u8> {
    let most = if random.below(20) == 0 { 128 } else { 5 };
    (0..1 + random.below(most)).flat_map(|_| stretch(random)).collect()
}

/// The high levels take memory and time for each new stream, and are drawn rarely.
fn level(random: &mut Random, most: usize) -> i32 {
    let usual = if random.below(60) == 0 { most + 1 } else { 8 };
    random.below(usual) as i32
}

/// A stream as a sender makes it: flushed at each packet; zstd's also as whole frames.
fn stream(random: &mut Random, method: &str) -> Vec<Packet> {
    let count = 1 + random.below(5);
    let level = level(random, if method == "zlib" { 9 } else { 20 });
    let frames = method == "zstd" && random.below(2) == 0;
    let mut stream = packer(method, level).expect("a stream");
    (0..count)
        .map(|_| {
            let pages = pages(random);
            let payload = if frames {
                in_frames(random, &pages, level.min(6))
            } else {
                send(&mut *stream, &pages)
            };
            Packet { payload, pages }
        })
        .collect()
}

/// One frame for all, or for each part; some of them by hand, and some that give nothing between them.
fn in_frames(random: &mut Random, pages: &[u8], level: i32) -> Vec<u8> {
    let part = if random.below(2) == 0 {
        pages.len()
    } else {
        1 + random.below(pages.len())
    };
    let mut payload = Vec::new();
    for part in pages.chunks(part) {
        let blocks = part.chunks(1 << 12).flat_map(|bytes| raw(bytes, false));
        match random.below(6) {
            0 => payload.extend([open(12), blocks.collect(), raw(&[], true)].concat()),
            1 => payload.extend([skippable(&part[..part.len().min(9)]), whole(part, level, false)].concat()),
            2 => payload.extend([whole(&[], level, true), whole(part, level, true)].concat()),
            _ => payload.extend(whole(part, level, random.below(2) == 0)),
        }
    }
    payload
}

/// Somewhere in `bytes`, often near an end, where headers and markers are.
fn place(random: &mut Random, bytes: &[u8]) -> usize {
    let length = bytes.len() + 1;
    match random.below(3) {
        0 => random.below(length.min(24)),
        1 => length - 1 - random.below(length.min(12)),
        _ => random.below(length),
    }
}

fn spoil(random: &mut Random, bytes: &mut Vec<u8>, others: &[Packet]) {
    let at = place(random, bytes);
    let other = &others[random.below(others.len())].payload;
    match random.below(9) {
        0 => bytes.truncate(at),
        1 | 2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        3 if at < bytes.len() => bytes[at] = [0, 0xff, 0x7f, 0x80, 3][random.below(5)],
        4 => drop(bytes.splice(at..at, (0..random.below(9)).map(|_| random.next() as u8))),
        5 => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()).max(at))),
        // From here on another one's.
        6 => drop(bytes.splice(at.., other[place(random, other)..].iter().copied())),
        7 => {
            let nothing = [
                raw(&[], false),
                raw(&[], true),
                skippable(&[0; 5]),
                [0, 0, 0, 0xff, 0xff].to_vec(),
                [1, 0, 0, 0xff, 0xff].to_vec(),
                [3, 0].to_vec(),
                block(RLE, 4096, &[9], false),
                other.clone(),
            ];
            bytes.extend(&nothing[random.below(nothing.len())]);
            // And often without its end.
            bytes.truncate(bytes.len() - random.below(4).min(bytes.len()));
        }
        _ => bytes.extend((0..random.below(9)).map(|_| random.next() as u8)),
    }
}

/// Spans of any lengths that have `total` bytes together.
fn cut_up(random: &mut Random, total: usize) -> Vec<usize> {
    let (mut lengths, mut left) = (Vec::new(), total);
    let most = [total.max(1), 4096, 100_000][random.below(3)];
    while left > 0 {
        let length = left.min(1 + random.below(most));
        lengths.push(length);
        left -= length;
    }
    lengths
}

/// What goes on after everything that was `taken`, if that ended where it may, and gives `content`.
fn continued(method: &str, taken: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    if method == "zlib" {
        let size = content.len() as u16;
        return Some([&[0][..], &size.to_le_bytes(), &(!size).to_le_bytes(), content].concat());
    }
    let found = framing(taken);
    assert!(found.window <= 1 << ZSTD_WINDOW_LOG, "accepted: {found:?}");
    match found.at {
        At::BetweenFrames => Some([open(12), raw(content, false)].concat()),
        At::BetweenBlocks => (!found.sized && found.block >= content.len() as u64).then(|| raw(content, false)),
        At::Inside => panic!("accepted inside a frame: {found:?}"),
    }
}

/// One stream, of which one packet is spoilt, and perhaps out of its turn. What became of it.
fn round(random: &mut Random) -> String {
    let method = ["zlib", "zstd"][random.below(2)];
    let mut packets = stream(random, method);
    let other = if random.below(8) == 0 { "zlib" } else { method };
    let others = stream(random, other);
    let spoilt = random.below(packets.len());
    for _ in 0..[1, 1, 1, 2, 5][random.below(5)] {
        spoil(random, &mut packets[spoilt].payload, &others);
    }
    let mut untouched = spoilt;
    if random.below(4) == 0 {
        let turn = random.below(packets.len());
        packets.swap(spoilt, turn);
        untouched = spoilt.min(turn);
    }
    let mut receiver = unpacker(method).expect("a stream");
    let mut taken = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        let total = if index >= untouched && random.below(12) == 0 {
            1 + random.below(2 * packet.pages.len())
        } else {
            packet.pages.len()
        };
        let lengths = cut_up(random, total);
        taken.extend(&packet.payload);
        match receive(&mut *receiver, &packet.payload, &lengths) {
            Ok(got) => assert!(index >= untouched || got == packet.pages, "packet {index}"),
            Err(fault) => {
                assert!(index >= untouched, "packet {index}: {fault}");
                if method == "zstd" && fault == Fault::Unfinished {
                    assert_eq!(framing(&taken).at, At::Inside, "refused where a packet may end");
                }
                return format!("{method}: {}", kind(&fault));
            }
        }
    }
    let content = [0x77; 16];
    if let Some(next) = continued(method, &taken, &content) {
        let got = receive(&mut *receiver, &next, &[16]);
        assert_eq!(got.as_deref(), Ok(&content[..]), "the next packet");
    }
    format!("{method}: accepted")
}

fn kind(fault: &Fault) -> &str {
    match fault {
        Fault::TooLittle { .. } => "too little",
        Fault::TooMuch { .. } => "too much",
        Fault::Unfinished => "unfinished",
        Fault::Ended => "ended",
        Fault::Corrupt(what) if what.starts_with("a frame declares") => "window",
        Fault::Corrupt(what) => what,
        Fault::NoRoom | Fault::Setup(_) => panic!("{fault}"),
    }
}

#[test]
fn spoilt_payloads_do_no_harm() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let seconds = number("MULTIFD_FUZZ_SECONDS").unwrap_or(2);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    let seed = number("MULTIFD_SEED").unwrap_or(now);
    println!("seed {seed}");
    let begun = Instant::now();
    let (mut rounds, mut ends) = (0, BTreeMap::new());
    while begun.elapsed() < Duration::from_secs(seconds) || rounds < 200 {
        // Each round has a seed of its own: what fails is the first round of a run with that one.
        let seed = seed.wrapping_add(rounds);
        let end = std::panic::catch_unwind(|| round(&mut Random(seed)));
        let end = end.unwrap_or_else(|_| panic!("with seed {seed}"));
        *ends.entry(end).or_insert(0) += 1;
        rounds += 1;
    }
    println!("{rounds} rounds: {ends:#?}");
}
