//! What is known of one message: where it may be, from when it can be received, how often it was.
//!
//! Knowledge comes as deeds with a beginning and an end, because a command takes effect somewhere between
//! its asking and its answer. Of two deeds the later one counts only if it began after the earlier one
//! had ended; otherwise both may be the last word, and every check allows for either.

use bytes::Bytes;
use waystation_engine::{Delivered, MessageIdentity, QueueId};

use super::exhausted::Exhausted;
use super::published::Share;

/// Steps within which something happened; `end` is the far future while nobody knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) operation: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// It was acknowledged or seen; otherwise it may never happen.
    pub(crate) certain: bool,
}

/// The end of a deed that is still under way.
pub(crate) const UNENDED: u64 = u64::MAX;

impl Deed {
    /// A deed that begins.
    pub(crate) fn begun(operation: u64, start: u64) -> Deed {
        Deed {
            operation,
            start,
            end: UNENDED,
            certain: false,
        }
    }

    /// It took place for sure, and before the step.
    pub(crate) fn done_before(&self, step: u64) -> bool {
        self.certain && self.end < step
    }
}

/// A message leaves its queue by a delete, a purge, an expiry or the queue's removal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removal {
    pub(crate) deed: Deed,
    /// The message was there when it began: all such messages go or stay together.
    pub(crate) whole: bool,
}

/// Why a message can be received from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Sent,
    /// Received, with the receipt's tag.
    Received(u64),
    Changed,
}

/// Something that decided from when on the message can be received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Showing {
    pub(crate) deed: Deed,
    pub(crate) cause: Cause,
    /// A crash does not forget it.
    pub(crate) durable: bool,
    /// Not before.
    pub(crate) from_ms: u64,
    /// From then on for sure.
    pub(crate) surely_ms: u64,
}

/// One receive that returned the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) tag: u64,
    pub(crate) queue: QueueId,
    pub(crate) count: u32,
    /// Step of the answer.
    pub(crate) end: u64,
    pub(crate) durable: bool,
    /// A crash came before it was durable.
    pub(crate) forgotten: bool,
}

/// Who a message is after a move task, and when it became that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renamed {
    pub(crate) identity: MessageIdentity,
    pub(crate) sent_ms: (u64, u64),
}

/// Who a message was before a move task made it a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former {
    pub(crate) queue: QueueId,
    pub(crate) sequence: Option<u64>,
    /// Step of the answer that told of the new one.
    pub(crate) told: u64,
}

/// The place a message was in before it was seen in another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) queue: QueueId,
    pub(crate) sequence: Option<u64>,
    /// Step of the answer that told of the new place.
    pub(crate) told: u64,
}

/// One message of the run.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: Bytes,
    pub(crate) home: QueueId,
    pub(crate) fifo: bool,
    pub(crate) group: Option<u64>,
    /// Its own delay, where the queue lets it have one.
    pub(crate) delay_ms: Option<u64>,
    pub(crate) sent: Deed,
    /// Known not to be stored: refused, or a duplicate.
    pub(crate) refused: bool,
    /// What it is of a publication.
    pub(crate) share: Option<Share>,
    /// Who it is since a move task made it a new message.
    pub(crate) renamed: Option<Renamed>,
    /// Who it was before.
    pub(crate) formers: Vec<Former>,
    /// From this step on it may have left the place where it was seen last.
    pub(crate) seen_from: u64,
    /// Sequence at home.
    pub(crate) identity: Option<u64>,
    pub(crate) sent_ms: (u64, u64),
    /// From where its age counts in the queue it is in.
    pub(crate) age_from_ms: (u64, u64),
    /// Where it was seen last.
    pub(crate) place: QueueId,
    /// The queue a dead-letter move brought it from.
    pub(crate) moved_from: Option<QueueId>,
    pub(crate) left: Option<Left>,
    /// Where it must have been taken from as received too often.
    pub(crate) exhausted: Option<Exhausted>,
    /// Its sequence there.
    pub(crate) sequence: Option<u64>,
    pub(crate) removals: Vec<Removal>,
    pub(crate) showings: Vec<Showing>,
    pub(crate) receives: Vec<Receive>,
    /// Receives of its queue of which nobody knows what they took, when it came there.
    pub(crate) ghosts_before: u64,
    /// The same, of the queues it was in before.
    pub(crate) ghosts_elsewhere: u64,
}

