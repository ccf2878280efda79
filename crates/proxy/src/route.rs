//! Where a request goes, told by its path alone: run, tags, project, provider, endpoint.

use std::collections::HashMap;

use outlay_wire::{Dialect, is_free};
use percent_encoding::percent_decode_str;

use crate::settings::{Family, UpstreamSetting};

/// The provider that ChatGPT logins are sent to.
const CHATGPT: &str = "chatgpt";
const OPENAI: &str = "openai";
/// Where Codex's endpoints are at [`CHATGPT`].
const CODEX_PATH: &str = "/backend-api/codex";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The provider's name in the ledger.
    pub(crate) provider: String,
    /// The provider's own names for models.
    pub(crate) deployments: HashMap<String, String>,
    /// What it speaks.
    pub(crate) family: Family,
    /// The whole address.
    pub(crate) url: String,
    /// The `outlay run` named in front of the path.
    pub(crate) run: Option<String>,
    /// The tags named there, as they stand there.
    pub(crate) tags: Option<String>,
    /// The project named there.
    pub(crate) project: Option<String>,
    /// The protocol of the endpoint.
    pub(crate) dialect: Dialect,
    /// Whether the request costs nothing whatever it says.
    pub(crate) is_free: bool,
    /// Where the path at the provider begins in `url`.
    path_at: usize,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error(
        "Outlay: provider '{name}' is not known{}. Known are {known}; further ones go under [providers.{name}] in outlay.toml",
        nearest.as_ref().map(|nearest| format!(", did you mean '{nearest}'?")).unwrap_or_default()
    )]
    UnknownProvider { name: String, nearest: Option<String>, known: String },
    #[error(
        "Outlay: path '{0}' names no provider and its endpoint belongs to none: put a provider in front, like /openai{0}"
    )]
    NoProvider(String),
    #[error(
        "Outlay: provider '{0}' has no address of its own: set base_url under [providers.{0}] in outlay.toml, or OUTLAY_UPSTREAM_{upper}",
        upper = .0.to_ascii_uppercase().replace('-', "_")
    )]
    NoBaseUrl(String),
}

impl RouteError {
    pub(crate) fn status(&self) -> u16 {
        match self {
            RouteError::UnknownProvider { .. } | RouteError::NoProvider(_) => 404,
            RouteError::NoBaseUrl(_) => 400,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            RouteError::UnknownProvider { .. } | RouteError::NoProvider(_) => "unknown_provider",
            RouteError::NoBaseUrl(_) => "no_base_url",
        }
    }
}

impl Route {
    /// The path at the provider, and the query.
    pub(crate) fn path_and_query(&self) -> &str {
        self.url.get(self.path_at..).unwrap_or_default()
    }

    /// Whether the usage of its answers can be read.
    pub(crate) fn is_metered(&self) -> bool {
        let path = self.path_and_query().split('?').next().unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        self.dialect != Dialect::Other
            || self.family == Family::Ollama
            || METERED_ENDPOINTS.contains(&last)
    }

