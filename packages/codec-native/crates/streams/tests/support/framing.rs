//! A second opinion on where zstd's frames and blocks begin and end: RFC 8878, 3.1, written from its text. It takes what
//! a decoder has found right, and looks only at lengths.

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    BetweenFrames,
    BetweenBlocks,
    Inside,
}

/// What a channel's bytes end in.
#[derive(Debug)]
pub struct Framing {
    pub at: At,
    /// The largest window of all frames.
    pub window: u64,
    /// Most bytes of a block in the last frame: the window, but 128 KiB at most.
    pub block: u64,
    /// Whether the last frame says how much it holds: it then takes no more.
    pub sized: bool,
}

pub fn framing(bytes: &[u8]) -> Framing {
    let mut found = Framing {
        at: At::BetweenFrames,
        window: 0,
        block: 0,
        sized: false,
    };
    // None where the bytes end too early: the last place that was whole is not where they end.
    if follow(&mut Reader(bytes), &mut found).is_none() {
        found.at = At::Inside;
    }
    found
}

fn follow(rest: &mut Reader, found: &mut Framing) -> Option<()> {
    while !rest.0.is_empty() {
        found.at = At::BetweenFrames;
        let magic = rest.number(4)? as u32;
        if magic & !0xf == SKIPPABLE {
            let size = rest.number(4)?;
            rest.skip(size)?;
            continue;
        }
        assert_eq!(magic, MAGIC, "a frame's magic number");
        let descriptor = rest.number(1)? as u8;
        let one_segment = descriptor & 0x20 != 0;
        let declared = if one_segment { 0 } else { rest.number(1)? };
        rest.skip([0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let size_field = [u64::from(one_segment), 2, 4, 8][usize::from(descriptor >> 6)];
        let size = rest.number(size_field)? + if size_field == 2 { 256 } else { 0 };
        let base = 1_u64 << (10 + (declared >> 3));
        let window = if one_segment {
            size
        } else {
            base + base / 8 * (declared & 7)
        };
        found.window = found.window.max(window);
        found.block = window.min(1 << 17);
        found.sized = size_field > 0;
        loop {
            found.at = At::BetweenBlocks;
            if rest.0.is_empty() {
                return Some(());
            }
            let header = rest.number(3)?;
            rest.skip(if header >> 1 & 3 == 1 { 1 } else { header >> 3 })?;
            if header & 1 == 1 {
                break;
            }
        }
        rest.skip(if descriptor & 4 != 0 { 4 } else { 0 })?;
        found.at = At::BetweenFrames;
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    /// Little-endian.
    fn number(&mut self, bytes: u64) -> Option<u64> {
        let before = self.0;
        self.skip(bytes)?;
        let field = before[..bytes as usize].iter().rev();
        Some(field.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}
