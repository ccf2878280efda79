//! Numbers and lists in sentences.

/// `a`, `a and b`, `a, b and c`; nothing of none.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `1 call`, `2 calls`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_is_no_others() {
        for (count, expected) in [(0, "0 others"), (1, "1 other"), (2, "2 others")] {
            assert_eq!(counted(count, "other", "others"), expected);
        }
    }

    #[test]
    fn the_last_of_a_list_has_an_and() {
        for (names, expected) in [
            (&[][..], ""),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
        ] {
            assert_eq!(listed(names), expected);
        }
    }
}
