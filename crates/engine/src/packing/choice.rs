//! Which places move after a checkpoint: those that give back most room, and small packs that became many.

use std::collections::BTreeMap;

use waystation_storage::Place;

use super::drafts::Class;
use crate::limits::{
    Budgets, PACK_LIVE_FRACTION, PACKED_BYTES_PER_CHECKPOINT, PLACES_PER_CHECKPOINT,
    SEGMENT_LIVE_FRACTION, SMALL_PACK_FRACTION,
};

/// The places to move now, of all there are.
///
/// A segment moves when no more than a quarter of it lives, a pack when no more than half does: a byte that is copied gives
/// back three, or one and the sooner end of what is left. A small pack gives back nothing, so it moves only with others
/// of its class, once these are so many that the number of files is what they cost.
pub(crate) fn choose(
    places: Vec<Place>,
    pack_bytes: u64,
    budgets: &Budgets,
    now_ms: u64,
) -> Vec<Place> {
    let (mut sparse, dense): (Vec<Place>, Vec<Place>) = places
        .into_iter()
        .partition(|place| is_sparse(place, budgets));
    sparse.sort_by_key(|place| (std::cmp::Reverse(room(place)), place.segments.clone()));
    let mut crowds: BTreeMap<Class, Vec<Place>> = BTreeMap::new();
    for place in dense {
        if place.packed && place.stored_bytes < pack_bytes / SMALL_PACK_FRACTION {
            let class = Class::of(place.expires_ms, now_ms);
            crowds.entry(class).or_default().push(place);
        }
    }
    let crowded = crowds
        .into_values()
        .filter(|crowd| crowd.len() >= budgets.small_packs_max);
    let mut chosen = Vec::new();
    let mut bytes = 0;
    for place in sparse.into_iter().chain(crowded.flatten()) {
        bytes += place.live_bytes;
        if chosen.len() == PLACES_PER_CHECKPOINT || bytes > PACKED_BYTES_PER_CHECKPOINT {
            break;
        }
        chosen.push(place);
    }
    chosen
}

fn is_sparse(place: &Place, budgets: &Budgets) -> bool {
    match place.packed {
        false => place.live_bytes <= place.stored_bytes / SEGMENT_LIVE_FRACTION,
        true => {
            place.stored_bytes >= budgets.pack_again_bytes_min
                && place.live_bytes <= place.stored_bytes / PACK_LIVE_FRACTION
        }
    }
}

/// What moving it gives back.
fn room(place: &Place) -> u64 {
    place.stored_bytes.saturating_sub(place.live_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const HOUR_MS: u64 = 3_600_000;

    fn segment(index: u32, live_bytes: u64) -> Place {
        Place {
            segments: vec![index],
            stored_bytes: 64 * MB,
            live_bytes,
            packed: false,
            expires_ms: None,
        }
    }

    fn pack(index: u32, stored_bytes: u64, live_bytes: u64, expires_ms: u64) -> Place {
        Place {
            stored_bytes,
            packed: true,
            expires_ms: Some(expires_ms),
            ..segment(index, live_bytes)
        }
    }

    fn chosen(places: Vec<Place>) -> Vec<u32> {
        let chosen = choose(places, 64 * MB, &Budgets::default(), 0).into_iter();
        chosen.map(|place| place.segments[0]).collect()
    }

    #[test]
    fn mostly_dead_places_move_and_the_most_room_comes_first() {
        let places = vec![
            segment(1, 16 * MB),
            segment(2, 17 * MB),
            segment(3, 1),
            pack(4, 40 * MB, 20 * MB, HOUR_MS),
            pack(5, 40 * MB, 21 * MB, HOUR_MS),
            pack(6, 128 << 10, 1, HOUR_MS),
        ];
        assert_eq!(chosen(places), [3, 1, 4]);
    }

    #[test]
    fn small_packs_move_with_their_like_once_they_are_many() {
        let small = |index| pack(index, 4 * MB, 4 * MB, HOUR_MS + u64::from(index));
        let seven: Vec<Place> = (0..7).map(small).collect();
        assert_eq!(chosen(seven.clone()), []);
        let other = pack(7, 4 * MB, 4 * MB, 100 * HOUR_MS);
        assert_eq!(chosen([seven.clone(), vec![other]].concat()), []);
        let large = pack(7, 17 * MB, 17 * MB, HOUR_MS);
        assert_eq!(chosen([seven.clone(), vec![large]].concat()), []);
        let eight = [seven, vec![small(7)]].concat();
        assert_eq!(chosen(eight), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_checkpoint_copies_so_much_and_no_more() {
        let quarters: Vec<Place> = (0..9).map(|index| segment(index, 16 * MB)).collect();
        assert_eq!(chosen(quarters), [0, 1, 2, 3]);
        let specks: Vec<Place> = (0..99).map(|index| segment(index, 1)).collect();
        assert_eq!(chosen(specks).len(), PLACES_PER_CHECKPOINT);
    }
}
