//! Values of the configuration that carry a unit, or must not be seen: [`Span`], [`Size`] and [`Secret`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

mod secret;

pub use secret::Secret;

/// A length of time, such as `250ms`, `5s`, `8m`, `1h30m` or `30d`; an integer counts seconds. Resolved to
/// milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// Units in the order in which they are written, with their milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Span(Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Span(Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Whole milliseconds, saturating.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Span::from_secs(text.parse().ok().filter(|seconds| *seconds <= u64::MAX / 1_000)?));
        }
        let mut millis = 0_u64;
        let mut rest = text;
        let mut units = Self::UNITS.iter();
        while !rest.is_empty() {
            let (number, unit, after) = component(rest)?;
            // Going on in the same iterator demands that units shrink: `30m1h` and `1h1h` are slips.
            let (_, factor) = units.find(|(name, _)| *name == unit)?;
            millis = millis.checked_add(number.checked_mul(*factor)?)?;
            rest = after;
        }
        (!text.is_empty()).then_some(Span::from_millis(millis))
    }
}

/// A text that is not of the form that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not a {what}: accepted are {accepted}")]
pub struct UnitError {
    got: String,
    what: &'static str,
    accepted: &'static str,
}

const SPAN_FORMS: &str = r#"an integer (seconds) or numbers with the units d, h, m, s and ms from the largest to the smallest, such as "250ms", "5s", "8m", "1h30m" or "30d""#;

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        Span::parse(text).ok_or_else(|| UnitError {
            got: shortened(text),
            what: "duration",
            accepted: SPAN_FORMS,
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_millis();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in Self::UNITS {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor(SPAN_FORMS, |text: String| text.parse()))
    }
}

/// An amount of bytes, such as `64KiB`, `10GiB` or `1MB`; an integer counts bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

impl Size {
    /// Units with their bytes: binary before decimal of the same magnitude, the larger first.
    const UNITS: [(&'static str, u64); 9] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
        ("B", 1),
    ];

    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Size(bytes)
    }

    /// So many times 1024 bytes.
    pub const fn from_kib(kib: u64) -> Self {
        Size(kib << 10)
    }

    /// So many times 1024² bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Size(mib << 20)
    }

    /// So many times 1024³ bytes.
    pub const fn from_gib(gib: u64) -> Self {
        Size(gib << 30)
    }

    /// The bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// For a person, in the largest unit that fits, to a tenth.
    pub fn rounded(self) -> String {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, factor)| self.0 >= *factor) {
            Some((unit, factor)) => format!("{:.1} {unit}", self.0 as f64 / *factor as f64),
            None => format!("{} B", self.0),
        }
    }

    /// The bytes as a length in memory, saturating.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Size);
        }
        let (number, unit, after) = component(text)?;
        let (_, factor) = Self::UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        after.is_empty().then_some(Size(number.checked_mul(*factor)?))
    }
}

const SIZE_FORMS: &str = r#"an integer (bytes) or a number with one of the units B, KB, MB, GB, TB, KiB, MiB, GiB and TiB, such as "64KiB", "10GiB" or "1MB""#;

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        Size::parse(text).ok_or_else(|| UnitError {
            got: shortened(text),
            what: "size",
            accepted: SIZE_FORMS,
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = Self::UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = exact.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor(SIZE_FORMS, |text: String| text.parse()))
    }
}

/// Takes a text or a plain integer, and hands on its digits.
struct UnitVisitor<F>(&'static str, F);

impl<T, F: Fn(String) -> Result<T, UnitError>> Visitor<'_> for UnitVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text.to_owned()).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        (self.1)(number.to_string()).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.1)(number.to_string()).map_err(E::custom)
    }
}

/// A number, the unit after it, and what follows.
fn component(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    Some((number.parse().ok()?, unit.trim_start(), after))
}

