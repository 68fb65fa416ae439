//! A body, up to its limit and not a byte further.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

/// Why there is no body to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is over the limit, as announced or as it came.
    TooLarge,
    /// It ended early, or its framing is broken.
    Broken,
}

/// Reads the whole body, as it came: nothing is decompressed.
pub(crate) async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    let first = next(&mut body).await?;
    if first.len() > limit {
        return Err(BodyError::TooLarge);
    }
    // A callback almost always comes in one piece. A copy of it costs less than hyper's whole buffer, which could not
    // be used again while the callback waits for its commit.
    if body.is_end_stream() {
        return Ok(Bytes::copy_from_slice(&first));
    }
    let mut whole = BytesMut::with_capacity(announced.max(first.len()));
    whole.extend_from_slice(&first);
    // No piece outlives its turn: while one does, hyper reads what comes next into another buffer.
    drop(first);
    loop {
        let piece = next(&mut body).await?;
        if piece.is_empty() {
            return Ok(whole.freeze());
        }
        if whole.len() + piece.len() > limit {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
}

/// The next piece that is not empty; an empty one at the end.
async fn next<B>(body: &mut B) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that is signed or kept.
        match frame.map_err(|_| BodyError::Broken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(data),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Bytes::new())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<Result<&'static str, std::io::Error>> = pieces.iter().copied().map(Ok).collect();
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn pieces_are_put_together_up_to_the_limit() {
        assert_eq!(read(pieces(&["ab", "", "cd"]), 4).await.unwrap(), "abcd");
        assert_eq!(read(pieces(&["ab", "cde"]), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(pieces(&["abcde"]), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::from("abcd"), 4).await.unwrap(), "abcd");
        assert_eq!(read(Body::from("abcde"), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::empty(), 4).await.unwrap(), "");
    }

    #[tokio::test]
    async fn over_the_limit_nothing_more_is_read() {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>("piece"));
        assert_eq!(read(Body::from_stream(endless), 1000).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_a_shorter_one() {
        let cut = vec![Ok("ab"), Err(std::io::Error::other("reset"))];
        assert_eq!(read(Body::from_stream(stream::iter(cut)), 10).await, Err(BodyError::Broken));
    }
}
