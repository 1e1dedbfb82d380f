//! Each guard is taken out, and the property that names what it guards against must fail.

use handover_model::properties::{
    ANSWERED_FIRST, CANCELLED_IS_OFF, CLOSED_FIRST, COMMITTED_FIRST, LEFT_IS_KEPT, NEVER_NONE, NEVER_TWO,
    NO_LATE_ANSWER, RELAY_FOLLOWS, STANDS_STILL, TOLD_FIRST, WORDS_ARE_TRUE,
};
use handover_model::{Faults, GUARDS, Guard, Handover};
use stateright::{Checker, HasDiscoveries, Model};

const NONE: Faults = Faults {
    crash: false,
    cancel: false,
    lose: false,
    cut: false,
    late: false,
    trouble: false,
};
const LATE: Faults = Faults { late: true, ..NONE };
const CANCEL: Faults = Faults { cancel: true, ..NONE };
const LOSE: Faults = Faults { lose: true, ..NONE };
const TROUBLE: Faults = Faults { trouble: true, ..NONE };

/// The faults with which the loss of a guard shows, whether that needs a relay, and the properties that then fail.
fn caught(guard: Guard) -> (Faults, bool, &'static [&'static str]) {
    match guard {
        Guard::SourceAwaitsAnswer => (NONE, false, &[ANSWERED_FIRST]),
        Guard::SourceSettles => (LATE, false, &[STANDS_STILL]),
        Guard::SourceStopsGuest => (NONE, false, &[STANDS_STILL]),
        Guard::SourceResumesGuest => (TROUBLE, false, &[NEVER_NONE]),
        Guard::SourceCancelAsks => (CANCEL, false, &[CANCELLED_IS_OFF, WORDS_ARE_TRUE]),
        Guard::SourceHandOverAsks => (CANCEL, false, &[CANCELLED_IS_OFF]),
        Guard::SourceDoubtsAnEnd => (LOSE, false, &[WORDS_ARE_TRUE, NEVER_TWO]),
        Guard::DestinationCommitsFirst => (NONE, false, &[COMMITTED_FIRST]),
        Guard::DestinationLooksFirst => (LATE, false, &[NO_LATE_ANSWER, NEVER_TWO]),
        Guard::DestinationAnswersFirst => (NONE, false, &[TOLD_FIRST]),
        Guard::DestinationAwaitsFarewell => (NONE, false, &[CLOSED_FIRST]),
        Guard::DestinationKeepsItsWord => (TROUBLE, false, &[NEVER_NONE, WORDS_ARE_TRUE]),
        Guard::DestinationCancelAsks => (CANCEL, false, &[NEVER_NONE, WORDS_ARE_TRUE]),
        Guard::DestinationKeepsWhatLeft => (CANCEL, false, &[LEFT_IS_KEPT]),
        Guard::RelayAwaitsAnswer => (NONE, true, &[RELAY_FOLLOWS]),
        Guard::RelayRefusesOnlyIfSure => (LATE, true, &[WORDS_ARE_TRUE]),
        Guard::RelayCancelAsks => (CANCEL, true, &[CANCELLED_IS_OFF]),
        Guard::RelayPassesTheFarewell => (LATE, true, &[NEVER_TWO]),
    }
}

/// Whether the property fails somewhere.
fn fails(model: Handover, property: &'static str) -> bool {
    let wanted = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(wanted).spawn_dfs().join();
    let path = checker.discovery(property);
    if let Some(path) = &path {
        println!(
            "{:?}: \"{property}\" fails after {} steps",
            model.without,
            path.clone().into_actions().len()
        );
    }
    path.is_some()
}

#[test]
fn every_guard_is_needed() {
    for guard in GUARDS {
        let (faults, relay, properties) = caught(guard);
        // What a source that does not wait has let go of: there must be one.
        let return_path = guard != Guard::DestinationKeepsWhatLeft;
        let guarded = Handover {
            faults,
            relay,
            return_path,
            most_faults: 1,
            ..Handover::DIRECT
        };
        for property in properties {
            assert!(
                !fails(guarded, property),
                "{property}: fails with every guard in its place"
            );
            let model = Handover {
                without: Some(guard),
                ..guarded
            };
            assert!(
                fails(model, property),
                "{guard:?}: taken out, and \"{property}\" still holds"
            );
        }
    }
}
