//! Memory to ask about, and the right answers.

use std::sync::mpsc::{Receiver, channel};

use multifd_dsa::{Job, Outcome, Queue};

const PAGE: usize = 4096;

/// Pages that are zero, used at their front, at their end, or somewhere.
pub struct Guest {
    memory: Vec<u8>,
    /// The right answers.
    pub zero: Vec<u8>,
}

impl Guest {
    pub fn new(pages: usize, seed: u64) -> &'static Guest {
        let mut memory = vec![0; pages * PAGE];
        let mut state = seed.wrapping_mul(2654435761) | 1;
        let zero = memory.chunks_mut(PAGE).map(|page| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match state % 4 {
                0 => page[0] = 1,
                1 => page[PAGE - 1] = 1,
                2 => page[(state >> 8) as usize % PAGE] = 0x80,
                _ => return 1,
            }
            0
        });
        let zero = zero.collect();
        // As long as the process: a lost device's jobs need not be waited for.
        Box::leak(Box::new(Guest { memory, zero }))
    }

    pub fn ask(&self, queue: &Queue, pages: &[usize]) -> Receiver<Outcome> {
        let (sender, receiver) = channel();
        let offsets: Vec<f64> = pages.iter().map(|page| (page * PAGE) as f64).collect();
        // SAFETY: a guest is never freed, and nobody writes to it.
        let job = unsafe { Job::new(self.memory.as_ptr(), self.memory.len(), PAGE, &offsets) };
        queue.submit(job.expect("good offsets"), move |outcome| {
            sender.send(outcome).expect("somebody waits");
        });
        receiver
    }
}
