//! Forecasts against what then happened, on months of made-up coding days.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "made-up figures"
)]

mod days;
#[path = "../desk/mod.rs"]
mod desk;
mod ledger;
mod others;
mod trial;
