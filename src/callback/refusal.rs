//! Why a request is not taken for Plivo's.

/// Why a callback was refused. The caller answers 403 and tells the sender none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature header at all.
    #[error("no signature header; plivo sends X-Plivo-Signature-V2, so look for a proxy that drops it")]
    MissingSignature,
    /// Signature headers in which nothing is a signature.
    #[error("the signature header holds nothing that is base64 of 32 bytes")]
    MalformedSignature,
    /// A signature without its nonce.
    #[error("a signature header without its nonce header")]
    MissingNonce,
    /// A nonce that is repeated, or that Plivo could not have made.
    #[error("the nonce is repeated, or is not of plivo's form")]
    BadNonce,
    /// No token of the accounts in scope made any of the signatures over any of the URLs.
    #[error(
        "no configured auth token made this signature for this url; check the token (rotated? a sub-account's?) and \
         public_urls (scheme, host, port, slash) with `tendlc-relay signature verify`"
    )]
    Mismatch,
    /// The route demands V3, and V3 is absent or does not match.
    #[error("the route requires signature v3, which is absent or does not match")]
    V3Required,
    /// The path names an account that is not configured, or not one of the route's.
    #[error("the path names an account that is not configured for this route")]
    UnknownAccount,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Refusal; 7] = [
        Refusal::MissingSignature,
        Refusal::MalformedSignature,
        Refusal::MissingNonce,
        Refusal::BadNonce,
        Refusal::Mismatch,
        Refusal::V3Required,
        Refusal::UnknownAccount,
    ];

    /// The `reason` label of `tendlc_verifications_total`.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::MissingSignature => "missing_signature",
            Refusal::MalformedSignature => "malformed_signature",
            Refusal::MissingNonce => "missing_nonce",
            Refusal::BadNonce => "bad_nonce",
            Refusal::Mismatch => "mismatch",
            Refusal::V3Required => "v3_required",
            Refusal::UnknownAccount => "unknown_account",
        }
    }
}
