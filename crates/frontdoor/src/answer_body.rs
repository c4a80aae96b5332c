//! The body of an answer: whole, or frames that go out as they are produced.
//!
//! Frames are made when the connection asks for them, so a client that does not read holds back whoever makes them, and
//! they are dropped with the body when the client goes away.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::watch;
use waystation_wire::Str;
use waystation_wire::binding::Frames;
use waystation_wire::errors::INTERNAL_FAILURE;

use crate::activity::Streaming;
use crate::connection::Phase;
use crate::panic_guard::text_of;

/// What follows the head of an answer.
pub(crate) enum AnswerBody {
    Whole(Full<Bytes>),
    Frames(Box<Running>),
}

/// Frames under way.
pub(crate) struct Running {
    frames: Frames,
    request_id: Str,
    /// Ready when the server stops.
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    streaming: Option<Streaming>,
}

impl AnswerBody {
    pub(crate) fn frames(frames: Frames, request_id: Str) -> Self {
        Self::Frames(Box::new(Running {
            frames,
            request_id,
            stopping: None,
            streaming: None,
        }))
    }
}

impl Running {
    /// Ends the stream well when the server stops, and tells the connection when the stream is over.
    pub(crate) fn attend(&mut self, streaming: Streaming, mut phase: watch::Receiver<Phase>) {
        self.streaming = Some(streaming);
        self.stopping = Some(Box::pin(async move {
            let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
        }));
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let stopping = self.stopping.as_mut();
        if stopping.is_some_and(|stopping| stopping.as_mut().poll(cx).is_ready()) {
            self.stopping = None;
            return Poll::Ready(None);
        }
        // After a panic the stream is not polled again, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| self.frames.poll_next(cx))) {
            Ok(next) => next,
            Err(panic) => {
                let (panic, request_id) = (text_of(panic.as_ref()), &self.request_id);
                tracing::error!(panic, %request_id, "a stream of events panicked");
                let error = INTERNAL_FAILURE.with("The stream ended because of an internal error.");
                Poll::Ready(Some(self.frames.fail(&error)))
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Self::Frames(running) => running
                .poll_next(cx)
                .map(|next| next.map(|frame| Ok(Frame::data(frame)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Frames(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Frames(_) => SizeHint::default(),
        }
    }
}
