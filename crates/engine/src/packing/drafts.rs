//! What goes into one pack: places whose contents outlive their retention at about the same time.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use waystation_storage::limits::INLINE_BODY_BYTES_MAX;
use waystation_storage::{Draft, Journal, Place, WantedBody};

use super::listing::{Living, UNKNOWN_MS};

/// Places of one class may share a pack: what is left of their time is the same within a factor of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Class(u8);

impl Class {
    /// Minutes left, as a power of two; what expires at an unknown time is a class of its own.
    pub(super) fn of(expires_ms: Option<u64>, now_ms: u64) -> Class {
        let left_ms = expires_ms.map(|expires_ms| expires_ms.saturating_sub(now_ms));
        Class(match left_ms {
            None => u8::MAX,
            // At most 63.
            Some(left_ms) => (left_ms / 60_000 + 1).ilog2() as u8,
        })
    }
}

/// How much of a place expires when, by class.
#[derive(Default)]
struct Weights(BTreeMap<Class, (u64, u128)>);

impl Weights {
    fn add(&mut self, living: &Living, now_ms: u64) {
        let expires_ms = Some(living.expires_ms).filter(|expires_ms| *expires_ms != UNKNOWN_MS);
        let weight = u64::from(living.body.bytes).max(1);
        let (bytes, sum) = self.0.entry(Class::of(expires_ms, now_ms)).or_default();
        *bytes += weight;
        *sum += u128::from(weight) * u128::from(living.expires_ms);
    }

    /// When the most of it expires, on average.
    fn expires_ms(&self) -> Option<u64> {
        let (class, (bytes, sum)) = self.0.iter().max_by_key(|(_, (bytes, _))| *bytes)?;
        let unknown = *class == Class::of(None, 0);
        // A mean is not greater than the greatest.
        (!unknown).then(|| (sum / u128::from(*bytes)) as u64)
    }
}

/// Packs of these places: by class, each at most as large as a segment, and with every body that may occupy it.
pub(super) fn of(
    places: Vec<Place>,
    bodies: Vec<Living>,
    journal: &Journal,
    now_ms: u64,
) -> Vec<(Draft, Vec<WantedBody>)> {
    let mut by_segment: FxHashMap<u32, usize> = FxHashMap::default();
    for (number, place) in places.iter().enumerate() {
        by_segment.extend(place.segments.iter().map(|segment| (*segment, number)));
    }
    let place_of = |living: &Living| {
        by_segment
            .get(&journal.segment_of(living.body.lsn))
            .copied()
    };
    let mut weights: Vec<Weights> = places.iter().map(|_| Weights::default()).collect();
    for living in &bodies {
        if let Some(weights) = place_of(living).and_then(|place| weights.get_mut(place)) {
            weights.add(living, now_ms);
        }
    }
    let drafts = group(places, &weights, journal.segment_bytes(), now_ms);
    let mut draft_of: FxHashMap<u32, usize> = FxHashMap::default();
    for (number, draft) in drafts.iter().enumerate() {
        draft_of.extend(draft.segments.iter().map(|segment| (*segment, number)));
    }
    let mut drafts: Vec<(Draft, Vec<WantedBody>)> = drafts
        .into_iter()
        .map(|draft| (draft, Vec::new()))
        .collect();
    for living in bodies {
        let wanted = (living.body, living.owner, living.sequence);
        if living.body.bytes as usize > INLINE_BODY_BYTES_MAX {
            // Its chunks may be in any of them.
            drafts
                .iter_mut()
                .for_each(|(_, bodies)| bodies.push(wanted));
            continue;
        }
        let draft = draft_of.get(&journal.segment_of(living.body.lsn));
        if let Some((_, bodies)) = draft.and_then(|draft| drafts.get_mut(*draft)) {
            bodies.push(wanted);
        }
    }
    drafts
}

/// A pack keeps its class while it is merged with others, so that merging makes fewer of them for certain.
fn group(places: Vec<Place>, weights: &[Weights], pack_bytes: u64, now_ms: u64) -> Vec<Draft> {
    let mut classes: BTreeMap<Class, Vec<(Option<u64>, Place)>> = BTreeMap::new();
    for (place, weights) in places.into_iter().zip(weights) {
        let expires_ms = match place.packed {
            true => place.expires_ms,
            false => weights.expires_ms(),
        };
        let class = Class::of(expires_ms, now_ms);
        classes.entry(class).or_default().push((expires_ms, place));
    }
    let mut drafts = Vec::new();
    for mut members in classes.into_values() {
        members.sort_by_key(|(expires_ms, place)| (*expires_ms, place.segments.clone()));
        let (mut rest, mut bytes) = (members.into_iter().peekable(), 0);
        let mut members = Vec::new();
        while let Some((expires_ms, place)) = rest.next() {
            bytes += place.live_bytes;
            members.push((expires_ms, place));
            let next = rest.peek().map_or(0, |(_, place)| place.live_bytes);
            if rest.peek().is_none() || bytes + next > pack_bytes {
                drafts.push(draft(std::mem::take(&mut members)));
                bytes = 0;
            }
        }
    }
    drafts
}

fn draft(members: Vec<(Option<u64>, Place)>) -> Draft {
    let bytes: u128 = members
        .iter()
        .map(|(_, place)| u128::from(place.live_bytes))
        .sum();
    let sum = members.iter().map(|(expires_ms, place)| {
        expires_ms.map(|expires_ms| u128::from(expires_ms) * u128::from(place.live_bytes))
    });
    let sum: Option<u128> = sum.sum();
    let segments = members.into_iter().flat_map(|(_, place)| place.segments);
    Draft {
        segments: segments.collect(),
        // A mean is not greater than the greatest.
        expires_ms: sum.map(|sum| (sum / bytes.max(1)) as u64),
    }
}
