//! What an upstream's error means to someone who pays: is the money gone, or is it a hiccup?

use crate::dialect::Dialect;
use crate::json::Json;

/// The kinds of upstream errors that the ledger tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The account has no money, credit or quota left: repeating is useless until it is paid.
    InsufficientQuota,
    /// Too many requests or tokens for now.
    RateLimit,
    /// The prompt is longer than the model takes.
    ContextLength,
    /// No such model, or none this key may use.
    ModelNotFound,
    /// The key is wrong, or not allowed.
    Auth,
    /// The provider is overloaded or broken.
    Overloaded,
    /// The request is at fault.
    InvalidRequest,
    /// None of these.
    Other,
}

impl ErrorKind {
    /// The name in ledger, CSV and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::InsufficientQuota => "insufficient_quota",
            ErrorKind::RateLimit => "rate_limit",
            ErrorKind::ContextLength => "context_length",
            ErrorKind::ModelNotFound => "model_not_found",
            ErrorKind::Auth => "auth",
            ErrorKind::Overloaded => "overloaded",
            ErrorKind::InvalidRequest => "invalid_request",
            ErrorKind::Other => "other",
        }
    }
}

/// The kind of an error answer, from its status and whatever its body says. The body is decoded
/// already; any body will do.
#[must_use]
pub fn classify(dialect: Dialect, status: u16, body: &[u8]) -> ErrorKind {
    let text = String::from_utf8_lossy(body);
    // Google's streaming endpoint answers an error as an array of one.
    let json = Json::new(text.trim_start_matches('\u{feff}').trim());
    let json = json.items().first().copied().unwrap_or(json);
    of_error(dialect, status, json)
}

/// The kind of an error object, or of the document around it; a status of 0 is unknown.
pub(crate) fn of_error(dialect: Dialect, status: u16, json: Json<'_>) -> ErrorKind {
    let error = json.get("error").unwrap_or(json);
    let [kind, code, state, message, inner, detail] =
        error.pick(["type", "code", "status", "message", "error", "detail"]);
    let status = match code.and_then(Json::count) {
        Some(code) if status == 0 || status == 200 => u16::try_from(code).unwrap_or(status),
        _ => status,
    };
    let word = |json: Option<Json<'_>>| {
        json.and_then(Json::text).map(|text| text.to_ascii_lowercase()).unwrap_or_default()
    };
    let message =
        [message, detail, inner, Some(error)].into_iter().map(word).find(|text| !text.is_empty());
    let message =
        message.or_else(|| json.get("message").map(|text| word(Some(text)))).unwrap_or_default();
    // Kinds are looked for in the codes first: messages quote all sorts of things.
    let codes = [word(kind), word(code), word(state)];
    let by_code = codes.iter().find_map(|code| of_code(code));
    match by_code {
        Some(kind) if kind != ErrorKind::RateLimit && kind != ErrorKind::InvalidRequest => kind,
        _ => of_message(dialect, status, &message).or(by_code).unwrap_or_else(|| of_status(status)),
    }
}

fn of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "insufficient_quota"
        | "billing_error"
        | "credit_balance_too_low"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "exceeded_current_quota_error"
        | "insufficient_balance"
        | "insufficient_credits"
        | "insufficient_funds"
        | "payment_required" => ErrorKind::InsufficientQuota,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limit_reached_error"
        | "too_many_requests"
        | "tokens"
        | "requests"
        | "resource_exhausted"
        | "throttlingexception" => ErrorKind::RateLimit,
        "context_length_exceeded" | "request_too_large" | "string_above_max_length" => {
            ErrorKind::ContextLength
        }
        "model_not_found" | "not_found_error" | "not_found" | "model_not_available" => {
            ErrorKind::ModelNotFound
        }
        "authentication_error"
        | "permission_error"
        | "invalid_api_key"
        | "invalid_authentication_error"
        | "permission_denied"
        | "unauthenticated"
        | "unauthorized"
        | "account_deactivated" => ErrorKind::Auth,
        "overloaded_error"
        | "overloaded"
        | "api_error"
        | "server_error"
        | "internal_error"
        | "internal_server_error"
        | "service_unavailable"
        | "service_unavailable_error"
        | "engine_overloaded_error"
        | "unavailable"
        | "internal"
        | "timeout_error"
        | "deadline_exceeded" => ErrorKind::Overloaded,
        "invalid_request_error"
        | "invalid_argument"
        | "failed_precondition"
        | "invalid_prompt"
        | "unsupported_parameter"
        | "invalid_value" => ErrorKind::InvalidRequest,
        _ => return None,
    })
}

