//! One harness for all kernels: whatever scalar says of a page, each other says too, and scalar says what a loop
//! over bytes says. A kernel that this CPU lacks has its test shown as ignored, never as passed: the harness below
//! is this file's own, because the standard one can only ignore what was known to be absent when it was compiled.

use std::process::ExitCode;

use multifd_zero_kernel::{Absent, Fault, Kernel, Look, Memory, NAMES};

const PAGE_SIZES: [usize; 3] = [4096, 16384, 65536];
/// Starts of a page within the first bytes of memory: every alignment a vector can see, and both sides of each.
const STARTS: [usize; 12] = [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64];

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    // `MULTIFD_REQUIRE_ACCEL=avx2,avx512`: a machine that must have them.
    let required = std::env::var("MULTIFD_REQUIRE_ACCEL").unwrap_or_default();
    faults();
    println!("test faults ... ok");
    let mut missing = false;
    for name in NAMES {
        match Kernel::get(name) {
            Ok(kernel) => {
                harness(kernel);
                println!("test {name} ... ok");
            }
            Err(absent) => {
                let needed = required.split(',').any(|each| each == name);
                missing |= needed;
                println!(
                    "test {name} ... {}, {absent:?}",
                    if needed { "FAILED" } else { "ignored" }
                );
            }
        }
    }
    if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn harness(kernel: Kernel) {
    for size in PAGE_SIZES {
        for start in STARTS {
            every_offset(kernel, size, start);
            random(kernel, size, start);
        }
    }
}

/// One byte set, at each offset of a page in turn; bytes around the page are set too and must not count.
fn every_offset(kernel: Kernel, size: usize, start: usize) {
    let mut memory = vec![0_u64; (size + 192) / 8];
    let base = align(memory.as_mut_ptr().cast(), 64);
    let page = base.wrapping_add(64 + start);
    // SAFETY: the page and a byte on either side lie within `memory`, which nobody else has.
    unsafe {
        page.wrapping_sub(1).write(1);
        page.add(size).write(1);
        assert_eq!(ask(kernel, page, size), 1, "{} {size} {start}: all zero", kernel.name);
        let stride = if size == 4096 { 1 } else { 61 };
        for at in (0..size).step_by(stride).chain([size - 1]) {
            for value in [0x01, 0x80, 0xff] {
                page.add(at).write(value);
                assert_eq!(
                    ask(kernel, page, size),
                    0,
                    "{} {size} {start}: byte {at} = {value}",
                    kernel.name
                );
            }
            page.add(at).write(0);
        }
    }
}

/// Pages with a few bytes set at random, in batches, against scalar and against a loop over bytes.
fn random(kernel: Kernel, size: usize, start: usize) {
    let mut state = (size * 64 + start) as u64 | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let pages = 33;
    let mut memory = vec![0_u8; pages * size + 128];
    for _ in 0..pages / 2 {
        let at = next(memory.len());
        memory[at] = next(256) as u8;
    }
    let offsets: Vec<f64> = (0..pages).map(|_| (start + next(pages - 1) * size) as f64).collect();
    // SAFETY: `memory` outlives it, and nobody writes to it.
    let view = unsafe { Memory::new(memory.as_ptr(), memory.len(), size) }.expect("a page size");
    let look_at = |kernel, look| {
        let mut answers = vec![0xee; pages];
        view.check(kernel, look, &offsets, &mut answers).expect("good offsets");
        answers
    };
    let scalar = look_at(Kernel::get("scalar").expect("everywhere"), Look::None);
    let bytes: Vec<u8> = offsets
        .iter()
        .map(|&offset| u8::from(memory[offset as usize..][..size].iter().all(|&byte| byte == 0)))
        .collect();
    for look in Look::ALL {
        assert_eq!(look_at(kernel, look), bytes, "{} {look:?} {size} {start}", kernel.name);
    }
    assert_eq!(scalar, bytes, "scalar {size} {start}");
}

fn ask(kernel: Kernel, page: *const u8, size: usize) -> u8 {
    // SAFETY: the callers' page lies within memory of theirs.
    let view = unsafe { Memory::new(page, size, size) }.expect("a page size");
    let answers = Look::ALL.map(|look| {
        let mut answer = [0xee];
        view.check(kernel, look, &[0.0], &mut answer).expect("a whole page");
        answer[0]
    });
    assert!(
        answers.iter().all(|&answer| answer == answers[0]),
        "{}: {answers:?}",
        kernel.name
    );
    answers[0]
}

fn align(pointer: *mut u8, to: usize) -> *mut u8 {
    pointer.wrapping_add(pointer.addr().wrapping_neg() % to)
}

fn faults() {
    let memory = vec![0_u8; 3 * 4096];
    let new = |size| {
        // SAFETY: `memory` outlives it, and nobody writes to it.
        unsafe { Memory::new(memory.as_ptr(), memory.len(), size) }
    };
    for size in [0, 64, 2048, 4095, 6144] {
        assert_eq!(new(size).err(), Some(Fault::PageSize(size)));
    }
    let view = new(4096).expect("a page size");
    let best = Kernel::best();
    for offset in [8193.0, 12288.0, -1.0, 0.5, 1e300, f64::INFINITY] {
        let result = view.check(best, Look::Front, &[0.0, offset], &mut [9, 9]);
        assert_eq!(result, Err(Fault::Offset(1, offset)));
    }
    assert!(view.check(best, Look::Front, &[f64::NAN], &mut [9]).is_err());
    assert_eq!(view.check(best, Look::Front, &[0.0], &mut []), Err(Fault::Answers));
    assert_eq!(view.check(best, Look::Front, &[], &mut []), Ok(()));
    assert_eq!(Kernel::get("mmx").err(), Some(Absent::Unknown));
}
