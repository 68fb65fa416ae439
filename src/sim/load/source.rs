//! Where the requests of a run come from.

use super::mint::Batch;

/// Requests, one after another.
pub trait Source {
    /// The next request; `None` ends the run.
    fn next(&mut self) -> Option<&[u8]>;
}

/// Each request of a batch once.
pub struct Once<'a>(&'a Batch, usize);

/// The requests of a batch again and again: for servers that keep nothing.
pub struct Repeated<'a>(&'a Batch, usize);

impl<'a> Once<'a> {
    /// From the first one on.
    pub fn of(batch: &'a Batch) -> Self {
        Once(batch, 0)
    }
}

impl<'a> Repeated<'a> {
    /// From the first one on.
    pub fn of(batch: &'a Batch) -> Self {
        Repeated(batch, 0)
    }
}

impl Source for Once<'_> {
    fn next(&mut self) -> Option<&[u8]> {
        let request = self.0.get(self.1)?;
        self.1 += 1;
        Some(request)
    }
}

impl Source for Repeated<'_> {
    fn next(&mut self) -> Option<&[u8]> {
        let request = self.0.get(self.1)?;
        self.1 = (self.1 + 1) % self.0.len();
        Some(request)
    }
}
