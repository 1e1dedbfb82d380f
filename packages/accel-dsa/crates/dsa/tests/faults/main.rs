//! Every fault that can be injected into the software queue, against a plain loop over bytes. `MULTIFD_SEED` repeats a run.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod guest;

use std::sync::mpsc::Receiver;
use std::time::Duration;

use guest::Guest;
use multifd_dsa::{Faults, Outcome, Queue, Software, Tally, Vanish};

/// Longer than a busy machine keeps a thread from running; only tests of a lost device wait for it.
const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(300);

fn seed() -> u64 {
    let seed = std::env::var("MULTIFD_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |since| since.as_nanos() as u64 >> 10)
    });
    println!("seed {seed}");
    seed
}

fn queue(faults: Faults, patience: Duration) -> Queue {
    let portal = Software::new(faults).expect("a thread");
    Queue::new("the software queue", Box::new(portal), patience).expect("a thread")
}

/// Many batches of all sizes, several in flight: every answer is right. Gives the sum of what it took.
fn all_right(faults: Faults) -> Tally {
    let pages = 700;
    let guest = Guest::new(pages, faults.seed);
    let queue = queue(faults, PATIENCE);
    let mut sum = Tally::default();
    let sizes = [0, 1, 2, 31, 32, 33, 64, 65, 257, 512, 700];
    for round in 0..6 {
        let asked: Vec<(Vec<usize>, Receiver<Outcome>)> = sizes
            .iter()
            .map(|&size| {
                let which: Vec<usize> = (0..size).map(|at| (at * 31 + round * 17) % pages).collect();
                let answer = guest.ask(&queue, &which);
                (which, answer)
            })
            .collect();
        for (which, answer) in asked {
            let (answers, tally) = answer.recv().expect("an answer").expect("no failure");
            let wanted: Vec<u8> = which.iter().map(|&page| guest.zero[page]).collect();
            assert_eq!(answers, wanted, "{} pages", which.len());
            assert_eq!((tally.by_device + tally.by_cpu) as usize, which.len());
            sum.by_device += tally.by_device;
            sum.by_cpu += tally.by_cpu;
            sum.retries += tally.retries;
            sum.device_time += tally.device_time;
        }
    }
    sum
}

#[test]
fn without_faults_the_device_answers_every_page() {
    let tally = all_right(Faults::default());
    assert_eq!((tally.by_cpu, tally.by_device), (0, 6 * 1697));
    assert!(tally.device_time > Duration::ZERO);
}

#[test]
fn pages_that_fault_in_the_middle_are_finished_by_the_cpu() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        partial: 300,
        ..Faults::default()
    });
    assert!(tally.by_cpu > 100 && tally.by_device > 1000, "{tally:?}");
}

#[test]
fn poisoned_pages_are_the_cpus() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        poison: 1000,
        ..Faults::default()
    });
    assert_eq!((tally.by_cpu, tally.by_device), (6 * 1697, 0));
}

#[test]
fn a_batch_that_ends_early_leaves_the_rest_to_the_cpu() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        batch: 500,
        ..Faults::default()
    });
    assert!(tally.by_cpu > 100 && tally.by_device > 1000, "{tally:?}");
}

#[test]
fn a_page_whose_record_comes_after_its_batchs_is_waited_for() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        behind: 300,
        ..Faults::default()
    });
    assert_eq!((tally.by_cpu, tally.by_device), (0, 6 * 1697));
}

#[test]
fn a_full_queue_is_tried_again_and_counted() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        full: 500,
        ..Faults::default()
    });
    assert_eq!(tally.by_cpu, 0);
    assert!(tally.retries > 50, "{tally:?}");
}

#[test]
fn answers_may_come_late_and_in_any_order() {
    let seed = seed();
    let tally = all_right(Faults {
        seed,
        late: 100,
        shuffled: true,
        ..Faults::default()
    });
    assert_eq!((tally.by_cpu, tally.by_device), (0, 6 * 1697));
}

