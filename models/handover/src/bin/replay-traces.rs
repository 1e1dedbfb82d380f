//! Reads traces, one JSON document a line, and says of each whether the model can do the same. Ends with 1 if it cannot.

use handover_model::replay::{Refusal, Trace};
use std::io::BufRead;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut all_good = true;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("cannot read: {error}");
                return ExitCode::from(2);
            }
        };
        let trace: Trace = match serde_json::from_str(&line) {
            Ok(trace) => trace,
            Err(error) => {
                eprintln!("line {}: no trace: {error}", number + 1);
                return ExitCode::from(2);
            }
        };
        let said = match trace.replay() {
            Ok(()) => "accepted".to_owned(),
            Err(Refusal::Event(at)) => {
                let name = &trace.events[at];
                format!("refused at event {}: {name}", at + 1)
            }
            Err(Refusal::End) => "refused at its end: something is missing".to_owned(),
        };
        all_good &= said == "accepted";
        println!("{}: {said}", trace.name);
    }
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
