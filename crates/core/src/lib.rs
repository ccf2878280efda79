//! Outlay's domain and ledger. Synchronous; knows no HTTP, no async runtime, no clock and no UI.
//!
//! Read in this order: [`money`], [`usage`], [`price`], [`cost`], [`budget`], [`admission`],
//! [`loops`], [`alert`], [`forecast`], [`ledger`], [`report`].

pub mod admission;
pub mod alert;
pub mod balance;
pub mod budget;
pub mod cost;
pub mod forecast;
pub mod ledger;
pub mod loops;
pub mod money;
pub mod price;
pub mod refusal;
pub mod report;
pub mod usage;
