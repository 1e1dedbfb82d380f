//! Runs of the code are accepted, and runs that the code must not make are refused. `packages/core/test/engine/handover-traces.test.ts`
//! brings real ones.

use handover_model::replay::{Refusal, Trace};

fn replay(json: &str, events: &[&str]) -> Result<(), Refusal> {
    let mut trace: Trace = serde_json::from_str(json).expect("a trace");
    trace.events = events.iter().map(|event| (*event).to_owned()).collect();
    trace.replay()
}

const DIRECT: &str = r#"{ "name": "direct", "returnPath": true, "events": [] }"#;
const CUT: &str = r#"{ "name": "cut", "returnPath": true, "faults": ["cut", "late"], "events": [] }"#;

const UP_TO_COMMIT: [&str; 9] = [
    "destination.setup",
    "source.setup",
    "destination.active",
    "source.active",
    "source.stop",
    "source.device",
    "destination.device",
    "destination.commit",
    "destination.committed",
];

fn and<'a>(more: &[&'a str]) -> Vec<&'a str> {
    UP_TO_COMMIT.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_migration_that_goes_well() {
    let end = [
        "source.completed",
        "destination.completed",
        "destination.says.destination",
    ];
    assert_eq!(replay(DIRECT, &and(&end)), Ok(()));
}

#[test]
fn the_guest_runs_on_after_the_destination_has_confirmed() {
    let end = [
        "source.completed",
        "source.resume",
        "destination.completed",
        "destination.says.destination",
    ];
    assert_eq!(replay(DIRECT, &and(&end)), Err(Refusal::Event(10)));
}

#[test]
fn a_source_in_doubt_must_say_so() {
    let failed = ["destination.completed", "source.failed", "source.resume"];
    let with = |word| and(&[&failed[..], &[word, "destination.says.destination"]].concat());
    assert_eq!(replay(CUT, &with("source.says.either")), Ok(()));
    assert_eq!(replay(CUT, &with("source.says.source")), Err(Refusal::Event(12)));
    // Nothing was cut: nothing can be in doubt.
    assert_eq!(replay(DIRECT, &with("source.says.either")), Err(Refusal::Event(10)));
}

#[test]
fn a_destination_that_takes_the_guest_before_commit() {
    let early = [&UP_TO_COMMIT[..8], &["destination.completed"]].concat();
    assert_eq!(replay(DIRECT, &early), Err(Refusal::Event(8)));
}

#[test]
fn a_guest_that_is_not_resumed() {
    let cancelled = [
        &UP_TO_COMMIT[..6],
        &[
            "source.cancel",
            "source.cancelling",
            "source.cancelled",
            "source.says.source",
        ],
    ]
    .concat();
    assert_eq!(replay(DIRECT, &cancelled), Err(Refusal::Event(8)));
}

#[test]
fn a_trace_that_stops_in_the_middle() {
    assert_eq!(replay(DIRECT, &and(&["source.completed"])), Err(Refusal::End));
}

#[test]
fn an_event_that_nobody_knows() {
    assert_eq!(
        replay(DIRECT, &["destination.setup", "source.begins"]),
        Err(Refusal::Event(1))
    );
}
