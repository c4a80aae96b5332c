//! Room ahead of the writer: which segments are allocated, how much is zeroed, who may still append.
//!
//! One whole segment beyond the writer's room is the reserve. When a further segment cannot be had, producers are
//! refused as soon as only the reserve is left, and consumers go on until nothing is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::{Funding, lock};
use crate::limits::{
    FRAME_BYTES_MAX, PAGE_BYTES, PREPARED_SEGMENTS, RECYCLED_SEGMENTS_MAX, RECYCLED_SEGMENTS_MIN,
    ZERO_CLAIM_BYTES, ZERO_STEP_BYTES,
};

/// Room below which everybody is refused: the open frame, the one in flight, and one more.
const LAST_ROOM_BYTES: u64 = 3 * FRAME_BYTES_MAX as u64;

const AMPLE: u8 = 0;
const LOW: u8 = 1;
const PRODUCERS_REFUSED: u8 = 2;
const EXHAUSTED: u8 = 3;

/// What an append may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// Go on.
    Granted,
    /// Try to get another segment first: maintenance is late.
    GrowFirst,
    /// The disk is full.
    Refused,
}

/// How the next segment is had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Growth {
    /// Create this segment.
    Create(u32),
    /// The file exists since an earlier run; make sure of its room.
    Verify(u32),
}

#[derive(Default)]
struct State {
    /// Start of the open frame.
    writer: u64,
    /// Highest end of a frame that was or is being written.
    written_to: u64,
    /// End of the segments whose room is certain.
    backed_to: u64,
    /// End of the segments that exist.
    found_to: u64,
    /// How far each segment from the writer's own on has written blocks: zeroed, or recycled as a whole.
    zeroed: BTreeMap<u32, u64>,
    /// What is being zeroed now; frames wait for it.
    zeroing: Option<(u64, u64)>,
    /// Free segments worth keeping: what was filled between the last two reclaims, and the prepared ones.
    keep: u64,
    /// Where the writer stood at the last reclaim.
    reclaimed_at: u64,
    /// The last attempt to get a segment found no room.
    full: bool,
    due: bool,
    stopping: bool,
}

/// The shared state; each operation is short.
pub(super) struct Space {
    segment_bits: u8,
    zero_ahead_bytes: u64,
    level: AtomicU8,
    state: Mutex<State>,
    zeroed: Condvar,
    due: Condvar,
}

impl Space {
    /// The writer stands at `writer`; `found` are the segments beyond its own that exist already, consecutive;
    /// `zeroed` is how far each of them and the writer's own has written blocks.
    pub(super) fn new(
        segment_bits: u8,
        zero_ahead_bytes: u64,
        writer: u64,
        found: &[u32],
        zeroed: BTreeMap<u32, u64>,
    ) -> Self {
        let backed_to = ((writer >> segment_bits) + 1) << segment_bits;
        let state = State {
            writer,
            written_to: writer,
            backed_to,
            found_to: backed_to + ((found.len() as u64) << segment_bits),
            zeroed,
            keep: RECYCLED_SEGMENTS_MIN as u64,
            reclaimed_at: writer,
            due: true,
            ..State::default()
        };
        let space = Self {
            segment_bits,
            zero_ahead_bytes,
            level: AtomicU8::new(AMPLE),
            state: Mutex::new(state),
            zeroed: Condvar::new(),
            due: Condvar::new(),
        };
        space.publish(&lock(&space.state));
        space
    }

    /// May a record be appended now?
    pub(super) fn admit(&self, funding: Funding) -> Admission {
        match (self.level.load(Ordering::Relaxed), funding) {
            (AMPLE, _) | (PRODUCERS_REFUSED, Funding::Consumer) => Admission::Granted,
            (LOW, _) => Admission::GrowFirst,
            _ => Admission::Refused,
        }
    }

    fn publish(&self, state: &State) {
        let room = state.backed_to.saturating_sub(state.writer);
        let segment = 1_u64 << self.segment_bits;
        let level = match state.full {
            true if room < LAST_ROOM_BYTES => EXHAUSTED,
            true if room <= segment => PRODUCERS_REFUSED,
            false if room <= (segment / 2).max(LAST_ROOM_BYTES) => LOW,
            _ => AMPLE,
        };
        self.level.store(level, Ordering::Relaxed);
    }

