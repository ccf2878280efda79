//! Outlay's domain and ledger. Synchronous; knows no HTTP, no async runtime, no clock and no UI.
//!
//! Read in this order: [`money`], [`usage`], [`price`], [`cost`], [`budget`], [`admission`],
//! [`alert`], [`ledger`], [`report`].

pub mod cost;
pub mod money;
pub mod price;
pub mod usage;
