//! Finding entries: from a position, at a time, at the horizon. Nothing here changes anything.

use waystation_storage::{BodyRef, Lsn};

use super::{Log, LogSlot};

/// A page that is not in memory and is needed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spilled(pub(crate) u64);

/// An entry before its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) position: u64,
    pub(crate) time_ms: u64,
    pub(crate) body: BodyRef,
}

/// Entries from a position on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Located>,
    /// Position to go on at.
    pub(crate) next: u64,
    /// There was nothing at `next`.
    pub(crate) at_tip: bool,
    /// There was nothing at `next` and never will be.
    pub(crate) ended: bool,
    /// Time of the newest entry there ever was.
    pub(crate) newest_ms: Option<u64>,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) position: u64,
    /// Time of the entry there; none at the tip.
    pub(crate) time_ms: Option<u64>,
}

impl Log {
    /// The first readable entry at or after a position.
    pub(crate) fn readable_from(&self, from: u64, now_ms: u64) -> Result<Spot, Spilled> {
        let (from, horizon_ms) = (from.max(self.first), self.horizon_ms(now_ms));
        // Whoever reads near the end needs no page that holds the horizon.
        let behind = |slot: &LogSlot| slot.first_ms < horizon_ms;
        if !self.slot_with(from).is_some_and(behind) {
            return self.at_position(from);
        }
        let oldest = self.at_time(horizon_ms)?;
        match from <= oldest.position {
            true => Ok(oldest),
            false => self.at_position(from),
        }
    }

    /// The first readable entry that is not older than a time.
    pub(crate) fn readable_at(&self, time_ms: u64, now_ms: u64) -> Result<Spot, Spilled> {
        self.at_time(time_ms.max(self.horizon_ms(now_ms)))
    }

    /// The first entry that is neither trimmed nor older than a time.
    fn at_time(&self, time_ms: u64) -> Result<Spot, Spilled> {
        let place = self.pages.partition_point(|slot| slot.last_ms < time_ms);
        let Some(slot) = self.pages.get(place) else {
            return Ok(self.tip());
        };
        if slot.first_ms >= time_ms {
            return self.at_position(slot.first.max(self.first));
        }
        let page = slot.kept.page().ok_or(Spilled(slot.first))?;
        let position = slot.first + page.before(time_ms) as u64;
        self.at_position(position.max(self.first))
    }

    /// The entry at a position, or the tip.
    fn at_position(&self, position: u64) -> Result<Spot, Spilled> {
        let Some(slot) = self.slot_with(position) else {
            return Ok(self.tip());
        };
        if position == slot.first {
            return Ok(Spot {
                position,
                time_ms: Some(slot.first_ms),
            });
        }
        let page = slot.kept.page().ok_or(Spilled(slot.first))?;
        let entry = page.from((position - slot.first) as usize).next();
        Ok(Spot {
            position,
            time_ms: entry.map(|entry| entry.time_ms),
        })
    }

    fn tip(&self) -> Spot {
        Spot {
            position: self.next,
            time_ms: None,
        }
    }

    fn slot_with(&self, position: u64) -> Option<&LogSlot> {
        let place = self.pages.partition_point(|slot| slot.end() <= position);
        let slot = self.pages.get(place);
        slot.filter(|slot| slot.first <= position)
    }

    /// Readable entries from a position on, until there are so many, or their bodies together would be larger than so
    /// much; the first comes whatever its size. Ends early before a page that is not in memory.
    pub(crate) fn read(
        &self,
        from: u64,
        entries_max: usize,
        bytes_max: u64,
        now_ms: u64,
    ) -> Result<Found, Spilled> {
        let start = self.readable_from(from, now_ms)?.position;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let place = self.pages.partition_point(|slot| slot.end() <= start);
        'pages: for slot in self.pages.range(place..) {
            let Some(page) = slot.kept.page() else {
                if entries.is_empty() {
                    return Err(Spilled(slot.first));
                }
                break;
            };
            let skipped = start.saturating_sub(slot.first);
            for (position, entry) in (slot.first + skipped..).zip(page.from(skipped as usize)) {
                bytes += u64::from(entry.bytes);
                if entries.len() >= entries_max || bytes > bytes_max && !entries.is_empty() {
                    break 'pages;
                }
                entries.push(Located {
                    position,
                    time_ms: entry.time_ms,
                    body: BodyRef {
                        lsn: Lsn(entry.lsn),
                        bytes: entry.bytes,
                    },
                });
            }
        }
        let next = entries.last().map_or(start, |last| last.position + 1);
        // Somebody may wait for a position that is not there yet.
        let next = next.max(from);
        let at_tip = next >= self.next;
        Ok(Found {
            entries,
            next,
            at_tip,
            ended: at_tip && self.sealed,
            newest_ms: self.newest_ms(),
        })
    }
}