    fn backed_target(&self, state: &State) -> u64 {
        ((state.writer >> self.segment_bits) + 1 + PREPARED_SEGMENTS as u64) << self.segment_bits
    }

    /// The open frame starts at `writer` now.
    pub(super) fn advance(&self, writer: u64) {
        let mut state = lock(&self.state);
        state.writer = writer;
        self.publish(&state);
        let segment = (writer >> self.segment_bits) as u32;
        state.zeroed.retain(|index, _| *index >= segment);
        let unzeroed = self
            .zero_range(&state)
            .is_some_and(|(from, goal)| goal - from >= ZERO_STEP_BYTES as u64);
        let unbacked = !state.full && state.backed_to < self.backed_target(&state);
        if (unzeroed || unbacked) && !state.due {
            state.due = true;
            self.due.notify_all();
        }
    }

    /// Claims addresses for a frame: waits while zeros are being written there, and keeps later zeros away.
    pub(super) fn claim_frame(&self, start: u64, end: u64) {
        let mut state = lock(&self.state);
        state.written_to = state.written_to.max(end);
        while state
            .zeroing
            .is_some_and(|(from, to)| from < end && start < to)
        {
            state = self
                .zeroed
                .wait(state)
                .expect("zeroing never panics while it holds the state");
        }
    }

    /// Whether the segment at this address still has to be created by the writer itself.
    pub(super) fn is_backed(&self, lsn: u64) -> bool {
        lsn < lock(&self.state).backed_to
    }

    /// Whether fewer than `PREPARED_SEGMENTS` are ready.
    pub(super) fn wants_segment(&self) -> bool {
        let state = lock(&self.state);
        state.backed_to < self.backed_target(&state)
    }

    /// How to get one more segment.
    pub(super) fn growth(&self) -> Growth {
        let state = lock(&self.state);
        let index = (state.backed_to >> self.segment_bits) as u32;
        if state.backed_to < state.found_to {
            Growth::Verify(index)
        } else {
            Growth::Create(index)
        }
    }

    /// Claims the next addresses to zero, if any: frames there wait for `zeroing_done`.
    pub(super) fn claim_zeroing(&self) -> Option<(u64, u64)> {
        let mut state = lock(&self.state);
        assert!(state.zeroing.is_none(), "one thread zeroes at a time");
        state.zeroing = self
            .zero_range(&state)
            .map(|(from, goal)| (from, goal.min(from + ZERO_CLAIM_BYTES)));
        state.due = state.zeroing.is_some();
        state.zeroing
    }

    /// What is to be zeroed next: from here to a goal. A few MB ahead in the writer's own segment, which matters after a
    /// start; then the next segment while the writer fills its own, so that frames and zeros go to different files
    /// and a frame's flush never waits for the metadata of zeros.
    fn zero_range(&self, state: &State) -> Option<(u64, u64)> {
        let segment_bytes = 1_u64 << self.segment_bits;
        let segment = (state.writer >> self.segment_bits) as u32;
        let start = u64::from(segment) << self.segment_bits;
        let zeroed = |index| {
            state
                .zeroed
                .get(&index)
                .copied()
                .unwrap_or(0)
                .next_multiple_of(PAGE_BYTES as u64)
        };
        // Two frames may be on their way: keep clear of them.
        let clear = state.written_to.max(state.writer) + 2 * FRAME_BYTES_MAX as u64;
        let from = (start + zeroed(segment)).max(clear);
        let goal = (state.writer + self.zero_ahead_bytes).min(start + segment_bytes);
        if from < goal {
            return Some((from, goal));
        }
        let next = start + segment_bytes;
        let progress = state.writer - start;
        let from = next + zeroed(segment + 1);
        let goal = next + (2 * progress.saturating_sub(segment_bytes / 4)).min(segment_bytes);
        (from < goal && next < state.backed_to).then_some((from, goal))
    }

