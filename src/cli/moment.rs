//! Times as they are given on the command line.

use crate::event::Timestamp;

/// A moment, absolute or so long ago.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Some(moment) = Timestamp::parse_rfc3339(text) {
        return Ok(moment);
    }
    let ago = text.parse::<crate::units::Span>().ok().filter(|_| text.ends_with(char::is_alphabetic));
    let ago = ago.and_then(|ago| i64::try_from(ago.as_millis()).ok());
    ago.map(|ago| Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(ago))).ok_or_else(|| {
        "accepted are RFC 3339, such as 2026-11-24T13:00:00Z, and how long ago, such as 90s, 2h or 7d"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_is_taken_from_now() {
        let ago = moment("1h").unwrap();
        let passed = Timestamp::now().millis_since(ago);
        assert!((3_600_000..3_660_000).contains(&passed), "{passed}");
    }
}
