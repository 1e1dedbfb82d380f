//! The names of the steps that can be seen from outside: the same in the code's traces (`README.md`).

use crate::destination::Step as DestinationStep;
use crate::model::{Action, Says, State};
use crate::relay::Step as RelayStep;
use crate::source::Step as SourceStep;

/// The event of an action; undefined for what happens inside.
/// @param after the state that the action has led to.
pub fn event(action: Action, after: &State) -> Option<&'static str> {
    match action {
        Action::Source(step) => source(step, after.source.says),
        Action::Relay(step) => relay(step, after.relay.says),
        Action::Destination(step) => destination(step, after.destination.says),
        Action::Network(..) => None,
    }
}

fn source(step: SourceStep, says: Says) -> Option<&'static str> {
    use SourceStep::*;
    Some(match step {
        Setup => "source.setup",
        Active => "source.active",
        Stop => "source.stop",
        Device => "source.device",
        Completed => "source.completed",
        Failed => "source.failed",
        Cancel => "source.cancel",
        Cancelling => "source.cancelling",
        TooLate => "source.too-late",
        Resume => "source.resume",
        Cancelled => "source.cancelled",
        Says if says == crate::model::Says::Source => "source.says.source",
        Says => "source.says.either",
        _ => return None,
    })
}

fn relay(step: RelayStep, says: Says) -> Option<&'static str> {
    use RelayStep::*;
    Some(match step {
        Setup => "relay.setup",
        Active => "relay.active",
        Device => "relay.device",
        Completed => "relay.completed",
        Failed => "relay.failed",
        Cancel => "relay.cancel",
        Cancelling => "relay.cancelling",
        TooLate => "relay.too-late",
        Cancelled => "relay.cancelled",
        Says => match says {
            crate::model::Says::Source => "relay.says.source",
            crate::model::Says::Destination => "relay.says.destination",
            crate::model::Says::Either => "relay.says.either",
            _ => "relay.says.nobody",
        },
        _ => return None,
    })
}

fn destination(step: DestinationStep, says: Says) -> Option<&'static str> {
    use DestinationStep::*;
    Some(match step {
        Setup => "destination.setup",
        Active => "destination.active",
        Device => "destination.device",
        Commit => "destination.commit",
        Committed => "destination.committed",
        CommitFails => "destination.commit-failed",
        Completed => "destination.completed",
        Failed => "destination.failed",
        Cancel => "destination.cancel",
        Cancelling => "destination.cancelling",
        TooLate => "destination.too-late",
        Cancelled => "destination.cancelled",
        Says | SaysNobody => match says {
            crate::model::Says::Source => "destination.says.source",
            crate::model::Says::Destination => "destination.says.destination",
            crate::model::Says::Either => "destination.says.either",
            _ => "destination.says.nobody",
        },
        _ => return None,
    })
}
