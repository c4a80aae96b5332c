//! The filter: never a false no, and a false yes as rarely as computed.

use super::super::filter::Filter;
use super::super::packed::Packed;
use super::seeded;

fn sorted(mut ids: Vec<u128>) -> Vec<Packed> {
    ids.sort_unstable();
    ids.iter().map(|id| Packed::new(*id, 0, 0)).collect()
}

fn random_ids(rng: &mut fastrand::Rng, count: usize) -> Vec<u128> {
    (0..count).map(|_| rng.u128(..)).collect()
}

#[test]
fn every_id_is_found_at_its_position() {
    let mut rng = seeded("every_id_is_found_at_its_position");
    for round in 0..200 {
        let count = match round % 4 {
            0 => rng.usize(0..20),
            1 => rng.usize(0..2000),
            _ => rng.usize(0..300),
        };
        // Also ids that are no hashes: all alike in their upper or lower bits.
        let mask = [u128::MAX, 0xff, 0xffff << 112, 0xfff << 60][round % 4];
        let mut ids: Vec<u128> = random_ids(&mut rng, count)
            .iter()
            .map(|id| id & mask)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let filter = Filter::decode(&Filter::build(&sorted(ids.clone())).encode()).unwrap();
        for (position, id) in ids.iter().enumerate() {
            let found = filter.candidates(*id).any(|at| at == position);
            assert!(found, "{id:x} of {count} is lost");
        }
    }
}

#[test]
fn a_strange_id_passes_as_rarely_as_computed() {
    let mut rng = seeded("a_strange_id_passes_as_rarely_as_computed");
    let filter = Filter::build(&sorted(random_ids(&mut rng, 262_144)));
    let tried = 2_000_000;
    let passed: usize = (0..tried)
        .map(|_| filter.candidates(rng.u128(..)).count())
        .sum();
    // Eight entries a slot, 16 bits each: 244 of two million, give or take 16.
    let expected = tried as f64 * 8.0 / 65_536.0;
    let ratio = passed as f64 / expected;
    assert!(
        (0.6..1.4).contains(&ratio),
        "{passed} passed, {expected} were expected"
    );
}

#[test]
fn a_filter_takes_twenty_bits_for_an_entry() {
    let mut rng = seeded("a_filter_takes_twenty_bits_for_an_entry");
    let filter = Filter::build(&sorted(random_ids(&mut rng, 262_144)));
    let bits = filter.bytes() as f64 * 8.0 / 262_144.0;
    assert!((19.9..20.1).contains(&bits), "{bits} bits");
}

#[test]
fn a_damaged_filter_is_refused() {
    let mut rng = seeded("a_damaged_filter_is_refused");
    let bytes = Filter::build(&sorted(random_ids(&mut rng, 100))).encode();
    for cut in 0..bytes.len() {
        assert!(Filter::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for _ in 0..2000 {
        let mut damaged = bytes.clone();
        let place = rng.usize(0..damaged.len());
        damaged[place] ^= 1 << rng.u8(0..8);
        // Whatever is made of it, looking something up in it must not go wrong.
        if let Ok(filter) = Filter::decode(&damaged) {
            let positions = filter.candidates(rng.u128(..));
            assert!(positions.into_iter().all(|position| position < 100));
        }
    }
}