fn of_message(dialect: Dialect, status: u16, message: &str) -> Option<ErrorKind> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_broke = has(&[
        "credit balance is too low",
        "insufficient balance",
        "insufficient_quota",
        "insufficient credit",
        "insufficient funds",
        "insufficient quota",
        "exceeded your current quota, please check your plan and billing",
        "run out of credits",
        "more credits",
        "billing hard limit",
        "prepayment credits are depleted",
        "spending limit",
        "spending cap",
        "used all available credits",
        "credit limit exceeded",
        "account is not active",
    ]);
    // Google says the sentence of OpenAI's empty accounts for every per-minute limit, and then
    // names the limit that was hit.
    let is_google_rate =
        dialect.is_gemini() && has(&["quota exceeded for metric", "per_minute", "retry in"]);
    if status == 402 || (is_broke && !is_google_rate) {
        return Some(ErrorKind::InsufficientQuota);
    }
    if has(&[
        "maximum context length",
        "context length",
        "context window",
        "prompt is too long",
        "input token count",
        "input is too long",
        "too many tokens in the prompt",
    ]) && status != 429
    {
        return Some(ErrorKind::ContextLength);
    }
    let names_model = has(&["model"]);
    if names_model
        && has(&[
            "does not exist",
            "not found",
            "not supported for",
            "unknown model",
            "invalid model",
            "is not a valid model",
        ])
    {
        return Some(ErrorKind::ModelNotFound);
    }
    if has(&[
        "invalid api key",
        "incorrect api key",
        "api key not valid",
        "api key expired",
        "no auth credentials",
    ]) {
        return Some(ErrorKind::Auth);
    }
    None
}

fn of_status(status: u16) -> ErrorKind {
    match status {
        402 => ErrorKind::InsufficientQuota,
        429 => ErrorKind::RateLimit,
        401 | 403 | 407 => ErrorKind::Auth,
        404 => ErrorKind::ModelNotFound,
        413 => ErrorKind::ContextLength,
        408 | 500..=599 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses};
    use ErrorKind::*;

    const ANSWERS: &[(Dialect, u16, &str, ErrorKind)] = &[
        (
            OpenAiChat,
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            InsufficientQuota,
        ),
        (
            OpenAiChat,
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org on tokens per min (TPM)","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            RateLimit,
        ),
        (
            OpenAiChat,
            400,
            r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","param":null,"code":"billing_hard_limit_reached"}}"#,
            InsufficientQuota,
        ),
        (
            OpenAiChat,
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            ContextLength,
        ),
        (
            OpenAiChat,
            404,
            r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            ModelNotFound,
        ),
        (
            OpenAiChat,
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            Auth,
        ),
        (
            OpenAiChat,
            400,
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
            InvalidRequest,
        ),
        (
            OpenAiChat,
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            InsufficientQuota,
        ),
        (
            OpenAiChat,
            402,
            r#"{"error":{"message":"This request requires more credits, or fewer max_tokens.","code":402}}"#,
            InsufficientQuota,
        ),
        (OpenAiChat, 402, "Payment Required", InsufficientQuota),
        (
            OpenAiChat,
            429,
            r#"{"error":{"message":"Your account org-x <ak-y> is suspended, please check your plan and billing details","type":"exceeded_current_quota_error"}}"#,
            InsufficientQuota,
        ),
        (OpenAiChat, 503, "<html>busy</html>", Overloaded),
        (
            OpenAiChat,
            200,
            r#"{"error":{"code":502,"message":"Provider returned error"}}"#,
            Overloaded,
        ),
        (
            OpenAiResponses,
            0,
            r#"{"code":"insufficient_quota","message":"You exceeded your current quota"}"#,
            InsufficientQuota,
        ),
        (
            AnthropicMessages,
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}"#,
            InsufficientQuota,
        ),
        (
            AnthropicMessages,
            402,
            r#"{"type":"error","error":{"type":"billing_error","message":"x"}}"#,
            InsufficientQuota,
        ),
        (
            AnthropicMessages,
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}"#,
            RateLimit,
        ),
        (
            AnthropicMessages,
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Overloaded,
        ),
        (
            AnthropicMessages,
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            ContextLength,
        ),
        (
            AnthropicMessages,
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: nope"}}"#,
            ModelNotFound,
        ),
        (
            GeminiGenerate,
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: generate_content_free_tier_requests, limit: 5 Please retry in 34.4s.","status":"RESOURCE_EXHAUSTED"}}"#,
            RateLimit,
        ),
        (
            GeminiGenerate,
            429,
            r#"{"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}"#,
            InsufficientQuota,
        ),
        (
            GeminiGenerate,
            400,
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
            Auth,
        ),
        (
            GeminiGenerate,
            404,
            r#"{"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}}"#,
            ModelNotFound,
        ),
        (
            GeminiGenerate,
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Overloaded,
        ),
        (OpenAiChat, 418, "", InvalidRequest),
        (OpenAiChat, 0, "\0\u{1}", Other),
    ];

    #[test]
    fn kinds_of_errors() {
        for &(dialect, status, body, expected) in ANSWERS {
            assert_eq!(classify(dialect, status, body.as_bytes()), expected, "{status} {body}");
        }
    }
}
