//! Replays at work (section 28): a task for each reads the topic's archive slice by slice and passes on what its subscription
//! wants.
//!
//! What a slice brings and the step of the cursor are one record of the engine, so a replay goes on after a crash where it was.
//! As long as the cursor is there, publishes leave the subscription to it. A replay without an end closes it in the very
//! record that leaves nothing behind, and new messages come directly from then on (SNS-384): in the same order, without
//! a gap, and none twice. So that this happens however much is published, publishers wait for the last slice.
//!
//! A slice is bounded, few are in memory at a time, and all pause while much waits to be delivered: a replay of any size
//! takes little memory and leaves publishers alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;
use waystation_delivery::notification::Notification;
use waystation_engine::{
    AtEnd, CatalogChange, CatalogEffect, CursorMove, EngineError, Expect, LogBatch, LogRead,
    Logging, QueueId, Scope,
};
use waystation_wire::{ApiError, Str};

use crate::catalog::{self, Located, subscription_path};
use crate::deliveries::Key;
use crate::errors::changing_too_fast;
use crate::names::TopicName;
use crate::notice::Notice;
use crate::publisher::{Publisher, Slice};
use crate::replay::{Replay, ReplayStatus, label};
use crate::status_log::StatusLog;
use crate::stored_forms::Writer;
use crate::subscribers::Topic;
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, limits};

/// The replays that run.
#[derive(Debug)]
pub(crate) struct Replays {
    /// By scope and subscription, with their numbers.
    running: Mutex<HashMap<(Scope, String), u64>>,
    /// Who may hold a slice in memory.
    slices: Semaphore,
}

impl Default for Replays {
    fn default() -> Replays {
        Replays {
            running: Mutex::default(),
            slices: Semaphore::new(limits::REPLAY_SLICES_AT_ONCE),
        }
    }
}

impl Replays {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Scope, String), u64>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many run in a scope, but for that of a subscription.
    pub(crate) fn others(&self, scope: &Scope, but: Option<&str>) -> usize {
        let running = self.lock();
        let others = running
            .keys()
            .filter(|(of, id)| of == scope && Some(&**id) != but);
        others.count()
    }

    /// That of a subscription does not count any more: its policy is gone. Its task ends when it looks again.
    pub(crate) fn forget(&self, scope: &Scope, subscription: &str) {
        self.lock()
            .remove(&(scope.clone(), subscription.to_owned()));
    }

    /// None of them counts any more.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn end(&self, key: &Key, number: u64) {
        let mut running = self.lock();
        let place = (key.scope(), key.id.clone());
        // A later one has taken its place.
        if running.get(&place) == Some(&number) {
            running.remove(&place);
        }
    }
}

impl Sns {
    /// Works the replay of a subscription, if it has one that is not over and hears already.
    pub(crate) fn go_on_replaying(
        self: &Arc<Self>,
        topic: &TopicName<'_>,
        id: &str,
        settings: &SubscriptionSettings,
    ) {
        let replay = settings.replay.filter(|replay| !replay.status.is_over());
        if let Some(replay) = replay.filter(|_| !settings.is_pending) {
            self.start_replay(topic, id, replay.number);
        }
    }

    /// Works a replay until it is over or another takes its place.
    fn start_replay(self: &Arc<Self>, topic: &TopicName<'_>, id: &str, number: u64) {
        let key = Key::new(topic, id);
        let place = (key.scope(), key.id.clone());
        self.replays.lock().insert(place, number);
        let runner = Runner {
            sns: Arc::clone(self),
            key,
            number,
            position: None,
            is_near_the_end: false,
        };
        tokio::spawn(runner.run());
    }
}

/// One replay at work.
struct Runner {
    sns: Arc<Sns>,
    key: Key,
    number: u64,
    /// Where its cursor stands, once that is known.
    position: Option<u64>,
    /// The last slice reached the end of the archive.
    is_near_the_end: bool,
}

/// What comes next.
enum Step {
    Another,
    /// Nothing more is in the archive, and the end of the replay has not come.
    Wait(Replay),
    Over,
}

/// Why a step was not made; it is tried again.
enum Trouble {
    Engine(EngineError),
    Other(ApiError),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Trouble {
        Trouble::Engine(error)
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Trouble {
        Trouble::Other(error)
    }
}

/// What a replay looks at.
struct Sight<'a> {
    located: Located<'a>,
    settings: Arc<SubscriptionSettings>,
    replay: Replay,
}

/// What a slice of the archive has for a replay.
struct Part {
    /// With the name under which their publishers reached the server.
    notices: Vec<(Notice, Str)>,
    /// Where to go on.
    to: u64,
    /// What follows is beyond the replay's end.
    is_last: bool,
    is_at_end: bool,
}

