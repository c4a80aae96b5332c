//! Every bug planted in storage and engine is found: `cargo test -p waystation-sim --features planted-bugs`.
#![cfg(feature = "planted-bugs")]

use waystation_sim::Options;
use waystation_sim::planted::{hunt, names};

/// Seeds within which every bug must show; the hardest takes about a third of them.
const SEEDS: u64 = 200;
const OPTIONS: Options = Options {
    steps: 1500,
    told: false,
};

/// One test, because the bug in force is the process's.
#[test]
fn every_planted_bug_is_found() {
    for name in names() {
        let found = hunt(name, 1, SEEDS, OPTIONS);
        assert!(found.by.is_some(), "{name} was not found by {SEEDS} seeds");
    }
}
