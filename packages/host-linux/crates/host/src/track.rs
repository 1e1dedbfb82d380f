//! Which pages were written.

pub mod given_back;
