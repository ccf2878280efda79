//! The time zone in which days begin here.

use chrono_tz::Tz;

/// The zone of this machine: `TZ` where it names one, else the system's, else UTC.
#[must_use]
pub fn system() -> Tz {
    let variable = std::env::var("TZ").ok();
    variable
        .as_deref()
        .and_then(named)
        .or_else(|| iana_time_zone::get_timezone().ok().as_deref().and_then(named))
        .unwrap_or(Tz::UTC)
}

/// The zone of that name.
///
/// # Errors
/// One sentence where there is none.
pub fn parse(name: &str) -> Result<Tz, String> {
    named(name).ok_or_else(|| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let nearest = known
            .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(similarity, _)| *similarity > 0.8)
            .map(|(_, known)| format!(", did you mean {known}?"))
            .unwrap_or_else(|| ": write it like Europe/Berlin".to_owned());
        format!("'{name}' is not a time zone{nearest}")
    })
}

fn named(text: &str) -> Option<Tz> {
    // POSIX lets a zone's name begin with a colon.
    text.trim().trim_start_matches(':').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_and_corrected() {
        for (name, expected) in [
            ("Europe/Berlin", Ok(Tz::Europe__Berlin)),
            (":UTC", Ok(Tz::UTC)),
            ("Europe/Berln", Err("did you mean Europe/Berlin?")),
            ("Mars/Olympus", Err("'Mars/Olympus' is not a time zone")),
        ] {
            match (parse(name), expected) {
                (Ok(zone), Ok(expected)) => assert_eq!(zone, expected),
                (Err(sentence), Err(part)) => assert!(sentence.contains(part), "{sentence}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
