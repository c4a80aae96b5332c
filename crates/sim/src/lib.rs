//! The engine under a seed: a disk that tears, a view that falls back, a clock that jumps, clients that go away,
//! and a reference that checks every answer.
//!
//! Read in this order: `disk`, `view` and `clock` are the machine's outside, `machine` is the engine between
//! them; `profile` and `workload` decide what a seed tries, `run` schedules it, `downtime` crashes it, `drain`
//! ends it; `model` is the reference. `archiving` is a smaller story with an exact reference of its own.

mod clock;
mod disk;
mod view;
mod machine;
mod profile;
mod operation;
mod workload;
mod publishing;
mod logs;
mod model;
mod trace;
mod tried;
mod story;
mod run;
mod downtime;
mod drain;
mod archiving;
#[cfg(feature = "planted-bugs")]
pub mod planted;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use tried::Tried;

/// One of so many seeds runs the story of archives too.
const ARCHIVED_ONE_IN: u64 = 4;

/// How a seed is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Scheduler steps before the drain.
    pub steps: u64,
    /// Print every event to the error stream.
    pub told: bool,
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Equal for two runs of the same seed and options.
    pub trace: u64,
    /// How often things happened.
    pub tried: Tried,
    /// What was promised and not kept.
    pub violation: Option<String>,
}

/// Runs one seed to its end or to the first violation; a panic of the engine is one.
pub fn run(seed: u64, options: Options) -> Outcome {
    let mut run = run::Run::new(seed, options.steps, options.told);
    let finished = catch_unwind(AssertUnwindSafe(|| {
        run.finish()?;
        // A story of its own, beside the run, with a reference of its own.
        if seed.is_multiple_of(ARCHIVED_ONE_IN) {
            archiving::run(seed);
        }
        Ok(())
    }));
    let violation = match finished {
        Ok(checked) => checked.err(),
        Err(panic) => Some(format!("panic: {}", words(&*panic))),
    };
    let violation = violation.map(|why| format!("step {}: {why}", run.step));
    Outcome {
        trace: run.trace.hash(),
        tried: run.tried(),
        violation,
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
