//! Pages that the CPU looks at: what a device could not read, and all that the software queue does.

/// Words that are read between two decisions: two cache lines.
const STEP: usize = 16;

/// Whether `length` bytes at `start` are all 0. Reads each byte at most once.
///
/// # Safety
/// `start` is valid for reads of `length` bytes. Others may write there meanwhile: either answer is right then.
pub unsafe fn is_zero(start: *const u8, length: usize) -> bool {
    let head = start.align_offset(align_of::<u64>()).min(length);
    let words = (length - head) / size_of::<u64>();
    let tail = head + words * size_of::<u64>();
    // SAFETY: head, words and tail together are `length`, and the words are aligned.
    unsafe {
        bytes_are_zero(start, head)
            && words_are_zero(start.add(head).cast(), words)
            && bytes_are_zero(start.add(tail), length - tail)
    }
}

/// # Safety
/// As for `is_zero`.
unsafe fn bytes_are_zero(start: *const u8, length: usize) -> bool {
    // SAFETY: all below `length`.
    (0..length).all(|at| unsafe { start.add(at).read_volatile() } == 0)
}

/// # Safety
/// `start` is aligned, and valid for reads of `words` words.
unsafe fn words_are_zero(start: *const u64, words: usize) -> bool {
    let mut at = 0;
    while at < words {
        let end = (at + STEP).min(words);
        let mut all = 0;
        while at < end {
            // SAFETY: below `words`.
            all |= unsafe { start.add(at).read_volatile() };
            at += 1;
        }
        if all != 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_zero;

    #[test]
    fn every_byte_counts_at_every_alignment_and_none_beside() {
        let mut memory = vec![0_u8; 4096 + 64];
        for start in 0..17 {
            for length in [0, 1, 7, 8, 9, 127, 128, 129, 4096 - 3, 4096] {
                // SAFETY: both lie within `memory`.
                let ask = |memory: &[u8]| unsafe { is_zero(memory.as_ptr().add(start + 1), length) };
                memory[start] = 1;
                memory[start + 1 + length] = 1;
                assert!(ask(&memory), "{start} {length}");
                for at in (0..length).step_by(if length > 200 { 13 } else { 1 }) {
                    memory[start + 1 + at] = 0x80;
                    assert!(!ask(&memory), "{start} {length} {at}");
                    memory[start + 1 + at] = 0;
                }
                memory[start] = 0;
                memory[start + 1 + length] = 0;
            }
        }
    }
}
