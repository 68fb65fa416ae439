//! How a command ended.

/// What a command that could be done came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is as it should be.
    Good,
    /// It is not.
    Bad,
    /// Nobody knows: it was told to end before its time.
    Interrupted,
}

impl Verdict {
    /// For the program's end.
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Good => 0,
            Verdict::Bad => 1,
            // As a shell says it of a program that Ctrl-C ends.
            Verdict::Interrupted => 130,
        }
    }
}

impl From<bool> for Verdict {
    fn from(is_good: bool) -> Self {
        if is_good { Verdict::Good } else { Verdict::Bad }
    }
}

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
