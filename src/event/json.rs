//! JSON as each event is written: by hand, since most of it are words that need no escaping, and writing it is a good
//! part of what publishing costs. What serde makes of the same types is the same text: a test holds them together.

use serde::Serialize;

/// An object that is being written, member by member.
pub(super) struct Object<'j> {
    json: &'j mut Vec<u8>,
    is_empty: bool,
}

impl<'j> Object<'j> {
    /// Begins one. It is not whole before [`end`](Object::end).
    pub(super) fn begin(json: &'j mut Vec<u8>) -> Self {
        json.push(b'{');
        Object { json, is_empty: true }
    }

    /// Goes on to the member of this name, whose value the caller writes. The name needs no escaping.
    pub(super) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        self.next();
        self.json.push(b'"');
        push(self.json, name);
        push(self.json, "\":");
        self.json
    }

    /// A member whose value is this text, which needs no escaping.
    pub(super) fn plain(&mut self, name: &str, pieces: &[&str]) {
        self.string(name, pieces, "");
    }

    /// A member whose value is text: pieces that need no escaping, and a last one that may.
    pub(super) fn string(&mut self, name: &str, plain: &[&str], any: &str) {
        self.member(name).push(b'"');
        plain.iter().for_each(|piece| push(self.json, piece));
        push_escaped(self.json, any);
        self.json.push(b'"');
    }

    /// A member whose value is this word, if there is one. It needs no escaping.
    pub(super) fn word(&mut self, name: &str, word: Option<&str>) {
        if let Some(word) = word {
            self.plain(name, &[word]);
        }
    }

    /// A member whose value is this text, if there is one.
    pub(super) fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.string(name, &[], text);
        }
    }

    /// A member with any name and value.
    pub(super) fn any(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.next();
        push_text(self.json, name);
        self.json.push(b':');
        write(self.json);
    }

    /// The end.
    pub(super) fn end(self) {
        self.json.push(b'}');
    }

    fn next(&mut self) {
        if !self.is_empty {
            self.json.push(b',');
        }
        self.is_empty = false;
    }
}

/// Appends a list.
pub(super) fn push_list<T>(
    json: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) {
    let mut before = b'[';
    for item in items {
        json.push(before);
        push(json, item);
        before = b',';
    }
    json.extend_from_slice(if before == b'[' { b"[]" } else { b"]" });
}

/// Appends any text, in quotation marks.
pub(super) fn push_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    push_escaped(json, text);
    json.push(b'"');
}

fn push_escaped(json: &mut Vec<u8>, text: &str) {
    if needs_escaping(text) {
        let quoted = json.len();
        push_value(json, text);
        json.pop();
        json.remove(quoted);
    } else {
        push(json, text);
    }
}

/// Whether there is a control character, a quotation mark or a backslash: looked for in eight bytes at a time, since
/// most texts are too short for more, and without stopping, since nearly always there is none.
fn needs_escaping(text: &str) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Bytes below `limit`, by their highest bit; as "Bit Twiddling Hacks" has it.
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(EACH * u64::from(limit)) & !bytes & (EACH << 7);
    let equal = |bytes: u64, byte: u8| below(bytes ^ (EACH * u64::from(byte)), 1);
    let look = |chunk: &[u8; 8]| {
        let bytes = u64::from_le_bytes(*chunk);
        below(bytes, b' ') | equal(bytes, b'"') | equal(bytes, b'\\')
    };
    let (chunks, rest) = text.as_bytes().as_chunks();
    match text.as_bytes().last_chunk() {
        // The rest with what comes before it.
        Some(last) => chunks.iter().fold(look(last), |found, chunk| found | look(chunk)) != 0,
        None => rest.iter().any(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')),
    }
}

/// Appends anything.
pub(super) fn push_value(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Serializing fails on a failing writer, on maps whose keys are not text, or where a type says so: none is here.
    serde_json::to_writer(json, value)
        .unwrap_or_else(|error| unreachable!("an event is always JSON: {error}"));
}

fn push(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        let mut json = Vec::new();
        push_text(&mut json, text);
        json
    }

    #[test]
    fn objects_and_lists_with_and_without_members() {
        let written = |write: &dyn Fn(&mut Object<'_>)| {
            let mut json = Vec::new();
            let mut object = Object::begin(&mut json);
            write(&mut object);
            object.end();
            serde_json::from_slice::<Value>(&json).unwrap()
        };
        assert_eq!(written(&|_| {}), json!({}));
        let whole = written(&|object| {
            object.plain("plain", &["a/", "b"]);
            object.word("absent", None);
            object.text("text", Some("\"quoted\"\n"));
            push_value(object.member("number"), &7);
            object.any("a \"name\"", |json| {
                push_list(json, ["x", "y\\"].iter(), |json, item| push_text(json, item))
            });
            object.any("none", |json| push_list(json, std::iter::empty::<&str>(), push_text));
        });
        let expected = json!({
            "plain": "a/b", "text": "\"quoted\"\n", "number": 7, "a \"name\"": ["x", "y\\"], "none": [],
        });
        assert_eq!(whole, expected);
    }

    proptest! {
        #[test]
        fn text_is_written_as_serde_does(any in any::<String>(), plain in "[a-zä\\x7f]{0,40}", odd in "[\"\\\\\\x00-\\x1f]?") {
            for candidate in [&any, &plain, &(plain.clone() + &odd + &plain)] {
                prop_assert_eq!(text(candidate), serde_json::to_vec(candidate)?);
            }
        }
    }
}