#[test]
fn all_of_it_at_once() {
    let seed = seed();
    let faults = Faults {
        seed,
        partial: 100,
        poison: 50,
        batch: 100,
        behind: 100,
        full: 100,
        late: 50,
        shuffled: true,
        ..Faults::default()
    };
    let tally = all_right(faults);
    assert!(
        tally.by_cpu > 100 && tally.by_device > 100 && tally.retries > 10,
        "{tally:?}"
    );
}

#[test]
fn what_the_kernel_denies_fails_the_batch_and_not_the_queue() {
    for (errno, words) in [
        (libc::EPERM, "Operation not permitted"),
        (libc::EINVAL, "Invalid argument"),
    ] {
        let guest = Guest::new(200, 1);
        let denied = Some((3, errno));
        let queue = queue(
            Faults {
                denied,
                late: 300,
                ..Faults::default()
            },
            PATIENCE,
        );
        // Three units of 32 pages are taken; the job ends when they are answered.
        let failed = guest
            .ask(&queue, &Vec::from_iter(0..200))
            .recv()
            .expect("an answer")
            .expect_err("denied");
        assert_eq!(
            failed,
            format!("the software queue: the kernel refused a descriptor: {words} (os error {errno})")
        );
        assert!(!queue.is_lost());
    }
}

#[test]
fn a_device_that_falls_silent_fails_everything_that_is_in_flight_and_all_that_comes() {
    let guest = Guest::new(700, 2);
    let faults = Faults {
        vanish_after: Some(1000),
        ..Faults::default()
    };
    let queue = queue(faults, SOON);
    let answers: Vec<_> = (0..4).map(|_| guest.ask(&queue, &Vec::from_iter(0..700))).collect();
    let outcomes: Vec<Outcome> = answers.iter().map(|each| each.recv().expect("an answer")).collect();
    let (right, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    for outcome in right {
        assert_eq!(outcome.expect("right").0, guest.zero);
    }
    assert!(lost.len() >= 3);
    let words = "the software queue: the device was lost: it took and answered nothing for 300 ms";
    for outcome in lost {
        assert_eq!(outcome.expect_err("lost"), words);
    }
    assert!(queue.is_lost());
    let later = guest.ask(&queue, &[0]).recv().expect("an answer");
    assert_eq!(later.expect_err("lost"), words);
}

#[test]
fn a_device_that_the_kernel_knows_to_be_gone_is_lost_with_the_next_descriptor() {
    let guest = Guest::new(64, 2);
    let faults = Faults {
        vanish_after: Some(40),
        vanish: Vanish::Enodev,
        ..Faults::default()
    };
    let queue = queue(faults, PATIENCE);
    // The queue has room, so that there is a next one; and the device has gone before it, if it gets to run by then.
    let mut asked = vec![guest.ask(&queue, &Vec::from_iter(0..64))];
    while !queue.is_lost() {
        assert!(asked.len() < 14, "nobody has noticed");
        std::thread::sleep(Duration::from_millis(50));
        asked.push(guest.ask(&queue, &[0]));
    }
    for answer in asked {
        let outcome = answer.recv().expect("an answer");
        assert_eq!(
            outcome.expect_err("lost"),
            "the software queue: the device was lost: No such device (os error 19)"
        );
    }
}

#[test]
fn a_queue_that_is_dropped_first_answers_what_it_has() {
    let guest = Guest::new(700, 3);
    let queue = queue(
        Faults {
            late: 100,
            ..Faults::default()
        },
        PATIENCE,
    );
    let answer = guest.ask(&queue, &Vec::from_iter(0..700));
    drop(queue);
    assert_eq!(
        answer.try_recv().expect("answered before").expect("no failure").0,
        guest.zero
    );
}

#[test]
fn threads_share_a_queue() {
    let seed = seed();
    let queue = queue(
        Faults {
            seed,
            full: 200,
            shuffled: true,
            partial: 100,
            ..Faults::default()
        },
        PATIENCE,
    );
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                let guest = Guest::new(300, thread);
                for _ in 0..10 {
                    let answer = guest.ask(queue, &Vec::from_iter(0..300));
                    assert_eq!(answer.recv().expect("an answer").expect("no failure").0, guest.zero);
                }
            });
        }
    });
}
