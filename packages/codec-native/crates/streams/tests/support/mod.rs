//! What the tests of strangers' payloads share.
#![allow(dead_code)] // Each test is a crate of its own, and uses a part.

pub mod framing;
pub mod shapes;
pub mod zstd;

use multifd_streams::{Fault, Pack, Span, Unpack};

/// Written around each span, and looked at afterwards.
const GUARD: [u8; 32] = [0xa5; 32];

/// splitmix64
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Gives `payload` to `stream` for as many bytes as `lengths` say together, in spans of these lengths.
///
/// The payload is read from memory that ends with it, and a byte written around a span is a failure.
pub fn receive(stream: &mut dyn Unpack, payload: &[u8], lengths: &[usize]) -> Result<Vec<u8>, Fault> {
    let mut memories: Vec<Vec<u8>> = lengths
        .iter()
        .map(|&length| [&GUARD[..], &vec![0xee; length], &GUARD].concat())
        .collect();
    let spans: Vec<Span> = memories
        .iter_mut()
        .map(|memory| {
            let end = memory.len() - GUARD.len();
            Span::from(&mut memory[GUARD.len()..end])
        })
        .collect();
    let payload: Box<[u8]> = payload.into();
    // SAFETY: the spans are valid until the call is over, and nobody else's.
    let result = unsafe { stream.unpack(&payload, &spans) };
    let mut pages = Vec::new();
    for memory in &memories {
        let end = memory.len() - GUARD.len();
        assert!(
            memory[..GUARD.len()] == GUARD && memory[end..] == GUARD,
            "bytes beside a span were written"
        );
        pages.extend(&memory[GUARD.len()..end]);
    }
    result.map(|()| pages)
}

pub fn send(stream: &mut dyn Pack, pages: &[u8]) -> Vec<u8> {
    let mut pages = pages.to_vec();
    let mut payload = vec![0; pages.len() + pages.len() / 256 + 1024];
    // SAFETY: the pages are valid until the call is over, and nobody else's.
    let size = unsafe { stream.pack(&[Span::from(&mut pages[..])], &mut payload) }.expect("a payload");
    payload.truncate(size);
    payload
}
