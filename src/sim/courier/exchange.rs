//! One request and its answer on a connection.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::errand::Sending;
use super::wire::{self, Answer};

/// The pieces of a request that is sent slowly.
const PIECES: u32 = 16;

/// Sends a request and reads its answer.
///
/// # Errors
/// When there is no answer; a cut request never has one.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite,
    request: &[u8],
    sending: Sending,
) -> io::Result<Answer> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    if let Sending::Cut(thousandths) = sending {
        let end = request.len() * usize::from(thousandths.min(1000)) / 1000;
        writer.write_all(&request[..end]).await?;
        writer.flush().await?;
        return Err(io::Error::other("cut on purpose"));
    }
    let mut written = pin!(write(&mut writer, request, sending));
    let mut read = pin!(wire::answer(&mut reader));
    tokio::select! {
        biased;
        // Some answer before they have read it all, and do not read on.
        answer = &mut read => answer.map(|answer| Answer { keep: false, ..answer }),
        done = &mut written => match (done, read.await) {
            (Ok(()), answer) => answer,
            // An answer that came before the connection broke is an answer.
            (Err(_), Ok(answer)) => Ok(Answer { keep: false, ..answer }),
            (Err(error), Err(_)) => Err(error),
        },
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), request: &[u8], sending: Sending) -> io::Result<()> {
    let Sending::Slow(over) = sending else {
        writer.write_all(request).await?;
        return writer.flush().await;
    };
    let piece = request.len().div_ceil(PIECES as usize).max(1);
    for (number, bytes) in request.chunks(piece).enumerate() {
        if number > 0 {
            tokio::time::sleep(pause(over)).await;
        }
        writer.write_all(bytes).await?;
        writer.flush().await?;
    }
    Ok(())
}

fn pause(over: Duration) -> Duration {
    over / (PIECES - 1)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn whole_and_slow_requests_arrive_the_same() {
        for sending in [Sending::Whole, Sending::Slow(Duration::from_secs(3))] {
            let (client, mut server) = duplex(1024);
            let serve = async {
                let mut got = vec![0; 40];
                server.read_exact(&mut got).await.unwrap();
                server.write_all(OK).await.unwrap();
                got
            };
            let request = [b'x'; 40];
            let began = tokio::time::Instant::now();
            let (answer, got) = tokio::join!(exchange(client, &request, sending), serve);
            assert_eq!((answer.unwrap().code, got.as_slice()), (200, request.as_slice()));
            assert_eq!(began.elapsed().is_zero(), sending == Sending::Whole);
        }
    }

    #[tokio::test]
    async fn a_cut_request_ends_where_it_should() {
        for (thousandths, expected) in [(0, 0), (500, 20), (1000, 40), (u16::MAX, 40)] {
            let (client, mut server) = duplex(1024);
            let result = exchange(client, &[b'x'; 40], Sending::Cut(thousandths)).await;
            assert!(result.is_err());
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert_eq!(got.len(), expected, "{thousandths}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_comes_before_the_request_was_read_counts() {
        let (client, mut server) = duplex(64);
        server.write_all(OK).await.unwrap();
        let answer = exchange(client, &[b'x'; 4096], Sending::Whole).await.unwrap();
        assert_eq!((answer.code, answer.keep), (200, false));
    }
}
