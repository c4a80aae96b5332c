//! Randomised tests of every decoder and encoder: values survive the trip, serde_json agrees about JSON, and no input makes
//! a decoder panic, nest without bound or allocate without bound.
//!
//! Every test prints its seed; `WAYSTATION_SEED` repeats it.

// What was skipped and which seed ran must be seen.
#![allow(clippy::print_stdout)]

mod bounds;
mod cbors;
// The vectors use the rest of it.
#[allow(dead_code)]
#[path = "../protocol_vectors/elements.rs"]
mod elements;
mod forms;
mod garbage;
mod jsons;
mod memory;
mod sample;
mod xmls;

use fastrand::Rng;

/// A generator with a printed seed.
pub(crate) fn seeded(test: &str) -> Rng {
    let given = std::env::var("WAYSTATION_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: WAYSTATION_SEED={seed}");
    Rng::with_seed(seed)
}
