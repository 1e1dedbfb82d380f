//! The destination: `engine/destination` and `DestinationControl`.

use crate::guards::Guard;
use crate::model::{Answer, Handover, Says, State, Status};
use crate::network::Message;
use crate::steps::steps;

/// How far main's thread is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Thread {
    #[default]
    Listening,
    /// A source has begun.
    Opened,
    /// It was gone before all its connections were here: waits for another one.
    Withdrawn,
    Reading,
    /// All RAM is here.
    Ram,
    /// Everything is here.
    Got,
    /// Has answered, and waits until the source closes main.
    Told,
    /// The source has closed main, or has not in time.
    Over,
    Failed,
    /// Has dropped its connections.
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Commit {
    #[default]
    No,
    Runs,
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Destination {
    pub answer: Answer,
    pub thread: Thread,
    pub status: Status,
    pub commit: Commit,
    /// A source is here, with all its connections.
    begun: bool,
    /// The source has closed main, and this was seen.
    pub closed: bool,
    /// A relay has said that its source has let go of the guest, or that it keeps main.
    let_go: bool,
    keeps: bool,
    /// The answer went out although the source had been seen to close.
    pub told_after_close: bool,
    /// Everything was here, of a source that waits for no answer.
    pub has_left: bool,
    /// The guest is at this end alone.
    alone: bool,
    failed: bool,
    cancel: bool,
    has_cancelled: bool,
    has_trouble: bool,
    pub says: Says,
    /// The guest runs here.
    pub runs: bool,
    pub crashed: bool,
}

steps! {
    Setup, ReadOpen, Withdrawn, Active, Pong, ReadRam, ReadState, ReadWord, Device, Commit, Committed,
    CommitFails, Tell, TakenBack, Completed, SeeEnd, Farewell, NoFarewell, Failed, Refuse, Cancel, Cancelling,
    TooLate, Cancelled, Says, SaysNobody, TimeOut, Trouble, Crash
}

/// Whether the guest's source waits for this answer.
fn source_waits(model: &Handover) -> bool {
    model.destination_is_awaited() && model.return_path
}

pub fn can(model: &Handover, state: &State, step: Step) -> bool {
    let destination = &state.destination;
    let down = &state.links[model.last()].down;
    let Destination {
        thread,
        status,
        answer,
        commit,
        ..
    } = *destination;
    let awaited = model.destination_is_awaited();
    let is_open = status.is_open();
    let goes_on = is_open && answer != Answer::Aborted;
    let has_closed = destination.closed && awaited;
    let is_told = answer == Answer::Told;
    if destination.crashed {
        return false;
    }
    match step {
        Step::Setup => status == Status::Idle,
        Step::ReadOpen => thread == Thread::Listening && goes_on && down.is(Message::Open),
        Step::Withdrawn => thread == Thread::Opened && status == Status::Setup && down.has_ended(),
        Step::Active => thread == Thread::Opened && status == Status::Setup && !destination.failed,
        Step::Pong => thread == Thread::Opened && status == Status::Active && goes_on,
        Step::ReadRam => thread == Thread::Reading && goes_on && down.is(Message::Ram),
        Step::ReadState => thread == Thread::Ram && goes_on && down.is(Message::State),
        Step::ReadWord => {
            matches!(thread, Thread::Got | Thread::Told) && (down.is(Message::LetGo) || down.is(Message::Keeps))
        }
        Step::Device => thread == Thread::Got && status == Status::Active,
        Step::Commit => status == Status::Device && thread == Thread::Got && commit == Commit::No,
        Step::Committed => commit == Commit::Runs,
        Step::CommitFails => commit == Commit::Runs && model.faults.trouble,
        Step::Tell => {
            let ready =
                commit == Commit::Done || commit == Commit::Runs && !model.has(Guard::DestinationCommitsFirst);
            let looks = model.has(Guard::DestinationLooksFirst);
            goes_on && status == Status::Device && thread == Thread::Got && ready && !(looks && has_closed)
        }
        Step::TakenBack => goes_on && thread == Thread::Got && has_closed && model.has(Guard::DestinationLooksFirst),
        Step::Completed => is_told && status == Status::Device,
        Step::SeeEnd => {
            let reads = matches!(thread, Thread::Reading | Thread::Ram | Thread::Got | Thread::Told);
            reads && down.has_ended()
        }
        Step::Farewell => {
            let early = !model.has(Guard::DestinationAwaitsFarewell);
            thread == Thread::Told && (destination.closed || !awaited || early)
        }
        Step::NoFarewell => {
            let late = destination.keeps || model.faults.late && !destination.closed;
            thread == Thread::Told && awaited && late
        }
        Step::Failed => {
            let keeps = is_told && model.has(Guard::DestinationKeepsItsWord);
            is_open && (thread == Thread::Failed || destination.failed) && !keeps
        }
        Step::Refuse => {
            matches!(status, Status::Failed | Status::Cancelling) && !matches!(thread, Thread::Closed | Thread::Over)
        }
        Step::Cancel => model.faults.cancel && is_open && !destination.has_cancelled,
        Step::Cancelling => {
            let left = answer == Answer::Left && model.has(Guard::DestinationKeepsWhatLeft);
            let told = is_told && model.has(Guard::DestinationCancelAsks);
            destination.cancel && is_open && !left && !told
        }
        Step::TooLate => destination.cancel && is_open && answer == Answer::Left,
        Step::Cancelled => status == Status::Cancelling && thread == Thread::Closed,
        Step::Says => {
            let ended = status == Status::Completed && thread == Thread::Over;
            let off = status == Status::Failed && thread == Thread::Closed || status == Status::Cancelled;
            (ended || off && destination.begun) && destination.says == Says::Nothing
        }
        Step::SaysNobody => {
            let off = status == Status::Failed && thread == Thread::Closed || status == Status::Cancelled;
            off && !destination.begun && destination.says == Says::Nothing
        }
        Step::TimeOut => model.faults.late && matches!(thread, Thread::Reading | Thread::Ram) && is_open,
        Step::Trouble => {
            let has_source = matches!(status, Status::Active | Status::Device);
            model.faults.trouble && has_source && !destination.has_trouble && !destination.failed
        }
        Step::Crash => model.faults.crash && status != Status::Idle,
    }
}

pub fn take(model: &Handover, state: &mut State, step: Step) {
    let destination = &mut state.destination;
    let link = &mut state.links[model.last()];
    let awaited = model.destination_is_awaited();
    match step {
        Step::Setup => destination.status = Status::Setup,
        Step::ReadOpen => {
            link.down.take();
            destination.thread = Thread::Opened;
        }
        Step::Withdrawn => {
            link.down.take();
            link.up.say(Message::End);
            destination.thread = Thread::Withdrawn;
        }
        Step::Active => {
            destination.begun = true;
            destination.status = Status::Active;
        }
        Step::Pong => {
            if awaited {
                link.up.say(Message::Pong);
            }
            destination.thread = Thread::Reading;
        }
        Step::ReadRam => {
            link.down.take();
            destination.thread = Thread::Ram;
        }
        Step::ReadState => {
            link.down.take();
            destination.thread = Thread::Got;
            if !source_waits(model) {
                destination.answer = Answer::Left;
                destination.has_left = true;
            }
        }
        Step::ReadWord => {
            let let_go = link.down.is(Message::LetGo);
            link.down.take();
            destination.let_go |= let_go;
            destination.keeps |= !let_go;
        }
        Step::Device => destination.status = Status::Device,
        Step::Commit => destination.commit = Commit::Runs,
        Step::Committed => {
            destination.commit = Commit::Done;
            destination.runs = !model.has(Guard::DestinationAnswersFirst);
        }
        Step::CommitFails => {
            destination.commit = Commit::Failed;
            destination.failed = true;
        }
        Step::Tell => {
            destination.answer = Answer::Told;
            destination.thread = Thread::Told;
            destination.told_after_close = destination.closed && awaited;
            if awaited {
                link.up.say(Message::Success);
            }
            link.up.say(Message::End);
        }
        Step::TakenBack => destination.thread = Thread::Failed,
        Step::Completed => destination.status = Status::Completed,
        Step::SeeEnd => {
            link.down.take();
            if matches!(destination.thread, Thread::Got | Thread::Told) {
                destination.closed = true;
            } else {
                destination.thread = Thread::Failed;
            }
        }
        Step::Farewell => {
            let passed = !model.relay || !source_waits(model) || destination.let_go;
            let lenient = !model.has(Guard::RelayPassesTheFarewell) || !model.has(Guard::DestinationAwaitsFarewell);
            destination.alone = passed && !destination.keeps || lenient;
            destination.thread = Thread::Over;
        }
        Step::NoFarewell => destination.thread = Thread::Over,
        Step::Failed => {
            destination.answer = Answer::Aborted;
            destination.status = Status::Failed;
        }
        Step::Refuse => {
            let reads = !matches!(
                destination.thread,
                Thread::Listening | Thread::Opened | Thread::Withdrawn
            );
            if reads && awaited {
                link.up.say(Message::Refusal);
            }
            // A source that waits for no answer learns of a failure only by what breaks.
            link.up.say(if reads && !awaited {
                Message::Reset
            } else {
                Message::End
            });
            destination.thread = Thread::Closed;
        }
        Step::Cancel => {
            destination.cancel = true;
            destination.has_cancelled = true;
        }
        Step::Cancelling => {
            destination.cancel = false;
            destination.answer = Answer::Aborted;
            destination.status = Status::Cancelling;
        }
        Step::TooLate => destination.cancel = false,
        Step::Cancelled => destination.status = Status::Cancelled,
        Step::Says => {
            destination.says = match destination.status {
                Status::Completed if destination.alone => Says::Destination,
                Status::Completed => Says::Either,
                _ if source_waits(model) => Says::Source,
                _ => Says::Either,
            };
            destination.runs |= destination.says == Says::Destination;
        }
        Step::SaysNobody => destination.says = Says::Nobody,
        Step::TimeOut => destination.thread = Thread::Failed,
        Step::Trouble => {
            destination.has_trouble = true;
            destination.failed = true;
        }
        Step::Crash => {
            destination.crashed = true;
            destination.runs = false;
            link.up.say(Message::End);
        }
    }
}
