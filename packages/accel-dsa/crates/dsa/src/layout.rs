//! Descriptors and completion records, as `linux/idxd.h` and the DSA specification lay them out. `tests/header.rs` holds
//! this to the kernel's own header.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// One piece of work (`struct dsa_hw_desc`).
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Descriptor {
    /// 20 bits of PASID, and who is privileged; the kernel or the CPU fills it in.
    pub pasid: u32,
    /// 24 bits of flags, and above them the opcode.
    pub flags_opcode: u32,
    pub completion_addr: u64,
    /// `src_addr`; in a batch `desc_list_addr`.
    pub src_addr: u64,
    pub comp_pattern: u64,
    /// `xfer_size` in bytes; in a batch `desc_count`.
    pub xfer_size: u32,
    pub int_handle: u16,
    pub rsvd1: u16,
    pub op_specific: [u64; 3],
}

/// What the device answers (`struct dsa_completion_record`). All of it atomics: another thread, or the device, writes it while
/// this program looks.
#[repr(C, align(32))]
#[derive(Debug, Default)]
pub struct CompletionRecord {
    /// 0 until the device has written all of the record.
    pub status: AtomicU8,
    pub result: AtomicU8,
    pub rsvd: [AtomicU8; 2],
    /// Of a batch: descriptors.
    pub bytes_completed: AtomicU32,
    pub fault_addr: AtomicU64,
    pub op_specific: [AtomicU64; 2],
}

const _: () = {
    assert!(size_of::<Descriptor>() == 64 && align_of::<Descriptor>() == 64);
    assert!(std::mem::offset_of!(Descriptor, flags_opcode) == 4);
    assert!(std::mem::offset_of!(Descriptor, completion_addr) == 8);
    assert!(std::mem::offset_of!(Descriptor, src_addr) == 16);
    assert!(std::mem::offset_of!(Descriptor, comp_pattern) == 24);
    assert!(std::mem::offset_of!(Descriptor, xfer_size) == 32);
    assert!(std::mem::offset_of!(Descriptor, int_handle) == 36);
    assert!(std::mem::offset_of!(Descriptor, op_specific) == 40);
    assert!(size_of::<CompletionRecord>() == 32 && align_of::<CompletionRecord>() == 32);
    assert!(std::mem::offset_of!(CompletionRecord, result) == 1);
    assert!(std::mem::offset_of!(CompletionRecord, bytes_completed) == 4);
    assert!(std::mem::offset_of!(CompletionRecord, fault_addr) == 8);
    assert!(std::mem::offset_of!(CompletionRecord, op_specific) == 16);
};

/// `enum dsa_opcode`.
pub mod opcode {
    pub const NOOP: u8 = 0;
    pub const BATCH: u8 = 1;
    pub const DRAIN: u8 = 2;
    pub const COMPARE: u8 = 5;
    pub const COMPVAL: u8 = 6;
}

/// `IDXD_OP_FLAG_*`.
pub mod flag {
    /// Block on fault: not used. A device that waits for a page to come would hold up everything behind it.
    pub const BOF: u32 = 0x0002;
    /// The completion record's address is valid.
    pub const CRAV: u32 = 0x0004;
    /// A completion record is wanted.
    pub const RCR: u32 = 0x0008;
}

/// `enum dsa_completion_status`: those that are told apart here.
pub mod status {
    pub const NONE: u8 = 0;
    pub const SUCCESS: u8 = 1;
    pub const SUCCESS_PRED: u8 = 2;
    pub const PAGE_FAULT_NOBOF: u8 = 3;
    pub const PAGE_FAULT_IR: u8 = 4;
    pub const BATCH_FAIL: u8 = 5;
    pub const BATCH_PAGE_FAULT: u8 = 6;
    pub const BAD_OPCODE: u8 = 0x10;
    pub const INVALID_FLAGS: u8 = 0x11;
    pub const XFER_ERANGE: u8 = 0x13;
    pub const DESC_CNT_ERANGE: u8 = 0x14;
    pub const DESCLIST_ALIGN: u8 = 0x18;
    pub const CRA_ALIGN: u8 = 0x1b;
    pub const HW_ERR1: u8 = 0x20;
    pub const HW_ERR_DRB: u8 = 0x21;
    pub const TRANSLATION_FAIL: u8 = 0x22;
    /// The rest is another matter: whether the access that faulted was a write.
    pub const MASK: u8 = 0x7f;
}

/// With a record, please, at an address that is one.
const ASKED: u32 = flag::CRAV | flag::RCR;

impl Descriptor {
    /// Whether the page at `page` holds only zeros.
    pub fn compare_with_zero(page: u64, size: u32, record: u64) -> Descriptor {
        Descriptor {
            flags_opcode: word(opcode::COMPVAL, ASKED),
            completion_addr: record,
            src_addr: page,
            comp_pattern: 0,
            xfer_size: size,
            ..Descriptor::default()
        }
    }

    /// `count` descriptors that lie at `list`, one behind the other.
    pub fn batch(list: u64, count: u32, record: u64) -> Descriptor {
        Descriptor {
            flags_opcode: word(opcode::BATCH, ASKED),
            completion_addr: record,
            src_addr: list,
            xfer_size: count,
            ..Descriptor::default()
        }
    }

    pub fn opcode(&self) -> u8 {
        (self.flags_opcode >> 24) as u8
    }

    pub fn flags(&self) -> u32 {
        self.flags_opcode & 0x00ff_ffff
    }
}

const fn word(opcode: u8, flags: u32) -> u32 {
    ((opcode as u32) << 24) | flags
}
