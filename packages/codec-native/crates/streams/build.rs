//! Builds two files of zstd's decoder once more, from the sources that `zstd-sys` brings, each with one change. What
//! they are worth: README, "zstd's decoder".
//!
//! Both define all that the same files define in `zstd-sys`'s own library, which the linker comes to later and then
//! takes only the rest from. `multifd_zstd_settle` holds on to that: were theirs taken too, linking would fail.
//!
//! Only where it was measured; elsewhere `zstd-sys`'s own are used.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The loops over a block's sequences: one for most blocks, one for those with many literals. Since zstd 1.5.6 the step
/// that decodes a sequence asks each time whether it is the last, after which no state is brought up to date. gcc (12)
/// makes of that a loop with 5 % more instructions, which takes up to 20 % longer; with clang (16) it is 5 %.
const LOOP: &str = "for ( ; nbSeq ; nbSeq--) {";
const LAST_STEP: &str = "op += oneSeqSize;\n";
const IS_LAST: &str = "nbSeq==1";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(zstd_decoder)");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("ARCH") == "x86_64" && target("OS") == "linux" {
        build_decoder();
    }
}

fn build_decoder() {
    let variable = |name: &str| PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("no {name}")));
    let sources = variable("DEP_ZSTD_INCLUDE");
    let block = variable("OUT_DIR").join("zstd_decompress_block.c");
    let original = read(&sources.join("decompress/zstd_decompress_block.c"));
    fs::write(&block, last_by_itself(&original)).expect("written");

    println!("cargo::rerun-if-changed=zstd/decompress.c");
    println!("cargo::rustc-cfg=zstd_decoder");
    cc::Build::new()
        .files([Path::new("zstd/decompress.c"), &block])
        .include(&sources)
        // The copy's own includes start from where it was.
        .include(sources.join("decompress"))
        .warnings(false)
        // As zstd-sys does it: all files must agree about what is in a context.
        .define("ZSTD_LIB_DEPRECATED", "0")
        .define("XXH_PRIVATE_API", "")
        .define("ZSTDLIB_VISIBILITY", "")
        .define("ZSTDERRORLIB_VISIBILITY", "")
        .flag("-fvisibility=hidden")
        .flag_if_supported("-ffunction-sections")
        .flag_if_supported("-fdata-sections")
        .compile("multifd_zstd");
}

/// The same steps in the same order, the last one behind the loop: in each the answer is known when it is compiled.
fn last_by_itself(source: &str) -> String {
    // A zstd that has something else there must be measured again.
    let known = "zstd's loops over sequences are those that build.rs knows";
    let mut parts = source.split(LOOP);
    let mut result = parts.next().expect(known).to_owned();
    let mut loops = 0;
    for part in parts {
        let (body, behind) = part.split_once(LAST_STEP).expect(known);
        let behind = behind.trim_start().strip_prefix('}').expect(known);
        assert_eq!(body.matches(IS_LAST).count(), 1, "{known}");
        let steps = |last: &str| format!("{{{}{LAST_STEP}", body.replace(IS_LAST, last));
        result += &format!("for ( ; nbSeq > 1 ; nbSeq--) {}}}\n", steps("0"));
        result += &format!("{}nbSeq--; }}{behind}", steps("1"));
        loops += 1;
    }
    assert_eq!(loops, 2, "{known}");
    result
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
