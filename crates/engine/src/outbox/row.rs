//! The outbox as rows of the view: every chunk that is full has one; the shard's root row names
//! them and holds the rest.

use std::collections::VecDeque;

use super::{Chunk, Lane, Outbox};
use crate::codec::{Malformed, Reader, Writer};
use crate::effect::Effect;
use crate::index::{LiveBytes, ShardIndex};
use crate::limits::EFFECTS_PER_PULL_MAX;

const CHUNK_ROW_VERSION: u8 = 1;

/// A chunk as a row of the view.
pub(crate) fn encode_chunk(effects: &[Effect]) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(CHUNK_ROW_VERSION);
    out.list(effects, |out, effect| effect.encode(out));
    out.bytes
}

/// Reads what `encode_chunk` wrote.
pub(crate) fn decode_chunk(bytes: &[u8]) -> Result<Vec<Effect>, Malformed> {
    let mut input = Reader::new(bytes, "outbox chunk");
    if input.u8()? != CHUNK_ROW_VERSION {
        return Err(input.malformed());
    }
    let effects = input.list(Effect::decode)?;
    if effects.len() > EFFECTS_PER_PULL_MAX {
        return Err(input.malformed());
    }
    input.finish()?;
    Ok(effects)
}

impl Chunk {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.first).u64(self.row());
        if self.row() == 0 {
            let effects = self.effects().map_or(&[][..], |effects| effects);
            out.list(effects, |out, effect| effect.encode(out));
            return;
        }
        out.u32(self.count).u64(self.weight_bytes());
        out.u32(self.live().0.len() as u32);
        for (segment, bytes) in &self.live().0 {
            out.u32(*segment).u64(*bytes);
        }
    }

    fn decode(input: &mut Reader<'_>, index: &ShardIndex) -> Result<Chunk, Malformed> {
        let (first, generation) = (input.u64()?, input.u64()?);
        if generation == 0 {
            let effects = input.list(Effect::decode)?;
            if effects.len() > EFFECTS_PER_PULL_MAX {
                return Err(input.malformed());
            }
            return Ok(Chunk::open(first, effects, index));
        }
        let (count, weight_bytes) = (input.u32()?, input.u64()?);
        let live = input.list(|input| Ok((input.u32()?, input.u64()?)))?;
        let live = LiveBytes(live.into_iter().collect());
        Ok(Chunk::stored(
            first,
            count,
            generation,
            weight_bytes,
            live,
            &index.usage,
        ))
    }
}

impl Outbox {
    /// The outbox's part of the root row, version 2.
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u32(self.lanes.len() as u32);
        for (destination, lane) in &self.lanes {
            out.u8(*destination).u64(lane.last());
            out.u32(lane.chunks().len() as u32);
            lane.chunks().for_each(|chunk| chunk.encode(out));
        }
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::OutboxCursor) {
            out.u32(0);
            return;
        }
        out.u32(self.applied.len() as u32);
        for (shard, number) in &self.applied {
            out.u8(*shard).u64(*number);
        }
    }

    /// Reads the outbox's part of a root row of `version` 1, which held every effect, or 2. The
    /// bodies it refers to become live in `index`.
    pub(crate) fn decode(
        version: u8,
        input: &mut Reader<'_>,
        index: &mut ShardIndex,
    ) -> Result<Outbox, Malformed> {
        let mut outbox = Outbox::default();
        for _ in 0..input.u32()? {
            let destination = input.u8()?;
            let last = input.u64()?;
            let lane = match version {
                1 => decode_effects(last, input, index)?,
                _ => decode_chunks(last, input, index)?,
            };
            for chunk in lane.chunks() {
                index.live.add_all(chunk.live());
            }
            outbox.lanes.insert(destination, lane);
        }
        let applied = input.list(|input| Ok((input.u8()?, input.u64()?)))?;
        outbox.applied = applied.into_iter().collect();
        let waiting = outbox.chunks().map(|(destination, _)| destination);
        outbox.fresh = waiting.collect();
        Ok(outbox)
    }
}

fn decode_chunks(last: u64, input: &mut Reader<'_>, index: &ShardIndex) -> Result<Lane, Malformed> {
    let chunks = input.list(|input| Chunk::decode(input, index))?;
    #[cfg(feature = "planted-bugs")]
    let chunks: Vec<Chunk> = match crate::plant::is(crate::plant::Plant::OutboxChunk) {
        true => chunks
            .into_iter()
            .filter(|chunk| chunk.row() == 0)
            .collect(),
        false => chunks,
    };
    Ok(Lane::restored(last, chunks.into()))
}

/// A lane of version 1: numbered effects that end with the last one put in.
fn decode_effects(
    last: u64,
    input: &mut Reader<'_>,
    index: &ShardIndex,
) -> Result<Lane, Malformed> {
    let waiting = input.list(|input| Ok((input.u64()?, Effect::decode(input)?)))?;
    let before = waiting
        .first()
        .map_or(last, |(first, _)| first.saturating_sub(1));
    let mut lane = Lane::restored(before, VecDeque::new());
    for (_, effect) in waiting {
        lane.push(effect, index);
    }
    match lane.last() == last {
        true => Ok(lane),
        false => Err(input.malformed()),
    }
}
