//! Why a request is not taken.

/// A request that Plivo would answer with an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An argument is missing or not acceptable.
    #[error("{0}")]
    Argument(String),
    /// What the path names does not exist.
    #[error("{0} not found")]
    NotFound(String),
    /// It exists, and is not in a state for this.
    #[error("{0}")]
    State(String),
    /// The simulator's own bound.
    #[error("the simulator holds as much as it may (--max-entities); start it anew or raise the limit")]
    Full,
}

impl Refusal {
    /// An argument that is not acceptable.
    pub fn argument(text: impl Into<String>) -> Self {
        Refusal::Argument(text.into())
    }

    /// Nothing has this id.
    pub fn not_found(kind: &str, id: &str) -> Self {
        Refusal::NotFound(format!("{kind} {id}"))
    }

    /// Not now.
    pub fn state(text: impl Into<String>) -> Self {
        Refusal::State(text.into())
    }
}
