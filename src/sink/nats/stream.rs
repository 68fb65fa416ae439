//! The stream that keeps the events: whether it is there and would not lose any, and how to make it.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, PersistenceMode, StorageType};
use std::sync::Arc;

use super::config::NatsConfig;
use crate::sink::error::{CheckError, Code, one_line};

/// The stream, where there is one.
pub(super) async fn look(context: &Context, config: &NatsConfig) -> Result<Option<Info>, CheckError> {
    match context.get_stream(&config.stream).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unavailable(&error, config)),
    }
}

/// Looks at the stream, and makes it when it is missing and the configuration says so.
pub(super) async fn check(
    context: &Context,
    config: &NatsConfig,
    subjects: &[Arc<str>],
) -> Result<(), CheckError> {
    match look(context, config).await? {
        Some(found) => judge(&found.config, config, subjects),
        None if config.create.enabled => {
            let wanted = wanted(config, subjects);
            let made = context.create_stream(&wanted).await;
            made.map_err(|error| not_created(&error, config))?;
            tracing::info!(stream = config.stream, subjects = wanted.subjects.join(","), "stream created");
            judge(&wanted, config, subjects)
        }
        None => Err(CheckError::blocking(
            Code::Missing,
            format!(
                "nats has no stream {}: create it ({}), or set create.enabled = true for the sink",
                config.stream,
                command(config, subjects)
            ),
        )),
    }
}

/// What the stream lacks.
fn judge(found: &Config, config: &NatsConfig, subjects: &[Arc<str>]) -> Result<(), CheckError> {
    let stream = &config.stream;
    if let Some(subject) = uncovered(found, subjects).next() {
        let reason = format!(
            "stream {stream} does not take subject {subject}: add it (nats stream edit {stream} --subjects …)"
        );
        return Err(CheckError::blocking(Code::Missing, reason));
    }
    if config.accept_unsafe_stream {
        return Ok(());
    }
    let weakness = weaknesses(found).next();
    weakness.map_or(Ok(()), |(problem, remedy)| {
        let reason = format!(
            "stream {stream} would lose events: {problem}; {remedy}, or set accept_unsafe_stream = true for the sink"
        );
        Err(CheckError::blocking(Code::Unsafe, reason))
    })
}

/// The subjects that the stream does not take.
pub(super) fn uncovered<'a>(
    found: &'a Config,
    subjects: &'a [Arc<str>],
) -> impl Iterator<Item = &'a Arc<str>> {
    subjects.iter().filter(|subject| !found.subjects.iter().any(|own| covers(own, subject)))
}

/// What would make a stream forget events that it acknowledged, with the remedy.
pub(super) fn weaknesses(found: &Config) -> impl Iterator<Item = (&'static str, String)> {
    let name = &found.name;
    let edit = |flag: &str| format!("change it (nats stream edit {name} {flag})");
    let window = NatsConfig::SHORTEST_WINDOW;
    [
        (found.storage != StorageType::File)
            .then(|| ("it is kept in memory", "make it anew with --storage file".to_owned())),
        found.no_ack.then(|| ("it acknowledges nothing (no_ack)", edit("--ack"))),
        (found.persist_mode == Some(PersistenceMode::Async)).then(|| {
            ("it acknowledges before it stores (persist_mode async)", "make it anew without it".to_owned())
        }),
        (found.discard != DiscardPolicy::New).then(|| {
            ("at its limits it throws the oldest events away (discard: old)", edit("--discard new"))
        }),
        (found.duplicate_window < window.get()).then(|| {
            let flag = format!("--dupe-window {window}");
            ("it remembers idempotency keys for less than 10 minutes", edit(&flag))
        }),
    ]
    .into_iter()
    .flatten()
}

pub(super) fn wanted(config: &NatsConfig, subjects: &[Arc<str>]) -> Config {
    let create = &config.create;
    let own = || subjects.iter().map(|subject| subject.to_string()).collect();
    Config {
        name: config.stream.clone(),
        subjects: create.subjects.clone().unwrap_or_else(own),
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        num_replicas: usize::from(create.replicas),
        max_age: create.max_age.map(crate::units::Span::get).unwrap_or_default(),
        max_bytes: create.max_bytes.map_or(-1, |size| i64::try_from(size.bytes()).unwrap_or(i64::MAX)),
        duplicate_window: create.duplicate_window.get(),
        description: Some("Plivo 10DLC events, by tendlc-relay".to_owned()),
        ..Config::default()
    }
}