impl Message {
    /// The queue and the sequence that are its identity, the latter if it is known.
    pub(crate) fn name(&self) -> (QueueId, Option<u64>) {
        match self.renamed {
            Some(renamed) => (renamed.identity.queue, Some(renamed.identity.sequence)),
            None => (self.home, self.identity),
        }
    }

    /// No move task has made it another message than that.
    pub(crate) fn is_still(&self, seen: &Delivered) -> bool {
        self.renamed
            .is_none_or(|renamed| renamed.identity == seen.identity)
    }

    /// Whoever asked at `start` may have been given it as who it was before a move task.
    pub(crate) fn was(&self, seen: &Delivered, start: u64) -> bool {
        self.formers.iter().any(|former| {
            former.queue == seen.identity.queue
                && former.sequence.is_none_or(|s| s == seen.identity.sequence)
                && former.told >= start
        })
    }

    /// Between which times it was sent, as its receivers are told.
    pub(crate) fn shown_sent_ms(&self) -> (u64, u64) {
        self.renamed.map_or(self.sent_ms, |renamed| renamed.sent_ms)
    }

    /// It stands where its identity was given.
    pub(crate) fn is_at_home(&self, queue: QueueId, seen: &Delivered) -> bool {
        let (home, own) = self.name();
        queue == home
            && seen.sequence == seen.identity.sequence
            && own.is_none_or(|own| own == seen.sequence)
    }

    /// It is gone for sure for whoever asks from `start` on.
    pub(crate) fn gone_before(&self, start: u64) -> bool {
        self.refused || self.removals.iter().any(|r| r.deed.done_before(start))
    }

    /// It was sent for sure before `start`, and nothing that began by `end` may have removed it.
    pub(crate) fn stays(&self, start: u64, end: u64) -> bool {
        !self.refused
            && self.sent.done_before(start)
            && self.removals.iter().all(|removal| removal.deed.start > end)
    }

    /// What may have the last word on when it can be received, for whoever asks from `start` on.
    pub(crate) fn current(&self, start: u64) -> impl Iterator<Item = &Showing> {
        self.showings.iter().filter(move |showing| {
            let mut later = self.showings.iter();
            !later.any(|later| later.supersedes(showing, start))
        })
    }

    /// Times (not before, surely from) at which it can be received, for whoever asks from `start` on.
    pub(crate) fn shown(&self, start: u64) -> (u64, u64) {
        self.current(start)
            .fold((u64::MAX, 0), |(from, surely), showing| {
                (from.min(showing.from_ms), surely.max(showing.surely_ms))
            })
    }

    /// Nothing but its send has decided yet when it can be received.
    pub(crate) fn is_untouched(&self) -> bool {
        self.showings
            .iter()
            .all(|showing| showing.cause == Cause::Sent)
    }

    /// Drops showings that can never matter again, given that every command under way began at or after `oldest`.
    pub(crate) fn forget_showings(&mut self, oldest: u64) {
        let all = self.showings.clone();
        self.showings.retain(|showing| {
            let superseded = all
                .iter()
                .any(|later| later.durable && later.supersedes(showing, oldest));
            !superseded
        });
    }

    /// Somebody received it: whatever may have removed it before `start` did not.
    pub(crate) fn seen(&mut self, start: u64, end: u64) -> Vec<u64> {
        self.sent.certain = true;
        self.sent.end = self.sent.end.min(end);
        let (over, left): (Vec<_>, Vec<_>) = self
            .removals
            .drain(..)
            .partition(|removal| !removal.deed.certain && removal.deed.end < start);
        self.removals = left;
        let whole = over.iter().filter(|removal| removal.whole);
        whole.map(|removal| removal.deed.operation).collect()
    }

    /// Tag of the latest receive in its present queue.
    pub(crate) fn latest_tag(&self) -> Option<u64> {
        let here = self.receives.iter().filter(|r| r.queue == self.place);
        here.map(|receive| receive.tag).max()
    }
}

impl Showing {
    fn supersedes(&self, earlier: &Showing, start: u64) -> bool {
        if !self.deed.done_before(start) {
            return false;
        }
        let by_tag = match (self.cause, earlier.cause) {
            (Cause::Received(later), Cause::Received(before)) => later > before,
            _ => false,
        };
        by_tag || self.deed.start > earlier.deed.end
    }
}