    /// Host and port, for sentences.
    pub(crate) fn authority(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// Endpoints without a dialect of their own whose answers carry usage.
const METERED_ENDPOINTS: [&str; 14] = [
    "converse",
    "invoke",
    "chat",
    "generate",
    "embed",
    "rerank",
    "interactions",
    "generations",
    "edits",
    "variations",
    "transcriptions",
    "translations",
    "ocr",
    "predict",
];

/// Whether the provider takes `stream_options`; the others either tell the usage of every stream
/// or refuse fields they do not know.
pub(crate) fn tells_usage_when_asked(route: &Route, query: Option<&str>) -> bool {
    match route.provider.as_str() {
        "mistral" | "perplexity" | "cohere" | "zai" => false,
        "azure" => {
            let parts = query.unwrap_or_default().split('&');
            let version = parts.filter_map(|part| part.strip_prefix("api-version=")).next();
            // Dates compare as text; the path without a version is the newest.
            version.is_none_or(|version| version >= "2024-09")
        }
        _ => true,
    }
}

/// Finds the way of `method path_and_query`. `is_chatgpt`: the caller is logged in to ChatGPT,
/// whose calls go to an upstream of their own.
pub(crate) fn find(
    upstreams: &HashMap<String, UpstreamSetting>,
    method: &str,
    path_and_query: &str,
    is_chatgpt: bool,
) -> Result<Route, RouteError> {
    let (run, rest) = split_named("/r/", path_and_query);
    let (tags, rest) = split_decoded("/t/", rest);
    let (project, rest) = split_named("/p/", rest);
    let (first, after_first) = split_segment(rest);
    let (name, path) = match upstreams.contains_key(first) {
        true => (first, after_first),
        false => (provider_of_endpoint(rest).ok_or_else(|| unknown(upstreams, rest))?, rest),
    };
    let name =
        if is_chatgpt && name == OPENAI && goes_to_chatgpt(upstreams) { CHATGPT } else { name };
    let no_base_url = || RouteError::NoBaseUrl(name.to_owned());
    let upstream = upstreams.get(name).ok_or_else(no_base_url)?;
    let base_url = upstream.base_url.as_ref().ok_or_else(no_base_url)?;
    let base = base_url.as_str().trim_end_matches('/');
    let own_path = if name == CHATGPT { codex_path(path) } else { path.to_owned() };
    Ok(Route {
        provider: if name == CHATGPT { OPENAI } else { name }.to_owned(),
        deployments: upstream.deployments.clone(),
        family: upstream.family,
        url: format!("{base}{own_path}"),
        run,
        tags,
        project,
        dialect: Dialect::of_path(path).unwrap_or(Dialect::Other),
        is_free: is_free(method, path),
        path_at: base.len(),
    })
}

/// The name after `prefix` in front of the rest, which keeps its slash.
fn split_named<'a>(prefix: &str, path: &'a str) -> (Option<String>, &'a str) {
    let (text, rest) = split_decoded(prefix, path);
    (text.and_then(|text| crate::caller::label(&text)), rest)
}

/// The segment after `prefix`, decoded, and the rest with its slash.
fn split_decoded<'a>(prefix: &str, path: &'a str) -> (Option<String>, &'a str) {
    let Some(after) = path.strip_prefix(prefix) else { return (None, path) };
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (text, rest) = after.split_at(end);
    (Some(percent_decode_str(text).decode_utf8_lossy().into_owned()), rest)
}

/// The first segment, and the rest with its slash.
fn split_segment(path: &str) -> (&str, &str) {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let end = inner.find(['/', '?']).unwrap_or(inner.len());
    inner.split_at(end)
}

/// Whose endpoint this is, where a path names no provider.
fn provider_of_endpoint(path: &str) -> Option<&'static str> {
    let bare = path.split('?').next().unwrap_or_default();
    let (first, _) = split_segment(bare);
    let last = bare.rsplit('/').next().unwrap_or_default();
    Some(match Dialect::of_path(path) {
        Some(Dialect::AnthropicMessages) => "anthropic",
        Some(Dialect::GeminiGenerate | Dialect::GeminiEmbed) => "gemini",
        Some(_) => OPENAI,
        None if last == "count_tokens" => "anthropic",
        None if first == "v1beta" || last.ends_with(":countTokens") => "gemini",
        None if first == "v1" && matches!(last, "models" | "moderations") => OPENAI,
        None if bare.starts_with("/v1/responses/") || bare.starts_with("/v1/models/") => OPENAI,
        None => return None,
    })
}

fn unknown(upstreams: &HashMap<String, UpstreamSetting>, path: &str) -> RouteError {
    let bare = path.split('?').next().unwrap_or_default();
    let (name, _) = split_segment(bare);
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
    if name.is_empty() || matches!(name, "v1" | "v1beta" | "openai" | "p") {
        return RouteError::NoProvider(shown(bare));
    }
    let mut known: Vec<&str> =
        upstreams.keys().map(String::as_str).filter(|name| *name != CHATGPT).collect();
    known.sort_unstable();
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, known)| *distance * 2 <= known.len())
        .min()
        .map(|(_, known)| known.to_owned());
    RouteError::UnknownProvider { name: shown(name), nearest, known: known.join(", ") }
}

/// Not where the user sends OpenAI's calls elsewhere and has no word on ChatGPT's: these would
/// leave by a way nobody chose.
fn goes_to_chatgpt(upstreams: &HashMap<String, UpstreamSetting>) -> bool {
    let builtin = crate::settings::Settings::builtin_base_url;
    let is_builtin = |name: &str| {
        let base_url = upstreams.get(name).and_then(|upstream| upstream.base_url.as_ref());
        base_url.map(|url| url.as_str().trim_end_matches('/')) == builtin(name)
    };
    is_builtin(OPENAI) || !is_builtin(CHATGPT)
}

