//! One work queue, for any number of threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::Engine;
use crate::job::{Done, Job, Outcome};
use crate::portal::Portal;

/// ns that a sleep may be longer than asked for: the default, 50 µs, is longer than most batches.
const TIMER_SLACK: libc::c_ulong = 1000;

pub struct Queue {
    name: String,
    jobs: Option<Sender<(Job, Done)>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicBool>,
}

impl Queue {
    /// `patience`: how long the device may do nothing at all before it counts as lost.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn new(name: &str, portal: Box<dyn Portal>, patience: Duration) -> io::Result<Queue> {
        let (jobs, inbox) = channel();
        let lost = Arc::new(AtomicBool::new(false));
        let engine = Engine::new(name.to_owned(), portal, inbox, patience, Arc::clone(&lost));
        let thread = std::thread::Builder::new()
            .name("dsa-queue".to_owned())
            .spawn(move || {
                // SAFETY: concerns this thread's timers, and no memory.
                unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, TIMER_SLACK) };
                engine.run();
            })?;
        Ok(Queue {
            name: name.to_owned(),
            jobs: Some(jobs),
            thread: Some(thread),
            lost,
        })
    }

    /// `done` is called once, from the queue's thread, when the device reads no page of this job any more.
    pub fn submit(&self, job: Job, done: impl FnOnce(Outcome) + Send + 'static) {
        let asked = (job, Box::new(done) as Done);
        let Err(unsent) = self.jobs.as_ref().map_or(Ok(()), |jobs| jobs.send(asked)) else {
            return;
        };
        (unsent.0.1)(Err(format!("{}: its thread has ended", self.name)));
    }

    /// The device is gone: every job fails. A new queue may have more luck.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Acquire)
    }
}

impl Drop for Queue {
    /// Waits until all jobs are done, and the device is closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
