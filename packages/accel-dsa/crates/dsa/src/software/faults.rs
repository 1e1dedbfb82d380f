//! What can go wrong with a device, on purpose.

/// How a device goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Vanish {
    /// It answers nothing any more; its queue fills up.
    #[default]
    Silent,
    /// It answers nothing any more, and the kernel says ENODEV.
    Enodev,
}

/// How often, in a thousand descriptors; the same seed gives the same faults in the same order of descriptors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    pub seed: u64,
    /// A page fault in the middle of a page: a partial completion.
    pub partial: u32,
    /// The memory is poisoned, or cannot be translated.
    pub poison: u32,
    /// In a thousand batches: the list itself faults, and the rest of it is not executed.
    pub batch: u32,
    /// A page's record is written after its batch's.
    pub behind: u32,
    /// The queue is full.
    pub full: u32,
    /// In a thousand units: one is held back while others pass.
    pub late: u32,
    /// Units are executed in any order.
    pub shuffled: bool,
    /// From the nth unit on, the kernel refuses with this errno.
    pub denied: Option<(u64, i32)>,
    /// After this many descriptors the device is gone, in the middle of a batch if it is in one.
    pub vanish_after: Option<u64>,
    pub vanish: Vanish,
}
