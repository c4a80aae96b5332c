//! Which places move after a checkpoint: those that give back most room, and small packs that became many.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use waystation_storage::Place;

use super::drafts::Class;
use crate::limits::{
    Budgets, PACK_LIVE_FRACTION, PACKED_BYTES_AT_ONCE, PLACES_AT_ONCE, SEGMENT_LIVE_FRACTION,
    SMALL_PACK_FRACTION,
};

/// Takes the places to move now out of all there are.
///
/// A segment moves when no more than a quarter of it lives, a pack when no more than half does: a byte that is copied gives
/// back three, or one and the sooner end of what is left. A small pack gives back nothing, so it moves only with others
/// of its class, once these are so many that the number of files is what they cost.
pub(crate) fn choose(
    places: &mut Vec<Place>,
    pack_bytes: u64,
    budgets: &Budgets,
    now_ms: u64,
) -> Vec<Place> {
    let (mut sparse, mut crowds) = (Vec::new(), BTreeMap::<Class, Vec<usize>>::new());
    for (number, place) in places.iter().enumerate() {
        if is_sparse(place, budgets) {
            sparse.push((Reverse(room(place)), number));
        } else if place.packed && place.stored_bytes < pack_bytes / SMALL_PACK_FRACTION {
            let class = Class::of(place.expires_ms, now_ms);
            crowds.entry(class).or_default().push(number);
        }
    }
    sparse.sort_unstable();
    let sparse = sparse.into_iter().map(|(_, number)| number);
    let crowded = crowds
        .into_values()
        .filter(|crowd| crowd.len() >= budgets.small_packs_max);
    let mut rest: Vec<Option<Place>> = places.drain(..).map(Some).collect();
    let (mut chosen, mut bytes) = (Vec::new(), 0);
    for number in sparse.chain(crowded.flatten()) {
        let Some(place) = rest.get_mut(number) else {
            continue;
        };
        bytes += place.as_ref().map_or(0, |place| place.live_bytes);
        if chosen.len() == PLACES_AT_ONCE || bytes > PACKED_BYTES_AT_ONCE {
            break;
        }
        chosen.extend(place.take());
    }
    places.extend(rest.into_iter().flatten());
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

    fn chosen(mut places: Vec<Place>) -> Vec<u32> {
        let count = places.len();
        let chosen = choose(&mut places, 64 * MB, &Budgets::default(), 0).into_iter();
        let chosen: Vec<u32> = chosen.map(|place| place.segments[0]).collect();
        assert_eq!(places.len() + chosen.len(), count);
        assert!(
            places
                .iter()
                .all(|place| !chosen.contains(&place.segments[0]))
        );
        chosen
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
        assert_eq!(chosen(specks).len(), PLACES_AT_ONCE);
    }
}
