//! Signed callbacks, each the only one of its kind, made ready as bytes before the clock starts.

use anyhow::{Context, Result};
use tendlc_relay::signature::{Key, v2};

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

/// Signs callbacks. Counts through the whole run, so that no two share an entity or a nonce.
pub struct Mint {
    key: Key,
    next: u64,
}

/// Requests, one after another in one allocation.
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Mint {
    pub fn new() -> Result<Self> {
        Mint::starting_at(0)
    }

    pub fn starting_at(number: u64) -> Result<Self> {
        Ok(Mint { key: Key::new(TOKEN)?, next: number })
    }

    /// Leaves `count` callbacks to another process, which starts at the number returned.
    pub fn leave_out(&mut self, count: u64) -> u64 {
        let first = self.next;
        self.next += count;
        first
    }

    /// `count` requests that nothing sent so far resembles.
    pub fn batch(&mut self, count: usize) -> Result<Batch> {
        let mut batch = Batch { bytes: Vec::with_capacity(count * 640), ends: Vec::with_capacity(count) };
        for _ in 0..count {
            let signed = self.sign()?;
            signed.write(&mut batch.bytes);
            batch.ends.push(batch.bytes.len());
        }
        Ok(batch)
    }

    /// One callback as its parts, for who has no use for HTTP.
    pub fn sign(&mut self) -> Result<Signed> {
        let number = self.next;
        self.next += 1;
        let nonce = format!("{:020}", 70_000_000_000_u64 + number);
        let url = [ORIGIN, PATH].concat();
        let signed = v2::signed_string(&url, &nonce).context("the benchmark's own url is refused")?;
        Ok(Signed { signature: self.key.sign(&signed), nonce, body: body(number) })
    }
}

/// One signed callback.
pub struct Signed {
    pub signature: String,
    pub nonce: String,
    pub body: String,
}

impl Signed {
    /// The request on the wire. Plivo sends a main account's signature in both headers.
    fn write(&self, out: &mut Vec<u8>) {
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: relay.example.com\r\nUser-Agent: plivo-callback\r\nAccept: */*\r\n\
             X-Plivo-Signature-V2: {0}\r\nX-Plivo-Signature-Ma-V2: {0}\r\nX-Plivo-Signature-V2-Nonce: {1}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {2}\r\n\r\n",
            self.signature,
            self.nonce,
            self.body.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(self.body.as_bytes());
    }
}

impl Batch {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

/// The four endpoints in turn, an entity of its own for each.
fn body(number: u64) -> String {
    let campaign = number % 1000;
    match number % 4 {
        0 => format!(
            "event=brand&brand_id=B{number:011}&status=rejected&account_id={AUTH_ID}\
             &reason=The+EIN+does+not+match+the+legal+company+name"
        ),
        1 => format!(
            "event=campaign&campaign_id=C{number:011}&brand_id=B{campaign:011}&status=registered\
             &account_id={AUTH_ID}&usecase=MARKETING"
        ),
        2 => format!(
            "event=number_linking&number=%2B1{number:010}&campaign_id=C{campaign:011}&status=success\
             &account_id={AUTH_ID}"
        ),
        _ => format!(
            "event=number_unlinking&number=%2B1{number:010}&campaign_id=C{campaign:011}&status=failed\
             &account_id={AUTH_ID}&error_code=1030"
        ),
    }
}
