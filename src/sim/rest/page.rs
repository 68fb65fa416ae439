//! Pages of lists.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use super::Api;
use crate::sim::world::Refusal;

/// How many entries a page has unless others are asked for: `meta` of every list that was recorded without a `limit`,
/// though Plivo's page says 20.
const USUAL: usize = 10;

/// How many it has at most, as Plivo's page says: "the maximum number of results that can be fetched is 20". It names no
/// error for more, nor was one recorded: a request for more gets this many, and `meta` says so.
const MOST: usize = 20;

/// The query of a list: which page, and which entries.
#[derive(Debug)]
pub(super) struct Query {
    limit: usize,
    offset: usize,
    /// Everything else.
    filters: Vec<(String, String)>,
}

impl FromRequestParts<Api> for Query {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        Query::read(parts.uri.query().unwrap_or_default()).map_err(|refusal| api.refused(&refusal))
    }
}

impl Query {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut read = Query { limit: USUAL, offset: 0, filters: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            match name.as_str() {
                "limit" => read.limit = number(&name, &value, 1)?.min(MOST),
                "offset" => read.offset = number(&name, &value, 0)?,
                _ => read.filters.push((name, value)),
            }
        }
        Ok(read)
    }

    /// What to filter by, which is one of these in any case; nothing without it.
    pub(super) fn filter(&self, name: &str, allowed: &[&str]) -> Result<Option<String>, Refusal> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let found = allowed.iter().find(|word| word.eq_ignore_ascii_case(value));
        let wrong = || Refusal::argument(format!("{name} must be one of {}", allowed.join(", ")));
        found.map(|word| Some((*word).to_owned())).ok_or_else(wrong)
    }

    /// What to filter by, whatever it is.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let named = self.filters.iter().find(|(other, _)| other == name)?;
        Some(named.1.as_str()).filter(|value| !value.is_empty())
    }

    /// The entries of the page as `view` shows them, and whether there are more.
    pub(super) fn cut<T, V>(
        &self,
        entries: impl Iterator<Item = T>,
        view: impl FnMut(T) -> V,
    ) -> (Vec<V>, bool) {
        let mut rest = entries.skip(self.offset);
        let page = rest.by_ref().take(self.limit).map(view).collect();
        (page, rest.next().is_some())
    }

    /// Where this page stands; `path` leads to the next.
    pub(super) fn meta(&self, path: &str, more: bool) -> Value {
        let next = more.then(|| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &self.limit.to_string());
            query.append_pair("offset", &self.offset.saturating_add(self.limit).to_string());
            query.extend_pairs(&self.filters);
            format!("{path}?{}", query.finish())
        });
        json!({ "limit": self.limit, "next": next, "offset": self.offset })
    }
}

fn number(name: &str, value: &str, least: usize) -> Result<usize, Refusal> {
    let wrong = || Refusal::argument(format!("{name} must be a whole number from {least}"));
    value.parse().ok().filter(|number| *number >= least).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_one_is() {
        let query = Query::read("limit=2&offset=1&type=STARTER").unwrap();
        assert_eq!(query.cut(0..5, |n| n), (vec![1, 2], true));
        let meta = query.meta("/v1/x/", true);
        assert_eq!(meta["next"], "/v1/x/?limit=2&offset=3&type=STARTER");
        assert_eq!(query.cut(0..3, |n| n), (vec![1, 2], false));
        assert_eq!(query.meta("/v1/x/", false)["next"], Value::Null);
    }

    #[test]
    fn a_page_has_ten_entries_or_as_many_as_were_asked_for_up_to_twenty() {
        for (query, length) in
            [("", 10), ("limit=3", 3), ("limit=20", 20), ("limit=21", 20), ("limit=1000", 20)]
        {
            let read = Query::read(query).unwrap();
            assert_eq!(read.cut(0..100, |n| n).0.len(), length, "{query}");
            assert_eq!(read.meta("/", true)["limit"], length, "{query}");
        }
        for slip in ["limit=0", "limit=-1", "limit=a", "offset=-1", "offset=1.5"] {
            assert!(Query::read(slip).is_err(), "{slip}");
        }
        assert_eq!(Query::read("offset=18446744073709551615").unwrap().cut(0..9, |n| n), (vec![], false));
    }
}