impl Runner {
    async fn run(mut self) {
        let mut pause_ms = limits::PAUSE_MS;
        loop {
            let trouble = match self.step().await {
                Ok(Step::Another) => {
                    pause_ms = limits::PAUSE_MS;
                    continue;
                }
                Ok(Step::Wait(replay)) => {
                    self.wait(&replay).await;
                    continue;
                }
                Ok(Step::Over) | Err(Trouble::Engine(EngineError::Stopping)) => break,
                Err(Trouble::Engine(error)) => error.to_string(),
                Err(Trouble::Other(error)) => error.message,
            };
            tracing::debug!(subscription = %self.key.id, %trouble, pause_ms, "a replay pauses");
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(limits::REFUSED_PAUSE_MS_MAX);
        }
        self.sns.replays.end(&self.key, self.number);
    }

    /// Topic, subscription and replay as they are now; `None` when the replay is over, or another took its place.
    fn sight(&self) -> Result<Option<Sight<'_>>, ApiError> {
        let Some(located) = catalog::find(&self.sns, self.key.topic())? else {
            return Ok(None);
        };
        let path = subscription_path(located.topic.name, &self.key.id);
        let Some(row) = self.sns.engine.catalog().get(&located.scope, &path) else {
            return Ok(None);
        };
        let settings = catalog::subscription_settings(&row)?;
        let is_heard = settings.topic == located.settings.id && !settings.is_pending;
        let replay = settings
            .replay
            .filter(|replay| is_heard && replay.number == self.number && !replay.status.is_over());
        Ok(replay.map(|replay| Sight {
            located,
            settings,
            replay,
        }))
    }

    async fn step(&mut self) -> Result<Step, Trouble> {
        let (position, made) = {
            let Some(sight) = self.sight()? else {
                return Ok(Step::Over);
            };
            let Sight {
                located, replay, ..
            } = &sight;
            let archive = located.settings.archive;
            if archive.is_none_or(|archive| archive.log != replay.log) {
                self.mark(ReplayStatus::Failed).await?;
                return Ok(Step::Over);
            }
            if replay.status == ReplayStatus::Pending {
                self.mark(ReplayStatus::InProgress).await?;
                return Ok(Step::Another);
            }
            let Some(position) = self.position(replay).await? else {
                self.mark(ReplayStatus::Completed).await?;
                return Ok(Step::Over);
            };
            let usage = self.sns.engine.usage();
            if usage.outbox_bytes.get() > limits::REPLAY_WAITING_BYTES_MAX
                || usage.deduplication_entries.get() > limits::REPLAY_REMEMBERED_MAX
            {
                return Err(Trouble::Engine(EngineError::Overloaded));
            }
            (position, self.pass_on(&sight, position).await)
        };
        match made {
            Ok((part, closed, replay)) => self.after(part, closed, replay).await,
            // Somebody replaced the replay, or took it away: the row tells.
            Err(Trouble::Engine(EngineError::NoSuchCursor)) => {
                self.position = None;
                Ok(Step::Another)
            }
            Err(Trouble::Engine(EngineError::Unreadable(reason))) => {
                tracing::error!(subscription = %self.key.id, position, %reason, "a replay fails: its archive cannot be read");
                self.mark(ReplayStatus::Failed).await?;
                Ok(Step::Over)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Where the cursor stands; `None` when it was closed, as it is when nothing was left behind it.
    async fn position(&self, replay: &Replay) -> Result<Option<u64>, EngineError> {
        if let Some(position) = self.position {
            return Ok(Some(position));
        }
        let log = self.sns.engine.log(replay.log);
        let cursor = log.cursor(label(&self.key.id)).await?;
        match cursor {
            Some(cursor) if cursor.number != replay.number => Err(EngineError::NoSuchCursor),
            cursor => Ok(cursor.map(|cursor| cursor.position)),
        }
    }

    /// Reads a slice and passes it on; returns what it was, whether the cursor is closed, and the replay.
    async fn pass_on(
        &self,
        sight: &Sight<'_>,
        position: u64,
    ) -> Result<(Part, bool, Replay), Trouble> {
        let (sns, replay) = (&*self.sns, sight.replay);
        let mut turns = Vec::new();
        if self.is_near_the_end && replay.end_ms.is_none() {
            let topic = sns.subscribers.of(sns, &sight.located)?;
            turns = topic.turns.take_all().await;
        }
        let _held = sns.replays.slices.acquire().await;
        let read = LogRead {
            from: position,
            entries_max: limits::REPLAYED_AT_ONCE,
            bytes_max: limits::REPLAYED_BYTES_AT_ONCE,
            wait_ms: 0,
        };
        let batch = sns.engine.log(replay.log).read(read).await?;
        let part = part(&replay, batch, sns.now_ms());
        let cursor = CursorMove {
            log: replay.log,
            name: label(&self.key.id),
            number: replay.number,
            from: position,
            to: part.to,
            at_end: match replay.end_ms {
                Some(_) => AtEnd::Stays,
                None => AtEnd::Closes,
            },
        };
        let is_idle = part.to == position && replay.end_ms.is_some();
        let closed = !is_idle && self.publish(sight, &part.notices, cursor).await?;
        drop(turns);
        Ok((part, closed, replay))
    }

    /// Publishes messages to the subscription and moves the cursor, in one record; whether that closed it.
    async fn publish(
        &self,
        sight: &Sight<'_>,
        notices: &[(Notice, Str)],
        cursor: CursorMove,
    ) -> Result<bool, EngineError> {
        let (sns, located) = (&*self.sns, &sight.located);
        let topic_arn = located.topic.arn();
        let publisher = Publisher {
            sns,
            topic: QueueId(located.settings.id),
            log: StatusLog::of_topic(&located.settings, located.topic, "SQS"),
            tally: sns.tallies.of(&located.scope, located.topic.name),
        };
        let subscription = Topic::alone(&self.key.id, Arc::clone(&sight.settings));
        let tally = &publisher.tally;
        // SNS-389
        let selected = notices
            .iter()
            .map(|(notice, _)| subscription.select(notice, tally));
        let selected: Vec<_> = selected.collect();
        let mut slice = Slice::default();
        for ((notice, base_url), subscribers) in notices.iter().zip(&selected) {
            let writer = Writer::new(base_url.clone(), &located.settings, &topic_arn, notice);
            slice.next_message();
            for subscriber in subscribers {
                publisher.add(&mut slice, &writer, subscriber);
            }
        }
        slice.log = Some(Logging::Forward(cursor));
        let published = publisher.try_publish(vec![slice]).await?;
        Ok(published.is_some_and(|published| published.cursor_closed))
    }

    async fn after(&mut self, part: Part, closed: bool, replay: Replay) -> Result<Step, Trouble> {
        self.position = Some(part.to);
        self.is_near_the_end = part.is_at_end;
        if closed || part.is_last {
            if closed {
                // What the catalog does not know yet, the engine does.
                self.position = None;
            }
            self.mark(ReplayStatus::Completed).await?;
            return Ok(Step::Over);
        }
        Ok(match part.is_at_end && replay.end_ms.is_some() {
            true => Step::Wait(replay),
            false => Step::Another,
        })
    }

    /// Waits for another message, or for the end of the replay.
    async fn wait(&self, replay: &Replay) {
        let end_ms = replay.end_ms.unwrap_or(u64::MAX);
        let end_ms = end_ms.saturating_add(limits::ARCHIVED_LATE_MS + 1);
        let read = LogRead {
            from: self.position.unwrap_or(0),
            entries_max: 1,
            bytes_max: 0,
            wait_ms: end_ms
                .saturating_sub(self.sns.now_ms())
                .min(limits::POLL_MS),
        };
        let read = self.sns.engine.log(replay.log).read(read).await;
        if !read.is_ok_and(|batch| !batch.entries.is_empty()) {
            // A server that stops answers reads at once and empty.
            sleep(Duration::from_millis(limits::PAUSE_MS)).await;
        }
    }

    /// Writes down how the replay stands, unless it is over or another took its place.
    async fn mark(&self, status: ReplayStatus) -> Result<(), ApiError> {
        let (sns, scope, id) = (&*self.sns, self.key.scope(), &self.key.id);
        let mut attempts = sns.attempts();
        while attempts.another() {
            let path = subscription_path(self.key.topic().name, id);
            let Some(row) = sns.engine.catalog().get(&scope, &path) else {
                return Ok(());
            };
            let settings = catalog::subscription_settings(&row)?;
            let replay = settings.replay.filter(|replay| {
                replay.number == self.number && !replay.status.is_over() && replay.status != status
            });
            let Some(replay) = replay else {
                return Ok(());
            };
            let effect: Option<CatalogEffect> = match status {
                // The one of the request may be on its way after a crash; whichever comes second does nothing.
                ReplayStatus::InProgress => Some(replay.opened(id)),
                ReplayStatus::Failed => Some(replay.closed(id)),
                ReplayStatus::Pending | ReplayStatus::Completed => None,
            };
            let after = SubscriptionSettings {
                replay: Some(Replay { status, ..replay }),
                ..SubscriptionSettings::clone(&settings)
            };
            let changes = vec![CatalogChange {
                path,
                expect: Expect::Version(row.version()),
                value: Some(after.encode()),
                effects: effect.into_iter().collect(),
            }];
            if catalog::try_write(&mut attempts, &scope, changes).await? {
                let topic = self.key.topic();
                return sns.subscribers.refresh(sns, &scope, topic.name, id);
            }
        }
        Err(changing_too_fast())
    }
}

/// What of a batch a replay wants.
fn part(replay: &Replay, batch: LogBatch, now_ms: u64) -> Part {
    let mut part = Part {
        notices: Vec::with_capacity(batch.entries.len()),
        to: batch.next,
        is_last: batch.at_tip && replay.is_past(now_ms),
        is_at_end: batch.at_tip,
    };
    for entry in batch.entries {
        if replay.is_past(entry.time_ms) {
            part.is_last = true;
            part.to = entry.position;
            break;
        }
        match Notification::decode(&entry.body) {
            Ok(kept) if replay.covers(kept.published_ms) => {
                let base_url = kept.base_url.clone();
                part.notices.push((Notice::archived(kept), base_url));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(position = entry.position, %error, "an archived message cannot be read and is left out");
            }
        }
    }
    part
}
