//! When this app takes the place of a proxy that has gone: no I/O here.

use crate::standing::Proxying;

/// Looks at which nobody may be found before the place is taken: a proxy that is started anew has to
/// let its calls end first.
const LOOKS: u32 = 6;

/// How long nobody has metered calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vacancy {
    looks: u32,
}

impl Vacancy {
    /// Takes note of a look; whether to take over now. Where that was in vain it is said again after
    /// as many looks.
    pub(crate) fn is_to_end(&mut self, seen: Proxying) -> bool {
        if seen != Proxying::Nowhere {
            self.looks = 0;
            return false;
        }
        self.looks += 1;
        self.looks.is_multiple_of(LOOKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_once_it_was_long_empty() {
        let address = "127.0.0.1:4780".parse().unwrap();
        let seen = |letter| match letter {
            'h' => Proxying::Here(address),
            'e' => Proxying::Elsewhere(address),
            _ => Proxying::Nowhere,
        };
        for (looks, expected) in [
            ("eeeeeeee", "        "),
            ("e......e", "      t "),
            ("e.....e......", "            t"),
            ("......hhhh", "     t    "),
            ("............", "     t     t"),
        ] {
            let mut vacancy = Vacancy::default();
            let told: String = looks
                .chars()
                .map(|letter| if vacancy.is_to_end(seen(letter)) { 't' } else { ' ' })
                .collect();
            assert_eq!(told, expected, "{looks}");
        }
    }
}
