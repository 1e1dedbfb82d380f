//! What somebody who goes through a file-backed mapping remembers of its data.

use std::ops::Range;
use std::sync::Arc;

use crate::track::given_back::{GivenBack, Listeners};

/// The run of data of one mapping that was told of last.
///
/// A page in it may have become a hole. To read it is right, and fills the hole of a memfd with a page of zeros. So what
/// is given back through the mapping, by any thread, is taken out of the run. What another process gives back is not
/// heard of, and filled again if it has to be read before the run is left.
#[derive(Debug, Default)]
pub struct KnownData {
    /// Bytes in the block.
    run: Range<u64>,
    given_back: Option<Arc<GivenBack>>,
}

impl KnownData {
    /// Bytes of data from `offset` on, 0 if that has to be asked.
    pub(crate) fn from(&mut self, offset: u64) -> u64 {
        let given_back = self.given_back.as_ref().map(|list| list.take());
        for gone in given_back.into_iter().flatten() {
            if gone.end <= offset {
                self.run.start = self.run.start.max(gone.end);
            } else {
                self.run.end = self.run.end.min(gone.start);
            }
        }
        if self.run.contains(&offset) {
            self.run.end - offset
        } else {
            0
        }
    }

    /// Before the kernel is asked: what is given back from now on is heard of.
    pub(crate) fn listen(&mut self, listeners: &Listeners) {
        self.given_back.get_or_insert_with(|| listeners.listen());
    }

    /// As the kernel has just said.
    pub(crate) fn keep(&mut self, run: Range<u64>) {
        self.run = run;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_not_known_any_more_and_the_rest_is() {
        let listeners = Listeners::default();
        let mut known = KnownData::default();
        assert_eq!(known.from(0), 0);
        known.listen(&listeners);
        known.keep(4096..40960);
        assert_eq!((known.from(0), known.from(4096), known.from(40960)), (0, 36864, 0));
        // Behind, ahead, and beyond it.
        listeners.mark(8192, 4096);
        listeners.mark(32768, 4096);
        listeners.mark(65536, 4096);
        assert_eq!(known.from(16384), 16384);
        assert_eq!((known.from(8192), known.from(12288), known.from(32768)), (0, 20480, 0));
        // Where it is.
        listeners.mark(16000, 1000);
        assert_eq!((known.from(16384), known.from(20480)), (0, 0));
    }

    #[test]
    fn nobody_else_hears_what_it_hears() {
        let listeners = Listeners::default();
        let [mut one, mut two] = [KnownData::default(), KnownData::default()];
        for each in [&mut one, &mut two] {
            each.listen(&listeners);
            each.listen(&listeners);
            each.keep(0..8192);
        }
        listeners.mark(4096, 4096);
        assert_eq!((one.from(0), one.from(4096)), (4096, 0));
        assert_eq!((two.from(0), two.from(4096)), (4096, 0));
    }
}
