//! Latencies in fixed memory: log-linear buckets, at most 1.6 % too high, whatever the number of samples.
//!
//! A power of two is split into 64 equal buckets (the layout that HdrHistogram made known), so recording is two
//! shifts and an add, and histograms of several threads merge by addition.

const SUB_BUCKET_BITS: u32 = 6;
const SUB_BUCKETS: usize = 1 << SUB_BUCKET_BITS;
/// Values are capped below this power of two: 2^42 ns is 73 minutes.
const VALUE_BITS_MAX: u32 = 42;
const BUCKETS: usize = (VALUE_BITS_MAX - SUB_BUCKET_BITS + 1) as usize * SUB_BUCKETS;

/// Counts of latencies in nanoseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into_boxed_slice(),
            total: 0,
            max_ns: 0,
        }
    }
}

impl Histogram {
    /// Adds one sample.
    pub(crate) fn record(&mut self, value_ns: u64) {
        self.counts[bucket(value_ns)] += 1;
        self.total += 1;
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// Adds the samples of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Number of samples.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Largest sample, exact.
    pub(crate) fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The value that `share` (0 to 1) of the samples do not exceed, rounded up to its bucket's end; 0 without samples.
    pub(crate) fn quantile_ns(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return bucket_end_ns(index).min(self.max_ns);
            }
        }
        self.max_ns
    }
}

fn bucket(value_ns: u64) -> usize {
    let value = value_ns.min((1 << VALUE_BITS_MAX) - 1);
    if value < SUB_BUCKETS as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BUCKET_BITS;
    let within = (value >> shift) as usize - SUB_BUCKETS;
    (shift as usize + 1) * SUB_BUCKETS + within
}

fn bucket_end_ns(index: usize) -> u64 {
    if index < SUB_BUCKETS {
        return index as u64;
    }
    let shift = (index / SUB_BUCKETS - 1) as u32;
    let first = ((index % SUB_BUCKETS + SUB_BUCKETS) as u64) << shift;
    first + (1 << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_their_values_within_two_percent() {
        let seed = 0x5eed_0001;
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..100_000 {
            let bits = random.u32(1..VALUE_BITS_MAX);
            let value = random.u64(..1 << bits);
            let end = bucket_end_ns(bucket(value));
            assert!(
                end >= value && end - value <= value / 64,
                "seed {seed}: {value} in a bucket ending at {end}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_follow_a_sorted_list() {
        let mut halves = [Histogram::default(), Histogram::default()];
        for value in 1..=1000_u64 {
            halves[(value % 2) as usize].record(value * 1000);
        }
        let [mut all, odd] = halves;
        all.merge(&odd);
        assert_eq!((all.total(), all.max_ns()), (1000, 1_000_000));
        for (share, exact) in [
            (0.5, 500_000_u64),
            (0.99, 990_000),
            (0.999, 999_000),
            (1.0, 1_000_000),
        ] {
            let found = all.quantile_ns(share);
            assert!(
                found >= exact && found <= exact + exact / 60,
                "{share}: {found}"
            );
        }
        assert_eq!(Histogram::default().quantile_ns(0.5), 0);
    }
}
