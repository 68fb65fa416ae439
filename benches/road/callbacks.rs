//! The callbacks of the benchmark: those of the simulator's load, for an account of its own.

use std::sync::Arc;

use tendlc_relay::callback::{Method, RawCallback, Request, SignatureHeaders};
use tendlc_relay::sim::load::{Callback, Frame, Mint};
use tendlc_relay::sim::{notice, profile};

/// The account that the benchmark's servers are configured with.
pub const ACCOUNT: &str = "bench";
/// Its auth id.
pub const AUTH_ID: &str = "MABENCHBENCHBENCHBEN";
/// Its auth token.
pub const TOKEN: &str = "benchmark-auth-token-0123456789abcdef";
/// The origin that callbacks are signed for.
pub const ORIGIN: &str = "https://relay.example.com";
/// The path that they are sent to: the one that serves every endpoint, so that detection is paid for.
pub const PATH: &str = "/tendlc_status/";

/// Makes callbacks. It counts through the whole run, so that no two share an entity or a nonce.
pub fn mint() -> anyhow::Result<Mint> {
    let account = notice::Account { auth_id: AUTH_ID.to_owned(), token: TOKEN.to_owned(), main: None };
    let profile = profile::Profile::named("snake").map_err(anyhow::Error::msg)?;
    Ok(Mint::new(Frame {
        seed: 1,
        account: Arc::new(account),
        url: [ORIGIN, PATH].concat(),
        method: notice::Method::Post,
        format: profile.body,
        profile,
        v3: false,
    }))
}

/// A callback as the ingress makes it of a request.
pub fn raw(callback: Callback) -> RawCallback {
    let Callback { payload, signatures } = callback;
    RawCallback {
        request: Request {
            method: Method::Post,
            target: PATH.to_owned(),
            content_type: payload.content_type.map(str::to_owned),
            content_encoding: None,
            body: payload.body.into(),
        },
        signatures: SignatureHeaders {
            v2: vec![signatures.v2],
            ma_v2: vec![signatures.ma_v2],
            v2_nonce: vec![signatures.nonce],
            ..SignatureHeaders::default()
        },
        route_endpoint: None,
        account: None,
        tag: None,
        forwarded_origin: None,
    }
}
