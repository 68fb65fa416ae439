//! Numbers as text of a fixed length, which needs no memory of its own.

use std::ops::Deref;

/// Text in ASCII of `N` bytes.
#[derive(Clone, Copy)]
pub(super) struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// This text, in which digits are then [`put`](Self::put).
    pub(super) const fn over(text: &[u8; N]) -> Self {
        Digits(*text)
    }

    /// Writes a number, with zeros before it, into the `width` places from `start` on.
    pub(super) fn put(mut self, start: usize, width: usize, mut number: u64) -> Self {
        for place in self.0[start..start + width].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self
    }
}

impl<const N: usize> Deref for Digits<N> {
    type Target = str;

    fn deref(&self) -> &str {
        // ASCII it is.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A number in twenty digits, as many as the highest has: text order is the order of numbers.
pub(super) fn twenty(number: u64) -> Digits<20> {
    Digits::over(&[b'0'; 20]).put(0, 20, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_has_twenty_digits() {
        for number in [0, 42, u64::MAX] {
            assert_eq!(&*twenty(number), format!("{number:020}"));
        }
    }

    #[test]
    fn what_is_not_put_in_stays() {
        assert_eq!(&*Digits::over(b"0000-00").put(0, 4, 26).put(5, 2, 123), "0026-23");
    }
}
