//! The portals that a real device has, on what stands for it: ordinary memory takes 64 bytes as a portal does, a pipe
//! takes descriptors as the character device does.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use multifd_dsa::layout::Descriptor;
use multifd_dsa::{Device, Features, Instruction, Limits, Mapped, OpenError, Portal, Refusal, Written, open};

const LIMITS: Limits = Limits {
    in_flight: 16,
    batch: 32,
    transfer: 1 << 21,
};

fn descriptors(count: u64) -> Vec<Descriptor> {
    (0..count)
        .map(|at| Descriptor::compare_with_zero(0x1000 * (at + 1), 4096, 32 * (at + 1)))
        .collect()
}

fn bytes(descriptors: &[Descriptor]) -> Vec<u8> {
    // SAFETY: a descriptor is 64 bytes without padding.
    let each = |descriptor: &Descriptor| unsafe { std::mem::transmute::<Descriptor, [u8; 64]>(*descriptor) };
    descriptors.iter().flat_map(each).collect()
}

/// Memory of a page that has a descriptor of its own.
fn memory() -> File {
    // SAFETY: a new descriptor, which nobody else has.
    let fd = unsafe { libc::memfd_create(c"portal".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: as above.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(4096).expect("a page");
    file
}

fn pipe(capacity: i32) -> (File, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: two new descriptors, written to `ends`; nobody else has them.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK), 0);
        assert!(libc::fcntl(ends[1], libc::F_SETPIPE_SZ, capacity) >= capacity);
        (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

/// Nothing here executes what it is given, so no address has to be one.
fn submit(portal: &mut dyn Portal, descriptors: &[Descriptor]) -> (usize, Option<Refusal>) {
    // SAFETY: as above.
    unsafe { portal.submit(descriptors) }
}

#[test]
fn movdir64b_puts_each_descriptor_into_the_next_slot() {
    if !Features::of_this_cpu().movdir64b {
        println!("SKIPPED movdir64b: this CPU has no MOVDIR64B");
        return;
    }
    let mut file = memory();
    let copy = OwnedFd::from(file.try_clone().expect("a copy"));
    let mut portal = Mapped::new(copy, Instruction::Movdir64b, LIMITS)
        .map_err(|(error, _)| error)
        .expect("mapped");
    let first = descriptors(60);
    let (taken, refusal) = submit(&mut portal, &first);
    assert_eq!((taken, refusal.is_none()), (60, true));
    // Round the corner.
    let more = descriptors(10);
    assert_eq!(submit(&mut portal, &more).0, 10);
    drop(portal);
    let mut said = Vec::new();
    file.read_to_end(&mut said).expect("read");
    let expected = [bytes(&more[4..]), bytes(&first[6..]), bytes(&more[..4])].concat();
    assert!(said == expected);
}

#[test]
fn a_cpu_without_the_instruction_maps_nothing() {
    if Features::of_this_cpu().enqcmd {
        println!("SKIPPED no-enqcmd: this CPU has ENQCMD");
        return;
    }
    let Err((error, file)) = Mapped::new(memory().into(), Instruction::Enqcmd, LIMITS) else {
        panic!("mapped")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    assert!(file.as_raw_fd() >= 0);
}

#[test]
fn the_kernel_gets_whole_descriptors_and_no_batches() {
    let (mut read, write) = pipe(4096);
    let mut portal = Written::new(write, LIMITS);
    assert_eq!(portal.limits(), Limits { batch: 1, ..LIMITS });
    let all = descriptors(100);
    // A pipe of 4096 bytes is full with 64 of them.
    let (taken, refusal) = submit(&mut portal, &all);
    assert_eq!(taken, 64);
    assert!(matches!(refusal, Some(Refusal::Full)), "{refusal:?}");
    let mut said = vec![0; 4096];
    read.read_exact(&mut said).expect("64 of them");
    assert!(said == bytes(&all[..64]));
    let (taken, refusal) = submit(&mut portal, &all[64..]);
    assert_eq!((taken, refusal.is_none()), (36, true));
    drop(read);
    // SAFETY: nothing else in this process waits for this signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let (taken, refusal) = submit(&mut portal, &all);
    assert_eq!(taken, 0);
    assert!(matches!(refusal, Some(Refusal::Gone(_))), "{refusal:?}");
}

#[test]
fn what_a_file_refuses_is_denied() {
    let file = OpenOptions::new().read(true).open("/dev/null").expect("opened");
    // Opened for reading: EBADF, which no other descriptor would fare better with.
    assert!(matches!(
        submit(&mut Written::new(file.into(), LIMITS), &descriptors(1)),
        (0, Some(Refusal::Gone(_)))
    ));
    let full = OpenOptions::new().write(true).open("/dev/full").expect("opened");
    assert!(matches!(
        submit(&mut Written::new(full.into(), LIMITS), &descriptors(1)),
        (0, Some(Refusal::Gone(_)))
    ));
    // eventfd takes 8 bytes at least, and not the largest number: EINVAL, as the kernel says of a batch.
    // SAFETY: a new descriptor.
    let event = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
    let mut odd = Descriptor::default();
    (odd.pasid, odd.flags_opcode) = (u32::MAX, u32::MAX);
    assert!(matches!(
        submit(&mut Written::new(event, LIMITS), &[odd]),
        (0, Some(Refusal::Denied(_)))
    ));
}

fn device(path: &str) -> Device {
    Device {
        path: path.into(),
        shared: false,
        limits: LIMITS,
    }
}

#[test]
fn a_device_that_is_not_there_says_which_step_failed() {
    assert!(matches!(open(&device("/dev/no-such-queue")), Err(OpenError::Open(_))));
    if Features::of_this_cpu().movdir64b {
        // Opens, and cannot be mapped; not for lack of rights.
        assert!(matches!(open(&device("/dev/null")), Err(OpenError::Map(_))));
    }
}

#[test]
fn where_the_kernel_denies_the_mapping_it_is_asked_to_submit() {
    // SAFETY: a new descriptor, which nobody else has.
    let file = unsafe {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        let file = File::from_raw_fd(libc::memfd_create(c"portal".as_ptr(), flags));
        file.set_len(4096).expect("a page");
        // From now on a mapping for writing is EPERM, as with a portal of a part that is not safe.
        assert_eq!(libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_WRITE), 0);
        file
    };
    let (mut portal, how) = open(&device(&format!("/proc/self/fd/{}", file.as_raw_fd()))).expect("opened");
    assert_eq!((how, portal.limits().batch), ("write()", 1));
    // And that it denies, too.
    assert!(matches!(
        submit(portal.as_mut(), &descriptors(1)),
        (0, Some(Refusal::Denied(_)))
    ));
}
