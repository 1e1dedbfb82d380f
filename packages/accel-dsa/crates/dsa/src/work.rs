//! A job that has begun.

use std::time::Instant;

use crate::answer::{Answer, read, words};
use crate::arena::Arena;
use crate::job::{Done, Job, Tally};
use crate::portal::{Limits, Portal, Refusal};

pub(crate) struct Work {
    job: Job,
    done: Done,
    arena: Arena,
    /// The first unit that was not submitted.
    next: usize,
    outstanding: usize,
    answers: Vec<u8>,
    tally: Tally,
    began: Option<Instant>,
    failure: Option<String>,
}

impl Work {
    pub(crate) fn new(job: Job, done: Done, limits: Limits) -> Work {
        let failure = (u64::from(job.page_size) > limits.transfer).then(|| {
            let (page, most) = (job.page_size, limits.transfer);
            format!("a page has {page} bytes, and the queue's max_transfer_size is {most}")
        });
        Work {
            arena: Arena::new(&job.pages, job.page_size, limits.batch),
            answers: vec![0; job.pages.len()],
            job,
            done,
            next: 0,
            outstanding: 0,
            tally: Tally::default(),
            began: None,
            failure,
        }
    }

    /// Nothing of it is with the device, and nothing is to go there.
    pub(crate) fn is_over(&self) -> bool {
        self.outstanding == 0 && (self.failure.is_some() || self.next == self.arena.units().len())
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.failure.is_none() && self.next < self.arena.units().len()
    }

    /// Submits up to `room` units. Says how many, and what kept it from more.
    pub(crate) fn submit(&mut self, portal: &mut dyn Portal, room: usize) -> (usize, Option<Refusal>) {
        let end = (self.next + room).min(self.arena.units().len());
        let began = Instant::now();
        // SAFETY: the pages stay until `done` is called (`Job::new`), which happens only when nothing is outstanding or
        // the portal is gone. The arena holds lists and records, gives no `&mut` to them from now on, and is leaked
        // rather than freed while one is outstanding.
        let (taken, refusal) = unsafe { portal.submit(&self.arena.units()[self.next..end]) };
        self.arena.submitted(self.next..self.next + taken);
        self.next += taken;
        self.outstanding += taken;
        if taken > 0 {
            self.began.get_or_insert(began);
        }
        if matches!(refusal, Some(Refusal::Full)) {
            self.tally.retries += 1;
        }
        (taken, refusal)
    }

    /// Takes what the device has answered. Says how many units.
    pub(crate) fn collect(&mut self) -> usize {
        let (mut units, mut from) = (0, 0);
        while let Some(unit) = self.arena.answered(from) {
            units += 1;
            from = unit + 1;
            self.outstanding -= 1;
            self.take(unit);
        }
        if let Some(began) = self.began.filter(|_| units > 0) {
            self.tally.device_time = began.elapsed();
        }
        units
    }

    fn take(&mut self, unit: usize) {
        for page in self.arena.span(unit) {
            // SAFETY: the unit was answered, and the page is valid until `done` is called.
            let answer = unsafe { read(self.arena.record(page), self.job.pages[page], self.job.page_size) };
            let zero = match answer {
                Answer::ByDevice(zero) => {
                    self.tally.by_device += 1;
                    zero
                }
                Answer::ByCpu(zero) => {
                    self.tally.by_cpu += 1;
                    zero
                }
                Answer::Refused(status) => {
                    let why = words(status);
                    self.fail(format!(
                        "the device refused a descriptor with status {status:#04x} ({why})"
                    ));
                    return;
                }
            };
            self.answers[page] = u8::from(zero);
        }
    }

    pub(crate) fn fail(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
    }

    /// Tells whoever has asked. Nothing is with the device, or the device is gone.
    pub(crate) fn finish(self, queue: &str) {
        (self.done)(match self.failure {
            Some(reason) => Err(format!("{queue}: {reason}")),
            None => Ok((self.answers, self.tally)),
        });
    }
}