/// Enough of a text for an error to be understood by.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Table {
        span: Span,
        size: Size,
        secret: Secret,
    }

    #[test]
    fn spans_in_every_accepted_form() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("8m", 480_000),
            ("1h30m", 5_400_000),
            ("30d", 2_592_000_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("7", 7_000),
            ("0", 0),
            ("0s", 0),
            ("90s", 90_000),
        ] {
            assert_eq!(text.parse::<Span>().unwrap(), Span::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn slips_in_spans_are_refused_and_name_the_forms() {
        for text in ["", "5 minutes", "m", "-5s", "1.5h", "30m1h", "1h1h", "5S", "5s ", "9999999999999d"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("is not a duration") && error.contains("1h30m"), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_in_every_accepted_form() {
        for (text, bytes) in [
            ("64KiB", 65_536),
            ("10GiB", 10_737_418_240),
            ("1MB", 1_000_000),
            ("1 mb", 1_000_000),
            ("12", 12),
            ("12B", 12),
            ("2TiB", 2_199_023_255_552),
        ] {
            assert_eq!(text.parse::<Size>().unwrap(), Size(bytes), "{text}");
        }
    }

    #[test]
    fn slips_in_sizes_are_refused_and_name_the_forms() {
        for text in ["", "KiB", "10G", "1.5GiB", "-1B", "1GiB1MiB", "99999999999TiB"] {
            let error = text.parse::<Size>().unwrap_err().to_string();
            assert!(error.contains("is not a size") && error.contains("64KiB"), "{text}: {error}");
        }
    }

    #[test]
    fn display_prefers_the_largest_exact_unit() {
        assert_eq!(Size::from_kib(64).to_string(), "64KiB");
        assert_eq!(Size(1_000_000).to_string(), "1MB");
        assert_eq!(Size(1_001).to_string(), "1001B");
        assert_eq!(Size(0).to_string(), "0B");
        assert_eq!(Span::from_secs(460).to_string(), "7m40s");
        assert_eq!(Span::default().to_string(), "0s");
    }

    #[test]
    fn toml_takes_integers_and_texts() {
        let table: Table = toml::from_str("span = 5\nsize = \"1KiB\"\nsecret = \"s\"").unwrap();
        assert_eq!((table.span, table.size), (Span::from_secs(5), Size(1024)));
        let error = toml::from_str::<Table>("span = -1\nsize = 1\nsecret = \"s\"").unwrap_err().to_string();
        assert!(error.contains("\"-1\" is not a duration"), "{error}");
        let error = toml::from_str::<Table>("span = true\nsize = 1\nsecret = \"s\"").unwrap_err().to_string();
        assert!(error.contains("expected an integer (seconds)"), "{error}");
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        for value in ["123456", "1.25", "true"] {
            let text = format!("span = 1\nsize = 1\nsecret = {value}");
            // The first line of the message; the rest quotes the source, which the configuration never prints.
            let error = toml::from_str::<Table>(&text).unwrap_err().message().to_owned();
            assert!(error.contains("between quotes") && !error.contains(value), "{error}");
        }
    }

    proptest! {
        #[test]
        fn spans_come_back(millis in 0..u64::MAX) {
            let span = Span::from_millis(millis);
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }

        #[test]
        fn sizes_come_back(bytes in any::<u64>(), shift in 0_u32..50) {
            let size = Size(bytes >> shift << shift);
            prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<Size>();
        }

        #[test]
        fn secrets_are_never_shown(text in "[a-zA-Z0-9]{4,40}") {
            let secret = Secret::new(text.clone());
            let shown = format!("{secret} {secret:?} {:#?} {}", Some(&secret), serde_json::to_string(&secret).unwrap());
            prop_assert!(!shown.contains(&text));
            prop_assert_eq!(secret.expose(), text);
        }
    }

    #[test]
    fn bytes_are_rounded_for_a_person() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 << 30, "10.0 GiB")] {
            assert_eq!(Size(bytes).rounded(), text);
        }
    }
}
