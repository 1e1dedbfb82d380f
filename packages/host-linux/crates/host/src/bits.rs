//! Core's dirty bitmap, as other threads see it at the same time.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// One bit a page, 32 pages a word. Marks are atomic, as `Atomics.or` is.
#[derive(Debug, Clone, Copy)]
pub struct DirtyBits<'a> {
    words: &'a [AtomicU32],
    pages: u64,
    /// Bytes of a page of the guest.
    page_size: u64,
}

impl<'a> DirtyBits<'a> {
    /// @returns nothing if `words` are too few, or pages have no size.
    pub fn new(words: &'a [AtomicU32], pages: u64, page_size: u64) -> Option<Self> {
        let enough = page_size > 0 && pages.div_ceil(32) <= words.len() as u64;
        enough.then_some(DirtyBits {
            words,
            pages,
            page_size,
        })
    }

    pub fn pages(&self) -> u64 {
        self.pages
    }

    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Whether a page is marked. Pages that there are not are.
    pub fn has(&self, page: u64) -> bool {
        self.words
            .get((page / 32) as usize)
            .is_none_or(|word| word.load(SeqCst) >> (page % 32) & 1 == 1)
    }

    /// Marks every page that [offset, offset + length) touches. What lies behind the last page is left out.
    pub fn mark_bytes(&self, offset: u64, length: u64) {
        if length > 0 {
            let end = offset.saturating_add(length).div_ceil(self.page_size);
            self.mark(offset / self.page_size, end);
        }
    }

    /// Marks pages [from, to).
    pub fn mark(&self, from: u64, to: u64) {
        let to = to.min(self.pages);
        let mut page = from;
        while page < to {
            let bit = page % 32;
            let run = (32 - bit).min(to - page);
            let mask = (u32::MAX >> (32 - run)) << bit;
            let word = &self.words[(page / 32) as usize];
            // A page that is marked already costs no write to what others read.
            if word.load(SeqCst) & mask != mask {
                word.fetch_or(mask, SeqCst);
            }
            page += run;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(pages: u64, page_size: u64, ranges: &[(u64, u64)]) -> Vec<u64> {
        let words: Vec<AtomicU32> = (0..pages.div_ceil(32)).map(|_| AtomicU32::new(0)).collect();
        let bits = DirtyBits::new(&words, pages, page_size).expect("enough words");
        ranges
            .iter()
            .for_each(|&(offset, length)| bits.mark_bytes(offset, length));
        (0..words.len() as u64 * 32)
            .filter(|page| words[(page / 32) as usize].load(SeqCst) >> (page % 32) & 1 == 1)
            .collect()
    }

    #[test]
    fn pages_that_are_touched_are_marked_and_no_others() {
        assert_eq!(marked(100, 4096, &[(0, 1)]), [0]);
        assert_eq!(marked(100, 4096, &[(4095, 2)]), [0, 1]);
        assert_eq!(marked(100, 4096, &[(4096, 0)]), []);
        assert_eq!(marked(100, 4096, &[(31 * 4096, 2 * 4096)]), [31, 32]);
        assert_eq!(marked(100, 4096, &[(0, 100 * 4096)]), (0..100).collect::<Vec<_>>());
        assert_eq!(marked(70, 4096, &[(69 * 4096, 1 << 40)]), [69]);
        assert_eq!(marked(10, 16384, &[(4096, 4096), (16384, 4096)]), [0, 1]);
        assert_eq!(marked(40, 1024, &[(4096, 4096)]), [4, 5, 6, 7]);
    }

    #[test]
    fn too_few_words() {
        let words = [AtomicU32::new(0)];
        assert!(DirtyBits::new(&words, 33, 4096).is_none());
        assert!(DirtyBits::new(&words, 32, 0).is_none());
        assert!(DirtyBits::new(&words, 32, 4096).is_some());
    }
}
