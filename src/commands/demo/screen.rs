//! What the reader of the demo sees.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::super::Failure;
use super::super::output::line_out;
use super::Answer;
use super::story::Step;
use crate::event::{Endpoint, Status};
use crate::normalize::meanings::meaning;

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const DIM: &str = "2";
const BOLD: &str = "1";

/// Writes the demo to standard output, with colours on a terminal only.
pub(super) struct Screen {
    colours: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        Screen { colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    pub(super) fn opening(&self, dir: &Path, relay: SocketAddr) -> Result<(), Failure> {
        line_out(&self.paint(BOLD, "tendlc-relay demo: a company's way to its first 10DLC text"))?;
        line_out(&format!(
            "The relay runs in this process: callbacks on http://{relay}, spool and topics in {}.",
            dir.display()
        ))?;
        line_out(
            "Every request below is real HTTP, signed as Plivo signs (V2), and durable before its answer.",
        )?;
        line_out("")
    }

    /// A request and its answer.
    pub(super) fn step(
        &self,
        number: usize,
        step: &Step,
        answer: &Answer,
        as_told: bool,
    ) -> Result<(), Failure> {
        line_out(&format!("{number:>2}. {}", self.paint(BOLD, step.what)))?;
        let fields: Vec<String> =
            step.fields().iter().map(|(name, value)| format!("{name}={value}")).collect();
        line_out(&self.paint(DIM, &format!("    POST {}  {}", step.path(), fields.join("  "))))?;
        let colour = match step.expected {
            (200, "accepted") => GREEN,
            (200, _) => YELLOW,
            _ => RED,
        };
        let id = answer.id.as_deref().unwrap_or_default();
        let status = if answer.status == "-" { "refused" } else { &answer.status };
        line_out(&format!("    answer  {} {id}", self.paint(colour, &format!("{} {status}", answer.code))))?;
        if !as_told {
            let (code, status) = step.expected;
            line_out(&self.paint(RED, &format!("    this should have been {code} {status}")))?;
        }
        Ok(())
    }

    /// An event that landed on its topic, with what it means.
    pub(super) fn event(&self, topic: &str, event: &Value) -> Result<(), Failure> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let (kind, data) = (text(&event["type"]), &event["data"]);
        let transition = match (data["previous_status"].as_str(), data["transition"].as_str()) {
            (Some(before), Some(transition)) => format!("  ({before} before: {transition})"),
            _ => String::new(),
        };
        line_out(&format!("    topic   {}  {kind}{transition}", self.paint(GREEN, topic)))?;
        let endpoint = data["endpoint"].as_str().and_then(|word| word.parse::<Endpoint>().ok());
        let status = data["status"].as_str().and_then(|word| word.parse().ok()).unwrap_or(Status::Unknown);
        let meaning = meaning(endpoint, status);
        line_out(&format!("    means   {}", meaning.meaning))?;
        match meaning.next_step {
            Some(step) => line_out(&format!("    next    {}", self.paint(YELLOW, step))),
            None => Ok(()),
        }
    }

    /// The counts of the story, read from the metrics that Prometheus would scrape.
    pub(super) fn counts(&self, metrics: &str) -> Result<(), Failure> {
        line_out("")?;
        line_out(&self.paint(BOLD, "What Prometheus saw (all of it is on the admin listener's /metrics)"))?;
        const SHOWN: [&str; 6] = [
            "tendlc_callbacks_total",
            "tendlc_verifications_total",
            "tendlc_unrecognized_total",
            "tendlc_published_total",
            "tendlc_dead_lettered_total",
            "tendlc_commit_duration_seconds_count",
        ];
        metrics
            .lines()
            .filter(|line| SHOWN.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0"))
            .try_for_each(|line| line_out(&format!("    {line}")))
    }

    pub(super) fn closing(&self) -> Result<(), Failure> {
        line_out("")?;
        line_out(
            "Everything ended as it should. Next: config/relay.toml is the commented default; give it your",
        )?;
        line_out("account and public URL, and add config/kafka.toml's or config/nats.toml's sink.")
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
