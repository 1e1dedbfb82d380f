//! zstd's frames by hand, and those that its one-shot call makes.

use zstd_sys as z;

pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Block types.
pub const RAW: u8 = 0;
pub const RLE: u8 = 1;
pub const COMPRESSED: u8 = 2;

/// A frame's header without content size, checksum or dictionary, and a window of 2^log bytes.
pub fn open(window_log: u8) -> Vec<u8> {
    header(0, &[window_of(window_log)])
}

pub fn header(descriptor: u8, rest: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &[descriptor], rest].concat()
}

pub const fn window_of(log: u8) -> u8 {
    (log - 10) << 3
}

/// One block: `size` as its header says it, `body` as it is.
pub fn block(kind: u8, size: usize, body: &[u8], last: bool) -> Vec<u8> {
    let header = (size as u32) << 3 | u32::from(kind) << 1 | u32::from(last);
    [&header.to_le_bytes()[..3], body].concat()
}

pub fn raw(content: &[u8], last: bool) -> Vec<u8> {
    block(RAW, content.len(), content, last)
}

pub fn skippable(content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    [&0x184d_2a53_u32.to_le_bytes(), &size, content].concat()
}

/// All of `content` in one frame, which says its size.
pub fn whole(content: &[u8], level: i32, checksum: bool) -> Vec<u8> {
    // SAFETY: a context of its own, two slices, and results that are looked at.
    unsafe {
        let context = z::ZSTD_createCCtx();
        z::ZSTD_CCtx_setParameter(context, z::ZSTD_cParameter::ZSTD_c_compressionLevel, level);
        z::ZSTD_CCtx_setParameter(context, z::ZSTD_cParameter::ZSTD_c_checksumFlag, checksum.into());
        let mut frame = vec![0; z::ZSTD_compressBound(content.len())];
        let size = z::ZSTD_compress2(
            context,
            frame.as_mut_ptr().cast(),
            frame.len(),
            content.as_ptr().cast(),
            content.len(),
        );
        assert_eq!(z::ZSTD_isError(size), 0);
        z::ZSTD_freeCCtx(context);
        frame.truncate(size);
        frame
    }
}
