//! Ids that no other entity of the run has.

use crate::sim::dice;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The ids around one entity.
pub struct Names {
    /// A brand.
    pub brand: String,
    /// A campaign.
    pub campaign: String,
    /// A phone number in E.164.
    pub number: String,
    /// Where request ids begin.
    request: u128,
}

impl Names {
    /// Those of the entity of this index.
    pub fn of(seed: u64, index: u64) -> Self {
        // The run's own letters tell it apart from other seeds, the index its entities from each other.
        let run: String = letters(dice::of(seed, "run", 0).u64(..), 4);
        let lines = 10_000_000;
        let first = dice::of(seed, "number", 0).u64(0..lines);
        Names {
            brand: format!("B{run}{}", letters(index, 5)),
            campaign: format!("C{run}{}", letters(index, 5)),
            number: format!("+1{}{:07}", 415 + index / lines, (first + index) % lines),
            request: dice::of(seed, "request", index).u128(..),
        }
    }

    /// The id of an API request.
    pub fn request(&self, request: u32) -> String {
        let id = self.request.wrapping_add(u128::from(request));
        let hex = format!("{id:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }

    /// Why a request was turned down.
    pub fn reason(&self, request: u32) -> String {
        format!("Request {request} & its \"papers\" do not match: correct them, then try again (100%)")
    }
}

/// The last letters of a number written with 36 of them.
fn letters(mut number: u64, count: usize) -> String {
    let mut letters = Vec::new();
    for _ in 0..count {
        letters.push(char::from(LETTERS[(number % 36) as usize]));
        number /= 36;
    }
    letters.iter().rev().collect()
}
