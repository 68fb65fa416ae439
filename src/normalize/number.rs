//! Phone numbers, to E.164 with `+`.

/// The number in E.164, or as received, trimmed, where it cannot be placed. The first one of several that
/// commas or semicolons divide.
///
/// Ten digits are a number of the North American plan, and so are eleven that begin with 1: nothing else is
/// used for 10DLC. Others are placed only where a `+` says so. A form decodes an unescaped `+` to a blank, so
/// that a blank before other digits is one.
pub fn e164(received: &str) -> String {
    let first = received.split([',', ';']).find(|one| !one.trim().is_empty()).unwrap_or(received);
    let trimmed = first.trim();
    let (signed, bare) = match trimmed.strip_prefix('+') {
        Some(bare) => (true, bare),
        None => (false, trimmed),
    };
    let mut digits = String::with_capacity(bare.len());
    digits.extend(bare.chars().filter(|c| !is_punctuation(*c)));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return trimmed.to_owned();
    }
    let was_signed = signed || first.starts_with(' ');
    match digits.len() {
        10 if !signed && matches!(digits.as_bytes()[0], b'2'..=b'9') => ["+1", &digits].concat(),
        11 if digits.starts_with('1') => ["+", &digits].concat(),
        7..=15 if was_signed && !digits.starts_with('0') => ["+", &digits].concat(),
        _ => trimmed.to_owned(),
    }
}

fn is_punctuation(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2013}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_number() {
        let cases = [
            ("+14155550123", "+14155550123"),
            ("14155550123", "+14155550123"),
            (" 14155550123", "+14155550123"),
            ("4155550123", "+14155550123"),
            ("(415) 555-0123", "+14155550123"),
            ("+1 415.555.0123 ", "+14155550123"),
            ("1-415-555-0123", "+14155550123"),
            ("+442071838750", "+442071838750"),
            (" 442071838750", "+442071838750"),
            ("442071838750", "442071838750"),
            ("+41555012345", "+41555012345"),
            ("0155550123", "0155550123"),
            ("+0155550123", "+0155550123"),
            ("24155550123", "24155550123"),
            ("12345", "12345"),
            ("+1415555O123", "+1415555O123"),
            ("14155550123,14155550124", "+14155550123"),
            (" ; 4155550123", "+14155550123"),
            ("+", "+"),
            ("", ""),
            (" , ", ","),
            ("+٤١٥٥٥٥٠١٢٣٤", "+٤١٥٥٥٥٠١٢٣٤"),
        ];
        for (received, expected) in cases {
            assert_eq!(e164(received), expected, "{received:?}");
        }
    }

    #[test]
    fn placing_twice_changes_nothing() {
        for number in ["4155550123", "+442071838750", " 442071838750", "what?"] {
            assert_eq!(e164(&e164(number)), e164(number));
        }
    }
}
