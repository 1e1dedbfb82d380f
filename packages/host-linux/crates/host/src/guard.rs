//! Files that become shorter below a mapping, and disks that are full when a page is first written, come as SIGBUS.
//! The handler puts zeros in place of the page, notes that the mapping is broken, and lets the thread go on: whoever
//! vouches for the memory asks first whether it is broken. A SIGBUS of any other kind goes to whoever had it before.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use crate::area::protection;

/// Mappings at a time.
const SLOTS: usize = 4096;

/// One guarded mapping, as the handler sees it. `end` is 0 while the other fields change, and is written last.
#[derive(Debug)]
struct Slot {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    /// Bytes of a page of its backing, a power of two; the lowest bit says that it is writable.
    unit: AtomicUsize,
    broken: AtomicBool,
}

impl Slot {
    const fn new() -> Self {
        Slot {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            unit: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }
}

static TABLE: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];
/// No slot from here on was ever taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// A mapping's place in the table. To be dropped before the mapping is unmapped.
#[derive(Debug)]
pub struct Guard {
    slot: &'static Slot,
}

impl Guard {
    /// @returns nothing if the table is full.
    pub fn new(start: usize, length: usize, unit: usize, writable: bool) -> Option<Guard> {
        debug_assert!(unit.is_power_of_two() && unit > 1);
        let index =
            (0..SLOTS).find(|&index| TABLE[index].taken.compare_exchange(false, true, SeqCst, SeqCst).is_ok())?;
        USED.fetch_max(index + 1, SeqCst);
        let slot = &TABLE[index];
        slot.broken.store(false, SeqCst);
        slot.start.store(start, SeqCst);
        slot.unit.store(unit | usize::from(writable), SeqCst);
        slot.end.store(start + length, SeqCst);
        Some(Guard { slot })
    }

    /// Whether something else than its backing was read or written through the mapping.
    pub fn broken(&self) -> bool {
        self.slot.broken.load(SeqCst)
    }

    /// Notes that the mapping is broken.
    pub fn raise(&self) {
        self.slot.broken.store(true, SeqCst);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.slot.end.store(0, SeqCst);
        self.slot.taken.store(false, SeqCst);
    }
}

/// A page to be replaced. Plain data: the handler must not allocate or lock.
struct Hit {
    slot: &'static Slot,
    start: usize,
    end: usize,
    unit: usize,
    writable: bool,
}

/// The guarded mapping that `address` lies in. Lock-free.
fn find(address: usize) -> Option<Hit> {
    TABLE[..USED.load(SeqCst)].iter().find_map(|slot| {
        let end = slot.end.load(SeqCst);
        let (start, unit) = (slot.start.load(SeqCst), slot.unit.load(SeqCst));
        // Had the slot changed hands meanwhile, its end would have been 0 in between.
        let steady = end != 0 && slot.end.load(SeqCst) == end;
        (steady && (start..end).contains(&address)).then_some(Hit {
            slot,
            start,
            end,
            unit: unit & !1,
            writable: unit & 1 == 1,
        })
    })
}

/// Puts zeros where `address` is, if that is ours. Async-signal-safe.
fn patch(address: usize) -> bool {
    let Some(hit) = find(address) else { return false };
    // Before any thread can see the zeros.
    hit.slot.broken.store(true, SeqCst);
    let page = (address & !(hit.unit - 1)).max(hit.start);
    let place = |length: usize| {
        // SAFETY: the pages lie in a mapping of ours that the faulting thread holds alive; a fixed private mapping
        // over them takes nothing from anybody but their lost content.
        let result = unsafe {
            libc::mmap(
                ptr::without_provenance_mut(page),
                length,
                protection(hit.writable),
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        result != libc::MAP_FAILED
    };
    // A process has a limit on pieces of memory: if it is reached, one piece takes all that follows.
    place(hit.unit.min(hit.end - page)) || place(hit.end - page)
}

static PREVIOUS: OnceLock<Option<libc::sigaction>> = OnceLock::new();

/// Installs the handler, once in a process. @returns false if the system refused.
pub fn install() -> bool {
    PREVIOUS
        .get_or_init(|| {
            // SAFETY: all-zero is a sigaction: default action, no flags, empty mask.
            let (mut action, mut old): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_bus_error;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            // SAFETY: both live through the call; the handler is async-signal-safe and lives as long as the library,
            // which is never unloaded (the binding pins it).
            let ok = unsafe {
                libc::sigemptyset(&mut action.sa_mask);
                libc::sigaction(libc::SIGBUS, &action, &mut old) == 0
            };
            ok.then_some(old)
        })
        .is_some()
}

extern "C" fn on_bus_error(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a good siginfo, and errno belongs to this thread.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        let ours = (*info).si_code == libc::BUS_ADRERR && patch((*info).si_addr().addr());
        *errno = saved;
        if !ours {
            forward(signal, info, context);
        }
    }
}

/// What would have happened without us.
///
/// # Safety
/// To be called by the signal handler, with its arguments.
unsafe fn forward(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `info` is the kernel's. An earlier handler is called with what it asked for when it was installed.
    unsafe {
        // Sent by somebody, or about memory that nobody waits for: nothing happens again by itself.
        let once = (*info).si_code <= 0 || (*info).si_code == libc::BUS_MCEERR_AO;
        let previous = PREVIOUS.get().copied().flatten();
        let action = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
        if action == libc::SIG_IGN && once {
            return;
        }
        if action == libc::SIG_DFL || action == libc::SIG_IGN {
            libc::signal(signal, libc::SIG_DFL);
            if once {
                libc::raise(signal);
            }
        } else if previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) {
            type Detailed = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Detailed>(action)(signal, info, context);
        } else {
            std::mem::transmute::<usize, extern "C" fn(i32)>(action)(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_own_mapping_only() {
        let first = Guard::new(0x10_0000, 0x2000, 0x1000, true).expect("a slot");
        let second = Guard::new(0x20_0000, 0x1000, 0x1000, false).expect("a slot");
        let at = |address| find(address).map(|hit| (hit.start, hit.end, hit.unit, hit.writable));
        assert_eq!(at(0x10_0000), Some((0x10_0000, 0x10_2000, 0x1000, true)));
        assert_eq!(at(0x10_1fff), at(0x10_0000));
        assert_eq!(at(0x20_0fff), Some((0x20_0000, 0x20_1000, 0x1000, false)));
        for elsewhere in [0, 0x0f_ffff, 0x10_2000, 0x20_1000] {
            assert_eq!(at(elsewhere), None);
        }
        assert!(!first.broken() && !second.broken());
        second.raise();
        assert!(!first.broken() && second.broken());
        drop(second);
        assert_eq!(at(0x20_0000), None);
        let third = Guard::new(0x20_0000, 0x1000, 0x1000, false).expect("a slot");
        assert!(!third.broken(), "a slot starts whole again");
        drop(first);
    }

    /// A slot that changes hands while the handler looks is never seen with the start of one and the end of another.
    #[test]
    fn a_slot_that_changes_hands_is_never_half_seen() {
        const LOW: usize = 1 << 40;
        const HIGH: usize = 2 << 40;
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    drop(Guard::new(LOW, 0x1000, 0x1000, true));
                    drop(Guard::new(HIGH, 0x1000, 0x1000, true));
                }
                done.store(true, SeqCst);
            });
            while !done.load(SeqCst) {
                assert!(find(LOW + 0x1000).is_none() && find(HIGH - 1).is_none());
                std::hint::spin_loop();
            }
        });
    }
}
