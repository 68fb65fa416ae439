//! What `serve` prints.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::sim::accounts::Accounts;
use crate::sim::ledger::{Attempt, Delivery, Outcome, Summary};
use crate::sim::notice::Notice;

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
        let (endpoint, status) = (notice.endpoint.word(), notice.status.word());
        let method = notice.method.word();
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

    /// How a callback ended. Nobody is left to tell where it cannot be said.
    pub(super) fn sent(self, delivery: &Delivery) {
        let text = if self.json { in_json(delivery) } else { in_words(delivery) };
        let _ = line(&text);
    }

    /// What did not happen any more, and what was sent.
    pub(super) fn closing(self, waiting: usize, summary: Option<&Summary>) -> io::Result<()> {
        if self.json {
            let ended = json!({ "ended": { "steps_not_taken": waiting, "callbacks": summary } });
            return line(&ended.to_string());
        }
        let table = summary.map(|summary| format!("\n{}", summary.table())).unwrap_or_default();
        line(&format!("ended; {waiting} steps of requests were still to come{table}"))
    }
}

fn in_json(delivery: &Delivery) -> String {
    let last = delivery.attempts.last();
    let sent = json!({
        "number": delivery.number,
        "outcome": delivery.outcome,
        "attempts": delivery.attempts.len(),
        "code": last.and_then(|attempt| attempt.code),
        "answer": last.and_then(|attempt| attempt.answer_status.as_deref()),
        "error": last.and_then(|attempt| attempt.error.as_deref()),
    });
    json!({ "sent": sent }).to_string()
}

fn in_words(delivery: &Delivery) -> String {
    let outcome = match delivery.outcome {
        Outcome::Delivered => "sent",
        Outcome::GivenUp => "given up",
        Outcome::Unfinished => "unfinished",
    };
    let said = match delivery.attempts.last() {
        None => "never sent".to_owned(),
        Some(Attempt { code: Some(code), answer_status, .. }) => {
            format!("{code} {}", answer_status.as_deref().unwrap_or_default())
        }
        Some(Attempt { error, .. }) => error.clone().unwrap_or_default(),
    };
    // What others wrote must not steer a terminal.
    let said: String = said.trim_end().chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{outcome} #{}  attempt {}: {said}", delivery.number, delivery.attempts.len())
}

/// A reader that went away wants no more lines; the simulator goes on.
fn line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
