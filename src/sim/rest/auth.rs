//! Who calls: HTTP Basic with auth id and auth token.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Api, canned};

/// Lets through who may act for the account of the path, and leaves that account for the handler.
pub(super) async fn require(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let owner = owner_of(request.uri().path()).to_owned();
    let account = credentials(request.headers())
        .and_then(|(auth_id, token)| api.state.accounts.authorize(&auth_id, &token, &owner).cloned());
    let Some(account) = account else { return refused(&api) };
    if let Some(answer) = canned::find(&api.canned, request.method(), request.uri().path()) {
        return answer;
    }
    request.extensions_mut().insert(account);
    next.run(request).await
}

/// The auth id that a path names.
fn owner_of(path: &str) -> &str {
    path.strip_prefix("/v1/Account/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (auth_id, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((auth_id.to_owned(), token.to_owned()))
}

fn refused(api: &Api) -> Response {
    let text =
        "authentication failed: check the auth id and the auth token, and that the path names that auth id";
    let mut response = api.error(StatusCode::UNAUTHORIZED, text);
    let realm = HeaderValue::from_static("Basic realm=\"Login Required\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    response
}