    /// The claimed addresses are zeroed, or could not be.
    pub(super) fn zeroing_done(&self) {
        let mut state = lock(&self.state);
        let (from, to) = state
            .zeroing
            .take()
            .expect("only claimed addresses are zeroed");
        let segment = (from >> self.segment_bits) as u32;
        state
            .zeroed
            .insert(segment, to - (u64::from(segment) << self.segment_bits));
        self.zeroed.notify_all();
    }

    /// A segment was created or verified.
    pub(super) fn grown(&self, index: u32) {
        let mut state = lock(&self.state);
        assert_eq!(
            u64::from(index),
            state.backed_to >> self.segment_bits,
            "segments are prepared in order"
        );
        state.backed_to += 1 << self.segment_bits;
        state.found_to = state.found_to.max(state.backed_to);
        state.full = false;
        self.publish(&state);
    }

    /// No room for a further segment.
    pub(super) fn found_full(&self) {
        let mut state = lock(&self.state);
        state.full = true;
        self.publish(&state);
    }

    /// A reclaim begins: what the writer filled since the one before tells how many segments it will want until the next.
    pub(super) fn measure_consumption(&self) {
        let mut state = lock(&self.state);
        let filled = (state.writer - state.reclaimed_at).div_ceil(1 << self.segment_bits);
        state.reclaimed_at = state.writer;
        state.keep = (filled + PREPARED_SEGMENTS as u64)
            .clamp(RECYCLED_SEGMENTS_MIN as u64, RECYCLED_SEGMENTS_MAX as u64);
    }

    /// Segments that exist beyond the writer's own.
    fn ahead(&self, state: &State) -> u64 {
        (state.found_to >> self.segment_bits) - (state.writer >> self.segment_bits) - 1
    }

    /// The index that a recycled segment takes, or `None` when enough wait already.
    pub(super) fn recycle_target(&self) -> Option<u32> {
        let state = lock(&self.state);
        (self.ahead(&state) < state.keep).then_some((state.found_to >> self.segment_bits) as u32)
    }

    /// The farthest segment, when more wait than are worth keeping.
    pub(super) fn surplus(&self) -> Option<u32> {
        let state = lock(&self.state);
        let last = (state.found_to >> self.segment_bits) - 1;
        (self.ahead(&state) > state.keep).then_some(last as u32)
    }

    /// The segment that `surplus` gave goes.
    pub(super) fn removed(&self, index: u32) {
        let mut state = lock(&self.state);
        state.found_to -= 1 << self.segment_bits;
        assert_eq!(
            u64::from(index),
            state.found_to >> self.segment_bits,
            "segments are removed from the far end"
        );
        state.backed_to = state.backed_to.min(state.found_to);
        state.zeroed.remove(&index);
        self.publish(&state);
    }

    /// A segment was renamed to the index that `recycle_target` gave.
    pub(super) fn recycled(&self, index: u32) {
        let mut state = lock(&self.state);
        assert_eq!(
            u64::from(index),
            state.found_to >> self.segment_bits,
            "segments are recycled in order"
        );
        state.found_to += 1 << self.segment_bits;
        state.zeroed.insert(index, 1 << self.segment_bits);
        if state.backed_to + (1 << self.segment_bits) == state.found_to {
            state.backed_to = state.found_to;
            state.full = false;
        }
        self.publish(&state);
    }

    /// Segments ready beyond the writer's own, and whether producers are being refused.
    pub(super) fn standing(&self) -> (usize, bool) {
        let state = lock(&self.state);
        let own_end = ((state.writer >> self.segment_bits) + 1) << self.segment_bits;
        let ahead = state.backed_to.saturating_sub(own_end) >> self.segment_bits;
        (
            ahead as usize,
            self.level.load(Ordering::Relaxed) >= PRODUCERS_REFUSED,
        )
    }

    /// Waits until there is something to prepare; false when stopping.
    pub(super) fn await_due(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        while !state.due && !state.stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .due
                .wait_timeout(state, left)
                .expect("the state's users do not panic")
                .0;
        }
        // A full disk is asked again at the next call, not at once.
        state.due = false;
        !state.stopping
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stopping = true;
        self.due.notify_all();
    }
}
