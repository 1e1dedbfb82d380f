//! The source: `engine/source` and `SourceControl`. The migration thread and the API thread take turns as they like.

use crate::guards::Guard;
use crate::model::{Decision, Handover, Says, State, Status};
use crate::network::Message;
use crate::steps::steps;

/// How far the migration thread is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Thread {
    #[default]
    Start,
    /// Waits for the PONG before the first page.
    Opened,
    /// May send pages.
    Begun,
    Active,
    /// Has asked for the guest to be stopped.
    Asked,
    /// Has the device state of a guest that stands still.
    Stopped,
    LastRound,
    HandedOver,
    /// Everything is sent.
    Sent,
    /// Without a return path: everything has left, and main is closed.
    Drained,
    /// Everything has left and main has ended well, or the destination has confirmed.
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    pub decision: Decision,
    pub thread: Thread,
    pub status: Status,
    /// The guest runs here.
    pub runs: bool,
    /// `stop` was called, and `resume` after it.
    stopped: bool,
    resumed: bool,
    /// Main is open.
    open: bool,
    /// An error of the API thread, or of a channel, is to be dealt with.
    failed: bool,
    /// The user has cancelled, and it is to be dealt with.
    cancel: bool,
    has_cancelled: bool,
    has_trouble: bool,
    /// All threads have ended.
    joined: bool,
    /// SHUT(0) was heard.
    pub heard: bool,
    pub says: Says,
    pub crashed: bool,
}

steps! {
    Setup, Open, Begun, Active, Ask, Stop, Device, LastRound, HandOver, SendState, HearSuccess, HearRefusal,
    HearEnd, TimeOut, Drain, Close, Completed, Failed, Cancel, Cancelling, TooLate, Join, Resume, Cancelled,
    Says, Trouble, Crash
}

pub fn can(model: &Handover, state: &State, step: Step) -> bool {
    let source = &state.source;
    let up = &state.links[0].up;
    let Source {
        thread,
        status,
        decision,
        ..
    } = *source;
    let is_open = status.is_open();
    if source.crashed {
        return false;
    }
    // The thread goes on until it is told to stop.
    let goes_on = decision == Decision::Open && is_open;
    let is_back = source.joined && (!source.stopped || source.resumed || !model.has(Guard::SourceResumesGuest));
    match step {
        Step::Setup => status == Status::Idle,
        Step::Open => thread == Thread::Start && goes_on && model.listens(state, false),
        Step::Begun => thread == Thread::Opened && goes_on && up.is(Message::Pong),
        Step::Active => thread == Thread::Begun && status == Status::Setup,
        Step::Ask => thread == Thread::Active && goes_on,
        // Its request may be served when the migration is already off.
        Step::Stop => thread == Thread::Asked && !source.stopped && !source.joined,
        Step::Device => thread == Thread::Asked && source.stopped && status == Status::Active,
        Step::LastRound => thread == Thread::Stopped && goes_on,
        Step::HandOver => {
            thread == Thread::LastRound && (decision == Decision::Open || !model.has(Guard::SourceHandOverAsks))
        }
        Step::SendState => thread == Thread::HandedOver,
        Step::HearSuccess => source.open && up.is(Message::Success),
        Step::HearRefusal => source.open && up.is(Message::Refusal),
        Step::HearEnd => {
            let refused = thread == Thread::Start && status == Status::Setup && !model.listens(state, false);
            refused || (source.open || thread == Thread::Drained) && up.has_ended()
        }
        Step::TimeOut => {
            let waits = !matches!(thread, Thread::Start | Thread::Done | Thread::Failed);
            model.faults.late && waits && is_open
        }
        Step::Drain => thread == Thread::Sent && !model.return_path,
        Step::Close => thread == Thread::Done && source.open,
        Step::Completed => {
            let early = thread == Thread::Sent && !model.has(Guard::SourceAwaitsAnswer);
            status == Status::Device && (thread == Thread::Done || early)
        }
        Step::Failed => is_open && (thread == Thread::Failed || source.failed) && decision != Decision::Confirmed,
        Step::Cancel => model.faults.cancel && is_open && !source.has_cancelled,
        Step::Cancelling => {
            let may = matches!(decision, Decision::Open | Decision::Aborted);
            source.cancel && is_open && (may || !model.has(Guard::SourceCancelAsks))
        }
        Step::TooLate => source.cancel && is_open && !matches!(decision, Decision::Open | Decision::Aborted),
        Step::Join => matches!(status, Status::Failed | Status::Cancelling) && !source.joined,
        Step::Resume => source.joined && source.stopped && !source.resumed && model.has(Guard::SourceResumesGuest),
        Step::Cancelled => status == Status::Cancelling && is_back,
        Step::Says => {
            let ended = status == Status::Failed && is_back || status == Status::Cancelled;
            ended && source.says == Says::Nothing
        }
        Step::Trouble => {
            let can = matches!(decision, Decision::Open | Decision::Aborted) || !model.return_path;
            model.faults.trouble && is_open && !source.has_trouble && can
        }
        Step::Crash => model.faults.crash && status != Status::Idle,
    }
}

