//! Anywhere else: the place of the amount is said by a JSON pointer.

use outlay_core::money::Money;

use super::{Untold, as_amount, refused};
use crate::json::{Json, text_of};

/// The amount at `pointer` (`/data/balance`, `/accounts/0/left`; RFC 6901).
///
/// # Errors
/// Where there is none.
pub fn at(pointer: &str, status: u16, body: &[u8]) -> Result<Money, Untold> {
    let body = text_of(body);
    refused(status, &body)?;
    let mut value = Json::new(&body);
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let inner = if value.is_array() {
            name.parse().ok().and_then(|index: usize| value.items().get(index).copied())
        } else {
            value.get(&name)
        };
        value = inner.ok_or_else(|| Untold::Missing(pointer.to_owned()))?;
    }
    as_amount(value).ok_or_else(|| Untold::NoAmount(pointer.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_found_where_the_pointer_says() {
        const BODY: &str =
            r#"{"left":3,"data":{"a/b":[{"x":"1.25"},-7]},"none":null,"word":"much"}"#;
        for (pointer, expected) in [
            ("/left", "3.00"),
            ("/data/a~1b/0/x", "1.25"),
            ("/data/a~1b/1", "-7.00"),
            ("/data/a~1b/2", "its answer has no '/data/a~1b/2'"),
            ("/none", "its answer has no '/none'"),
            ("/word", "'/word' in its answer is no amount"),
            ("/data", "'/data' in its answer is no amount"),
            ("", "'' in its answer is no amount"),
        ] {
            let got = at(pointer, 200, BODY.as_bytes());
            let got = got.map_or_else(|error| error.to_string(), |amount| amount.to_string());
            assert_eq!(got, expected, "{pointer}");
        }
        assert_eq!(at("", 200, b"12.5").map(|amount| amount.to_string()), Ok("12.50".to_owned()));
        assert!(matches!(at("/left", 403, b"{}"), Err(Untold::Refused { status: 403, .. })));
    }
}
