//! The software device's thread: takes units from the queue, in order or not.

use std::time::Duration;

use super::Shared;
use super::execute::Device;
use super::faults::Faults;
use crate::layout::Descriptor;
use crate::random::Random;

/// Longest time that a unit is held back.
const LATE: Duration = Duration::from_millis(3);

pub(super) fn run(shared: &Shared, faults: &Faults) {
    let mut device = Device {
        faults,
        // Not the numbers that the submitting side draws.
        random: Random::new(faults.seed ^ 0x5eed),
        executed: 0,
        behind: Vec::new(),
    };
    let mut held: Vec<Descriptor> = Vec::new();
    while let Some(unit) = next(shared, faults, &mut device.random, &mut held) {
        // SAFETY: what `submit` was promised holds until all records are written, or this thread has been joined.
        let done = unsafe { device.execute(&unit, false) };
        let mut state = shared.lock();
        if done.is_err() {
            state.gone = true;
            return;
        }
        state.busy -= 1;
    }
}

/// The next unit to execute; none when the queue was closed.
fn next(shared: &Shared, faults: &Faults, random: &mut Random, held: &mut Vec<Descriptor>) -> Option<Descriptor> {
    loop {
        let mut state = shared.lock();
        if state.closed {
            return None;
        }
        let at = if faults.shuffled {
            random.below(state.waiting.len() as u64) as usize
        } else {
            0
        };
        match state.waiting.remove(at) {
            Some(unit) => {
                state.busy += 1;
                if !random.chance(faults.late) {
                    return Some(unit);
                }
                held.push(unit);
            }
            None if held.is_empty() => drop(shared.changed.wait(state)),
            // Nobody is left to pass them, or the wait is over.
            None => {
                drop(shared.changed.wait_timeout(state, LATE));
                if shared.lock().waiting.is_empty() && !held.is_empty() {
                    let late = random.below(held.len() as u64) as usize;
                    return Some(held.swap_remove(late));
                }
            }
        }
    }
}