pub fn take(model: &Handover, state: &mut State, step: Step) {
    let source = &mut state.source;
    let link = &mut state.links[0];
    match step {
        Step::Setup => source.status = Status::Setup,
        Step::Open => {
            link.open();
            link.down.say(Message::Open);
            source.open = true;
            source.thread = if model.return_path {
                Thread::Opened
            } else {
                Thread::Begun
            };
        }
        Step::Begun => {
            link.up.take();
            source.thread = Thread::Begun;
        }
        Step::Active => {
            source.status = Status::Active;
            source.thread = Thread::Active;
        }
        Step::Ask => source.thread = Thread::Asked,
        Step::Stop => {
            source.stopped = true;
            source.runs = !model.has(Guard::SourceStopsGuest);
        }
        Step::Device => {
            source.status = Status::Device;
            source.thread = Thread::Stopped;
        }
        Step::LastRound => {
            link.down.say(Message::Ram);
            source.thread = Thread::LastRound;
        }
        Step::HandOver => {
            source.decision = Decision::HandedOver;
            source.thread = Thread::HandedOver;
        }
        Step::SendState => {
            link.down.say(Message::State);
            source.thread = Thread::Sent;
        }
        Step::HearSuccess => {
            link.up.take();
            if source.decision.confirm() {
                source.heard = true;
                source.thread = Thread::Done;
            } else {
                source.thread = Thread::Failed;
            }
        }
        Step::HearRefusal => {
            link.up.take();
            source.decision.leave_hand_over(Decision::Aborted);
            source.thread = Thread::Failed;
        }
        Step::HearEnd => hear_end(model, state),
        Step::TimeOut => {
            // Without a return path a destination that takes everything and stays says nothing by that.
            let patient = source.thread == Thread::Drained;
            source.thread = if patient { Thread::Done } else { Thread::Failed };
        }
        Step::Drain => {
            link.down.say(Message::End);
            source.open = false;
            source.thread = Thread::Drained;
        }
        Step::Close => {
            link.down.say(Message::End);
            source.open = false;
        }
        Step::Completed => source.status = Status::Completed,
        Step::Failed => {
            source.decision.try_abort();
            if model.has(Guard::SourceSettles) {
                source.decision.leave_hand_over(Decision::Doubted);
            }
            source.status = Status::Failed;
        }
        Step::Cancel => {
            source.cancel = true;
            source.has_cancelled = true;
        }
        Step::Cancelling => {
            source.cancel = false;
            source.decision = Decision::Aborted;
            source.status = Status::Cancelling;
        }
        Step::TooLate => source.cancel = false,
        Step::Join => {
            source.joined = true;
            if source.open {
                link.down.say(Message::End);
            }
            source.open = false;
        }
        Step::Resume => {
            source.resumed = true;
            source.runs = true;
        }
        Step::Cancelled => source.status = Status::Cancelled,
        Step::Says => source.says = source.decision.guest(),
        Step::Trouble => {
            source.has_trouble = true;
            source.failed = true;
            source.decision.try_abort();
        }
        Step::Crash => {
            source.crashed = true;
            source.runs = false;
            if source.open {
                link.down.say(Message::End);
            }
            source.open = false;
        }
    }
}

fn hear_end(model: &Handover, state: &mut State) {
    let source = &mut state.source;
    let up = &mut state.links[0].up;
    let ended_well = up.is(Message::End);
    if source.thread != Thread::Start {
        up.take();
    }
    match source.thread {
        Thread::Done => {}
        Thread::Drained if ended_well => source.thread = Thread::Done,
        _ => {
            if !model.has(Guard::SourceDoubtsAnEnd) {
                source.decision.leave_hand_over(Decision::Aborted);
            }
            source.thread = Thread::Failed;
        }
    }
}
