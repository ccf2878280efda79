//! Which calls a budget counts.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// Which calls a budget counts: those that match every part that is set. Nothing set: all calls.
/// JSON: an object with the set parts, `{}` for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Provider name as in the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Glob on the requested model (`claude-opus-*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Project name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Key fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Client name (`claude-code`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's session id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// A tag, as `key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// One `outlay run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What of a call a scope looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFacts<'a> {
    /// Provider name.
    pub provider: &'a str,
    /// Account name.
    pub account: &'a str,
    /// Requested model.
    pub model: &'a str,
    /// Project, if any.
    pub project: Option<&'a str>,
    /// Key fingerprint, if any.
    pub key: Option<&'a str>,
    /// Client name, if any.
    pub client: Option<&'a str>,
    /// Session id, if any.
    pub session: Option<&'a str>,
    /// All tags as `k=v;k=v`, in order of their keys.
    pub tags: &'a str,
    /// The `outlay run` it belongs to, if any.
    pub run: Option<&'a str>,
}

/// Why a scope cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The model pattern is no glob.
    #[error("'{0}' is not a pattern for models: write it like claude-opus-* ({1})")]
    Glob(String, String),
    /// The tag has no value.
    #[error("'{0}' is not a tag: write it like team=search")]
    Tag(String),
}

/// A scope made ready to be asked about many calls.
#[derive(Clone, Debug)]
pub struct ScopeMatcher {
    scope: Scope,
    model: Option<GlobMatcher>,
}

impl Scope {
    /// Whether every call counts.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Scope::default()
    }

    /// Makes the scope ready for matching.
    ///
    /// # Errors
    /// When the model pattern or the tag is malformed.
    pub fn matcher(&self) -> Result<ScopeMatcher, ScopeError> {
        if let Some(tag) = self.tag.as_ref().filter(|tag| !tag.contains('=')) {
            return Err(ScopeError::Tag(tag.clone()));
        }
        let model = match &self.model {
            None => None,
            Some(pattern) => Some(
                GlobBuilder::new(pattern)
                    .case_insensitive(true)
                    .build()
                    .map_err(|error| ScopeError::Glob(pattern.clone(), error.kind().to_string()))?
                    .compile_matcher(),
            ),
        };
        Ok(ScopeMatcher { scope: self.clone(), model })
    }
}

impl ScopeMatcher {
    /// Whether the call counts.
    #[must_use]
    pub fn matches(&self, call: &CallFacts<'_>) -> bool {
        let is = |wanted: &Option<String>, got: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| got == Some(wanted))
        };
        let scope = &self.scope;
        is(&scope.provider, Some(call.provider))
            && is(&scope.account, Some(call.account))
            && is(&scope.project, call.project)
            && is(&scope.key, call.key)
            && is(&scope.client, call.client)
            && is(&scope.session, call.session)
            && is(&scope.run, call.run)
            && scope.tag.as_deref().is_none_or(|tag| call.tags.split(';').any(|own| own == tag))
            && self.model.as_ref().is_none_or(|glob| glob.is_match(call.model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_matches_calls_that_have_all_its_parts() {
        let call = CallFacts {
            provider: "anthropic",
            account: "work",
            model: "claude-opus-4-5",
            project: Some("demo"),
            tags: "env=dev;team=search",
            ..CallFacts::default()
        };
        for (json, expected) in [
            (r#"{}"#, true),
            (r#"{"provider":"anthropic"}"#, true),
            (r#"{"provider":"openai"}"#, false),
            (r#"{"model":"Claude-Opus-*"}"#, true),
            (r#"{"model":"claude-sonnet-*"}"#, false),
            (r#"{"project":"demo","tag":"team=search"}"#, true),
            (r#"{"project":"demo","tag":"team=ads"}"#, false),
            (r#"{"session":"s1"}"#, false),
            (r#"{"client":"codex"}"#, false),
            (r#"{"account":"work"}"#, true),
            (r#"{"run":"r1"}"#, false),
        ] {
            let scope: Scope = serde_json::from_str(json).unwrap();
            assert_eq!(scope.matcher().unwrap().matches(&call), expected, "{json}");
        }
        assert!(Scope { tag: Some("x".into()), ..Scope::default() }.matcher().is_err());
        assert!(Scope { model: Some("[".into()), ..Scope::default() }.matcher().is_err());
    }
}
