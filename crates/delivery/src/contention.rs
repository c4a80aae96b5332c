//! Turns for requests that change the same rows of the catalog and met each other.
//!
//! A change is written on the condition that its rows are as they were read. Who loses reads again, and where many come at
//! once, or one comes back faster than a flush, somebody would lose every time. So who has lost a row waits for its turn and
//! keeps it until its change is written, and who finds a row's turn taken waits for it without having lost first.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Semaphore, SemaphorePermit};
use waystation_engine::{CatalogChange, Engine, EngineError, Expect, Scope};

use crate::limits::{CATALOG_ATTEMPTS_MAX, CATALOG_TURNS};

/// Turns by row, taken in the order of asking. Rows that share one are few among so many.
#[derive(Debug)]
pub struct Contention {
    turns: [Semaphore; CATALOG_TURNS],
}

impl Default for Contention {
    fn default() -> Contention {
        Contention {
            turns: std::array::from_fn(|_| Semaphore::new(1)),
        }
    }
}

impl Contention {
    /// Attempts at one change. Whoever makes them begins no others before they end: both may want the same turn.
    pub fn attempts<'a>(&'a self, engine: &'a Engine) -> Attempts<'a> {
        Attempts {
            contention: self,
            engine,
            left: CATALOG_ATTEMPTS_MAX,
            held: BTreeMap::new(),
        }
    }
}

/// A change that is tried until it is written, each time with what is read anew.
#[derive(Debug)]
pub struct Attempts<'a> {
    contention: &'a Contention,
    engine: &'a Engine,
    left: usize,
    held: BTreeMap<usize, SemaphorePermit<'a>>,
}

impl Attempts<'_> {
    /// Whether there is another attempt; without one the request is refused, as AWS refuses those that come too fast.
    pub fn another(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    /// Writes all rows or none, and ends the turns. `false` when a row was not as expected any more, or others wait for its
    /// turn: then it is this change's turn now, and the catalog shows all that was faster.
    pub async fn write(
        &mut self,
        scope: &Scope,
        changes: Vec<CatalogChange>,
    ) -> Result<bool, EngineError> {
        let taken = self.taken(scope, &changes);
        if !taken.is_empty() {
            self.wait_for(taken).await;
            return Ok(false);
        }
        match self.engine.write_catalog(scope, changes).await {
            Ok(_) => {
                self.held.clear();
                Ok(true)
            }
            Err(EngineError::Conflict { path }) => {
                catch_up(self.engine, scope).await?;
                self.wait_for(BTreeSet::from([place(scope, &path)])).await;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The places of rows that have to be as they were read and whose turn somebody else has.
    fn taken(&self, scope: &Scope, changes: &[CatalogChange]) -> BTreeSet<usize> {
        let is_taken = |place: &usize| {
            let turn = self.contention.turns.get(*place);
            !self.held.contains_key(place) && turn.is_some_and(|turn| turn.available_permits() == 0)
        };
        let conditional = changes.iter().filter(|change| change.expect != Expect::Any);
        conditional
            .map(|change| place(scope, &change.path))
            .filter(is_taken)
            .collect()
    }

    /// Waits for these turns beside those that are held. All who wait take theirs in the order of places, so that nobody waits
    /// for each other.
    async fn wait_for(&mut self, mut places: BTreeSet<usize>) {
        places.extend(std::mem::take(&mut self.held).into_keys());
        for place in places {
            if let Some(turn) = self.contention.turns.get(place)
                && let Ok(permit) = turn.acquire().await
            {
                self.held.insert(place, permit);
            }
        }
    }
}

fn place(scope: &Scope, path: &[u8]) -> usize {
    let mut hasher = DefaultHasher::new();
    (scope.account(), scope.region(), path).hash(&mut hasher);
    hasher.finish() as usize % CATALOG_TURNS
}

/// Writes all rows or none, for whoever does not mind to lose; `false` when a row was not as expected any more, and then the
/// catalog shows what was faster.
pub async fn write(
    engine: &Engine,
    scope: &Scope,
    changes: Vec<CatalogChange>,
) -> Result<bool, EngineError> {
    match engine.write_catalog(scope, changes).await {
        Ok(_) => Ok(true),
        Err(EngineError::Conflict { .. }) => catch_up(engine, scope).await.map(|()| false),
        Err(error) => Err(error),
    }
}

/// Waits until the catalog shows everything that was written so far. A conflict is known before the faster write is durable,
/// and thus visible; an empty write becomes durable after it.
pub async fn catch_up(engine: &Engine, scope: &Scope) -> Result<(), EngineError> {
    engine.write_catalog(scope, Vec::new()).await.map(drop)
}
