//! Many tasks, of which so many at a time are under way.

use std::future::Future;

use tokio::task::{JoinError, JoinSet};

/// Runs all of them, at most so many at a time: each is made when there is room for it.
///
/// # Errors
/// When one panics, which ends the others.
pub(super) async fn all<F>(tasks: impl Iterator<Item = F>, most: usize) -> Result<(), JoinError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    for task in tasks {
        if under_way.len() >= most
            && let Some(ended) = under_way.join_next().await
        {
            ended?;
        }
        under_way.spawn(task);
    }
    while let Some(ended) = under_way.join_next().await {
        ended?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_run_and_never_more_than_may_be_under_way() {
        let (now, most, done) =
            (Arc::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = |_| {
            let (now, most, done): (Arc<AtomicUsize>, _, _) = (Arc::clone(&now), most.clone(), done.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            }
        };
        all((0..100).map(task), 7).await.unwrap();
        assert_eq!((most.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (7, 100));
    }

    #[tokio::test]
    async fn a_panic_of_one_is_told_and_ends_the_others() {
        let task = |number| async move {
            assert!(number != 3, "on purpose");
            std::future::pending::<()>().await;
        };
        assert!(all((0..5).map(task), 100).await.unwrap_err().is_panic());
        assert!(all((0..5).map(task), 4).await.unwrap_err().is_panic());
    }
}
