//! `multifd-host` for Node: `src/binding.ts` says the same in TypeScript.
#![cfg(target_os = "linux")]

mod fault;
mod files;
mod memory;
mod pin;
mod sockets;
mod tls;
mod trackers;
mod view;

#[napi_derive::module_init]
fn init() {
    pin::keep_loaded();
}
