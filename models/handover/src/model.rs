//! The model: what there is, and which steps it can take.

use crate::destination::{self, Destination};
use crate::guards::Guard;
use crate::network::{Fault, Link};
use crate::properties;
use crate::relay::{self, Relay};
use crate::source::{self, Source};
use stateright::{Model, Property};

/// What can go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A process ends in the middle.
    pub crash: bool,
    /// A user cancels.
    pub cancel: bool,
    /// A connection breaks, with what is on its way.
    pub lose: bool,
    /// A direction of a connection goes dead, and nobody notices.
    pub cut: bool,
    /// Something comes so late that a limit is over: of the network, or of a peer that hangs.
    pub late: bool,
    /// An end fails by itself: a callback throws, a channel breaks, a disk is full.
    pub trouble: bool,
}

impl Faults {
    pub const ALL: Self = Self {
        crash: true,
        cancel: true,
        lose: true,
        cut: true,
        late: true,
        trouble: true,
    };
}

/// The status of an end, as its `status` event names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    #[default]
    Idle,
    Setup,
    Active,
    Device,
    Completed,
    Failed,
    Cancelling,
    Cancelled,
}

impl Status {
    /// Neither over nor on the way there.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Setup | Self::Active | Self::Device)
    }
}

/// Who has the guest, as an end says when it ends (`thread/guest-place.ts`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Says {
    #[default]
    Nothing,
    /// No source has come.
    Nobody,
    Source,
    Destination,
    Either,
}

/// The decision word of a sending end (`SourceControl`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Decision {
    #[default]
    Open,
    Aborted,
    HandedOver,
    Confirmed,
    Doubted,
}

impl Decision {
    pub fn guest(self) -> Says {
        match self {
            Self::Open | Self::Aborted => Says::Source,
            Self::HandedOver | Self::Doubted => Says::Either,
            Self::Confirmed => Says::Destination,
        }
    }

    /// `SourceControl.tryAbort`.
    pub fn try_abort(&mut self) -> bool {
        if *self == Self::Open {
            *self = Self::Aborted;
        }
        *self == Self::Aborted
    }

    /// `SourceControl.confirm`.
    pub fn confirm(&mut self) -> bool {
        if *self == Self::HandedOver {
            *self = Self::Confirmed;
        }
        *self == Self::Confirmed
    }

    /// From HANDED_OVER alone: `takeBack` to ABORTED, `settle` to DOUBTED.
    pub fn leave_hand_over(&mut self, to: Self) {
        if *self == Self::HandedOver {
            *self = to;
        }
    }
}

/// The word of a receiving end (`DestinationControl`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Answer {
    #[default]
    Open,
    Aborted,
    Told,
    Left,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub source: Source,
    pub relay: Relay,
    pub destination: Destination,
    /// The source's main, and a relay's.
    pub links: [Link; 2],
    /// Faults that can still happen.
    pub left: u8,
}

/// A step of an end, or what the network does to the link with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Source(source::Step),
    Relay(relay::Step),
    Destination(destination::Step),
    Network(usize, Fault),
}

/// One way to set up a migration, and what can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// A relay stands between source and destination.
    pub relay: bool,
    /// The source's `return-path`.
    pub return_path: bool,
    /// That of the relay's outgoing side.
    pub relay_return_path: bool,
    pub faults: Faults,
    /// How many faults there can be in one run, late ones not counted.
    pub most_faults: u8,
    /// The guard that is taken out.
    pub without: Option<Guard>,
}

impl Handover {
    pub const DIRECT: Self = Self {
        relay: false,
        return_path: true,
        relay_return_path: true,
        faults: Faults::ALL,
        most_faults: u8::MAX,
        without: None,
    };

    pub fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    /// The number of the destination's link.
    pub fn last(&self) -> usize {
        usize::from(self.relay)
    }

    /// Whether somebody waits for the destination's answer.
    pub fn destination_is_awaited(&self) -> bool {
        if self.relay {
            self.relay_return_path
        } else {
            self.return_path
        }
    }

    /// Whether the guest's source waits for an answer that comes from its destination.
    pub fn is_answered(&self) -> bool {
        self.return_path && self.destination_is_awaited()
    }

    /// Whether the next end towards the destination takes connections.
    pub fn listens(&self, state: &State, behind_relay: bool) -> bool {
        if self.relay && !behind_relay {
            state.relay.status.is_open() && !state.relay.crashed
        } else {
            state.destination.status.is_open() && !state.destination.crashed
        }
    }

    fn is_enabled(&self, state: &State, action: Action) -> bool {
        if self.is_fault(action) && state.left == 0 {
            return false;
        }
        match action {
            Action::Source(step) => source::can(self, state, step),
            Action::Relay(step) => self.relay && relay::can(self, state, step),
            Action::Destination(step) => destination::can(self, state, step),
            Action::Network(link, fault) => {
                let happens = if fault == Fault::Break {
                    self.faults.lose
                } else {
                    self.faults.cut
                };
                happens && link <= self.last() && state.links[link].can(fault)
            }
        }
    }

    /// Whether an action is a fault: it can happen, and nobody can wait for it.
    pub fn is_fault(&self, action: Action) -> bool {
        match action {
            Action::Source(step) => {
                matches!(step, source::Step::Crash | source::Step::Cancel | source::Step::Trouble)
            }
            Action::Relay(step) => {
                matches!(step, relay::Step::Crash | relay::Step::Cancel | relay::Step::Trouble)
            }
            Action::Destination(step) => {
                use destination::Step;
                matches!(step, Step::Crash | Step::Cancel | Step::Trouble | Step::CommitFails)
            }
            Action::Network(..) => true,
        }
    }

    /// Whether nothing more happens unless something goes wrong.
    pub fn is_at_rest(&self, state: &State) -> bool {
        all_actions().all(|action| self.is_fault(action) || !self.is_enabled(state, action))
    }
}

fn all_actions() -> impl Iterator<Item = Action> {
    let network = [Fault::Break, Fault::CutDown, Fault::CutUp];
    let network = (0..2).flat_map(move |link| network.map(|fault| Action::Network(link, fault)));
    (source::STEPS.iter().map(|step| Action::Source(*step)))
        .chain(relay::STEPS.iter().map(|step| Action::Relay(*step)))
        .chain(destination::STEPS.iter().map(|step| Action::Destination(*step)))
        .chain(network)
}

impl Model for Handover {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            left: self.most_faults.min(FAULTS_IN_ALL),
            ..State::default()
        };
        state.source.runs = true;
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(all_actions().filter(|action| self.is_enabled(state, *action)));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        // More than can happen: not counted, so that states do not differ by it.
        if self.is_fault(action) && self.most_faults < FAULTS_IN_ALL {
            state.left = state.left.saturating_sub(1);
        }
        match action {
            Action::Source(step) => source::take(self, &mut state, step),
            Action::Relay(step) => relay::take(self, &mut state, step),
            Action::Destination(step) => destination::take(self, &mut state, step),
            Action::Network(link, fault) => state.links[link].suffer(fault),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// Each fault of each end and link happens once: more faults than this are not possible.
const FAULTS_IN_ALL: u8 = 32;
