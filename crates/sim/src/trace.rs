//! What happened, in order: a hash by which two runs of a seed are compared, and on demand a story to read.

use std::fmt;
use std::hash::Hasher;
use std::io::Write;

use rustc_hash::FxHasher;

/// The record of one run.
pub(crate) struct Trace {
    hasher: FxHasher,
    line: String,
    told: bool,
}

impl Trace {
    /// An empty record; `told` prints every line as it comes.
    pub(crate) fn new(told: bool) -> Trace {
        Trace {
            hasher: FxHasher::default(),
            line: String::new(),
            told,
        }
    }

    /// Notes one event.
    pub(crate) fn note(&mut self, step: u64, event: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = fmt::write(&mut self.line, event);
        self.hasher.write_u64(step);
        self.hasher.write(self.line.as_bytes());
        if self.told {
            let _ = writeln!(std::io::stderr(), "{step:6} {}", self.line);
        }
    }

    /// The hash of everything so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
