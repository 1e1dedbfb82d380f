//! The protocol as it is: what must hold holds in every state, and the one case that the documents name is found.

use handover_model::events::event;
use handover_model::network::Fault;
use handover_model::properties::{ARRIVES, BOTH_RUN, LOST};
use handover_model::{Action, Faults, Handover, State, destination, source};
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::HashMap;

/// Looks at every state. @param found which of the things that can happen do happen.
fn check(name: &str, model: Handover, found: &[&'static str]) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!(
        "{name}: {states} states, {steps} steps, at most {} in a row",
        checker.max_depth() - 1
    );
    let mut discovered: Vec<&str> = checker.discoveries().into_keys().collect();
    let mut expected = found.to_vec();
    discovered.sort_unstable();
    expected.sort_unstable();
    assert_eq!(discovered, expected, "{name}: what must hold must not be among them");
}

const AT_MOST_ONE: Handover = Handover {
    most_faults: 1,
    ..Handover::DIRECT
};

#[test]
fn two_ends_and_any_faults() {
    check("two ends", Handover::DIRECT, &[ARRIVES, BOTH_RUN]);
}

#[test]
fn two_ends_without_a_return_path_and_any_faults() {
    let model = Handover {
        return_path: false,
        ..Handover::DIRECT
    };
    check("two ends, no return path", model, &[ARRIVES, BOTH_RUN, LOST]);
}

#[test]
fn a_relay_and_two_faults() {
    let model = Handover {
        relay: true,
        most_faults: 2,
        ..Handover::DIRECT
    };
    check("a relay, two faults", model, &[ARRIVES, BOTH_RUN]);
}

#[test]
fn a_relay_without_some_answers_and_one_fault() {
    let relay = Handover {
        relay: true,
        ..AT_MOST_ONE
    };
    let unanswered = &[ARRIVES, BOTH_RUN, LOST];
    check(
        "a relay, its source waits for no answer",
        Handover {
            return_path: false,
            ..relay
        },
        unanswered,
    );
    check(
        "a relay that waits for no answer",
        Handover {
            relay_return_path: false,
            ..relay
        },
        unanswered,
    );
    let neither = Handover {
        return_path: false,
        relay_return_path: false,
        ..relay
    };
    check("a relay, nobody waits", neither, unanswered);
}

/// Takes minutes: `cargo test -p handover-model -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn a_relay_and_three_faults() {
    let model = Handover {
        relay: true,
        most_faults: 3,
        ..Handover::DIRECT
    };
    check("a relay, three faults", model, &[ARRIVES, BOTH_RUN]);
}

/// Nothing breaks and nothing comes too late: whatever the ends do, nothing is in doubt.
#[test]
fn a_perfect_network() {
    let faults = Faults {
        lose: false,
        cut: false,
        late: false,
        ..Faults::ALL
    };
    check(
        "a perfect network",
        Handover {
            faults,
            ..Handover::DIRECT
        },
        &[ARRIVES],
    );
    check(
        "a perfect network, a relay",
        Handover {
            faults,
            relay: true,
            ..AT_MOST_ONE
        },
        &[ARRIVES],
    );
}

/// The shortest way in which two guests run, found by the checker.
fn both_run(faults: Faults, relay: bool) -> Vec<Action> {
    let wanted = HasDiscoveries::AnyOf([BOTH_RUN].into());
    let model = Handover {
        faults,
        relay,
        ..AT_MOST_ONE
    };
    let checker = model.checker().threads(1).finish_when(wanted).spawn_bfs().join();
    let path = checker
        .discovery(BOTH_RUN)
        .expect("nobody has found the case that the documents name");
    let end = path.last_state();
    assert!(end.source.runs && end.destination.runs);
    let mut state = model.init_states().remove(0);
    println!("both run:");
    for action in path.clone().into_actions() {
        state = model.next_state(&state, action).expect("a step of the model");
        println!("  {action:?}: {}", event(action, &state).unwrap_or("-"));
    }
    path.into_actions()
}

fn at(actions: &[Action], action: Action) -> usize {
    let found = actions.iter().position(|each| *each == action);
    found.unwrap_or_else(|| panic!("{action:?} is not among {actions:?}"))
}

/// docs/architecture.md: SHUT(0) was sent and is lost with the network, so the source resumes a guest that the destination
/// has too.
#[test]
fn the_one_case_is_found() {
    let path = both_run(
        Faults {
            lose: true,
            ..Faults::default()
        },
        false,
    );
    let told = at(&path, Action::Destination(destination::Step::Tell));
    let lost = at(&path, Action::Network(0, Fault::Break));
    let resumed = at(&path, Action::Source(source::Step::Resume));
    assert!(told < lost && lost < resumed, "{path:?}");
    assert!(!path.contains(&Action::Source(source::Step::HearSuccess)));
}

/// The same, with an answer that is not lost but late; and behind a relay.
#[test]
fn it_is_the_same_when_the_answer_is_late() {
    for relay in [false, true] {
        let path = both_run(
            Faults {
                late: true,
                ..Faults::default()
            },
            relay,
        );
        let gave_up = at(&path, Action::Source(source::Step::TimeOut));
        assert!(gave_up < at(&path, Action::Source(source::Step::Resume)));
    }
}

/// Every step leads to a state that was not there before. So a run comes to rest whatever happens, and what is true of the
/// states at rest is true in the end: that is why no property needs `eventually`.
#[test]
fn no_run_goes_round_in_a_circle() {
    let model = Handover {
        most_faults: 2,
        ..Handover::DIRECT
    };
    // Whether all that follows is known.
    let mut seen: HashMap<State, bool> = HashMap::new();
    let first = model.init_states().remove(0);
    let mut way = vec![(first.clone(), model.next_states(&first))];
    seen.insert(first, false);
    while let Some((state, rest)) = way.last_mut() {
        let Some(next) = rest.pop() else {
            seen.insert(state.clone(), true);
            way.pop();
            continue;
        };
        match seen.get(&next) {
            Some(true) => {}
            Some(false) => panic!("a circle, at {next:?}"),
            None => {
                seen.insert(next.clone(), false);
                let following = model.next_states(&next);
                way.push((next, following));
            }
        }
    }
    println!("{} states in no circle", seen.len());
}
