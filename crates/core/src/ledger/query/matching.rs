//! What a call has to have, and how that is asked of its table.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use crate::ledger::dimension::{self, Dimension};

/// What a call has to have; nothing that is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Its provider.
    pub provider: Option<String>,
    /// The account that pays.
    pub account: Option<String>,
    /// The model that served it, or was asked for where the answer did not say.
    pub model: Option<String>,
    /// Its project.
    pub project: Option<String>,
    /// The client's session.
    pub session: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The key's fingerprint.
    pub key: Option<String>,
    /// `proxy`, `import:<tool>`, `api`.
    pub source: Option<String>,
    /// `settled estimated running waiting refused failed`.
    pub status: Option<String>,
    /// A text within its provider, model, project, session, client or tags, in any case; or the whole id of
    /// the answer.
    pub search: Option<String>,
}

/// A part of a `WHERE`, with its values.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.into());
        self.values.extend(values);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    /// Both of them.
    pub(super) fn and(mut self, other: &Conditions) -> Conditions {
        self.sql.extend(other.sql.iter().cloned());
        self.values.extend(other.values.iter().cloned());
        self
    }

    /// With `WHERE`, where there is any.
    pub(super) fn sql(&self) -> String {
        if self.is_empty() { String::new() } else { format!(" WHERE {}", self.sql.join(" AND ")) }
    }
}

const MODEL: &str = "coalesce(c.model_id, c.model_requested_id)";

/// What a search looks through: few strings, however many calls.
const SEARCHED: [(Dimension, &str); 6] = [
    (Dimension::Provider, "c.provider_id"),
    (Dimension::Model, MODEL),
    (Dimension::Project, "c.project_id"),
    (Dimension::Session, "c.session_id"),
    (Dimension::Client, "c.client_id"),
    (Dimension::Tags, "c.tags_id"),
];

/// The calls whose answer has that id: both indexes of it are partial.
const ANSWERED: &str = "SELECT seq FROM call WHERE account_id IN (SELECT id FROM account) \
     AND response_id = ?1 AND response_repeats = 0 \
     UNION ALL SELECT seq FROM call WHERE response_id = ?1 AND response_repeats = 1";

impl Matching {
    /// What it comes to; `None` where no call can have it, which nobody has to look through the calls for.
    pub(super) fn conditions(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<Option<Conditions>> {
        let mut conditions = Conditions::default();
        if let Some(status) = &self.status {
            conditions.add("c.status = ?", [Value::Text(status.clone())]);
        }
        if let Some(account) = &self.account {
            let id: Option<i64> = connection
                .prepare_cached("SELECT id FROM account WHERE name = ?1")?
                .query_row([account], |row| row.get(0))
                .optional()?;
            let Some(id) = id else { return Ok(None) };
            conditions.add("c.account_id = ?", [Value::Integer(id)]);
        }
        for (kind, column, wanted) in [
            (Dimension::Source, "c.source_id", &self.source),
            (Dimension::Provider, "c.provider_id", &self.provider),
            (Dimension::Model, MODEL, &self.model),
            (Dimension::Project, "c.project_id", &self.project),
            (Dimension::Session, "c.session_id", &self.session),
            (Dimension::Client, "c.client_id", &self.client),
            (Dimension::Key, "c.key_id", &self.key),
        ] {
            let Some(wanted) = wanted else { continue };
            let Some(id) = dimension::find(connection, kind, wanted)? else { return Ok(None) };
            conditions.add(format!("{column} = ?"), [Value::Integer(id)]);
        }
        if let Some(text) = &self.search {
            let Some((sql, values)) = search(connection, text)? else { return Ok(None) };
            conditions.add(sql, values);
        }
        Ok(Some(conditions))
    }
}

/// Only the columns of which some string has the text are looked at in each call.
fn search(connection: &Connection, text: &str) -> rusqlite::Result<Option<(String, Vec<Value>)>> {
    let kinds: Vec<i64> = connection
        .prepare_cached(
            "SELECT DISTINCT kind FROM dimension WHERE instr(lower(text), lower(?1)) > 0",
        )?
        .query_map([text], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut any = Vec::new();
    let mut values = Vec::new();
    for (kind, column) in SEARCHED {
        if kinds.contains(&(kind as i64)) {
            any.push(format!(
                "{column} IN (SELECT id FROM dimension WHERE kind = {} \
                 AND instr(lower(text), lower(?)) > 0)",
                kind as i64
            ));
            values.push(Value::Text(text.to_owned()));
        }
    }
    let answered: Vec<i64> = connection
        .prepare_cached(ANSWERED)?
        .query_map([text], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for seq in answered {
        any.push("c.seq = ?".to_owned());
        values.push(Value::Integer(seq));
    }
    Ok((!any.is_empty()).then(|| (format!("({})", any.join(" OR ")), values)))
}
