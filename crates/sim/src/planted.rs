//! Proof that the simulator can fail: every bug planted in storage and engine must be found by a bounded number
//! of seeds. Compiled with the feature `planted-bugs` only.

use crate::{Options, run};

/// A bug and what became of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The first seed that found it, and how.
    pub by: Option<(u64, String)>,
}

/// Every planted bug, by name.
pub fn names() -> Vec<&'static str> {
    waystation_storage::plant::names()
        .chain(waystation_engine::plant::names())
        .collect()
}

/// Puts the bug in force, and every other out of it; an unknown name puts out all. True when it is known.
pub fn select(name: &str) -> bool {
    let storage = waystation_storage::plant::select(name);
    waystation_engine::plant::select(name) || storage
}

/// Looks for the bug with the seeds from `first` on, at most `seeds` of them.
pub fn hunt(name: &str, first: u64, seeds: u64, options: Options) -> Found {
    assert!(select(name), "no bug is called {name}");
    let by = (first..first + seeds).find_map(|seed| {
        let violation = run(seed, options).violation;
        violation.map(|violation| (seed, violation))
    });
    select("");
    Found { by }
}
