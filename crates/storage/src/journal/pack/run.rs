//! Reading neighbours out of a pack: what one log has there stands together, wherever in the journal it was.

use super::super::body::head_section_bytes;
use super::super::read::Run;
use super::super::segments::{Segments, read_exactly};
use super::Finder;
use crate::limits::{READ_GAP_BYTES_MAX, READ_RUN_BYTES_MAX};
use crate::{BodyRef, StorageError};

impl Segments {
    /// Reads the first of these plain bodies as far as one read of the pack that has the first one's segment fetches them
    /// all; `None` when no pack has it.
    pub(in super::super) fn packed_run(
        &self,
        bodies: impl Iterator<Item = BodyRef>,
    ) -> Result<Option<Run>, StorageError> {
        let mut bodies = bodies.peekable();
        let Some(first) = bodies.peek() else {
            return Ok(None);
        };
        let Some((pack, opened)) = self.holder(self.segment_of(first.lsn))? else {
            return Ok(None);
        };
        let mut finder = Finder::new(&opened, &pack);
        let mut places: Vec<u64> = Vec::new();
        let mut end = 0;
        for body in bodies {
            let index = self.segment_of(body.lsn);
            if pack.segments.binary_search(&index).is_err() {
                break;
            }
            let Some(place) = finder.find((index, self.offset_of(body.lsn) as u32))? else {
                break;
            };
            let after = place + head_section_bytes(body.bytes) as u64;
            let near = places.first().is_none_or(|first| {
                (end..=end + READ_GAP_BYTES_MAX).contains(&place)
                    && after <= first + READ_RUN_BYTES_MAX
            });
            if !near {
                break;
            }
            places.push(place);
            end = after;
        }
        let Some(start) = places.first().copied() else {
            return Ok(None);
        };
        let mut span = vec![0; (end - start) as usize];
        read_exactly(opened.file.as_ref(), &pack.stored.name, start, &mut span)?;
        Ok(Some(Run {
            places: places
                .iter()
                .map(|place| (place - start) as usize)
                .collect(),
            span,
        }))
    }
}
