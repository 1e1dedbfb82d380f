//! A relay: `engine/relay`. It is a destination to its source and a source to its destination, with both words.

mod can;
mod take;

use crate::model::{Answer, Decision, Says, Status};
use crate::steps::steps;
pub use can::can;
pub use take::take;

/// How far main's thread is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Thread {
    #[default]
    Listening,
    Opened,
    Withdrawn,
    /// Waits for the destination's PONG before the first page.
    Connected,
    Reading,
    Ram,
    /// Everything is here, but the device state has not gone out.
    Got,
    HandedOver,
    Sent,
    /// Without a return path to the destination: everything has left, and main is closed there.
    Drained,
    Confirmed,
    Told,
    /// The source's farewell is known and passed on.
    Over,
    Failed,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    /// To its source.
    pub answer: Answer,
    /// Of its outgoing side.
    pub decision: Decision,
    pub thread: Thread,
    pub status: Status,
    begun: bool,
    /// The source has closed main, and this was seen.
    closed: bool,
    pub told_after_close: bool,
    pub has_left: bool,
    /// Main to the destination is open.
    open: bool,
    alone: bool,
    failed: bool,
    cancel: bool,
    has_cancelled: bool,
    has_trouble: bool,
    pub says: Says,
    pub crashed: bool,
}

steps! {
    Setup, ReadOpen, Withdrawn, Active, Connect, Pong, PassRam, ReadState, Device, HandOver, SendState,
    HearSuccess, HearRefusal, HearEnd, SeeEnd, TakenBack, TimeOut, Drain, Tell, Completed, Farewell, NoFarewell,
    Failed, Refuse, Cancel, Cancelling, TooLate, Cancelled, Says, Trouble, Crash
}
