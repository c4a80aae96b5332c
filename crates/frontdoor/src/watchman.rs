//! One watchman for all connections: goes round now and then and calls those
//! whose time is up.
//!
//! With a timer per connection ten thousand idle long polls woke two thousand
//! times a second for nothing; a round over all of them takes less than one
//! of their answers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::activity::{Activity, Verdict, check_interval};
use crate::limits::{Limits, WATCHED_SLACK};

/// Every open connection, and some that closed since the last round.
#[derive(Debug, Default)]
pub(crate) struct Watchman {
    posts: Mutex<Posts>,
}

#[derive(Debug, Default)]
struct Posts {
    connections: Vec<Weak<Activity>>,
    /// How many were open when somebody last looked.
    open: usize,
}

impl Posts {
    /// Shows every open connection and forgets the closed ones.
    fn visit(&mut self, mut see: impl FnMut(&Activity)) {
        self.connections.retain(|connection| {
            let open = connection.upgrade();
            if let Some(activity) = &open {
                see(activity);
            }
            open.is_some()
        });
        self.open = self.connections.len();
    }
}

impl Watchman {
    /// Watches the connection for as long as somebody else holds its activity.
    pub(crate) fn watch(&self, activity: &Arc<Activity>) {
        let mut posts = self.lock();
        // Short connections must not pile up between two rounds.
        if posts.connections.len() > 2 * posts.open + WATCHED_SLACK {
            posts.visit(|_| ());
        }
        posts.connections.push(Arc::downgrade(activity));
    }

    /// Calls everybody: the server's phase changed.
    pub(crate) fn call_all(&self) {
        self.lock().visit(Activity::call);
    }

    /// Goes round until dropped.
    pub(crate) async fn go_round(&self, limits: &Limits) -> Infallible {
        let mut rounds = tokio::time::interval(check_interval(limits));
        loop {
            rounds.tick().await;
            let now = Instant::now();
            self.lock().visit(|activity| {
                if activity.verdict(limits, now) != Verdict::GoOn {
                    activity.call();
                }
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Posts> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_connections_are_forgotten_between_rounds() {
        let watchman = Watchman::default();
        let kept = Arc::new(Activity::new(Instant::now()));
        watchman.watch(&kept);
        for _ in 0..10 * WATCHED_SLACK {
            watchman.watch(&Arc::new(Activity::new(Instant::now())));
        }
        assert!(watchman.lock().connections.len() <= WATCHED_SLACK + 4);
        watchman.call_all();
        assert_eq!(watchman.lock().connections.len(), 1);
    }
}
