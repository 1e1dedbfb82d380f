use std::ffi::c_int;

/// How zlib-rs works at one of QEMU's levels.
///
/// Its own levels are zlib-ng's, which trade ratio for speed in steps of their own: 1 and 6 give up to a quarter less
/// than zlib's. So a level here is the fastest setting whose ratio is zlib's at that level, less 1 % at most, and which
/// is not slower, on each kind of pages that was tried: logs, JavaScript, machine code, a heap, records,
/// noise (`bench/compare.mjs`; `tests/ratio.rs` keeps the ratio).
pub struct ZlibLevel {
    /// zlib-rs's own level, 0 to 9: which search it makes.
    pub level: c_int,
    /// 1 to 9: a block has at most 2 to the power of 6 more symbols. A QEMU has 8.
    pub mem_level: c_int,
    /// What that level's search stops at, if not at what the level says.
    pub tuning: Option<Tuning>,
}

/// The arguments of `deflateTune`, in bytes but for the last.
pub struct Tuning {
    /// A match this long makes the search for a better one shorter.
    pub good_length: c_int,
    /// A match this long ends the search for a better one behind it.
    pub max_lazy: c_int,
    /// A match this long is taken at once.
    pub nice_length: c_int,
    /// Most places that are looked at. Above 1024 zlib-rs's level 9 follows the rarest part of a match instead, which
    /// finds more and takes less time.
    pub max_chain: c_int,
}

/// By QEMU's level.
const LEVELS: [ZlibLevel; 10] = [
    plain(0),
    plain(2),
    plain(3),
    plain(4),
    tuned(7, 8, [4, 16, 64, 24]),
    tuned(9, 9, [8, 24, 48, 32]),
    tuned(9, 8, [8, 16, 32, 1025]),
    plain(9),
    plain(9),
    plain(9),
];

/// None if `level` is none of QEMU's, 0 to 9.
pub fn zlib_level(level: i32) -> Option<&'static ZlibLevel> {
    LEVELS.get(usize::try_from(level).ok()?)
}

const fn plain(level: c_int) -> ZlibLevel {
    ZlibLevel {
        level,
        mem_level: 8,
        tuning: None,
    }
}

const fn tuned(level: c_int, mem_level: c_int, limits: [c_int; 4]) -> ZlibLevel {
    let [good_length, max_lazy, nice_length, max_chain] = limits;
    ZlibLevel {
        level,
        mem_level,
        tuning: Some(Tuning {
            good_length,
            max_lazy,
            nice_length,
            max_chain,
        }),
    }
}
