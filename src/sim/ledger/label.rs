//! What a delivery was.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// As Plivo sends it.
    Genuine,
    /// The same content once more, by the same signature or a new one.
    Duplicate,
    /// Genuine, but after its successor.
    Reordered,
    /// Genuine, but late.
    Delayed,
    /// Genuine, but its first attempt is sent bit by bit.
    Slow,
    /// Genuine, but the connection of its first attempt is cut.
    Cut,
    /// Well signed, with far too large a body.
    Oversized,
    /// Other content, signed with a wrong token.
    ForgedToken,
    /// Other content, with a nonce that is not the signed one.
    ForgedNonce,
    /// Other content with the signature of a genuine callback.
    Tampered,
    /// The beginning of a genuine callback's content with its signature.
    Truncated,
}

/// What a delivery is to whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Its signature was made for it.
    Signed,
    /// It bears a signature that was made for another content, which V2 cannot tell.
    Captured,
    /// Its signature is wrong.
    Forged,
}

impl Label {
    /// Every label.
    pub const ALL: [Label; 11] = [
        Label::Genuine,
        Label::Duplicate,
        Label::Reordered,
        Label::Delayed,
        Label::Slow,
        Label::Cut,
        Label::Oversized,
        Label::ForgedToken,
        Label::ForgedNonce,
        Label::Tampered,
        Label::Truncated,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Label::Genuine => "genuine",
            Label::Duplicate => "duplicate",
            Label::Reordered => "reordered",
            Label::Delayed => "delayed",
            Label::Slow => "slow",
            Label::Cut => "cut",
            Label::Oversized => "oversized",
            Label::ForgedToken => "forged_token",
            Label::ForgedNonce => "forged_nonce",
            Label::Tampered => "tampered",
            Label::Truncated => "truncated",
        }
    }

    /// What it is to whoever takes it.
    pub const fn class(self) -> Class {
        match self {
            Label::ForgedToken | Label::ForgedNonce => Class::Forged,
            Label::Tampered | Label::Truncated => Class::Captured,
            _ => Class::Signed,
        }
    }

    /// Whether an event of it has to say what it told.
    pub const fn is_held_to_its_meaning(self) -> bool {
        match self {
            Label::Genuine
            | Label::Duplicate
            | Label::Reordered
            | Label::Delayed
            | Label::Slow
            | Label::Cut => true,
            // Nobody has to take it. Whoever does finds one parameter more in it, and the rest as it was.
            Label::Oversized => true,
            // Where it came first with its signature it is taken for the truth, and has to be told as it was sent.
            Label::Tampered => true,
            // Half a word may be any word, or none: it may be unrecognized, or say less than the whole.
            Label::Truncated => false,
            // Whatever an event of it says, that there is one is wrong already.
            Label::ForgedToken | Label::ForgedNonce => false,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_the_ledger_says() {
        for label in Label::ALL {
            assert_eq!(serde_json::to_value(label).unwrap(), label.word());
        }
    }
}
