//! The variables that point tools at the proxy.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what a path part may hold as it is.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Calls to this machine must not go through an HTTP proxy.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// The base URLs that tools read, each with the name of its variable.
pub(crate) fn variables(base: &str, project: Option<&str>) -> Vec<(&'static str, String)> {
    let base = match project {
        Some(project) => format!("{base}/p/{}", utf8_percent_encode(project, PATH_PART)),
        None => base.to_owned(),
    };
    vec![
        ("OPENAI_BASE_URL", format!("{base}/openai/v1")),
        // aider and other users of LiteLLM.
        ("OPENAI_API_BASE", format!("{base}/openai/v1")),
        ("ANTHROPIC_BASE_URL", format!("{base}/anthropic")),
        ("GOOGLE_GEMINI_BASE_URL", format!("{base}/gemini")),
    ]
}

/// `NO_PROXY` in both of its spellings, with this machine added to what they say.
pub(crate) fn no_proxy(
    variable: impl Fn(&str) -> Option<String>,
) -> impl Iterator<Item = (&'static str, String)> {
    ["NO_PROXY", "no_proxy"].into_iter().map(move |name| {
        let said = variable(name).unwrap_or_default();
        let mut hosts: Vec<&str> =
            said.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
        for own in LOOPBACK {
            if !hosts.contains(&own) {
                hosts.push(own);
            }
        }
        (name, hosts.join(","))
    })
}

/// The options that a tool needs in addition, because it reads no variable.
pub(crate) fn options_for(program: &str, base: &str, project: Option<&str>) -> Vec<String> {
    let name = std::path::Path::new(program).file_stem().and_then(std::ffi::OsStr::to_str);
    match name {
        Some("codex") => {
            let url = &variables(base, project)[0].1;
            vec!["-c".to_owned(), format!("openai_base_url=\"{url}\"")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_goes_into_the_path() {
        for (project, expected) in [
            (None, "http://127.0.0.1:4780/openai/v1"),
            (Some("demo"), "http://127.0.0.1:4780/p/demo/openai/v1"),
            (Some("my app/é"), "http://127.0.0.1:4780/p/my%20app%2F%C3%A9/openai/v1"),
        ] {
            let variables = variables("http://127.0.0.1:4780", project);
            assert_eq!(variables[0], ("OPENAI_BASE_URL", expected.to_owned()));
        }
    }

    #[test]
    fn this_machine_is_added_to_what_no_proxy_says() {
        for (said, expected) in [
            (None, "127.0.0.1,localhost,::1"),
            (Some("example.com, localhost"), "example.com,localhost,127.0.0.1,::1"),
        ] {
            let lookup = |name: &str| said.filter(|_| name == "no_proxy").map(str::to_owned);
            let lower = no_proxy(lookup).find(|(name, _)| *name == "no_proxy").unwrap();
            assert_eq!(lower.1, expected);
        }
    }

    #[test]
    fn codex_is_told_by_an_option() {
        let options = |program| options_for(program, "http://h", None).join(" ");
        assert_eq!(options("/usr/bin/codex"), "-c openai_base_url=\"http://h/openai/v1\"");
        assert_eq!(options("claude"), "");
    }
}
