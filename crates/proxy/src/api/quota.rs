//! `GET /quota`: the tightest budget that applies, repeated in `X-RateLimit-*` headers.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue};
use outlay_core::report::{self, Quota};

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

pub(super) async fn show(
    State(app): State<App>,
    mut query: Query,
) -> Result<(HeaderMap, Json<Quota>), ApiError> {
    let project = query.one("project")?;
    query.finish()?;
    let now = app.now();
    let quota = read(&app, move |ledger| report::quota(ledger, project.as_deref(), now)).await?;
    Ok((headers(&quota), Json(quota)))
}

/// What is unlimited has no header, never a 0.
fn headers(quota: &Quota) -> HeaderMap {
    let figures = [
        ("x-ratelimit-limit", quota.quota_total.map(|quantity| quantity.to_string())),
        ("x-ratelimit-remaining", quota.quota_remaining.map(|quantity| quantity.to_string())),
        ("x-ratelimit-reset", quota.reset_date.map(|reset| reset.timestamp().to_string())),
    ];
    figures
        .into_iter()
        .filter_map(|(name, value)| {
            let value = HeaderValue::from_str(&value?).ok()?;
            Some((HeaderName::from_static(name), value))
        })
        .collect()
}
