//! Mappings, writes, holes, memory given back, trackers and unmapping, in any order, against a model; and nothing is
//! left afterwards. `MULTIFD_FUZZ_SECONDS` (default 3) says for how long, `MULTIFD_SEED` repeats a run.

mod guest;
mod random;

use std::fs::{self, OpenOptions};
use std::time::{Duration, Instant, SystemTime};

use guest::Guest;
use multifd_host::mapping::{Backing, Mapping, Plan, Source};
use random::Random;

const PAGE: usize = 4096;

/// Open files, and kibibytes of address space.
fn usage() -> (usize, usize) {
    let files = fs::read_dir("/proc/self/fd").expect("descriptors").count();
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .expect("VmSize");
    (files, size.trim().trim_end_matches(" kB").parse().expect("a number"))
}

#[test]
fn anything_in_any_order() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let seconds = number("MULTIFD_FUZZ_SECONDS").unwrap_or(3);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    let seed = number("MULTIFD_SEED").unwrap_or(now);
    println!("seed {seed}");
    let mut random = Random(seed);
    let folder = std::env::temp_dir().join(format!("multifd-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    // What is opened once and stays, and memory that the allocator keeps.
    for _ in 0..20 {
        let mut guest = Guest::new(&mut random, &folder);
        (0..50).for_each(|_| guest.step(&mut random));
        guest.end();
    }
    let before = usage();
    let (begun, mut rounds) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(seconds) || rounds < 5 {
        let mut guests: Vec<Guest> = (0..4).map(|_| Guest::new(&mut random, &folder)).collect();
        for _ in 0..400 {
            let guest = random.below(guests.len());
            guests[guest].step(&mut random);
        }
        guests.into_iter().for_each(Guest::end);
        rounds += 1;
    }
    println!("{rounds} rounds");
    let after = usage();
    assert_eq!(after.0, before.0, "open files");
    assert!(
        after.1 < before.1 + 64 * 1024,
        "address space: {} KiB, then {} KiB",
        before.1,
        after.1
    );
    let maps = fs::read_to_string("/proc/self/maps").expect("maps");
    assert!(
        !maps.contains("fuzz-twin") && !maps.contains("memfd:fuzz") && !maps.contains("/ram-"),
        "{maps}"
    );
    fs::remove_dir(&folder).expect("an empty folder");
}

/// The same for a file that is cut below a mapping: bytes that are gone are zeros and an error, for each access.
#[test]
fn files_that_shrink() {
    let path = std::env::temp_dir().join(format!("multifd-shrink-{}", std::process::id()));
    for cut in [0, 1, 5000, 3 * PAGE, 7 * PAGE + 1] {
        fs::write(&path, vec![9; 8 * PAGE]).expect("room");
        let plan = Plan {
            name: "shrinks".to_owned(),
            length: 8 * PAGE as u64,
            backing: Backing::File {
                source: Source::Path(path.clone()),
                offset: 0,
                shared: true,
            },
            writable: true,
        };
        let mapping = Mapping::new(plan).expect("a mapping");
        mapping.intact().expect("intact");
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(cut as u64))
            .expect("cut");
        for at in (0..8 * PAGE).step_by(512) {
            // SAFETY: within the mapping.
            let byte = unsafe { mapping.start().add(at).read_volatile() };
            assert_eq!(byte, if at < cut { 9 } else { 0 }, "cut at {cut}, byte {at}");
        }
        assert!(mapping.intact().expect_err("broken").message.contains("became shorter"));
        mapping.zero(0, 8 * PAGE as u64).expect("zero");
    }
    fs::remove_file(&path).expect("removed");
}
