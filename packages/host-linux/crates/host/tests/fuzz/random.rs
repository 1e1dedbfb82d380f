//! Numbers that a seed repeats.

use crate::PAGE;

/// splitmix64
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % n as u64) as usize
    }

    /// Where it begins in `length` bytes, and how long it is: mostly a few pages.
    pub fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length);
        let most = if self.below(4) == 0 { length } else { 3 * PAGE };
        (from, 1 + self.below((length - from).min(most)))
    }
}
