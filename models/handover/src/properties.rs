//! What must hold. A name here is what `tests/` and `docs/reliability.md` call it.

use crate::destination::Commit;
use crate::model::{Answer, Decision, Handover, Says, State, Status};
use stateright::Property;

/// Two guests run, although it is not so that the answer was sent and not heard in time.
pub const NEVER_TWO: &str = "never two, but when the answer was lost";
/// Nothing more happens, the guest runs nowhere, and nobody has crashed or says that he may have it.
pub const NEVER_NONE: &str = "never none";
pub const WORDS_ARE_TRUE: &str = "what an end says is true";
pub const ANSWERED_FIRST: &str = "a source lets go only after an answer";
pub const COMMITTED_FIRST: &str = "an answer only after commit";
pub const TOLD_FIRST: &str = "a destination starts the guest only after its answer";
pub const CLOSED_FIRST: &str = "a destination starts the guest only when its source has closed main";
pub const NO_LATE_ANSWER: &str = "no answer to a source that was seen to close main";
pub const RELAY_FOLLOWS: &str = "a relay answers only after its destination";
pub const STANDS_STILL: &str = "the guest stands still while it is away";
pub const CANCELLED_IS_OFF: &str = "cancelled means that the source has its guest";
pub const LEFT_IS_KEPT: &str = "what has left its source is not cancelled";

/// Two guests run: the one case that the documents name, if somebody waits for an answer.
pub const BOTH_RUN: &str = "both run";
/// All goes well.
pub const ARRIVES: &str = "the guest arrives";
/// Without an answer: the source has let go, and the guest is nowhere, although nothing has crashed.
pub const LOST: &str = "lost";

pub fn all() -> Vec<Property<Handover>> {
    vec![
        Property::always(NEVER_TWO, never_two),
        Property::always(NEVER_NONE, never_none),
        Property::always(WORDS_ARE_TRUE, words_are_true),
        Property::always(ANSWERED_FIRST, |model, state: &State| {
            !model.return_path || state.source.status != Status::Completed || first_answer(model, state)
        }),
        Property::always(COMMITTED_FIRST, |_, state: &State| {
            !is_told(state) || state.destination.commit == Commit::Done
        }),
        Property::always(TOLD_FIRST, |_, state: &State| !state.destination.runs || is_told(state)),
        Property::always(CLOSED_FIRST, |model, state: &State| {
            let destination = &state.destination;
            !destination.runs || destination.closed || !model.destination_is_awaited()
        }),
        Property::always(NO_LATE_ANSWER, |_, state: &State| {
            !state.relay.told_after_close && !state.destination.told_after_close
        }),
        Property::always(RELAY_FOLLOWS, |model, state: &State| {
            state.relay.answer != Answer::Told || !model.relay_return_path || is_told(state)
        }),
        Property::always(STANDS_STILL, |_, state: &State| {
            let away = matches!(state.source.decision, Decision::HandedOver | Decision::Confirmed);
            !state.source.runs || !away
        }),
        Property::always(CANCELLED_IS_OFF, |_, state: &State| {
            let State { source, relay, .. } = state;
            let has_it = source.decision == Decision::Aborted && !is_told(state);
            (!is_off(source.status) || has_it) && (!is_off(relay.status) || relay.decision == Decision::Aborted)
        }),
        Property::always(LEFT_IS_KEPT, |_, state: &State| {
            let State { relay, destination, .. } = state;
            !(is_off(destination.status) && destination.has_left || is_off(relay.status) && relay.has_left)
        }),
        Property::sometimes(BOTH_RUN, |_, state| both_run(state)),
        Property::sometimes(ARRIVES, |_, state: &State| {
            state.source.status == Status::Completed && state.destination.runs
        }),
        Property::sometimes(LOST, |model, state: &State| {
            let crashed = state.source.crashed || state.relay.crashed || state.destination.crashed;
            let let_go = state.source.status == Status::Completed;
            !crashed && let_go && !is_told(state) && model.is_at_rest(state)
        }),
    ]
}

/// The destination has answered, or would have if somebody waited.
fn is_told(state: &State) -> bool {
    state.destination.answer == Answer::Told
}

fn is_off(status: Status) -> bool {
    matches!(status, Status::Cancelling | Status::Cancelled)
}

fn both_run(state: &State) -> bool {
    state.source.runs && state.destination.runs
}

/// Whether the source's own neighbour has answered.
fn first_answer(model: &Handover, state: &State) -> bool {
    let answer = if model.relay {
        state.relay.answer
    } else {
        state.destination.answer
    };
    answer == Answer::Told
}

/// The one case: the answer was sent, to a source that had not been seen to close main, and was not heard in time. The
/// source says that both may have the guest. Where a return path is off nobody answers, and it says so too.
fn never_two(model: &Handover, state: &State) -> bool {
    let State {
        source,
        relay,
        destination,
        ..
    } = state;
    let doubts = source.decision == Decision::Doubted && !source.heard;
    let was_sent = first_answer(model, state) && is_told(state);
    let late = destination.told_after_close || relay.told_after_close;
    !both_run(state) || doubts && (was_sent && !late || !model.is_answered())
}

/// At rest the guest runs, or who had it has crashed, or an end that holds it says that somebody must look.
fn never_none(model: &Handover, state: &State) -> bool {
    let State {
        source, destination, ..
    } = state;
    if source.runs || destination.runs || !model.is_at_rest(state) {
        return true;
    }
    let told = is_told(state);
    let let_go = source.status == Status::Completed;
    let died_with_source = source.crashed && !told;
    let died_with_destination = destination.crashed && let_go;
    let asks = told && destination.says == Says::Either;
    // Without an answer all the way, a source that has let go has nobody's word for it.
    died_with_source
        || died_with_destination
        || asks
        || let_go && !model.is_answered()
        || source.crashed && destination.crashed
}

fn words_are_true(model: &Handover, state: &State) -> bool {
    let State {
        source,
        relay,
        destination,
        ..
    } = state;
    let told = is_told(state);
    let let_go = source.status == Status::Completed;
    let source_is_right = match source.says {
        Says::Source => !told && !destination.runs,
        Says::Either => source.decision == Decision::Doubted,
        _ => true,
    };
    let relay_is_right = match relay.says {
        Says::Source => !told && !let_go,
        Says::Destination => told || !model.relay_return_path,
        _ => true,
    };
    let destination_is_right = match destination.says {
        Says::Source | Says::Nobody => !let_go || destination.says == Says::Nobody && !model.is_answered(),
        Says::Destination => told,
        _ => true,
    };
    // Who has its guest for sure, as far as it has decided, and not only as far as it has said so.
    let aborted = source.decision == Decision::Aborted && told;
    source_is_right && relay_is_right && destination_is_right && !(aborted && model.return_path)
}
