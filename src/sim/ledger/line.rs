//! A line of the ledger: one delivery, as it was when it ended.

use serde::{Deserialize, Serialize};

use super::label::Label;
use crate::sim::content::Content;
use crate::sim::meaning::Meaning;

/// One delivery with all of its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The notice's number.
    pub number: u64,
    /// 0 for the notice itself, else which of the copies that chaos added.
    pub copy: u32,
    /// What it was.
    pub label: Label,
    /// The account's auth id.
    pub account: String,
    /// The endpoint's word.
    pub endpoint: String,
    /// The brand, campaign or number.
    pub entity: String,
    /// The status's word.
    pub status: String,
    /// POST or GET.
    pub method: String,
    /// The URL as it was called, with the parameters of a GET.
    pub url: String,
    /// What it tells whoever takes it; of a truncated one, what the whole would have told.
    pub means: Meaning,
    /// What was sent.
    pub parameters: Content,
    /// The length of the body.
    pub body_bytes: usize,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An attempt was answered with 200.
    Delivered,
    /// None was.
    GivenUp,
    /// The simulator ended before.
    Unfinished,
}

/// One attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// When it began, in nanoseconds of a clock that never jumps.
    pub started_ns: u64,
    /// When it ended, by the same clock.
    pub ended_ns: u64,
    /// The nonce of the headers.
    pub nonce: String,
    /// The V2 signature of the headers.
    pub v2: String,
    /// That under the main account's token.
    pub ma_v2: String,
    /// The V3 signature, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v3: Option<String>,
    /// That under the main account's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ma_v3: Option<String>,
    /// The status code of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `status` of an answer in JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_status: Option<String>,
    /// `id` of an answer in JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_id: Option<String>,
}

impl Attempt {
    /// Whether Plivo would take it for delivered.
    pub fn is_delivered(&self) -> bool {
        self.code == Some(200)
    }

    /// Every signature of the headers.
    pub fn signatures(&self) -> impl Iterator<Item = &str> {
        let v3 = [&self.v3, &self.ma_v3].into_iter().flatten();
        [&self.v2, &self.ma_v2].into_iter().chain(v3).map(String::as_str)
    }
}

impl Delivery {
    /// The attempt that was answered with 200.
    pub fn delivered(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.is_delivered())
    }
}
