//! How often what is done.

use std::str::FromStr;

/// The share of the notices, between 0 and 1, to which each thing happens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Sent twice.
    pub duplicated: f64,
    /// Sent after its successor.
    pub reordered: f64,
    /// Sent late.
    pub delayed: f64,
    /// Beside it another content is sent under a token that is nobody's.
    pub forged_token: f64,
    /// Beside it another content is sent with a nonce that was not signed.
    pub forged_nonce: f64,
    /// Another content is sent with its signature.
    pub tampered: f64,
    /// The beginning of its content is sent with its signature.
    pub truncated: f64,
    /// Beside it a far too large one is sent.
    pub oversized: f64,
    /// Its first attempt is sent bit by bit.
    pub slow: f64,
    /// The connection of its first attempt is cut.
    pub cut: f64,
    /// The share of the tampered and truncated copies that are sent before the genuine callback instead of after its
    /// answer. Under V2 nobody can tell them from it then: the first content seen for a signature wins.
    pub early: f64,
}

impl Rates {
    const NAMES: [&str; 11] = [
        "duplicated",
        "reordered",
        "delayed",
        "forged_token",
        "forged_nonce",
        "tampered",
        "truncated",
        "oversized",
        "slow",
        "cut",
        "early",
    ];

    fn places(&mut self, name: &str) -> Vec<&mut f64> {
        match name {
            "duplicated" => vec![&mut self.duplicated],
            "reordered" => vec![&mut self.reordered],
            "delayed" => vec![&mut self.delayed],
            "forged_token" => vec![&mut self.forged_token],
            "forged_nonce" => vec![&mut self.forged_nonce],
            "forged" => vec![&mut self.forged_token, &mut self.forged_nonce],
            "tampered" => vec![&mut self.tampered],
            "truncated" => vec![&mut self.truncated],
            "oversized" => vec![&mut self.oversized],
            "slow" => vec![&mut self.slow],
            "cut" => vec![&mut self.cut],
            "early" => vec![&mut self.early],
            _ => Vec::new(),
        }
    }

    fn set(&mut self, name: &str, rate: f64) -> bool {
        if name == "all" {
            return Rates::NAMES.iter().filter(|name| **name != "early").all(|name| self.set(name, rate));
        }
        let places = self.places(name);
        let known = !places.is_empty();
        places.into_iter().for_each(|place| *place = rate);
        known
    }
}

/// `NAME=RATE,…`, later ones over earlier ones; a rate alone is `all=RATE`, which is all but `early`.
impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rates = Rates::default();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let (name, rate) = one.split_once('=').unwrap_or(("all", one));
            let rate: f64 = rate
                .parse()
                .ok()
                .filter(|rate| (0.0..=1.0).contains(rate))
                .ok_or_else(|| format!("{one}: a rate is a number from 0 to 1, such as tampered=0.05"))?;
            if !rates.set(name.trim(), rate) {
                return Err(format!("{name}: accepted are all, forged, {}", Rates::NAMES.join(", ")));
            }
        }
        Ok(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_people_write_them() {
        let all: Rates = "0.25".parse().unwrap();
        assert_eq!((all.duplicated, all.cut, all.forged_nonce, all.early), (0.25, 0.25, 0.25, 0.0));
        let some: Rates = "all=0.1, forged=1,cut=0,early=0.5".parse().unwrap();
        assert_eq!((some.slow, some.forged_token, some.forged_nonce), (0.1, 1.0, 1.0));
        assert_eq!((some.cut, some.early), (0.0, 0.5));
        assert_eq!("".parse(), Ok(Rates::default()));
        for (text, told) in
            [("2", "0 to 1"), ("cut=-1", "0 to 1"), ("lost=0.1", "oversized"), ("cut=x", "tampered=")]
        {
            let error = text.parse::<Rates>().unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn every_name_is_settable() {
        for name in Rates::NAMES {
            assert!(Rates::default().set(name, 0.5), "{name}");
        }
    }
}
