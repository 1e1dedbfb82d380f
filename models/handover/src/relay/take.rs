//! What a relay's steps do.

use super::{Relay, Step, Thread};
use crate::guards::Guard;
use crate::model::{Answer, Decision, Handover, Says, State, Status};
use crate::network::Message;

pub fn take(model: &Handover, state: &mut State, step: Step) {
    let listens = model.listens(state, true);
    let relay = &mut state.relay;
    let [near, far] = &mut state.links;
    let awaited = model.return_path;
    match step {
        Step::Setup => relay.status = Status::Setup,
        Step::ReadOpen => {
            near.down.take();
            relay.thread = Thread::Opened;
        }
        Step::Withdrawn => {
            near.down.take();
            near.up.say(Message::End);
            relay.thread = Thread::Withdrawn;
        }
        Step::Active => {
            relay.begun = true;
            relay.status = Status::Active;
        }
        Step::Connect => {
            if !listens {
                relay.thread = Thread::Failed;
                return;
            }
            far.open();
            far.down.say(Message::Open);
            relay.open = true;
            relay.thread = Thread::Connected;
            if !model.relay_return_path {
                take(model, state, Step::Pong);
            }
        }
        Step::Pong => {
            if model.relay_return_path {
                far.up.take();
            }
            if awaited {
                near.up.say(Message::Pong);
            }
            relay.thread = Thread::Reading;
        }
        Step::PassRam => {
            near.down.take();
            far.down.say(Message::Ram);
            relay.thread = Thread::Ram;
        }
        Step::ReadState => {
            near.down.take();
            relay.thread = Thread::Got;
            if !awaited {
                relay.answer = Answer::Left;
                relay.has_left = true;
            }
        }
        Step::Device => relay.status = Status::Device,
        Step::HandOver => {
            relay.decision = Decision::HandedOver;
            relay.thread = Thread::HandedOver;
        }
        Step::SendState => {
            far.down.say(Message::State);
            relay.thread = Thread::Sent;
        }
        Step::HearSuccess => {
            far.up.take();
            let is_due = relay.decision.confirm();
            match relay.thread {
                Thread::Sent if is_due => relay.thread = Thread::Confirmed,
                Thread::Sent => relay.thread = Thread::Failed,
                _ => {}
            }
        }
        Step::HearRefusal => {
            far.up.take();
            relay.decision.leave_hand_over(Decision::Aborted);
            fails(relay);
        }
        Step::HearEnd => {
            let ended_well = far.up.is(Message::End);
            far.up.take();
            match relay.thread {
                Thread::Drained if ended_well => relay.thread = Thread::Confirmed,
                _ if relay.decision == Decision::Confirmed => {}
                _ => fails(relay),
            }
        }
        Step::SeeEnd => {
            near.down.take();
            match relay.thread {
                Thread::Opened | Thread::Connected | Thread::Reading | Thread::Ram => relay.thread = Thread::Failed,
                _ => relay.closed = true,
            }
        }
        Step::TakenBack => relay.thread = Thread::Failed,
        Step::TimeOut => {
            let patient = relay.thread == Thread::Drained;
            relay.thread = if patient { Thread::Confirmed } else { Thread::Failed };
        }
        Step::Drain => {
            far.down.say(Message::End);
            relay.open = false;
            relay.thread = Thread::Drained;
        }
        Step::Tell => {
            relay.answer = Answer::Told;
            relay.thread = Thread::Told;
            relay.told_after_close = relay.closed && awaited;
            if awaited {
                near.up.say(Message::Success);
            }
            near.up.say(Message::End);
        }
        Step::Completed => relay.status = Status::Completed,
        Step::Farewell | Step::NoFarewell => {
            relay.alone = step == Step::Farewell;
            far.down.say(if relay.alone { Message::LetGo } else { Message::Keeps });
            far.down.say(Message::End);
            relay.open = false;
            relay.thread = Thread::Over;
        }
        Step::Failed => {
            relay.decision.leave_hand_over(Decision::Doubted);
            relay.decision.try_abort();
            relay.answer = Answer::Aborted;
            relay.status = Status::Failed;
        }
        Step::Refuse => {
            let reads = !matches!(relay.thread, Thread::Listening | Thread::Opened | Thread::Withdrawn);
            let is_sure = relay.decision.try_abort() || !model.has(Guard::RelayRefusesOnlyIfSure);
            if reads && awaited && is_sure {
                near.up.say(Message::Refusal);
            }
            near.up.say(if reads && !awaited {
                Message::Reset
            } else {
                Message::End
            });
            if relay.open {
                far.down.say(Message::End);
            }
            relay.open = false;
            relay.thread = Thread::Closed;
        }
        Step::Cancel => {
            relay.cancel = true;
            relay.has_cancelled = true;
        }
        Step::Cancelling => {
            relay.cancel = false;
            relay.decision.try_abort();
            relay.answer = Answer::Aborted;
            relay.status = Status::Cancelling;
        }
        Step::TooLate => relay.cancel = false,
        Step::Cancelled => relay.status = Status::Cancelled,
        Step::Says => relay.says = says(model, relay),
        Step::Trouble => {
            relay.has_trouble = true;
            relay.failed = true;
            relay.decision.try_abort();
        }
        Step::Crash => {
            relay.crashed = true;
            near.up.say(Message::End);
            if relay.open {
                far.down.say(Message::End);
            }
            relay.open = false;
        }
    }
}

/// What comes of an outgoing side that has failed: nothing, once the guest has left or its own error has come.
fn fails(relay: &mut Relay) {
    if !matches!(relay.thread, Thread::Told | Thread::Over | Thread::Closed) {
        relay.thread = Thread::Failed;
    }
}

/// `saidByRelay`.
fn says(model: &Handover, relay: &Relay) -> Says {
    match (relay.status, relay.decision.guest()) {
        (Status::Completed, _) if relay.alone => Says::Destination,
        (Status::Completed, _) => Says::Either,
        _ if !relay.begun => Says::Nobody,
        (_, Says::Source) if model.return_path => Says::Source,
        (_, Says::Destination) if !model.return_path => Says::Destination,
        _ => Says::Either,
    }
}
