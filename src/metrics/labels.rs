//! The closed sets that labels come from.

use crate::event::Endpoint;

/// The `endpoint` label: the four endpoints, and what stands where there is none.
pub const ENDPOINTS: [&str; 5] = ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"];

/// The `endpoint` label of requests: the route's, `any` for a route that serves all, `none` for an unknown path.
pub const ROUTE_ENDPOINTS: [&str; 6] =
    ["brand", "campaign", "number_linking", "number_unlinking", "any", "none"];

/// The `method` label of requests.
pub const METHODS: [&str; 3] = ["GET", "POST", "other"];

/// The `code` label of requests: every status that the ingress answers.
pub const CODES: [&str; 9] = ["200", "400", "403", "404", "405", "408", "413", "431", "503"];

/// The `outcome` label of callbacks.
pub const OUTCOMES: [&str; 4] = ["accepted", "duplicate", "held_back", "quarantined"];

/// The label of an endpoint, or `unrecognized`.
pub fn endpoint_label(endpoint: Option<Endpoint>) -> &'static str {
    endpoint.map_or("unrecognized", Endpoint::as_str)
}

/// The label of a route's endpoint, or `any`.
pub fn route_label(endpoint: Option<Endpoint>) -> &'static str {
    endpoint.map_or("any", Endpoint::as_str)
}

/// The reasons of `connections_closed_total`.
pub const CLOSE_REASONS: [&str; 5] = ["cap", "idle_cap", "header_timeout", "idle_timeout", "bad_request"];

/// The reasons of `append_failures_total`.
pub const APPEND_FAILURES: [&str; 7] = ["full", "disk_full", "io", "poisoned", "overload", "closed", "late"];

/// The tables of `ledger_rows`.
pub const LEDGER_TABLES: [&str; 3] = ["signatures", "fingerprints", "entities"];

/// The reasons of `spool_deleted_total`.
pub const DELETE_REASONS: [&str; 3] = ["retention", "space", "skipped"];

/// The kinds of `operator_changes_total`.
pub const CHANGES: [&str; 11] = [
    "requeue",
    "replay",
    "release",
    "release_quarantined",
    "discard_quarantined",
    "discard_dead",
    "renormalize",
    "forget",
    "import",
    "purge",
    "compact",
];

/// How many token slots an account may have, and so how many values the `slot` label has.
pub const KEY_SLOTS: usize = 8;

/// The reasons of `unrecognized_total`.
pub const UNRECOGNIZED_REASONS: [&str; 5] =
    ["content_type", "content_encoding", "malformed", "too_many_parameters", "unknown_fields"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unrecognized_reasons_are_those_of_the_normalizer() {
        assert_eq!(crate::normalize::Unrecognized::ALL.map(|reason| reason.as_str()), UNRECOGNIZED_REASONS);
    }
}
