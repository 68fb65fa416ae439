//! Log lines on standard error: for a person on a terminal, JSON otherwise.

use std::fmt;
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, field::MakeExt};

use crate::config::{LogConfig, LogFormat};

/// Client libraries, whose own reports the sinks repeat in their words, and what still passes of each. More of them on
/// demand, by name in `log.level`.
const NOISY: [(&str, LevelFilter); 6] = [
    ("librdkafka", LevelFilter::WARN),
    ("rdkafka", LevelFilter::WARN),
    // It reports each lost connection as an error, which the lane does as well, once and with the next step.
    ("async_nats", LevelFilter::OFF),
    ("hyper", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("mio", LevelFilter::WARN),
];

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is not understood.
    #[error("log.level: {0}: accepted is a level or a list such as \"info,tendlc_relay::sink=debug\"")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in this process logs already.
    #[error("logging was already started: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

impl TelemetryError {
    /// A short name.
    pub const fn code(&self) -> &'static str {
        match self {
            TelemetryError::Level(_) => "level",
            TelemetryError::Twice(_) => "twice",
        }
    }
}

/// Starts logging. Once in a process.
///
/// # Errors
/// When the level is not understood, or logging was started before.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let terminal = std::io::stderr().is_terminal();
    let human = match config.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let layer = if human { human_layer(std::io::stderr, terminal) } else { json_layer(std::io::stderr) };
    // A filter of the whole registry, not of the layer: a layer's own remembers for each thread what it answered last,
    // and a library that only asks whether a level is on (librdkafka's does) would cost the next line.
    tracing_subscriber::registry().with(layer).with(targets(&config.level)?).try_init()?;
    Ok(())
}

/// What passes: the configured levels, and warnings only of noisy libraries unless they are named.
fn targets(level: &str) -> Result<Targets, tracing_subscriber::filter::ParseError> {
    // Blanks beside the commas are accepted, but not by the parser.
    let wanted: Targets = level.split_whitespace().collect::<String>().parse()?;
    let named: Vec<String> = wanted.iter().map(|(target, _)| target.to_owned()).collect();
    let default = wanted.default_level().unwrap_or(LevelFilter::INFO);
    let quiet = NOISY.iter().filter(|(noisy, _)| !named.iter().any(|name| name.starts_with(noisy)));
    Ok(quiet.fold(wanted, |targets, (noisy, passes)| targets.with_target(*noisy, default.min(*passes))))
}

fn json_layer<S, W>(writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .boxed()
}

fn human_layer<S, W>(writer: W, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_target(false)
        .fmt_fields(escaped_fields())
        .with_writer(writer)
        .boxed()
}

/// Whether a character could steer a terminal: control characters, and those that end a line or turn the direction of
/// what follows, so that it reads as something else than it is.
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Fields as `name=value`, the message first and bare, control characters escaped: what a caller or a broker sends
/// can neither forge a line nor steer a terminal.
fn escaped_fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        escaped(writer, &format!("{value:?}"))
    })
    .delimited(" ")
}

fn escaped(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| {
        if steers(c) { write!(writer, "{}", c.escape_default()) } else { writer.write_char(c) }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn logged(human: bool, level: &str, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = if human {
            human_layer(move || writer.clone(), false)
        } else {
            json_layer(move || writer.clone())
        };
        let subscriber = tracing_subscriber::registry().with(layer).with(targets(level).unwrap());
        tracing::subscriber::with_default(subscriber, log);
        lines.text()
    }

    #[test]
    fn control_characters_cannot_forge_a_line_or_steer_a_terminal() {
        let evil = "a\n2026 ERROR forged\x1b[31m\u{9b}2J\u{202e}\u{2028}";
        let text = logged(true, "info", || tracing::warn!(reason = %evil, other = evil, "refused {evil}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().chars().any(steers), "{text:?}");
        assert!(text.contains("reason=a\\n2026 ERROR forged\\u{1b}[31m"), "{text}");
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top() {
        let text = logged(false, "info", || tracing::info!(callbacks = %"127.0.0.1:80", "listening"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["callbacks"]), (&"listening".into(), &"127.0.0.1:80".into()));
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn client_libraries_are_quiet_unless_named() {
        let log = || {
            tracing::info!(target: "librdkafka", "noise");
            tracing::info!(target: "async_nats::connector", "noise");
            tracing::warn!(target: "librdkafka", "warning");
            tracing::info!("own");
        };
        let text = logged(false, "debug", log);
        assert!(!text.contains("noise") && text.contains("warning") && text.contains("own"), "{text}");
        assert!(logged(false, "warn, librdkafka=debug", log).contains("noise"));
        assert!(!logged(false, "error", log).contains("warning"));
    }
}
