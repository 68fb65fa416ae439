//! What `serve` prints.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::sim::accounts::Accounts;
use crate::sim::notice::{Endpoint, Method, Notice, Status};

/// Standard output, for a person or for a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    pub json: bool,
}

impl Screen {
    /// Where it is and how to call it. A token is shown only where it was `made` for this run.
    pub(super) fn opening(
        self,
        address: SocketAddr,
        accounts: &Accounts,
        made: bool,
        seed: u64,
    ) -> io::Result<()> {
        let base = format!("http://{address}");
        if self.json {
            let accounts: Vec<Value> = accounts
                .iter()
                .map(|account| match made {
                    true => json!({ "auth_id": account.auth_id, "token": account.token }),
                    false => json!({ "auth_id": account.auth_id }),
                })
                .collect();
            return line(&json!({ "base_url": base, "accounts": accounts, "seed": seed }).to_string());
        }
        let Some(account) = accounts.first() else { return Ok(()) };
        let auth_id = &account.auth_id;
        let token = if made { account.token.as_str() } else { "AUTH_TOKEN" };
        let others: Vec<_> =
            accounts.iter().map(|other| other.auth_id.as_str()).filter(|other| other != auth_id).collect();
        let others = if others.is_empty() { String::new() } else { format!(" (and {})", others.join(", ")) };
        let whose = if made { "made for this run" } else { "as given" };
        line(&format!(
            r#"plivo-sim listens on {base}, seed {seed}

account  {auth_id}{others}, token {whose}

Python   plivo.rest.client.PLIVO_API_BASE_URI = "{base}/v1/Account"
         client = plivo.RestClient("{auth_id}", "{token}")
Node     client = new plivo.Client("{auth_id}", "{token}", {{ url: "{base}/v1/Account/{auth_id}" }})
curl     curl -u {auth_id}:{token} {base}/v1/Account/{auth_id}/10dlc/Brand/
"#
        ))
    }

    /// A callback that is owed now.
    pub(super) fn owed(self, notice: &Notice) -> io::Result<()> {
        let entity = [&notice.phone_number, &notice.campaign_id, &notice.brand_id];
        let entity = entity.into_iter().flatten().next().map_or("", String::as_str);
        let (endpoint, status) = (endpoint(notice.endpoint), status(notice.status));
        let method = match notice.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        if !self.json {
            return line(&format!(
                "owed #{}  {endpoint} {entity} {status}  {method} {}",
                notice.number, notice.url
            ));
        }
        let owed = json!({
            "number": notice.number,
            "auth_id": notice.account.auth_id,
            "endpoint": endpoint,
            "status": status,
            "brand_id": notice.brand_id,
            "campaign_id": notice.campaign_id,
            "phone_number": notice.phone_number,
            "reason": notice.reason,
            "url": notice.url,
            "method": method,
        });
        line(&json!({ "owed": owed }).to_string())
    }

    /// What did not happen any more.
    pub(super) fn closing(self, waiting: usize) -> io::Result<()> {
        if self.json {
            return line(&json!({ "ended": { "steps_not_taken": waiting } }).to_string());
        }
        line(&format!("ended; {waiting} steps of requests were still to come"))
    }
}

fn endpoint(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Brand => "brand",
        Endpoint::Campaign => "campaign",
        Endpoint::NumberLinking => "number_linking",
        Endpoint::NumberUnlinking => "number_unlinking",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Registered => "registered",
        Status::Rejected => "rejected",
        Status::Success => "success",
        Status::Failed => "failed",
    }
}

/// A reader that went away wants no more lines; the simulator goes on.
fn line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
