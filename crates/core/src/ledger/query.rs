//! What reports read: rows and sums, in snapshots of their own.

mod burn;
mod calendar;
mod calls;
mod grants;
mod matching;
mod outlook;
mod pace;
mod pairs;
mod past;
mod shares;
mod standings;
mod sums;
mod totals;
mod unpriced;

pub(crate) use burn::{burn, burn_since};
pub(crate) use calendar::Calendar;
pub use calls::Place;
pub(crate) use calls::{CallFilter, CallRow, call, count, last_limited, page};
pub use grants::GrantView;
pub(crate) use grants::grants;
pub use matching::Matching;
pub(crate) use outlook::{
    Outlook, balances, forecasts_and_balances, outlooks, outlooks_and_balances,
};
pub(crate) use pace::pace;
pub(crate) use pairs::pairs;
pub(crate) use past::past;
pub(crate) use shares::{Share, shares};
pub(crate) use standings::{StandingRow, standings};
pub(crate) use sums::{SumBy, SumRow, sums, total};
pub use totals::{EndedEarly, ProviderTotal};
pub(crate) use totals::{by_provider, ended_early, limited, running};
pub(crate) use unpriced::{UnpricedModel, unpriced};

pub(crate) use super::alert::list as alerts;
pub(crate) use super::bypass::in_force as bypass;
pub(crate) use super::decision::of as decisions;
pub(crate) use super::grant::stopped as stopped_accounts;
pub(crate) use super::import::told::of as logged;
pub(crate) use super::outside::sums as outside;
pub(crate) use super::plan::in_use as plan;
pub(crate) use super::price::find as price;
