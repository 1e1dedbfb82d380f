//! Another process that does not run for a moment.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use crate::fault::{Code, Fault, Result};

/// How long its threads may take to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process by a descriptor, so that its number cannot become somebody else's.
#[derive(Debug)]
pub struct Process {
    number: i32,
    descriptor: OwnedFd,
}

/// Runs on when this is dropped, unless it was stopped before.
#[derive(Debug)]
pub struct Stopped<'a> {
    process: &'a Process,
    ours: bool,
}

impl Process {
    pub fn open(number: i32) -> Result<Process> {
        if number <= 0 || number as u32 == std::process::id() {
            return Err(Fault::new(Code::Usage, format!("process {number} is no other process")));
        }
        // SAFETY: a system call without memory.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, number, 0) };
        if descriptor < 0 {
            return Err(Fault::last(format!("process {number}")));
        }
        // SAFETY: the kernel has just given it to us, and nobody else knows it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
        Ok(Process { number, descriptor })
    }

    pub fn number(&self) -> i32 {
        self.number
    }

    /// Stops all of its threads, and returns when they have stopped.
    pub fn stop(&self) -> Result<Stopped<'_>> {
        let failed = |error: io::Error| Fault::io(format!("cannot stop process {}", self.number), &error);
        // One thread that has stopped is enough: the others are about to, and somebody else wants it so.
        let ours = self
            .threads()
            .map_err(failed)?
            .iter()
            .all(|&thread| thread != Thread::Stopped);
        if ours {
            self.signal(libc::SIGSTOP).map_err(failed)?;
        }
        let stopped = Stopped { process: self, ours };
        let begun = Instant::now();
        while self.threads().map_err(failed)?.contains(&Thread::Runs) {
            if begun.elapsed() > PATIENCE {
                let message = format!("process {} does not stop", self.number);
                return Err(Fault::new(Code::Timeout, message));
            }
            thread::sleep(Duration::from_micros(50));
        }
        Ok(stopped)
    }

    fn signal(&self, signal: i32) -> io::Result<()> {
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: without a siginfo the kernel makes one.
        let done = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.descriptor.as_raw_fd(),
                signal,
                nothing,
                0,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    fn threads(&self) -> io::Result<Vec<Thread>> {
        let mut threads = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.number))? {
            // One that cannot be read has ended since.
            threads.extend(
                fs::read_to_string(task?.path().join("stat"))
                    .ok()
                    .map(|status| state(&status)),
            );
        }
        Ok(threads)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if self.ours {
            // If it is gone there is nobody to go on.
            let _ = self.process.signal(libc::SIGCONT);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thread {
    Runs,
    Stopped,
    Ended,
}

/// @param status a thread's `stat`: its name, in parentheses, may hold anything.
fn state(status: &str) -> Thread {
    match status
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next())
    {
        Some('T' | 't') => Thread::Stopped,
        Some('Z' | 'X') => Thread::Ended,
        _ => Thread::Runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_thread() {
        assert_eq!(state("7 (node) T 1 7 7"), Thread::Stopped);
        assert_eq!(state("7 (a) R (b) t 1 7 7"), Thread::Stopped);
        assert_eq!(state("7 (gone) Z 1"), Thread::Ended);
        assert_eq!(state("7 (a) T 1) S 1 7 7"), Thread::Runs);
        assert_eq!(state("7 (node) D 1 7 7"), Thread::Runs);
        assert_eq!(state(""), Thread::Runs);
    }

    #[test]
    fn this_process_is_not_stopped() {
        assert_eq!(
            Process::open(std::process::id() as i32).map(|_| ()).unwrap_err().code,
            Code::Usage
        );
        assert_eq!(Process::open(-1).map(|_| ()).unwrap_err().code, Code::Usage);
    }
}
