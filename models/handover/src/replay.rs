//! Whether the model can do what a real run did: only the events of a run are known, not what happened between them.

use crate::events::event;
use crate::model::{Action, Faults, Handover, State};
use serde::Deserialize;
use stateright::Model;
use std::collections::HashSet;

/// One run of the code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trace {
    pub name: String,
    #[serde(default)]
    pub relay: bool,
    pub return_path: bool,
    /// What the test did to the run besides what its events say.
    #[serde(default)]
    pub faults: Vec<Injected>,
    /// In the order in which they were seen.
    pub events: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Injected {
    Lose,
    Cut,
    Late,
    Trouble,
}

/// Where the model parts from a run.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The event with this number, from 0.
    Event(usize),
    /// The run has ended, and the model says that something must follow.
    End,
}

impl Trace {
    fn model(&self) -> Handover {
        let has = |fault| self.faults.contains(&fault);
        let faults = Faults {
            crash: false,
            // What was cancelled, and what has failed in commit, is among the events.
            cancel: true,
            lose: has(Injected::Lose),
            cut: has(Injected::Cut),
            late: has(Injected::Late),
            trouble: true,
        };
        Handover {
            relay: self.relay,
            return_path: self.return_path,
            faults,
            ..Handover::DIRECT
        }
    }

    /// @throws how far the model can follow.
    pub fn replay(&self) -> Result<(), Refusal> {
        let model = self.model();
        let mut states: HashSet<State> = model.init_states().into_iter().collect();
        for (number, name) in self.events.iter().enumerate() {
            states = self.closure(&model, states);
            states = states
                .iter()
                .flat_map(|state| steps(&model, state))
                .filter(|(seen, _)| *seen == Some(name))
                .map(|(_, next)| next)
                .collect();
            if states.is_empty() {
                return Err(Refusal::Event(number));
            }
        }
        let ended = self.closure(&model, states).iter().any(|state| model.is_at_rest(state));
        if ended { Ok(()) } else { Err(Refusal::End) }
    }

    /// All states that can be reached by what nobody sees.
    fn closure(&self, model: &Handover, states: HashSet<State>) -> HashSet<State> {
        let mut reached = states.clone();
        let mut open: Vec<State> = states.into_iter().collect();
        while let Some(state) = open.pop() {
            for (action, next) in model.next_steps(&state) {
                let is_silent = event(action, &next).is_none() && self.may_happen(action);
                if is_silent && reached.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        reached
    }

    /// Trouble is silent: it must have been injected.
    fn may_happen(&self, action: Action) -> bool {
        use crate::{destination, relay, source};
        let is_trouble = matches!(
            action,
            Action::Source(source::Step::Trouble)
                | Action::Relay(relay::Step::Trouble)
                | Action::Destination(destination::Step::Trouble)
        );
        !is_trouble || self.faults.contains(&Injected::Trouble)
    }
}

fn steps<'a>(model: &'a Handover, state: &'a State) -> impl Iterator<Item = (Option<&'static str>, State)> + 'a {
    model
        .next_steps(state)
        .into_iter()
        .map(|(action, next)| (event(action, &next), next))
}
