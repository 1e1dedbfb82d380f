//! The layouts against the kernel's own header: a C program says what it has, this one what it has. Where there is no
//! compiler, or no `linux/idxd.h`, the test shows as ignored, never as passed.
#![cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), allow(unused))]

use std::process::{Command, ExitCode};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    match kernel::says() {
        Err(why) => println!("test header ... ignored, {why}"),
        Ok(kernels) => {
            let ours = ours::says();
            assert!(ours.len() > 30);
            assert_eq!(kernels.lines().collect::<Vec<_>>(), ours);
            println!("test header ... ok");
        }
    }
    ExitCode::SUCCESS
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kernel {
    use super::Command;

    /// Offsets, constants, and the bytes of two descriptors that C fills in through its bit fields.
    const PROGRAM: &str = r##"
#include <linux/idxd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#define SIZE(type) printf(#type " %zu\n", sizeof(struct type))
#define AT(type, field) printf(#type "." #field " %zu\n", offsetof(struct type, field))
#define IS(name) printf(#name " %u\n", (unsigned)name)
static void bytes(const struct dsa_hw_desc *descriptor) {
    for (size_t i = 0; i < sizeof *descriptor; i++) printf("%02x", ((const unsigned char *)descriptor)[i]);
    printf("\n");
}
int main(void) {
    SIZE(dsa_hw_desc); AT(dsa_hw_desc, completion_addr); AT(dsa_hw_desc, src_addr);
    AT(dsa_hw_desc, desc_list_addr); AT(dsa_hw_desc, comp_pattern); AT(dsa_hw_desc, xfer_size);
    AT(dsa_hw_desc, desc_count); AT(dsa_hw_desc, int_handle); AT(dsa_hw_desc, op_specific);
    SIZE(dsa_completion_record); AT(dsa_completion_record, status); AT(dsa_completion_record, result);
    AT(dsa_completion_record, bytes_completed); AT(dsa_completion_record, fault_addr);
    AT(dsa_completion_record, op_specific);
    IS(DSA_OPCODE_NOOP); IS(DSA_OPCODE_BATCH); IS(DSA_OPCODE_DRAIN); IS(DSA_OPCODE_COMPARE); IS(DSA_OPCODE_COMPVAL);
    IS(IDXD_OP_FLAG_BOF); IS(IDXD_OP_FLAG_CRAV); IS(IDXD_OP_FLAG_RCR);
    IS(DSA_COMP_NONE); IS(DSA_COMP_SUCCESS); IS(DSA_COMP_SUCCESS_PRED); IS(DSA_COMP_PAGE_FAULT_NOBOF);
    IS(DSA_COMP_PAGE_FAULT_IR); IS(DSA_COMP_BATCH_FAIL); IS(DSA_COMP_BATCH_PAGE_FAULT); IS(DSA_COMP_BAD_OPCODE);
    IS(DSA_COMP_INVALID_FLAGS); IS(DSA_COMP_XFER_ERANGE); IS(DSA_COMP_DESC_CNT_ERANGE); IS(DSA_COMP_DESCLIST_ALIGN);
    IS(DSA_COMP_CRA_ALIGN); IS(DSA_COMP_HW_ERR1); IS(DSA_COMP_HW_ERR_DRB); IS(DSA_COMP_TRANSLATION_FAIL);
    IS(DSA_COMP_STATUS_MASK);
    struct dsa_hw_desc page, batch;
    memset(&page, 0, sizeof page);
    page.opcode = DSA_OPCODE_COMPVAL;
    page.flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR;
    page.completion_addr = 0x1122334455667780;
    page.src_addr = 0x99aabbccddeef000;
    page.comp_pattern = 0;
    page.xfer_size = 4096;
    bytes(&page);
    memset(&batch, 0, sizeof batch);
    batch.opcode = DSA_OPCODE_BATCH;
    batch.flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR;
    batch.completion_addr = 0x1122334455667780;
    batch.desc_list_addr = 0x99aabbccddeef0c0;
    batch.desc_count = 32;
    bytes(&batch);
}
"##;

    /// What the program prints, or why there is none.
    pub fn says() -> Result<String, String> {
        let folder = std::env::temp_dir().join(format!("multifd-dsa-header-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        let said = compile(&folder);
        std::fs::remove_dir_all(&folder).expect("gone");
        said
    }

    fn compile(folder: &std::path::Path) -> Result<String, String> {
        let (source, program) = (folder.join("header.c"), folder.join("header"));
        std::fs::write(&source, "#include <linux/idxd.h>\n").expect("written");
        let cc = |arguments: &[&std::ffi::OsStr]| Command::new("cc").args(arguments).output();
        let header = cc(&["-E".as_ref(), source.as_ref()]).map_err(|_| "no C compiler (cc)".to_owned())?;
        if !header.status.success() {
            return Err("no linux/idxd.h (Debian: linux-libc-dev)".to_owned());
        }
        std::fs::write(&source, PROGRAM).expect("written");
        let made = cc(&["-o".as_ref(), program.as_ref(), source.as_ref()]).expect("a compiler");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let said = Command::new(program).output().expect("a program");
        Ok(String::from_utf8(said.stdout).expect("text"))
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod ours {
    use std::mem::offset_of;

    use multifd_dsa::layout::{CompletionRecord, Descriptor, flag, opcode, status};

    pub fn says() -> Vec<String> {
        let numbers = [
            ("dsa_hw_desc", size_of::<Descriptor>()),
            ("dsa_hw_desc.completion_addr", offset_of!(Descriptor, completion_addr)),
            ("dsa_hw_desc.src_addr", offset_of!(Descriptor, src_addr)),
            ("dsa_hw_desc.desc_list_addr", offset_of!(Descriptor, src_addr)),
            ("dsa_hw_desc.comp_pattern", offset_of!(Descriptor, comp_pattern)),
            ("dsa_hw_desc.xfer_size", offset_of!(Descriptor, xfer_size)),
            ("dsa_hw_desc.desc_count", offset_of!(Descriptor, xfer_size)),
            ("dsa_hw_desc.int_handle", offset_of!(Descriptor, int_handle)),
            ("dsa_hw_desc.op_specific", offset_of!(Descriptor, op_specific)),
            ("dsa_completion_record", size_of::<CompletionRecord>()),
            ("dsa_completion_record.status", offset_of!(CompletionRecord, status)),
            ("dsa_completion_record.result", offset_of!(CompletionRecord, result)),
            (
                "dsa_completion_record.bytes_completed",
                offset_of!(CompletionRecord, bytes_completed),
            ),
            (
                "dsa_completion_record.fault_addr",
                offset_of!(CompletionRecord, fault_addr),
            ),
            (
                "dsa_completion_record.op_specific",
                offset_of!(CompletionRecord, op_specific),
            ),
            ("DSA_OPCODE_NOOP", opcode::NOOP.into()),
            ("DSA_OPCODE_BATCH", opcode::BATCH.into()),
            ("DSA_OPCODE_DRAIN", opcode::DRAIN.into()),
            ("DSA_OPCODE_COMPARE", opcode::COMPARE.into()),
            ("DSA_OPCODE_COMPVAL", opcode::COMPVAL.into()),
            ("IDXD_OP_FLAG_BOF", flag::BOF as usize),
            ("IDXD_OP_FLAG_CRAV", flag::CRAV as usize),
            ("IDXD_OP_FLAG_RCR", flag::RCR as usize),
            ("DSA_COMP_NONE", status::NONE.into()),
            ("DSA_COMP_SUCCESS", status::SUCCESS.into()),
            ("DSA_COMP_SUCCESS_PRED", status::SUCCESS_PRED.into()),
            ("DSA_COMP_PAGE_FAULT_NOBOF", status::PAGE_FAULT_NOBOF.into()),
            ("DSA_COMP_PAGE_FAULT_IR", status::PAGE_FAULT_IR.into()),
            ("DSA_COMP_BATCH_FAIL", status::BATCH_FAIL.into()),
            ("DSA_COMP_BATCH_PAGE_FAULT", status::BATCH_PAGE_FAULT.into()),
            ("DSA_COMP_BAD_OPCODE", status::BAD_OPCODE.into()),
            ("DSA_COMP_INVALID_FLAGS", status::INVALID_FLAGS.into()),
            ("DSA_COMP_XFER_ERANGE", status::XFER_ERANGE.into()),
            ("DSA_COMP_DESC_CNT_ERANGE", status::DESC_CNT_ERANGE.into()),
            ("DSA_COMP_DESCLIST_ALIGN", status::DESCLIST_ALIGN.into()),
            ("DSA_COMP_CRA_ALIGN", status::CRA_ALIGN.into()),
            ("DSA_COMP_HW_ERR1", status::HW_ERR1.into()),
            ("DSA_COMP_HW_ERR_DRB", status::HW_ERR_DRB.into()),
            ("DSA_COMP_TRANSLATION_FAIL", status::TRANSLATION_FAIL.into()),
            ("DSA_COMP_STATUS_MASK", status::MASK.into()),
        ];
        let descriptors = [
            Descriptor::compare_with_zero(0x99aa_bbcc_ddee_f000, 4096, 0x1122_3344_5566_7780),
            Descriptor::batch(0x99aa_bbcc_ddee_f0c0, 32, 0x1122_3344_5566_7780),
        ];
        let lines = numbers.iter().map(|(name, value)| format!("{name} {value}"));
        lines.chain(descriptors.iter().map(bytes)).collect()
    }

    fn bytes(descriptor: &Descriptor) -> String {
        // SAFETY: a descriptor has no padding: its fields are 64 bytes, as `layout` asserts.
        let bytes: [u8; 64] = unsafe { std::mem::transmute(*descriptor) };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
