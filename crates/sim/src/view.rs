//! A view in memory that a crash takes back to any batch boundary since its last flush.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fastrand::Rng;
use waystation_storage::{StorageError, View, ViewWrite};

#[derive(Default)]
struct State {
    rows: BTreeMap<Vec<u8>, Bytes>,
    /// What undoes each batch since the last flush, oldest first.
    unflushed: Vec<Vec<ViewWrite>>,
    /// Writes and flushes still to come before one fails.
    fails_after: Option<u32>,
    broken: bool,
}

/// The simulator's view.
#[derive(Default)]
pub(crate) struct SimView(Mutex<State>);

fn refused(operation: &'static str) -> StorageError {
    StorageError::View {
        operation,
        what: "the simulator said no".into(),
    }
}

impl SimView {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Power is lost: some of the unflushed batches are gone, the newest first.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        state.fails_after = None;
        state.broken = false;
        let unflushed = state.unflushed.len();
        let kept = match rng.u8(0..4) {
            0 => 0,
            1 => unflushed,
            _ => rng.usize(0..=unflushed),
        };
        while state.unflushed.len() > kept {
            for (key, value) in state.unflushed.pop().into_iter().flatten() {
                match value {
                    Some(value) => state.rows.insert(key, value),
                    None => state.rows.remove(&key),
                };
            }
        }
        state.unflushed.clear();
    }

    /// Lets the write or flush after the next `count` fail.
    pub(crate) fn fail_after(&self, count: u32) {
        self.state().fails_after = Some(count);
    }

    /// No more failures.
    pub(crate) fn calm(&self) {
        self.state().fails_after = None;
    }

    /// A write or flush failed since the last start.
    pub(crate) fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// How many rows there are of each space and kind, as their keys begin (`engine/row_key.rs`).
    pub(crate) fn kinds(&self) -> BTreeMap<(u8, u8), usize> {
        let mut kinds = BTreeMap::new();
        for key in self.state().rows.keys() {
            let part = |at: usize| key.get(at).copied().unwrap_or_default();
            *kinds.entry((part(0), part(2))).or_default() += 1;
        }
        kinds
    }
}

impl State {
    fn strike(&mut self) -> bool {
        match &mut self.fails_after {
            Some(0) => {
                self.broken = true;
                true
            }
            Some(count) => {
                *count -= 1;
                false
            }
            None => false,
        }
    }
}

impl View for SimView {
    fn write(&self, batch: &[ViewWrite]) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.strike() {
            return Err(refused("write a batch"));
        }
        let mut undo = Vec::with_capacity(batch.len());
        for (key, value) in batch {
            let before = match value {
                Some(value) => state.rows.insert(key.clone(), value.clone()),
                None => state.rows.remove(key),
            };
            undo.push((key.clone(), before));
        }
        undo.reverse();
        state.unflushed.push(undo);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.state().rows.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let state = self.state();
        let found = state.rows.range(prefix.to_vec()..);
        for (key, value) in found.take_while(|(key, _)| key.starts_with(prefix)) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.strike() {
            return Err(refused("flush"));
        }
        state.unflushed.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(view: &SimView, value: u8) {
        let batch = [
            (vec![1], Some(Bytes::from(vec![value]))),
            (
                vec![2],
                value.is_multiple_of(2).then(|| Bytes::from(vec![value])),
            ),
        ];
        view.write(&batch).unwrap();
    }

    #[test]
    fn a_crash_leaves_a_batch_boundary_not_before_the_flush() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut rng = Rng::with_seed(seed);
            let view = SimView::default();
            for value in 0..3 {
                put(&view, value);
            }
            view.flush().unwrap();
            for value in 3..7 {
                put(&view, value);
            }
            view.crash(&mut rng);
            let first = view.get(&[1]).unwrap().unwrap()[0];
            let second = view.get(&[2]).unwrap();
            assert_eq!(
                second.is_some(),
                first.is_multiple_of(2),
                "seed {seed}: half a batch"
            );
            seen.insert(first);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    }
}
