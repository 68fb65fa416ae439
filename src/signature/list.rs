//! The signatures a request came with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many well-formed signatures of one scheme are looked at; the rest of the list is ignored.
///
/// Plivo sends one for each live auth token of the account, so two at most while one is rotated. The
/// SDKs set no limit, and one of their vectors has ten.
pub const MAX_SIGNATURES: usize = 16;

/// A signature in base64: 32 bytes are 43 characters and one of padding.
const ENCODED_LEN: usize = 44;

/// The well-formed signatures of one header, as bytes.
///
/// "Well-formed" is strict: the standard alphabet, with padding, canonical. The SDKs compare the
/// text they compute with the text received, so a second spelling of the same bytes is wrong to them too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureList {
    tags: Vec<[u8; 32]>,
}

impl SignatureList {
    /// Reads every value of a repeated header, each a comma-separated list. Blanks and tabs around a
    /// signature are trimmed; what is not a signature is passed over.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let tags = values
            .into_iter()
            .flat_map(|value| value.split(','))
            .filter_map(|item| decode(item.trim_matches([' ', '\t'])))
            .take(MAX_SIGNATURES)
            .collect();
        Self { tags }
    }

    /// Whether there was nothing in the header that could be a signature.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// How many signatures are looked at.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    pub(super) fn tags(&self) -> &[[u8; 32]] {
        &self.tags
    }
}

fn decode(item: &str) -> Option<[u8; 32]> {
    if item.len() != ENCODED_LEN {
        return None;
    }
    // base64 wants room for whole groups of four: 33 bytes, the last of which stays unused.
    let mut buffer = [0; 33];
    let length = STANDARD.decode_slice(item, &mut buffer).ok()?;
    buffer.get(..length)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn lists_repeated_headers_and_blanks_are_read() {
        for values in
            [vec![ONES], vec!["", "x", ONES], vec![", ,\tAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= ,"]]
        {
            let list = SignatureList::parse(values.iter().copied());
            assert_eq!(list.tags(), [[1; 32]], "{values:?}");
        }
    }

    #[test]
    fn only_the_canonical_spelling_counts() {
        for value in [
            "",
            ",,,",
            &ONES[..43],
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF=", // trailing bits set
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB", // 33 bytes
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB_-E=",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==",
        ] {
            assert!(SignatureList::parse([value]).is_empty(), "{value:?}");
        }
    }

    #[test]
    fn the_list_is_bounded() {
        let many = [ONES; 100].join(",");
        assert_eq!(SignatureList::parse([many.as_str()]).len(), MAX_SIGNATURES);
    }
}
