//! An answer that is a stream of events, as frames (KIN-175 to KIN-178, KIN-195 to KIN-202): first `initial-response`, then the
//! events, then the end of the body or one frame with the error. Payloads are encoded as the request was.

use super::{payload, respond};
use crate::error::{ApiError, ErrorKind};
use crate::events::{Event, EventStream, Events};
use crate::frame::{FRAME_BYTES_MAX, frame};
use crate::model::Protocol;
use crate::request::Response;
use crate::{Str, Structure, errors};
use bytes::Bytes;
use std::task::{Context, Poll, ready};

const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The frames of a stream, each to be written out as soon as it is there.
#[derive(Debug)]
pub struct Frames {
    state: State,
    protocol: Protocol,
    exceptions: &'static [&'static ErrorKind],
}

#[derive(Debug)]
enum State {
    Begins(EventStream<Box<dyn Event>>),
    GoesOn(EventStream<Box<dyn Event>>),
    Over,
}

/// The head of the answer, whose body is the frames.
pub(super) fn head(request_id: &Str) -> Response {
    respond(200, CONTENT_TYPE, request_id, Vec::new())
}

impl Frames {
    pub(super) fn new(protocol: Protocol, events: Events) -> Frames {
        Frames {
            state: State::Begins(events.stream),
            protocol,
            exceptions: events.exceptions,
        }
    }

    /// The next frame; `None` is the end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = match &mut self.state {
            State::Over => return Poll::Ready(None),
            State::GoesOn(stream) => ready!(stream.poll_next(cx)),
            State::Begins(_) => {
                if let State::Begins(stream) = std::mem::replace(&mut self.state, State::Over) {
                    self.state = State::GoesOn(stream);
                }
                return Poll::Ready(Some(self.event("initial-response", &())));
            }
        };
        self.state = State::Over;
        Poll::Ready(match next {
            Ok(None) => None,
            Ok(Some((event, rest))) => {
                let frame = self.event(event.name(), event.payload());
                if frame.len() > FRAME_BYTES_MAX {
                    let error = errors::INTERNAL_FAILURE.with("An event is too large.");
                    return Poll::Ready(Some(self.fail(&error)));
                }
                self.state = State::GoesOn(rest);
                Some(frame)
            }
            Err(error) => Some(self.fail(&error)),
        })
    }

    /// Ends the stream and returns its last frame: an exception of the model, or an error that it does not know (KIN-197,
    /// KIN-198).
    pub fn fail(&mut self, error: &ApiError) -> Bytes {
        self.state = State::Over;
        let mut modelled = self.exceptions.iter();
        if !modelled.any(|kind| kind.shape == error.kind.shape) {
            let headers = [
                (":message-type", "error"),
                (":error-code", error.kind.shape),
                (":error-message", &error.message),
            ];
            return frame(&headers, |_| ());
        }
        let headers = [
            (":message-type", "exception"),
            (":exception-type", error.kind.shape),
            (":content-type", self.protocol.content_type()),
        ];
        frame(&headers, |out| {
            payload::texts(out, self.protocol, &[("message", &error.message)]);
        })
    }

    fn event(&self, name: &str, said: &dyn Structure) -> Bytes {
        let headers = [
            (":message-type", "event"),
            (":event-type", name),
            (":content-type", self.protocol.content_type()),
        ];
        frame(&headers, |out| payload::structure(out, self.protocol, said))
    }
}