/// The command that makes the stream.
pub(super) fn command(config: &NatsConfig, subjects: &[Arc<str>]) -> String {
    let subjects: Vec<&str> = subjects.iter().map(|subject| &**subject).collect();
    format!(
        "nats stream add {} --subjects '{}' --storage file --discard new --dupe-window {} --defaults",
        config.stream,
        subjects.join(","),
        config.create.duplicate_window
    )
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn unavailable(error: &GetStreamError, config: &NatsConfig) -> CheckError {
    let said = one_line(&error.to_string());
    let reason = match error.kind() {
        GetStreamErrorKind::JetStream(inner)
            if matches!(
                inner.error_code(),
                ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
            ) =>
        {
            "jetstream is not enabled on the server or for this account: enable it".to_owned()
        }
        GetStreamErrorKind::Request => {
            "the server does not tell about the stream: is jetstream enabled, and may this user ask \
             ($JS.API.STREAM.INFO.…)?"
                .to_owned()
        }
        _ => "the stream cannot be used".to_owned(),
    };
    CheckError::blocking(Code::Other, format!("nats stream {}: {reason} ({said})", config.stream))
}

fn not_created(error: &CreateStreamError, config: &NatsConfig) -> CheckError {
    let code = match error.kind() {
        CreateStreamErrorKind::TimedOut => Code::Authorization,
        _ => Code::Missing,
    };
    let said = one_line(&error.to_string());
    CheckError::blocking(
        code,
        format!("stream {} cannot be created: {said}: create it by hand, or correct `create`", config.stream),
    )
}

/// Whether every subject that matches `filter` also matches `pattern`.
fn covers(pattern: &str, filter: &str) -> bool {
    let mut filter = filter.split('.');
    for token in pattern.split('.') {
        match (token, filter.next()) {
            (">", Some(_)) => return true,
            ("*", Some(own)) if own != ">" => {}
            (token, Some(own)) if token == own => {}
            _ => return false,
        }
    }
    filter.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Vec<Arc<str>> {
        vec!["plivo.10dlc.brand".into(), "plivo.10dlc.campaign".into()]
    }

    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let config = NatsConfig::default();
        let mut found = wanted(&config, &subjects());
        change(&mut found);
        judge(&found, &config, &subjects()).unwrap_err().to_string()
    }

    #[test]
    fn the_stream_that_we_make_is_one_that_we_accept() {
        let config = NatsConfig::default();
        judge(&wanted(&config, &subjects()), &config, &subjects()).unwrap();
    }

    #[test]
    fn a_stream_that_would_lose_events_is_refused_with_the_remedy() {
        assert!(refusal(|found| found.storage = StorageType::Memory).contains("memory"));
        assert!(refusal(|found| found.discard = DiscardPolicy::Old).contains("--discard new"));
        assert!(refusal(|found| found.duplicate_window /= 2).contains("--dupe-window 10m"));
        assert!(refusal(|found| found.no_ack = true).contains("no_ack"));
        assert!(refusal(|found| found.persist_mode = Some(PersistenceMode::Async)).contains("persist_mode"));
        assert!(refusal(|found| found.subjects.truncate(1)).contains("plivo.10dlc.campaign"));
    }

    #[test]
    fn an_unsafe_stream_can_be_accepted_but_not_one_without_the_subjects() {
        let config = NatsConfig { accept_unsafe_stream: true, ..NatsConfig::default() };
        let mut found = wanted(&config, &subjects());
        found.storage = StorageType::Memory;
        judge(&found, &config, &subjects()).unwrap();
        found.subjects.clear();
        assert!(judge(&found, &config, &subjects()).is_err());
    }

    #[test]
    fn subjects_cover_subjects() {
        for (pattern, filter) in
            [("a.>", "a.b.c"), ("a.*", "a.b"), ("a.*", "a.*"), ("a.b", "a.b"), (">", "a.*.b"), ("*.b", "a.b")]
        {
            assert!(covers(pattern, filter), "{pattern} {filter}");
        }
        for (pattern, filter) in
            [("a.>", "a"), ("a.*", "a.b.c"), ("a.b", "a.*"), ("a.b.c", "a.b"), ("a", "a.b"), ("a.*", "a.>")]
        {
            assert!(!covers(pattern, filter), "{pattern} {filter}");
        }
    }
}
