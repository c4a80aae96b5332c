//! What was put, summed up by series since the start. Their number is bounded; what is put to a series that has no place is
//! counted, so that nobody takes the rest for all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::SERIES_MAX;

/// Names of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The account that put it.
    pub account: String,
    /// The region it was put to.
    pub region: String,
    /// `MyApplication`
    pub namespace: String,
    /// `RecordsProcessed`
    pub metric: String,
    /// Names and values, in order.
    pub dimensions: Vec<(String, String)>,
    /// `Count`; `None` when it has none.
    pub unit: String,
}

/// Samples of a series, taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// How many.
    pub samples: f64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub minimum: f64,
    /// The greatest of them.
    pub maximum: f64,
}

impl Statistics {
    /// Adds samples.
    pub fn add(&mut self, more: &Statistics) {
        if self.samples == 0.0 {
            *self = *more;
            return;
        }
        self.samples += more.samples;
        self.sum += more.sum;
        self.minimum = self.minimum.min(more.minimum);
        self.maximum = self.maximum.max(more.maximum);
    }
}

/// Every series.
#[derive(Debug, Default)]
pub struct Store(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    series: HashMap<Series, Statistics>,
    without_place: u64,
}

impl Store {
    pub(crate) fn add(&self, entries: impl Iterator<Item = (Series, Statistics)>) {
        let mut guard = self.lock();
        let kept = &mut *guard;
        for (series, statistics) in entries {
            let is_full = kept.series.len() >= SERIES_MAX;
            match kept.series.entry(series) {
                Entry::Occupied(mut known) => known.get_mut().add(&statistics),
                Entry::Vacant(_) if is_full => kept.without_place += 1,
                Entry::Vacant(place) => {
                    place.insert(statistics);
                }
            }
        }
    }

    /// Every series in order, and how many metrics had no place.
    pub fn all(&self) -> (Vec<(Series, Statistics)>, u64) {
        let kept = self.lock();
        let all = kept.series.iter();
        let mut all: Vec<_> = all.map(|(series, said)| (series.clone(), *said)).collect();
        let without_place = kept.without_place;
        drop(kept);
        all.sort_by(|left, right| left.0.cmp(&right.0));
        (all, without_place)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_beyond_the_limit_are_counted_and_known_ones_go_on() {
        let series = |number: usize| Series {
            account: String::new(),
            region: String::new(),
            namespace: String::new(),
            metric: format!("{number:05}"),
            dimensions: Vec::new(),
            unit: String::new(),
        };
        let one = Statistics {
            samples: 1.0,
            sum: 2.0,
            minimum: 2.0,
            maximum: 2.0,
        };
        let store = Store::default();
        store.add((0..SERIES_MAX + 3).map(|number| (series(number), one)));
        store.add([(series(0), one)].into_iter());
        let (all, without_place) = store.all();
        assert_eq!((all.len(), without_place), (SERIES_MAX, 3));
        assert_eq!((all[0].1.samples, all[1].1.samples), (2.0, 1.0));
    }
}
