//! The thread of one queue: submits, looks for answers, finishes on the CPU what the device could not read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Release};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::job::{Done, Job};
use crate::portal::{Portal, Refusal};
use crate::work::Work;

/// Looks in vain before it sleeps between two.
const SPINS: u32 = 64;
/// A batch of 32 pages takes a device some microseconds. To sleep costs no CPU, and what is in flight goes on.
const SLEEP: Duration = Duration::from_micros(20);
/// Waits after a queue was full: double each time.
const BACKOFF: (Duration, Duration) = (Duration::from_micros(10), Duration::from_millis(1));

pub(crate) struct Engine {
    name: String,
    portal: Option<Box<dyn Portal>>,
    inbox: Receiver<(Job, Done)>,
    /// How long the device may take nothing and answer nothing while it has work.
    patience: Duration,
    lost: Arc<AtomicBool>,
    work: VecDeque<Work>,
    backoff: Duration,
    /// Nothing is submitted before then.
    submit_at: Instant,
    /// When the device last took or answered something.
    moved_at: Instant,
    /// Why the device is gone.
    gone: Option<String>,
}

impl Engine {
    pub(crate) fn new(
        name: String,
        portal: Box<dyn Portal>,
        inbox: Receiver<(Job, Done)>,
        patience: Duration,
        lost: Arc<AtomicBool>,
    ) -> Engine {
        Engine {
            name,
            portal: Some(portal),
            inbox,
            patience,
            lost,
            work: VecDeque::new(),
            backoff: BACKOFF.0,
            submit_at: Instant::now(),
            moved_at: Instant::now(),
            gone: None,
        }
    }

    /// Until nobody can send jobs any more, and all are done.
    pub(crate) fn run(mut self) {
        let mut idle = 0;
        loop {
            if self.work.is_empty() {
                let Ok((job, done)) = self.inbox.recv() else { return };
                self.begin(job, done);
            }
            while let Ok((job, done)) = self.inbox.try_recv() {
                self.begin(job, done);
            }
            let moved = self.submit() + self.collect();
            if moved > 0 {
                idle = 0;
                self.moved_at = Instant::now();
            } else if self.moved_at.elapsed() > self.patience {
                let ms = self.patience.as_millis();
                self.lose(format!("the device was lost: it took and answered nothing for {ms} ms"));
            } else {
                idle += 1;
                rest(idle);
            }
        }
    }

    fn begin(&mut self, job: Job, done: Done) {
        match (&self.portal, &self.gone) {
            (Some(portal), _) => {
                if self.work.is_empty() {
                    self.moved_at = Instant::now();
                }
                let work = Work::new(job, done, portal.limits());
                self.work.push_back(work);
            }
            (None, gone) => {
                let reason = gone.as_deref().unwrap_or("the device was lost");
                done(Err(format!("{}: {reason}", self.name)));
            }
        }
    }

    /// Says how many units the device took.
    fn submit(&mut self) -> usize {
        let Some(portal) = self.portal.as_mut() else { return 0 };
        if Instant::now() < self.submit_at {
            return 0;
        }
        let outstanding: usize = self.work.iter().map(Work::outstanding).sum();
        let mut room = portal.limits().in_flight.saturating_sub(outstanding);
        let mut all = 0;
        for work in self.work.iter_mut().filter(|work| work.is_waiting()) {
            if room == 0 {
                break;
            }
            let (taken, refusal) = work.submit(portal.as_mut(), room);
            room -= taken;
            all += taken;
            match refusal {
                None => {}
                Some(Refusal::Full) => {
                    self.backoff = if taken > 0 {
                        BACKOFF.0
                    } else {
                        (self.backoff * 2).min(BACKOFF.1)
                    };
                    self.submit_at = Instant::now() + self.backoff;
                    return all;
                }
                // Of this work nothing more is submitted; it ends when what the device has of it is answered.
                Some(Refusal::Denied(error)) => work.fail(format!("the kernel refused a descriptor: {error}")),
                Some(Refusal::Gone(error)) => {
                    self.lose(format!("the device was lost: {error}"));
                    return all;
                }
            }
        }
        if all > 0 {
            self.backoff = BACKOFF.0;
        }
        all
    }

    /// Says how many units the device has answered, and passes on what is over.
    fn collect(&mut self) -> usize {
        let answered = self.work.iter_mut().map(Work::collect).sum();
        let mut at = 0;
        while at < self.work.len() {
            if !self.work[at].is_over() {
                at += 1;
            } else if let Some(work) = self.work.remove(at) {
                work.finish(&self.name);
            }
        }
        answered
    }

    /// Ends all work, once the device uses no memory of it.
    fn lose(&mut self, reason: String) {
        self.lost.store(true, Release);
        // Closing waits: the kernel drains what is in flight, the software device's thread ends.
        self.portal = None;
        for mut work in self.work.drain(..) {
            work.fail(reason.clone());
            work.finish(&self.name);
        }
        self.gone = Some(reason);
    }
}

fn rest(idle: u32) {
    if idle < SPINS {
        std::hint::spin_loop();
    } else {
        std::thread::sleep(SLEEP);
    }
}
