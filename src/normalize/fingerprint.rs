//! What makes two callbacks the same: a hash of what was received.
//!
//! # Format, for ever
//!
//! SHA-256 over a sequence of *fields*; a field is its length in bytes, as 8 bytes big-endian, and its bytes:
//!
//! 1. the field `tendlc-relay fingerprint 1`, so that the hash is of nothing else;
//! 2. the account's auth id;
//! 3. the path as received;
//! 4. the byte 0 where there is no query, or 1 and the query as received;
//! 5. the body: a byte that says what it is, and
//!    - `E`: nothing;
//!    - `F`, a form: the number of pairs (8 bytes big-endian), then name and value of each, decoded, as
//!      fields, sorted by name; the values of one name keep their order;
//!    - `J`, a JSON document, by value: `n` null, `t` true, `f` false, `i` an integer and the field of its
//!      decimal digits, `d` another number and the 8 bytes of its IEEE 754 form, `s` and the field of a text,
//!      `a` and the count and the items of a list, `o` and the count of an object and for each member, sorted
//!      by name, the field of its name and its value;
//!    - `O`, what does not parse as either: the field of its bytes.
//!
//! Parameters named in `ignore_fields`, with or without their parents, are left out of the query (a pair with
//! its separator), of a form, and of a JSON document (the member, with all that is in it).
//!
//! Nothing derived goes in: neither method, key, endpoint nor alias, so that changed configuration never
//! makes a retry a second event.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::names::{Ignored, Path};
use crate::callback::Request;
use crate::callback::params::{Body, Pair, Params, decode_pairs};

/// The fingerprint of a request. `params` are to be read without a limit: configuration must not count.
pub fn fingerprint(auth_id: &str, request: &Request, params: &Params<'_>, ignored: &Ignored) -> [u8; 32] {
    let mut hash = Hash(Sha256::new());
    hash.field(b"tendlc-relay fingerprint 1");
    hash.field(auth_id.as_bytes());
    hash.field(request.path().as_bytes());
    match request.query() {
        None => hash.byte(0),
        Some(query) => {
            hash.byte(1);
            hash.field(without_ignored(query, ignored).as_bytes());
        }
    }
    match &params.body {
        Body::Empty => hash.byte(b'E'),
        Body::Form(pairs) => hash.form(pairs, ignored),
        Body::Json(document) => {
            hash.byte(b'J');
            hash.json(document, ignored, &mut Path::default());
        }
        Body::Opaque(_) => {
            hash.byte(b'O');
            hash.field(&request.body);
        }
    }
    hash.0.finalize().into()
}

fn without_ignored(query: &str, ignored: &Ignored) -> String {
    if ignored.is_empty() {
        return query.to_owned();
    }
    let kept = query.split('&').filter(|pair| {
        let decoded = decode_pairs(pair.as_bytes());
        !decoded.first().is_some_and(|(name, _)| ignored.has(&Path::of(name)))
    });
    kept.collect::<Vec<_>>().join("&")
}

struct Hash(Sha256);

impl Hash {
    fn byte(&mut self, byte: u8) {
        self.0.update([byte]);
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn form(&mut self, pairs: &[Pair<'_>], ignored: &Ignored) {
        let mut kept: Vec<_> =
            pairs.iter().filter(|(name, _)| ignored.is_empty() || !ignored.has(&Path::of(name))).collect();
        kept.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.byte(b'F');
        self.count(kept.len());
        for (name, value) in kept {
            self.field(name.as_bytes());
            self.field(value.as_bytes());
        }
    }

    /// Recursion is bounded by [`crate::callback::params::MAX_DEPTH`].
    fn json(&mut self, document: &Value, ignored: &Ignored, path: &mut Path) {
        match document {
            Value::Null => self.byte(b'n'),
            Value::Bool(true) => self.byte(b't'),
            Value::Bool(false) => self.byte(b'f'),
            Value::Number(number) => self.number(number),
            Value::String(text) => {
                self.byte(b's');
                self.field(text.as_bytes());
            }
            Value::Array(items) => {
                self.byte(b'a');
                self.count(items.len());
                items.iter().for_each(|item| self.json(item, ignored, path));
            }
            Value::Object(members) => self.object(members, ignored, path),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, ignored: &Ignored, path: &mut Path) {
        let mut kept: Vec<(&String, &Value)> = Vec::with_capacity(members.len());
        for (name, member) in members {
            let mark = path.push(name);
            if ignored.is_empty() || !ignored.has(path) {
                kept.push((name, member));
            }
            path.pop(mark);
        }
        kept.sort_by_key(|(name, _)| *name);
        self.byte(b'o');
        self.count(kept.len());
        for (name, member) in kept {
            self.field(name.as_bytes());
            let mark = path.push(name);
            self.json(member, ignored, path);
            path.pop(mark);
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => {
                self.byte(b'd');
                self.0.update(float.to_bits().to_be_bytes());
            }
            None => {
                self.byte(b'i');
                self.field(number.to_string().as_bytes());
            }
        }
    }
}
