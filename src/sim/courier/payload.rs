//! What a request carries.

use crate::sim::content::{Content, FORM, JSON, sha256};
use crate::sim::notice::{Method, Notice};
use crate::sim::profile::{self, Format, Profile};

/// Method, URL and body of a request, and what V3 signs of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The method.
    pub method: Method,
    /// The URL as registered, with the parameters of a GET.
    pub url: String,
    /// The body's content type; none where there is no body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
    /// The body's parameters as V3 signs them.
    pub signed: Vec<(String, String)>,
}

impl Payload {
    /// The request that tells of `notice`. `more` are parameters after those of the profile.
    pub fn of(
        profile: &Profile,
        format: Format,
        notice: &Notice,
        request_id: Option<&str>,
        more: &[(String, String)],
    ) -> Self {
        let mut pairs = profile.pairs(notice, request_id);
        pairs.extend_from_slice(more);
        // A fragment stays with the client.
        let url = notice.url.split('#').next().unwrap_or_default().to_owned();
        match (notice.method, format) {
            (Method::Get, _) => {
                let mark = if url.contains('?') { '&' } else { '?' };
                let url = format!("{url}{mark}{}", encoded(&pairs));
                Payload { method: Method::Get, url, content_type: None, body: Vec::new(), signed: Vec::new() }
            }
            (Method::Post, Format::Form) => {
                let body = encoded(&pairs).into_bytes();
                Payload { method: Method::Post, url, content_type: Some(FORM), body, signed: pairs }
            }
            (Method::Post, Format::Json) => {
                let document = profile::document(&pairs);
                let signed = profile::signed_pairs(&document);
                let body = document.to_string().into_bytes();
                Payload { method: Method::Post, url, content_type: Some(JSON), body, signed }
            }
        }
    }

    /// Only the beginning of the parameters: so many thousandths, and never all of them.
    pub fn truncated(mut self, thousandths: u16) -> Self {
        let keep = |length: usize| length.saturating_sub(1) * usize::from(thousandths.min(999)) / 1000;
        match self.method {
            Method::Post => self.body.truncate(keep(self.body.len())),
            Method::Get => {
                let start = self.url.find('?').map_or(self.url.len(), |mark| mark + 1);
                // What is encoded has no characters of several bytes.
                self.url.truncate(start + keep(self.url.len() - start));
            }
        }
        self
    }

    /// A hash of all that it says, and where to.
    pub fn said(&self) -> String {
        sha256(&[self.url.as_bytes(), b"\n", &self.body].concat())
    }

    /// What it says.
    pub fn content(&self) -> Content {
        Content::of_request(&self.url, self.content_type, &self.body)
    }
}

fn encoded(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::notice::{Endpoint, Status};
    use crate::sim::testing;

    fn payload(format: Format, method: Method, url: &str) -> Payload {
        let notice = Notice {
            method,
            url: url.to_owned(),
            ..testing::notice(1, Endpoint::NumberLinking, Status::Success)
        };
        Payload::of(&Profile::built_in("snake").unwrap(), format, &notice, None, &[])
    }

    const TEXT: &str = "event=number_linking&campaign_id=C1&phone_number=%2B14155550001&status=success";

    #[test]
    fn form_json_and_query() {
        let form = payload(Format::Form, Method::Post, "https://h/p?q=1#f");
        assert_eq!((form.url.as_str(), form.body.as_slice()), ("https://h/p?q=1", TEXT.as_bytes()));
        assert_eq!(form.signed[2], ("phone_number".to_owned(), "+14155550001".to_owned()));
        let json = payload(Format::Json, Method::Post, "https://h/p");
        let document: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(document["phone_number"], "+14155550001");
        assert_eq!(json.signed, form.signed);
        let get = payload(Format::Json, Method::Get, "https://h/p?q=1");
        assert_eq!((get.url, get.body.len()), (format!("https://h/p?q=1&{TEXT}"), 0));
        assert_eq!(payload(Format::Form, Method::Get, "https://h/p").url, format!("https://h/p?{TEXT}"));
    }

    #[test]
    fn what_is_truncated_says_something_else_however_little_is_cut_off() {
        for thousandths in [0, 1, 500, 998, 999, u16::MAX] {
            for format in [Format::Form, Format::Json] {
                let whole = payload(format, Method::Post, "https://h/p");
                assert_ne!(whole.clone().truncated(thousandths).content(), whole.content(), "{thousandths}");
            }
            let whole = payload(Format::Form, Method::Get, "https://h/p");
            let cut = whole.clone().truncated(thousandths);
            assert!(cut.url.starts_with("https://h/p?") && cut.content() != whole.content(), "{thousandths}");
        }
    }
}
