//! Calls of one JavaScript thread that a device may still read memory for. A thread that is ended in the middle of them
//! waits here, before V8 frees its memory: a device lost or not, the queue's thread ends every call.

use std::cell::OnceCell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::Result;

#[derive(Default)]
struct Count {
    calls: Mutex<usize>,
    none: Condvar,
}

/// One call, as long as it lives.
pub struct InFlight(Arc<Count>);

thread_local! {
    /// A JavaScript thread has one environment.
    static OF_THIS_THREAD: OnceCell<Arc<Count>> = const { OnceCell::new() };
}

impl InFlight {
    pub fn begin(env: &Env) -> Result<InFlight> {
        let count = OF_THIS_THREAD.with(|cell| match cell.get() {
            Some(count) => Ok(Arc::clone(count)),
            None => {
                let count = Arc::<Count>::default();
                env.add_env_cleanup_hook(Arc::clone(&count), |count| count.wait())?;
                Ok::<_, napi::Error>(Arc::clone(cell.get_or_init(|| count)))
            }
        })?;
        *count.calls.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Ok(InFlight(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls -= 1;
        if *calls == 0 {
            self.0.none.notify_all();
        }
    }
}

impl Count {
    fn wait(&self) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.none.wait_while(calls, |calls| *calls > 0));
    }
}
