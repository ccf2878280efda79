//! The logs that tools leave on this machine.

pub mod databases;
