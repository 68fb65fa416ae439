//! Ids as Plivo makes them, from a seed: the same seed gives the same ids.

/// A source of ids and of chance.
#[derive(Debug, Clone)]
pub struct Ids {
    state: u64,
}

const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

impl Ids {
    /// From this seed.
    pub fn new(seed: u64) -> Self {
        Ids { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// An id of a brand (`B`) or a campaign (`C`): seven capital letters and digits, as Plivo's are.
    pub fn entity(&mut self, kind: char) -> String {
        format!("{kind}{}", self.letters(6))
    }

    /// The id of a request: a UUID of version 1, as Plivo's are.
    pub fn request(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-1{:03x}-{:04x}-0242ac11{:04x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            0x8000 | low >> 48 & 0x3fff,
            low & 0xffff,
        )
    }

    /// So many letters and digits, such as a token.
    pub fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(LETTERS[(self.bits() % 36) as usize])).collect()
    }
}

/// A number from 0 to 1 that depends on nothing but these.
pub fn chance(seed: u64, parts: &[&str]) -> f64 {
    let mut state = mixed(seed ^ 0x5851_f42d_4c95_7f2d);
    for part in parts {
        for byte in part.bytes() {
            state = mixed(state ^ u64::from(byte));
        }
        state = mixed(state ^ 0x100);
    }
    // 53 bits are what a float holds exactly.
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// The output function of SplitMix64.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_row_of_ids() {
        let row = |seed| {
            let mut ids = Ids::new(seed);
            [ids.entity('B'), ids.entity('C'), ids.request()]
        };
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
        let [brand, campaign, request] = row(7);
        assert!(brand.len() == 7 && brand.starts_with('B'), "{brand}");
        assert!(campaign.len() == 7 && campaign.starts_with('C'), "{campaign}");
        let lengths: Vec<_> = request.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{request}");
    }

    #[test]
    fn the_generator_is_splitmix64() {
        let mut ids = Ids::new(1_234_567);
        assert_eq!(ids.bits(), 6_457_827_717_110_365_317);
        assert_eq!(ids.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn chance_is_spread_over_the_whole_range() {
        let low = (0..10_000).filter(|n| chance(1, &["brand", &n.to_string()]) < 0.25).count();
        assert!((2_200..2_800).contains(&low), "{low}");
        assert_ne!(chance(1, &["ab", "c"]), chance(1, &["a", "bc"]));
    }
}
