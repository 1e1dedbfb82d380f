//! A model of the end of a migration: who has the guest. `README.md` says what it is and how to run it.

pub mod destination;
pub mod events;
pub mod guards;
pub mod model;
pub mod network;
pub mod properties;
pub mod relay;
pub mod replay;
pub mod source;
mod steps;

pub use guards::{GUARDS, Guard};
pub use model::{Action, Faults, Handover, State};
