//! One row of a table: the call that it tells of.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use csv::StringRecord;
use outlay_core::money::Money;
use outlay_core::usage::Usage;

use super::{Columns, Field, plain};
use crate::log::fields::{self, BrokenLine};
use crate::log::{LogCall, LogKey, provider};

/// What Outlay's own export says of calls that cost nothing, or are not over.
const NOT_CALLS: [&str; 4] = ["refused", "failed", "running", "waiting"];

/// A row, by its fields.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) columns: &'a Columns,
    pub(super) record: &'a StringRecord,
}

/// Why a row tells of no call, and in which of its fields that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flaw {
    pub(super) why: BrokenLine,
    pub(super) field: Option<Field>,
}

impl<'a> Row<'a> {
    pub(super) fn call(
        self,
        now: DateTime<Utc>,
        copies: &mut HashMap<LogKey, u64>,
    ) -> Result<Option<LogCall>, Flaw> {
        if self.text(Field::Status).is_some_and(|status| NOT_CALLS.contains(&status)) {
            return Ok(None);
        }
        match self.count(Field::Requests)? {
            None | Some(1) => {}
            // OpenAI has a row for each hour or day, with or without use.
            Some(0) => return Ok(None),
            Some(many) => return Err(Flaw { why: BrokenLine::ManyRequests(many), field: None }),
        }
        let usage = self.usage()?;
        let of_time = |why| Flaw { why, field: Some(Field::Time) };
        let time = self.text(Field::Time).and_then(moment).ok_or(of_time(BrokenLine::NoTime))?;
        let duration = self.text(Field::Duration).and_then(|text| text.parse().ok());
        let name = self.text(Field::Provider).or(self.columns.provider).map(str::to_lowercase);
        let ended = fields::plausible(time, now).map_err(of_time)?;
        Ok(Some(LogCall {
            duration: duration.and_then(chrono::TimeDelta::try_milliseconds),
            provider: name.as_deref().and_then(provider::route).map(Arc::from),
            model: self.text(Field::Model).map(Arc::from),
            cost_logged: self.cost(),
            response_id: self.text(Field::ResponseId).map(Box::from),
            session: self.text(Field::Session).map(Arc::from),
            folder: self.text(Field::Project).map(Arc::from),
            service_tier: self.tier().map(Arc::from),
            ..LogCall::new(self.key(copies), ended, usage)
        }))
    }

    fn usage(self) -> Result<Usage, Flaw> {
        let count = |field| self.count(field);
        let (Some(input), Some(output)) = (count(Field::Input)?, count(Field::Output)?) else {
            return Err(Flaw { why: BrokenLine::NoCount, field: None });
        };
        let cached = count(Field::CachedInput)?.unwrap_or(0);
        if cached > input {
            return Err(Flaw {
                why: BrokenLine::CachedAboveInput,
                field: Some(Field::CachedInput),
            });
        }
        Ok(Usage {
            input_tokens: input - cached,
            output_tokens: output,
            cache_read_tokens: count(Field::CacheRead)?.unwrap_or(0) + cached,
            cache_write_5m_tokens: count(Field::CacheWrite)?.unwrap_or(0),
            cache_write_1h_tokens: count(Field::CacheWrite1h)?.unwrap_or(0),
            reasoning_tokens: count(Field::Reasoning)?,
            audio_input_tokens: count(Field::AudioInput)?.unwrap_or(0),
            audio_output_tokens: count(Field::AudioOutput)?.unwrap_or(0),
            other_tool_calls: count(Field::ToolCalls)?.unwrap_or(0),
            ..Usage::default()
        })
    }

    /// A number of tokens. Three digits after a point are a fraction to some and thousands to others.
    fn count(self, field: Field) -> Result<Option<u64>, Flaw> {
        let Some(text) = self.text(field) else { return Ok(None) };
        let is_ambiguous = text.rsplit_once('.').is_some_and(|(before, after)| {
            after.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0')
        });
        let count = match is_ambiguous {
            true => Err(BrokenLine::ImplausibleCount),
            false => fields::count_of(text),
        };
        count.map(Some).map_err(|why| Flaw { why, field: Some(field) })
    }

    /// A batch's own prices are those of a tier.
    fn tier(self) -> Option<&'a str> {
        let is_batch = self
            .text(Field::Batch)
            .is_some_and(|said| matches!(plain(said).as_str(), "true" | "1"));
        if is_batch { Some("batch") } else { self.text(Field::ServiceTier) }
    }

    fn cost(self) -> Option<Money> {
        let text = self.text(Field::Cost)?;
        Money::parse_stated(text.trim_start_matches('$').trim()).ok()
    }

    fn key(self, copies: &mut HashMap<LogKey, u64>) -> LogKey {
        if let Some(id) = self.text(Field::Id) {
            return fields::key_of("csv", &["id", id]);
        }
        // All of the row: whoever names more of its columns another time means the same call.
        let mut parts: Vec<&str> = std::iter::once("row").chain(self.record.iter()).collect();
        let copy = copies.entry(fields::key_of("csv", &parts)).or_default();
        *copy += 1;
        let copy = copy.to_string();
        parts.push(&copy);
        fields::key_of("csv", &parts)
    }

    /// A cell that is not empty. The apostrophe that keeps a spreadsheet from running it is not its.
    fn text(self, field: Field) -> Option<&'a str> {
        let text = self.record.get(self.columns.place(field)?)?.trim();
        let text = match text.strip_prefix('\'') {
            Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
            _ => text,
        };
        (!text.is_empty()).then_some(text)
    }
}

/// RFC 3339, `2026-11-21 20:05:41`, `2026-11-21`, or seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(number) = text.parse::<i64>() {
        // As seconds, 11 digits would be after the year 2286.
        return match number.unsigned_abs() {
            0..10_000_000_000 => DateTime::from_timestamp(number, 0),
            _ => DateTime::from_timestamp_millis(number),
        };
    }
    let zoneless = || {
        let text = text.strip_suffix(" UTC").unwrap_or(text);
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let midnight = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    fields::moment(text)
        .or_else(|| text.parse().ok())
        .or_else(|| zoneless().or_else(midnight).map(|time| time.and_utc()))
}
