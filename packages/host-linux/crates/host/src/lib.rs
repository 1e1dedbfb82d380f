//! Guest memory on Linux for multifd. Nothing in here knows of Node: `crates/binding` does.
//!
//! Memory of a guest is written to by others at any time. Here it is only addresses, volatile accesses and system
//! calls; no reference to its bytes exists.
#![cfg(target_os = "linux")]

pub mod area;
pub mod bits;
mod discard;
mod extents;
pub mod fault;
pub mod files;
mod guard;
mod huge;
pub mod interrupt;
pub mod known_data;
pub mod mapping;
mod options;
pub mod pagemap;
pub mod presence;
pub mod registry;
pub mod socket;
pub mod tls;
pub mod track;
pub mod waiting;
