//! No step is there in vain: each can be taken somewhere. One that cannot would make what holds hold for nothing.

use handover_model::network::Fault;
use handover_model::{Action, Handover, State, destination, relay, source};
use stateright::Model;
use std::collections::HashSet;

/// Takes out of `missing` what can be done in this set-up, until nothing is missing any more.
fn look(model: &Handover, missing: &mut HashSet<Action>) {
    let mut seen: HashSet<State> = model.init_states().into_iter().collect();
    let mut open: Vec<State> = seen.iter().cloned().collect();
    while let Some(state) = open.pop() {
        if missing.is_empty() {
            return;
        }
        for (action, next) in model.next_steps(&state) {
            missing.remove(&action);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
}

#[test]
fn every_step_can_be_taken() {
    let faults = [Fault::Break, Fault::CutDown, Fault::CutUp];
    let sources = source::STEPS.iter().map(|step| Action::Source(*step));
    let relays = relay::STEPS.iter().map(|step| Action::Relay(*step));
    let destinations = destination::STEPS.iter().map(|step| Action::Destination(*step));
    let network = (0..2).flat_map(|link| faults.map(|fault| Action::Network(link, fault)));
    let mut missing: HashSet<Action> = sources.chain(relays).chain(destinations).chain(network).collect();
    for relay in [false, true] {
        for return_path in [true, false] {
            let direct = Handover {
                return_path,
                relay_return_path: return_path,
                most_faults: 1,
                ..Handover::DIRECT
            };
            look(&Handover { relay, ..direct }, &mut missing);
        }
    }
    assert!(missing.is_empty(), "never taken: {missing:?}");
}
