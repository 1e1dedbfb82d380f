//! Which steps a relay can take.

use super::{Relay, Step, Thread};
use crate::guards::Guard;
use crate::model::{Answer, Decision, Handover, Says, State, Status};
use crate::network::Message;

pub fn can(model: &Handover, state: &State, step: Step) -> bool {
    let relay = &state.relay;
    let down = &state.links[0].down;
    let up = &state.links[1].up;
    let Relay {
        thread,
        status,
        answer,
        decision,
        ..
    } = *relay;
    let awaited = model.return_path;
    let is_open = status.is_open();
    // Its thread goes on until it is told to stop.
    let goes_on = is_open && answer != Answer::Aborted;
    let may_send = goes_on && decision == Decision::Open;
    let has_closed = relay.closed && awaited;
    if relay.crashed {
        return false;
    }
    match step {
        Step::Setup => status == Status::Idle,
        Step::ReadOpen => thread == Thread::Listening && goes_on && down.is(Message::Open),
        Step::Withdrawn => thread == Thread::Opened && status == Status::Setup && down.has_ended(),
        Step::Active => thread == Thread::Opened && status == Status::Setup && !relay.failed,
        Step::Connect => thread == Thread::Opened && status == Status::Active && may_send,
        Step::Pong => thread == Thread::Connected && may_send && up.is(Message::Pong),
        Step::PassRam => thread == Thread::Reading && may_send && down.is(Message::Ram),
        Step::ReadState => thread == Thread::Ram && may_send && down.is(Message::State),
        Step::Device => thread == Thread::Got && status == Status::Active,
        Step::HandOver => thread == Thread::Got && status == Status::Device && may_send && !has_closed,
        Step::SendState => thread == Thread::HandedOver,
        Step::HearSuccess => relay.open && up.is(Message::Success),
        Step::HearRefusal => relay.open && up.is(Message::Refusal),
        Step::HearEnd => (relay.open || thread == Thread::Drained) && up.has_ended(),
        Step::SeeEnd => {
            let reads = !matches!(
                thread,
                Thread::Listening | Thread::Withdrawn | Thread::Over | Thread::Closed
            );
            reads && thread != Thread::Failed && status != Status::Setup && !relay.closed && down.has_ended()
        }
        Step::TakenBack => {
            let waits = matches!(thread, Thread::Got | Thread::Sent | Thread::Drained | Thread::Confirmed);
            goes_on && waits && has_closed
        }
        Step::TimeOut => {
            let waits = matches!(
                thread,
                Thread::Connected
                    | Thread::Reading
                    | Thread::Ram
                    | Thread::HandedOver
                    | Thread::Sent
                    | Thread::Drained
            );
            model.faults.late && waits && is_open
        }
        Step::Drain => thread == Thread::Sent && !model.relay_return_path && !has_closed,
        Step::Tell => {
            let early = thread == Thread::Sent && !model.has(Guard::RelayAwaitsAnswer);
            goes_on && status == Status::Device && (thread == Thread::Confirmed || early) && !has_closed
        }
        Step::Completed => answer == Answer::Told && status == Status::Device,
        Step::Farewell => thread == Thread::Told && (relay.closed || !awaited),
        Step::NoFarewell => thread == Thread::Told && awaited && model.faults.late && !relay.closed,
        Step::Failed => is_open && (thread == Thread::Failed || relay.failed) && answer != Answer::Told,
        Step::Refuse => {
            matches!(status, Status::Failed | Status::Cancelling) && !matches!(thread, Thread::Closed | Thread::Over)
        }
        Step::Cancel => model.faults.cancel && is_open && !relay.has_cancelled,
        Step::Cancelling => {
            let may = matches!(decision, Decision::Open | Decision::Aborted) || !model.has(Guard::RelayCancelAsks);
            relay.cancel && is_open && may && !matches!(answer, Answer::Left | Answer::Told)
        }
        Step::TooLate => {
            let handed_over = !matches!(decision, Decision::Open | Decision::Aborted);
            relay.cancel && is_open && (answer == Answer::Left || handed_over)
        }
        Step::Cancelled => status == Status::Cancelling && thread == Thread::Closed,
        Step::Says => {
            let ended = status == Status::Completed && thread == Thread::Over;
            let off = status == Status::Failed && thread == Thread::Closed || status == Status::Cancelled;
            (ended || off) && relay.says == Says::Nothing
        }
        Step::Trouble => {
            let has_source = matches!(status, Status::Active | Status::Device);
            // Behind the hand-over only main's thread ends it.
            let can = matches!(decision, Decision::Open | Decision::Aborted);
            model.faults.trouble && has_source && can && !relay.has_trouble
        }
        Step::Crash => model.faults.crash && status != Status::Idle,
    }
}
