//! All shards of a stream, ready for routing and listing. Made once for each version of the stream's row, which every change
//! of a shard rewrites.

use std::sync::Arc;

use crate::shard_rows::{HashRange, Shard};

/// The shards of a stream in order of their indexes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Shards {
    all: Vec<Arc<Shard>>,
    /// Places of the open ones in order of their hash keys.
    open: Vec<usize>,
}

impl Shards {
    /// From rows in order of index.
    pub(crate) fn new(all: Vec<Arc<Shard>>) -> Shards {
        let mut open: Vec<usize> = (0..all.len())
            .filter(|place| all.get(*place).is_some_and(|shard| shard.is_open()))
            .collect();
        open.sort_by_key(|place| all.get(*place).map(|shard| shard.range.first));
        Shards { all, open }
    }

    /// All of them, by index.
    pub(crate) fn all(&self) -> &[Arc<Shard>] {
        &self.all
    }

    /// The open ones in order of their hash keys.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.open.iter().filter_map(|place| self.all.get(*place))
    }

    /// How many are open.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The shard of an index.
    pub(crate) fn get(&self, index: u32) -> Option<&Arc<Shard>> {
        let place = self.all.binary_search_by_key(&index, |shard| shard.index);
        self.all.get(place.ok()?)
    }

    /// The open shard that takes a hash key (KIN-070).
    pub(crate) fn route(&self, hash: u128) -> Option<&Arc<Shard>> {
        let beyond = self.open.partition_point(|place| {
            let shard = self.all.get(*place);
            shard.is_some_and(|shard| shard.range.first <= hash)
        });
        let place = self.open.get(beyond.checked_sub(1)?)?;
        let shard = self.all.get(*place)?;
        shard.range.contains(hash).then_some(shard)
    }

    /// The open shard at a place in the order of hash keys, which goes round.
    pub(crate) fn open_at(&self, turn: usize) -> Option<&Arc<Shard>> {
        let place = self.open.get(turn.checked_rem(self.open.len())?)?;
        self.all.get(*place)
    }

    /// The shards that a shard was split or merged into.
    pub(crate) fn children(&self, parent: u32) -> impl Iterator<Item = &Arc<Shard>> {
        // Children have later indexes.
        let from = self.all.partition_point(|shard| shard.index <= parent);
        let later = self.all.get(from..).unwrap_or_default();
        later.iter().filter(move |shard| shard.is_child_of(parent))
    }
}

/// The ranges of a new stream's shards (KIN-043).
pub(crate) fn even_range(index: u32, count: u32) -> HashRange {
    let width = width(count);
    let first = width * u128::from(index);
    let last = match index + 1 == count {
        true => u128::MAX,
        false => first + (width - 1),
    };
    HashRange { first, last }
}

/// `floor(2^128 / count)`; for one shard the whole is more than 128 bits hold, and only its first key is asked for.
fn width(count: u32) -> u128 {
    match u128::from(count) {
        0 | 1 => u128::MAX,
        // 2^128 = MAX + 1: one more where the division of MAX leaves the largest rest.
        count => u128::MAX / count + u128::from(u128::MAX % count == count - 1),
    }
}

#[cfg(test)]
mod tests {
    use waystation_engine::LogId;

    use super::*;

    fn shard(index: u32, range: HashRange) -> Arc<Shard> {
        Arc::new(Shard {
            index,
            stream: 1,
            log: LogId(u64::from(index)),
            created_s: 1,
            opened_ms: 1_000,
            range,
            parent: None,
            adjacent_parent: None,
            closed_ms: None,
        })
    }

    #[test]
    fn new_streams_are_cut_evenly() {
        // KIN-043
        assert_eq!(
            even_range(0, 1),
            HashRange {
                first: 0,
                last: u128::MAX
            }
        );
        let three: Vec<HashRange> = (0..3).map(|index| even_range(index, 3)).collect();
        let width = 113_427_455_640_312_821_154_458_202_477_256_070_485;
        assert_eq!(
            three[0],
            HashRange {
                first: 0,
                last: width - 1
            }
        );
        assert_eq!(three[1].first, width);
        assert_eq!(
            three[2],
            HashRange {
                first: 2 * width,
                last: u128::MAX
            }
        );
        assert_eq!(even_range(1, 4).first, 1 << 126);
        assert_eq!(even_range(0, 2).last, (1 << 127) - 1);
        for count in [2, 3, 7, 1_000, 9_999, 10_000] {
            for index in 1..count {
                assert_eq!(
                    even_range(index, count).first,
                    even_range(index - 1, count).last + 1
                );
            }
        }
    }

    #[test]
    fn every_key_has_one_open_shard() {
        // KIN-070
        let shards: Vec<_> = (0..5)
            .map(|index| shard(index, even_range(index, 5)))
            .collect();
        let shards = Shards::new(shards);
        for index in 0..5 {
            let range = even_range(index, 5);
            for hash in [range.first, range.first + 1, range.last] {
                assert_eq!(shards.route(hash).map(|shard| shard.index), Some(index));
            }
        }
        assert_eq!(Shards::default().route(5), None);
    }

    #[test]
    fn closed_shards_take_nothing_and_know_their_children() {
        // KIN-122, KIN-152
        let whole = even_range(0, 1);
        let closed = Arc::new(Shard {
            closed_ms: Some(5),
            ..Shard::clone(&shard(0, whole))
        });
        let child = |index: u32| {
            Arc::new(Shard {
                parent: Some(0),
                ..Shard::clone(&shard(index, even_range(index - 1, 2)))
            })
        };
        let shards = Shards::new(vec![closed, child(1), child(2)]);
        assert_eq!(shards.route(0).map(|shard| shard.index), Some(1));
        assert_eq!(shards.route(u128::MAX).map(|shard| shard.index), Some(2));
        let children: Vec<u32> = shards.children(0).map(|shard| shard.index).collect();
        assert_eq!(children, [1, 2]);
        assert_eq!(shards.children(1).count(), 0);
        assert_eq!(shards.open_count(), 2);
        assert_eq!(shards.get(0).map(|shard| shard.is_listed(5)), Some(false));
        assert_eq!(shards.get(0).map(|shard| shard.is_listed(4)), Some(true));
    }
}
