//! What only some messages of a page need: those received, delayed, moved or chunked.
//!
//! Millions of messages may wait, so what each of them takes counts: 48 bytes side by side and two for the
//! place, against 120 and more in a map. What only moved, published
//! and large messages have is boxed.

use crate::codec::{Malformed, Reader, Writer};
use crate::ids::{MessageIdentity, QueueId};
use crate::limits::PAGE_ENTRIES;
#[cfg(test)]
use crate::page::PAGE_VERSION;
use crate::page::{decode_chunks, encode_chunks};
use crate::publication::Label;

/// What only some messages need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// End of the delay or lease.
    pub until_ms: u64,
    /// Time of the first receive; 0 before it.
    pub first_received_ms: u64,
    /// Time of the latest receive.
    pub received_ms: u64,
    /// Tag of the latest receipt.
    pub tag: u64,
    rare: Option<Box<Rare>>,
}

/// What only messages have that came from elsewhere or are large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    origin: Option<Origin>,
    chunks: Vec<(u32, u32)>,
}

/// Where a moved message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Who the message is; a dead-letter move keeps that, a move task makes it anew (`SQS-355`).
    pub identity: MessageIdentity,
    /// Who it was when the journal took its body, which carries that for ever.
    pub owner: MessageIdentity,
    /// The queue a dead-letter move brought it from; its own when there is none to tell of.
    pub from: QueueId,
    /// When that move brought it, in engine time; 0 for never, or when its row was of a version that did not say.
    pub moved_ms: u64,
    /// Receives it had when it came.
    pub receives_before: u16,
    /// What its publisher labelled it with.
    pub label: Option<Label>,
}

impl Extra {
    /// What the message was elsewhere, when it was moved here.
    pub(crate) fn origin(&self) -> Option<Origin> {
        self.rare.as_ref()?.origin
    }

    /// Where a chunked body lies: (segment, bytes); empty for a plain one.
    pub(crate) fn chunks(&self) -> &[(u32, u32)] {
        self.rare.as_ref().map_or(&[], |rare| &rare.chunks)
    }

    /// Says both.
    fn set_body(&mut self, origin: Option<Origin>, chunks: Vec<(u32, u32)>) {
        let rare = origin.is_some() || !chunks.is_empty();
        self.rare = rare.then(|| Box::new(Rare { origin, chunks }));
    }

    fn encode(&self, out: &mut Writer) {
        let until_ms = self.until_ms;
        #[cfg(feature = "planted-bugs")]
        let until_ms = match crate::plant::is(crate::plant::Plant::Deadline) {
            true => 0,
            false => until_ms,
        };
        out.u64(until_ms)
            .u64(self.first_received_ms)
            .u64(self.received_ms)
            .u64(self.tag);
        out.option(self.origin().as_ref(), |out, origin| {
            origin.identity.encode(out);
            origin.owner.encode(out);
            out.u64(origin.from.0);
            out.option(origin.label.as_ref(), |out, label| label.encode(out));
            out.u64(origin.moved_ms).u16(origin.receives_before);
        });
        encode_chunks(out, self.chunks());
    }

    fn decode(input: &mut Reader<'_>, version: u8) -> Result<Extra, Malformed> {
        let mut extra = Extra {
            until_ms: input.u64()?,
            first_received_ms: input.u64()?,
            received_ms: input.u64()?,
            tag: input.u64()?,
            rare: None,
        };
        let origin = input.option(|input| {
            let identity = MessageIdentity::decode(input)?;
            Ok(Origin {
                identity,
                owner: match version {
                    1 => identity,
                    _ => MessageIdentity::decode(input)?,
                },
                from: QueueId(input.u64()?),
                label: match version {
                    1 | 2 => None,
                    _ => input.option(Label::decode)?,
                },
                moved_ms: match version {
                    1..=3 => 0,
                    _ => input.u64()?,
                },
                receives_before: match version {
                    1..=3 => 0,
                    _ => input.u16()?,
                },
            })
        })?;
        extra.set_body(origin, decode_chunks(input)?);
        Ok(extra)
    }
}

const NOWHERE: u16 = u16::MAX;
const _: () = assert!(PAGE_ENTRIES < NOWHERE as u64);

/// The extras of a page, in no order, and where each of them is: found, added and removed at the same cost
/// however many there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    kept: Vec<(u16, Extra)>,
    /// Place in `kept` by position in the page; empty as long as there never was one.
    places: Box<[u16]>,
    /// How many have something boxed.
    boxed: usize,
}

impl Extras {
    fn place(&self, index: u16) -> Option<usize> {
        let place = *self.places.get(usize::from(index))?;
        (place != NOWHERE).then_some(usize::from(place))
    }

    fn put(&mut self, index: u16, place: u16) {
        if self.places.is_empty() {
            self.places = vec![NOWHERE; PAGE_ENTRIES as usize].into();
        }
        if let Some(slot) = self.places.get_mut(usize::from(index)) {
            *slot = place;
        }
    }

