//! Deliveries to endpoints that are no queues (sections 19, 20 and 25): every such subscription owns a queue of the engine,
//! and one task here works it.
//!
//! An attempt is a receive, the retry is its visibility timeout, the number of attempts is the receive count. So phase
//! and time of the next attempt are as durable as any message, a message that waits costs nothing, and one endpoint
//! delays no other (SNS-339, SNS-340).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use waystation_engine::{EngineError, QueueConfig, QueueId, QueueKind, ReceiveRequest, Scope};

use crate::attempt::Attempt;
use crate::catalog::{self, subscription_path, topic_path};
use crate::names::TopicName;
use crate::subscription_settings::SubscriptionSettings;
use crate::topic_settings::TopicSettings;
use crate::{Sns, delivery_policy, limits, subscriptions};

/// A subscription, as its task knows it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    account: String,
    region: String,
    topic: String,
    pub(crate) id: String,
}

impl Key {
    pub(crate) fn new(topic: &TopicName<'_>, id: &str) -> Key {
        Key {
            account: topic.account.to_owned(),
            region: topic.region.to_owned(),
            topic: topic.name.to_owned(),
            id: id.to_owned(),
        }
    }

    pub(crate) fn topic(&self) -> TopicName<'_> {
        TopicName {
            account: &self.account,
            region: &self.region,
            name: &self.topic,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }
}

/// How the queue of a subscription is set up.
pub(crate) fn queue_config() -> QueueConfig {
    QueueConfig {
        kind: QueueKind::Standard,
        retention_ms: limits::WAITING_MS_MAX,
        delay_ms: 0,
        redrive: None,
    }
}

impl Sns {
    /// Starts the deliveries of every subscription there is, and goes on with replays. Called once, inside the runtime.
    pub fn start_deliveries(self: &Arc<Self>) {
        for scope in self.engine.catalog().scopes() {
            let rows =
                self.engine
                    .catalog()
                    .range(&scope, catalog::SUBSCRIPTIONS, None, usize::MAX);
            for (path, row) in rows {
                let rest = path.get(catalog::SUBSCRIPTIONS.len()..).unwrap_or_default();
                let rest = String::from_utf8_lossy(rest);
                let (Some((topic, id)), Ok(settings)) =
                    (rest.split_once('/'), catalog::subscription_settings(&row))
                else {
                    continue;
                };
                let topic = TopicName {
                    account: scope.account(),
                    region: scope.region(),
                    name: topic,
                };
                if let Some(queue) = settings.queue {
                    self.start_delivery(&topic, id, queue);
                }
                self.go_on_replaying(&topic, id, &settings);
            }
        }
    }

    /// Starts the deliveries of a new subscription. They end by themselves when its queue goes.
    pub(crate) fn start_delivery(
        self: &Arc<Self>,
        topic: &TopicName<'_>,
        id: &str,
        queue: QueueId,
    ) {
        tokio::spawn(work(Arc::clone(self), Key::new(topic, id), queue));
    }

    /// Topic and subscription as they are now; `None` when one of them is gone.
    pub(crate) fn settings_of(
        &self,
        key: &Key,
    ) -> Option<(Arc<TopicSettings>, Arc<SubscriptionSettings>)> {
        let (catalog, scope) = (self.engine.catalog(), key.scope());
        let topic = catalog.get(&scope, &topic_path(&key.topic))?;
        let subscription = catalog.get(&scope, &subscription_path(&key.topic, &key.id))?;
        let topic = catalog::topic_settings(&topic).ok()?;
        let subscription = catalog::subscription_settings(&subscription).ok()?;
        (subscription.topic == topic.id).then_some((topic, subscription))
    }

    /// SNS-335
    fn receives_per_second(&self, key: &Key) -> Option<u64> {
        let (topic, subscription) = self.settings_of(key)?;
        delivery_policy::receives_per_second(
            topic.delivery_policy(),
            subscription.delivery_policy(),
        )
    }

    /// Removes a subscription that nobody confirmed, or restored, in time (SNS-094).
    async fn clear_expired(&self, key: &Key) {
        let scope = key.scope();
        let path = subscription_path(&key.topic, &key.id);
        let Some(row) = self.engine.catalog().get(&scope, &path) else {
            return;
        };
        let is_expired = catalog::subscription_settings(&row)
            .is_ok_and(|settings| settings.is_expired(self.now_ms()));
        if is_expired
            && let Err(error) = subscriptions::remove(
                self,
                &mut self.attempts(),
                &scope,
                &key.topic,
                &key.id,
                &row,
            )
            .await
        {
            tracing::warn!(error = %error.message, subscription = %key.id, "an expired subscription stays");
        }
    }
}

/// Takes messages as they become due, several at a time, so that a slow answer holds up no other message.
async fn work(sns: Arc<Sns>, key: Key, queue: QueueId) {
    let attempts = Arc::new(Semaphore::new(limits::POSTS_AT_ONCE));
    let request = ReceiveRequest {
        max: 1,
        visibility_ms: limits::ATTEMPT_MS_MAX,
        wait_ms: limits::POLL_MS,
        attempt: None,
    };
    let (mut pace, mut pause_ms) = (Pace::new(), limits::PAUSE_MS);
    while let Ok(permit) = Arc::clone(&attempts).acquire_owned().await {
        pace.wait().await;
        match sns.engine.queue(queue).receive(request.clone()).await {
            Ok(messages) => {
                pause_ms = limits::PAUSE_MS;
                let Some(message) = messages.into_iter().next() else {
                    // A server that stops answers receives at once and empty.
                    sleep(Duration::from_millis(limits::PAUSE_MS)).await;
                    sns.clear_expired(&key).await;
                    continue;
                };
                if let Some(rate) = sns.receives_per_second(&key) {
                    pace.count(rate, Instant::now());
                }
                let attempt = Attempt {
                    sns: Arc::clone(&sns),
                    key: key.clone(),
                    queue,
                    message,
                };
                tokio::spawn(attempt.run(permit));
            }
            Err(EngineError::QueueMissing | EngineError::Stopping) => return,
            Err(error) => {
                // The engine has no room, and nothing tells when it has some again.
                tracing::warn!(%error, subscription = %key.id, pause_ms, "deliveries pause");
                sleep(Duration::from_millis(pause_ms)).await;
                pause_ms = (pause_ms * 2).min(limits::REFUSED_PAUSE_MS_MAX);
            }
        }
    }
}

/// When the next message of a throttled subscription may be taken. What may not waits in the queue, where it counts no
/// attempt (SNS-335).
struct Pace {
    next: Instant,
}

impl Pace {
    fn new() -> Pace {
        Pace {
            next: Instant::now(),
        }
    }

    async fn wait(&self) {
        // A timer is good to the millisecond; the average is kept over a short burst.
        if let Some(at) = self.next.checked_sub(limits::THROTTLE_BURST) {
            sleep_until(at).await;
        }
    }

    fn count(&mut self, per_second: u64, now: Instant) {
        let one = Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
        self.next = self.next.max(now) + one;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_subscription_keeps_its_average() {
        // SNS-335
        let mut pace = Pace::new();
        let start = pace.next;
        for _ in 0..100 {
            pace.count(20, start);
        }
        assert_eq!(pace.next, start + Duration::from_secs(5));
        let later = start + Duration::from_secs(60);
        pace.count(20, later);
        assert_eq!(pace.next, later + Duration::from_millis(50));
    }
}
