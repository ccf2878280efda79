//! `[balances]`: who is asked what is left, beside the providers that tell.

use std::collections::BTreeMap;

use super::section::Section;
use super::{ConfigError, is_base_url};

/// Where an account's balance is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BalanceSource {
    /// The whole address; `None` for a provider that tells in a way that is known.
    pub url: Option<String>,
    /// The header of the key: `authorization` (the default, with `Bearer`) or another.
    pub header: Option<String>,
    /// Where the amount stands in the answer, as a JSON pointer.
    pub pointer: Option<String>,
    /// The code of its currency; US dollars by default.
    pub currency: Option<String>,
    /// The environment variable that has the key.
    pub key_env: Option<String>,
}

pub(super) fn read(mut all: Section) -> Result<BTreeMap<String, BalanceSource>, ConfigError> {
    let mut sources = BTreeMap::new();
    for name in all.keys() {
        let Some(mut section) = all.section(&name)? else { continue };
        let url = section.text("url")?;
        if let Some(url) = url.as_deref().filter(|url| !is_base_url(url)) {
            return Err(section.wrong(
                "url",
                url,
                "write an address like \"https://llm.example.com/credits\"",
            ));
        }
        let pointer = section.text("pointer")?;
        if let Some(text) = pointer.as_deref().filter(|text| !text.starts_with('/')) {
            return Err(section.wrong("pointer", text, "write it like \"/data/balance\""));
        }
        if url.is_some() && pointer.is_none() {
            let wanted = "say where the amount stands in the answer, like \"/data/balance\"";
            return Err(section.wrong("pointer", "", wanted));
        }
        let currency = section.text("currency")?;
        let is_code = |text: &&str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if let Some(code) = currency.as_deref().filter(|text| !is_code(text)) {
            return Err(section.wrong("currency", code, "write its code, like \"USD\""));
        }
        let header = section.text("header")?;
        let key_env = section.text("key_env")?;
        section.finish()?;
        sources.insert(name, BalanceSource { url, header, pointer, currency, key_env });
    }
    Ok(sources)
}