    /// The extra at `index` of the page.
    pub(crate) fn get(&self, index: u16) -> Option<&Extra> {
        let (_, extra) = self.kept.get(self.place(index)?)?;
        Some(extra)
    }

    /// The same, made if absent.
    pub(crate) fn get_mut(&mut self, index: u16) -> &mut Extra {
        assert!(u64::from(index) < PAGE_ENTRIES, "an index of the page");
        let place = self.place(index).unwrap_or(self.kept.len());
        if place == self.kept.len() {
            self.kept.push((index, Extra::default()));
            self.put(index, place as u16);
        }
        match self.kept.get_mut(place) {
            Some((_, extra)) => extra,
            None => unreachable!("places lead to extras"),
        }
    }

    /// Says of the message at `index` what it was elsewhere and where its body lies.
    pub(crate) fn set_body(&mut self, index: u16, origin: Option<Origin>, chunks: Vec<(u32, u32)>) {
        let extra = self.get_mut(index);
        let before = usize::from(extra.rare.is_some());
        extra.set_body(origin, chunks);
        let after = usize::from(extra.rare.is_some());
        self.boxed = self.boxed + after - before;
    }

    /// Forgets it.
    pub(crate) fn remove(&mut self, index: u16) {
        let Some(place) = self.place(index) else {
            return;
        };
        let (_, removed) = self.kept.swap_remove(place);
        self.boxed -= usize::from(removed.rare.is_some());
        self.put(index, NOWHERE);
        if let Some((moved, _)) = self.kept.get(place) {
            self.put(*moved, place as u16);
        }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Extra)> {
        self.kept.iter().map(|(index, extra)| (*index, extra))
    }

    /// Memory they take, about.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let kept = self.kept.capacity() * size_of::<(u16, Extra)>();
        let boxed = self.boxed * size_of::<Rare>();
        (kept + boxed + self.places.len() * size_of::<u16>()) as u64
    }

    /// Writes them in the order of the page.
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u32(self.kept.len() as u32);
        for index in 0..self.places.len() as u16 {
            if let Some(extra) = self.get(index) {
                out.u16(index);
                extra.encode(out);
            }
        }
    }

    /// Reads what `encode` wrote, for a page of so many entries in a row of this version.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        entries: u16,
        version: u8,
    ) -> Result<Extras, Malformed> {
        let mut extras = Extras::default();
        let read = input.list(|input| Ok((input.u16()?, Extra::decode(input, version)?)))?;
        extras.kept.reserve_exact(read.len());
        for (index, extra) in read {
            if index >= entries {
                return Err(input.malformed());
            }
            extras.boxed += usize::from(extra.rare.is_some());
            *extras.get_mut(index) = extra;
        }
        Ok(extras)
    }
}

impl PartialEq for Extras {
    fn eq(&self, other: &Extras) -> bool {
        let same = |(index, extra): (u16, &Extra)| other.get(index) == Some(extra);
        self.kept.len() == other.kept.len() && self.iter().all(same)
    }
}

impl Eq for Extras {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn numbered(tag: u64) -> Extra {
        Extra {
            tag,
            ..Extra::default()
        }
    }

    #[test]
    fn extras_are_a_map_however_they_come_and_go() {
        for seed in 1..50_u64 {
            let (mut extras, mut map) = (Extras::default(), BTreeMap::new());
            let mut state = seed;
            for step in 0..2_000_u64 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let index = (state >> 40) as u16 % PAGE_ENTRIES as u16;
                if state >> 33 & 1 == 0 {
                    extras.remove(index);
                    map.remove(&index);
                } else {
                    *extras.get_mut(index) = numbered(step);
                    map.insert(index, numbered(step));
                }
            }
            for index in 0..PAGE_ENTRIES as u16 {
                assert_eq!(extras.get(index), map.get(&index), "seed {seed}");
            }
            let own = MessageIdentity {
                queue: QueueId(seed),
                sequence: 1,
            };
            let origin = Origin {
                identity: own,
                owner: own,
                from: QueueId(7),
                moved_ms: seed,
                receives_before: 5,
                label: Some(Label([seed as u8; 16])),
            };
            extras.set_body(3, Some(origin), vec![(1, 2)]);
            let mut out = Writer::default();
            extras.encode(&mut out);
            let mut input = Reader::new(&out.bytes, "extras");
            let read = Extras::decode(&mut input, PAGE_ENTRIES as u16, PAGE_VERSION).unwrap();
            input.finish().unwrap();
            assert_eq!(read, extras, "seed {seed}");
        }
    }

    /// What a waiting message costs in memory, beside its entry.
    #[test]
    fn a_full_page_of_extras_takes_fifty_bytes_each() {
        let mut extras = Extras::default();
        for index in 0..PAGE_ENTRIES as u16 {
            extras.get_mut(index).until_ms = 1;
        }
        assert_eq!(extras.memory_bytes(), 50 * PAGE_ENTRIES);
    }
}
