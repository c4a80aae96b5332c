//! Who is subscribed to what: one connection at a time for each consumer and shard (KIN-186, KIN-187, KIN-194).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use waystation_wire::ApiError;

use crate::errors::in_use;
use crate::limits;

/// What is subscribed to, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    /// The stream's id.
    pub(crate) stream: u64,
    pub(crate) consumer: String,
    /// The second in the consumer's ARN.
    pub(crate) created_s: u64,
    pub(crate) shard: u32,
}

/// Whether a seat is still its holder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Held,
    Taken,
}

/// The right to a subject's records.
#[derive(Debug)]
pub(crate) struct Seat {
    state: watch::Receiver<Place>,
}

impl Seat {
    /// Whether somebody took it.
    pub(crate) fn place(&mut self) -> Place {
        *self.state.borrow_and_update()
    }

    /// Resolves when the holder has to look at its rights again.
    pub(crate) async fn changed(&self) {
        let mut state = self.state.clone();
        // All seats are kept as long as they may be held; one that is not is taken.
        let _kept = state.changed().await;
    }
}

#[derive(Debug)]
struct Taken {
    since_ms: u64,
    state: watch::Sender<Place>,
}

/// All seats that were taken within the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    seats: Mutex<HashMap<Subject, Taken>>,
}

impl Subscriptions {
    /// Takes a seat. Its holder loses it, unless that one has it for less than five seconds, connected or not.
    pub(crate) fn take(&self, subject: Subject, now_ms: u64) -> Result<Seat, ApiError> {
        let mut seats = self.lock();
        if seats.len() >= limits::SUBSCRIPTIONS_KEPT {
            seats.retain(|_, taken| now_ms < taken.since_ms + limits::SUBSCRIPTION_MS);
        }
        if let Some(taken) = seats.get(&subject) {
            if now_ms < taken.since_ms + limits::SUBSCRIPTION_EXCLUSIVE_MS {
                return Err(in_use(format_args!(
                    "Another active subscription exists for this consumer: {}",
                    subject.consumer
                )));
            }
            taken.state.send_replace(Place::Taken);
        }
        let (sender, state) = watch::channel(Place::Held);
        let taken = Taken {
            since_ms: now_ms,
            state: sender,
        };
        seats.insert(subject, taken);
        Ok(Seat { state })
    }

    /// Whoever is subscribed to the stream looks at its rights: the stream or a consumer goes.
    pub(crate) fn look_again(&self, stream: u64) {
        let seats = self.lock();
        let of_stream = seats.iter().filter(|(subject, _)| subject.stream == stream);
        of_stream.for_each(|(_, taken)| taken.state.send_modify(|_| {}));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Taken>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(shard: u32) -> Subject {
        Subject {
            stream: 1,
            consumer: "c".to_owned(),
            created_s: 5,
            shard,
        }
    }

    #[test]
    fn a_seat_can_be_taken_over_after_five_seconds() {
        // KIN-186, KIN-187, KIN-194
        let all = Subscriptions::default();
        let mut first = all.take(subject(0), 1_000).expect("free");
        assert!(all.take(subject(1), 1_000).is_ok());
        let error = all.take(subject(0), 5_999).expect_err("too early");
        assert!(
            error
                .message
                .starts_with("Another active subscription exists for this consumer: ")
        );
        assert_eq!(first.place(), Place::Held);
        let mut second = all.take(subject(0), 6_000).expect("late enough");
        assert_eq!((first.place(), second.place()), (Place::Taken, Place::Held));
        drop(second);
        assert!(all.take(subject(0), 10_999).is_err());
        assert!(all.take(subject(0), 11_000).is_ok());
    }
}