/// OpenAI's path as ChatGPT has it: `/v1/responses` is `/backend-api/codex/responses` there.
fn codex_path(path: &str) -> String {
    if path.starts_with("/backend-api/") {
        return path.to_owned();
    }
    format!("{CODEX_PATH}{}", path.strip_prefix("/v1").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use url::Url;

    fn upstreams() -> HashMap<String, UpstreamSetting> {
        let mut upstreams = Settings::builtin_upstreams();
        let work = UpstreamSetting {
            base_url: Url::parse("https://llm.example.com/gateway/").ok(),
            family: Family::OpenAi,
            deployments: HashMap::new(),
        };
        upstreams.insert("work".to_owned(), work);
        upstreams
    }

    #[test]
    fn ways() {
        use Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses, Other};
        let upstreams = upstreams();
        for (path, provider, url, project, dialect) in [
            (
                "/openai/v1/chat/completions",
                "openai",
                "https://api.openai.com/v1/chat/completions",
                None,
                OpenAiChat,
            ),
            (
                "/p/demo/groq/openai/v1/chat/completions?a=%20b",
                "groq",
                "https://api.groq.com/openai/v1/chat/completions?a=%20b",
                Some("demo"),
                OpenAiChat,
            ),
            (
                "/p/my%20app/v1/messages?beta=true",
                "anthropic",
                "https://api.anthropic.com/v1/messages?beta=true",
                Some("my app"),
                AnthropicMessages,
            ),
            (
                "/v1beta/models/g:streamGenerateContent?alt=sse",
                "gemini",
                "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent?alt=sse",
                None,
                GeminiGenerate,
            ),
            (
                "/v1/responses",
                "openai",
                "https://api.openai.com/v1/responses",
                None,
                OpenAiResponses,
            ),
            ("/work/v1/x%2Fy", "work", "https://llm.example.com/gateway/v1/x%2Fy", None, Other),
            ("/openai", "openai", "https://api.openai.com", None, Other),
            ("/ollama/api/chat", "ollama", "http://127.0.0.1:11434/api/chat", None, Other),
            (
                "/p//v1/messages",
                "anthropic",
                "https://api.anthropic.com/v1/messages",
                None,
                AnthropicMessages,
            ),
        ] {
            let route = find(&upstreams, "POST", path, false).unwrap();
            assert_eq!(
                (
                    route.provider.as_str(),
                    route.url.as_str(),
                    route.project.as_deref(),
                    route.dialect
                ),
                (provider, url, project, dialect),
                "{path}"
            );
            assert!(url.ends_with(route.path_and_query()), "{}", route.path_and_query());
        }
    }

    #[test]
    fn a_run_and_a_project_stand_in_front() {
        for (path, run, project) in [
            ("/r/1f2e/p/demo/openai/v1/chat/completions", Some("1f2e"), Some("demo")),
            ("/r/1f2e/openai/v1/chat/completions", Some("1f2e"), None),
            ("/r/1f2e/v1/messages", Some("1f2e"), None),
            ("/r//v1/messages", None, None),
            ("/p/r/v1/messages", None, Some("r")),
        ] {
            let route = find(&upstreams(), "POST", path, false).unwrap();
            assert_eq!((route.run.as_deref(), route.project.as_deref()), (run, project), "{path}");
            assert!(route.path_and_query().starts_with("/v1/"), "{}", route.path_and_query());
        }
    }

    #[test]
    fn tags_stand_between_run_and_project() {
        for (path, tags, project) in [
            ("/r/1f2e/t/branch=main/p/demo/v1/messages", Some("branch=main"), Some("demo")),
            ("/t/branch=a%2Fb;team=x/v1/messages", Some("branch=a/b;team=x"), None),
            ("/r/1f2e/p/demo/v1/messages", None, Some("demo")),
            ("/r/1f2e/t//v1/messages", Some(""), None),
        ] {
            let route = find(&upstreams(), "POST", path, false).unwrap();
            assert_eq!(
                (route.tags.as_deref(), route.project.as_deref()),
                (tags, project),
                "{path}"
            );
            assert_eq!(route.path_and_query(), "/v1/messages", "{path}");
        }
    }

    #[test]
    fn every_builtin_provider_has_a_way_or_asks_for_one() {
        for (name, upstream) in Settings::builtin_upstreams() {
            let found = find(&upstreams(), "POST", &format!("/{name}/v1/chat/completions"), false);
            match upstream.base_url {
                Some(_) => assert!(found.is_ok(), "{name}"),
                None => assert_eq!(found, Err(RouteError::NoBaseUrl(name))),
            }
        }
    }

    #[test]
    fn dead_ends() {
        for (path, status, words) in [
            ("/nosuch/v1/things", 404, &["nosuch", "openai", "ollama"][..]),
            ("/opnai/v1/chat", 404, &["did you mean 'openai'?"]),
            ("/azure/openai/x", 400, &["OUTLAY_UPSTREAM_AZURE", "base_url"]),
            ("/v1/things", 404, &["/openai/v1/things"]),
            ("/", 404, &["names no provider"]),
            ("", 404, &["names no provider"]),
            ("/p/demo", 404, &["names no provider"]),
            ("/?key=secret", 404, &["names no provider"]),
        ] {
            let error = find(&upstreams(), "GET", path, false).unwrap_err();
            assert_eq!(error.status(), status, "{path}");
            for word in words {
                assert!(error.to_string().contains(word), "{path}: {error}");
            }
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn chatgpt_logins_have_an_upstream_of_their_own() {
        for (path, is_chatgpt, url) in [
            ("/openai/v1/responses", true, "https://chatgpt.com/backend-api/codex/responses"),
            ("/v1/responses", true, "https://chatgpt.com/backend-api/codex/responses"),
            (
                "/openai/v1/models?client_version=1",
                true,
                "https://chatgpt.com/backend-api/codex/models?client_version=1",
            ),
            (
                "/chatgpt/backend-api/codex/responses",
                false,
                "https://chatgpt.com/backend-api/codex/responses",
            ),
            ("/openai/v1/responses", false, "https://api.openai.com/v1/responses"),
            ("/groq/openai/v1/responses", true, "https://api.groq.com/openai/v1/responses"),
        ] {
            let route = find(&upstreams(), "POST", path, is_chatgpt).unwrap();
            assert_eq!(route.url, url, "{path}");
            assert!(route.provider == "openai" || route.provider == "groq");
        }
        let mut elsewhere = upstreams();
        elsewhere.get_mut("openai").unwrap().base_url = Url::parse("http://127.0.0.1:9").ok();
        let route = find(&elsewhere, "POST", "/openai/v1/responses", true).unwrap();
        assert_eq!(route.url, "http://127.0.0.1:9/v1/responses");
    }

    #[test]
    fn who_is_asked_for_usage() {
        for (provider, query, expected) in [
            ("openai", None, true),
            ("work", None, true),
            ("mistral", None, false),
            ("azure", Some("api-version=2024-02-01"), false),
            ("azure", Some("x=1&api-version=2024-10-21"), true),
            ("azure", Some("api-version=preview"), true),
            ("azure", None, true),
        ] {
            let path = "/openai/v1/chat/completions";
            let mut route = find(&upstreams(), "POST", path, false).unwrap();
            route.provider = provider.to_owned();
            assert_eq!(tells_usage_when_asked(&route, query), expected, "{provider} {query:?}");
        }
    }

    #[test]
    fn whose_usage_can_be_read() {
        for (path, expected) in [
            ("/openai/v1/responses", true),
            ("/openai/v1/images/generations?x=1", true),
            ("/cohere/v2/chat", true),
            ("/ollama/api/whatever", true),
            ("/openai/v1/audio/speech", false),
            ("/openai/v1/whatever", false),
        ] {
            let route = find(&upstreams(), "POST", path, false).unwrap();
            assert_eq!(route.is_metered(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_free() {
        for (method, path, expected) in [
            ("GET", "/openai/v1/models", true),
            ("HEAD", "/anthropic/api/hello", true),
            ("POST", "/anthropic/v1/messages/count_tokens?beta=true", true),
            ("POST", "/v1/messages/count_tokens", true),
            ("POST", "/openai/v1/moderations", true),
            ("POST", "/openai/v1/files", true),
            ("POST", "/gemini/upload/v1beta/files?uploadType=resumable", true),
            ("POST", "/anthropic/v1/messages/batches/b/cancel", true),
            ("POST", "/openai/v1/batches", false),
            ("POST", "/openai/v1/embeddings", false),
            ("POST", "/openai/v1/anything", false),
        ] {
            let route = find(&upstreams(), method, path, false).unwrap();
            assert_eq!(route.is_free, expected, "{method} {path}");
        }
    }
}
