//! Why a command failed.

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for cannot be done: exit code 2.
    Usage(anyhow::Error),
    /// Anything else: exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    /// For the program's end.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Other(_) => 1,
        }
    }

    /// What to say.
    pub const fn error(&self) -> &anyhow::Error {
        match self {
            Failure::Usage(error) | Failure::Other(error) => error,
        }
    }
}
