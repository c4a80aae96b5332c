//! Reading a request's body: whole, within its size, its time and the memory
//! that all bodies share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::limits::{BODY_BYTES_AHEAD_MAX, BODY_BYTES_UNCOUNTED, DISCARD_BYTES_MAX, Limits};

/// Memory that request bodies may take together, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    free_bytes: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            free_bytes: AtomicUsize::new(bytes),
        })
    }
}

/// A part of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reserved {
    fn nothing(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Makes room for a body of `body_bytes` in all.
    pub(crate) fn grow_to(&mut self, body_bytes: usize) -> Result<(), BodyError> {
        let wanted = body_bytes.saturating_sub(BODY_BYTES_UNCOUNTED);
        let more = wanted.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let free = &self.budget.free_bytes;
        free.try_update(Relaxed, Relaxed, |free| free.checked_sub(more))
            .map_err(|_| BodyError::NoRoom)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.free_bytes.fetch_add(self.bytes, Relaxed);
        }
    }
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Beyond the limit of one body.
    TooLarge,
    /// The client took too long.
    TooSlow,
    /// All bodies together are beyond their limit.
    NoRoom,
    /// The connection broke, or the chunks are malformed.
    Broken,
}

/// Reads the whole body. The reservation must live as long as the bytes do.
pub(crate) async fn read(
    body: Incoming,
    headers: &HeaderMap,
    limits: &Limits,
    budget: &Arc<Budget>,
) -> Result<(Bytes, Reserved), BodyError> {
    let mut body = body;
    let mut reserved = Reserved::nothing(budget);
    if body.is_end_stream() {
        return Ok((Bytes::new(), reserved));
    }
    let reading = async {
        let read = collect(&mut body, headers, limits, &mut reserved).await;
        // A client that waits for "100 Continue" has sent nothing to throw away.
        if read == Err(BodyError::TooLarge) && !headers.contains_key(EXPECT) {
            discard(&mut body).await;
        }
        read
    };
    match tokio::time::timeout(limits.body_read_timeout, reading).await {
        Ok(read) => Ok((read?, reserved)),
        Err(_) => Err(BodyError::TooSlow),
    }
}

async fn collect(
    body: &mut Incoming,
    headers: &HeaderMap,
    limits: &Limits,
    reserved: &mut Reserved,
) -> Result<Bytes, BodyError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limits.body_bytes_max) {
        return Err(BodyError::TooLarge);
    }
    let Some(first) = next_data(body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limits.body_bytes_max {
        return Err(BodyError::TooLarge);
    }
    reserved.grow_to(first.len())?;
    // The usual request ends with its first piece and is not copied.
    if body.is_end_stream() {
        return Ok(first);
    }
    let ahead_bytes = announced.unwrap_or(0).min(BODY_BYTES_AHEAD_MAX);
    let mut whole = BytesMut::with_capacity(ahead_bytes.max(first.len() * 2));
    whole.extend_from_slice(&first);
    drop(first);
    while let Some(piece) = next_data(body).await? {
        if piece.len() > limits.body_bytes_max - whole.len() {
            return Err(BodyError::TooLarge);
        }
        reserved.grow_to(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The next piece of data; trailers are left out.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn discard(body: &mut Incoming) {
    let mut bytes = 0;
    while bytes < DISCARD_BYTES_MAX {
        match next_data(body).await {
            Ok(Some(piece)) => bytes += piece.len(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_share_a_budget_and_give_it_back() {
        let budget = Budget::new(100);
        let mut one = Reserved::nothing(&budget);
        one.grow_to(BODY_BYTES_UNCOUNTED).unwrap();
        one.grow_to(BODY_BYTES_UNCOUNTED + 60).unwrap();
        let mut two = Reserved::nothing(&budget);
        two.grow_to(BODY_BYTES_UNCOUNTED + 40).unwrap();
        assert_eq!(
            two.grow_to(BODY_BYTES_UNCOUNTED + 41),
            Err(BodyError::NoRoom)
        );
        drop(one);
        two.grow_to(BODY_BYTES_UNCOUNTED + 100).unwrap();
        drop(two);
        assert_eq!(budget.free_bytes.load(Relaxed), 100);
    }
}
