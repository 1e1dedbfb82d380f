//! Looking at pages, one at a time, with any vector.

/// A register full of bytes, and what the loops below need of it.
///
/// # Safety
/// `read` must read `size_of::<Self>()` bytes once, and nothing else, and write nothing.
pub(crate) unsafe trait Lanes: Copy {
    /// # Safety
    /// `from` is valid for reads of one `Self` and aligned for it, and the CPU has this vector.
    unsafe fn read(from: *const Self) -> Self;
    /// # Safety
    /// The CPU has this vector.
    unsafe fn or(self, other: Self) -> Self;
    /// # Safety
    /// The CPU has this vector.
    unsafe fn is_zero(self) -> bool;
}

/// Vectors that are read between two decisions. One for each vector would cost more than reading it; one for a
/// whole page would read all of a page that is used at its front.
const STEP: usize = 8;

/// A quick look at a few bytes of a page before all of them are read.
pub(crate) trait Glance {
    /// # Safety
    /// `start` is valid for reads of `length` bytes, at least 4096.
    unsafe fn looks_zero(start: *const u8, length: usize) -> bool;
}

/// None: the first step of the loop over vectors turns a used page away.
pub(crate) struct NoGlance;

/// At four bytes of the first 32: turns away nearly all used pages for the price of one cache line.
pub(crate) struct Front;

/// As QEMU does (`buffer_is_zero`): at the first byte, one in the middle, and the last, for three cache lines.
pub(crate) struct Ends;

impl Glance for NoGlance {
    #[inline(always)]
    unsafe fn looks_zero(_start: *const u8, _length: usize) -> bool {
        true
    }
}

impl Glance for Front {
    #[inline(always)]
    unsafe fn looks_zero(start: *const u8, _length: usize) -> bool {
        // SAFETY: all below 32.
        unsafe {
            start.read_volatile()
                | start.add(8).read_volatile()
                | start.add(16).read_volatile()
                | start.add(24).read_volatile()
                == 0
        }
    }
}

impl Glance for Ends {
    #[inline(always)]
    unsafe fn looks_zero(start: *const u8, length: usize) -> bool {
        // SAFETY: all below `length`.
        unsafe {
            start.read_volatile() | start.add(length / 2).read_volatile() | start.add(length - 1).read_volatile() == 0
        }
    }
}

/// Pages to look at, all of them known to lie in readable memory: only `Memory` makes this.
pub(crate) struct Pages<'a> {
    /// Memory that holds them. Not ours: see the head of this crate.
    pub(crate) memory: *const u8,
    /// Byte offsets of the pages in `memory`, whole numbers.
    pub(crate) offsets: &'a [f64],
    /// Bytes.
    pub(crate) size: usize,
    /// One answer for each page.
    pub(crate) answers: &'a mut [u8],
}

impl Pages<'_> {
    /// # Safety
    /// The CPU has the vector.
    #[inline(always)]
    pub(crate) unsafe fn check<V: Lanes, G: Glance>(&mut self) {
        for (&offset, answer) in self.offsets.iter().zip(self.answers.iter_mut()) {
            // SAFETY: `Memory` has checked that the page lies in memory; the vector is the caller's word.
            *answer = unsafe {
                let start = self.memory.add(offset as usize);
                u8::from(G::looks_zero(start, self.size) && is_zero::<V>(start, self.size))
            };
        }
    }

    /// Reads every byte of every page and decides nothing: what no check can be faster than.
    ///
    /// # Safety
    /// The CPU has the vector.
    #[inline(always)]
    pub(crate) unsafe fn read<V: Lanes>(&mut self) {
        for (&offset, answer) in self.offsets.iter().zip(self.answers.iter_mut()) {
            // SAFETY: as above.
            *answer = unsafe { u8::from(all_zero::<V>(self.memory.add(offset as usize), self.size)) };
        }
    }
}

/// Whether `length` bytes at `start` are all zero; reads no further than it must.
///
/// # Safety
/// `start` is valid for reads of `length` bytes, and the CPU has the vector.
#[inline(always)]
unsafe fn is_zero<V: Lanes>(start: *const u8, length: usize) -> bool {
    let (head, vectors, tail) = cut::<V>(start, length);
    // SAFETY: head + vectors * width + tail is length, and `first` is aligned.
    unsafe {
        let first = start.add(head).cast::<V>();
        if head + tail > 0 && !(bytes_are_zero(start, head) && bytes_are_zero(first.add(vectors).cast(), tail)) {
            return false;
        }
        let mut at = 0;
        while at + STEP <= vectors {
            if !or_of_step(first.add(at)).is_zero() {
                return false;
            }
            at += STEP;
        }
        while at < vectors {
            if !V::read(first.add(at)).is_zero() {
                return false;
            }
            at += 1;
        }
    }
    true
}

/// The same without a decision before the end. Starts at an aligned address, ends at a whole step.
///
/// # Safety
/// As for `is_zero`.
#[inline(always)]
unsafe fn all_zero<V: Lanes>(start: *const u8, length: usize) -> bool {
    let (head, vectors, _) = cut::<V>(start, length);
    // SAFETY: as in `is_zero`.
    unsafe {
        let first = start.add(head).cast::<V>();
        let mut seen = V::read(first);
        let mut at = 0;
        while at + STEP <= vectors {
            seen = seen.or(or_of_step(first.add(at)));
            at += STEP;
        }
        seen.is_zero()
    }
}

/// # Safety
/// `from` is aligned, valid for reads of `STEP` vectors, and the CPU has the vector.
#[inline(always)]
unsafe fn or_of_step<V: Lanes>(from: *const V) -> V {
    // SAFETY: i < STEP.
    unsafe {
        let mut seen = V::read(from);
        for i in 1..STEP {
            seen = seen.or(V::read(from.add(i)));
        }
        seen
    }
}

/// Bytes before the first aligned vector, whole vectors, bytes behind them. Guest memory starts at a page, so both
/// ends are empty; a copy may start anywhere.
#[inline(always)]
fn cut<V>(start: *const u8, length: usize) -> (usize, usize, usize) {
    let head = start.addr().wrapping_neg() % align_of::<V>();
    let vectors = (length - head) / size_of::<V>();
    (head, vectors, length - head - vectors * size_of::<V>())
}

/// # Safety
/// `start` is valid for reads of `length` bytes.
#[inline(always)]
unsafe fn bytes_are_zero(start: *const u8, length: usize) -> bool {
    let mut seen = 0;
    for i in 0..length {
        // SAFETY: i < length.
        seen |= unsafe { start.add(i).read_volatile() };
    }
    seen == 0
}
