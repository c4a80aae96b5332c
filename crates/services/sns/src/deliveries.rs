//! Deliveries to HTTP endpoints (sections 20 and 25): every such subscription owns a queue of the engine, and one task
//! here works it.
//!
//! An attempt is a receive, the retry is its visibility timeout, the number of attempts is the receive count. So phase
//! and time of the next attempt are as durable as any message, a message that waits costs nothing, and one endpoint
//! delays no other (SNS-339, SNS-340).

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waystation_delivery::post::{Outcome, Post, post};
use waystation_engine::{Delivered, EngineError, QueueId, ReceiveRequest, Scope};

use crate::catalog::{self, subscription_path, topic_path};
use crate::http_message::{HttpMessage, Kind};
use crate::names::TopicName;
use crate::retry::Retries;
use crate::subscription_settings::SubscriptionSettings;
use crate::topic_settings::TopicSettings;
use crate::{Sns, fan_out, limits};

/// An HTTP subscription, as its task knows it.
#[derive(Debug, Clone)]
struct Key {
    account: String,
    region: String,
    topic: String,
    id: String,
}

impl Key {
    fn topic(&self) -> TopicName<'_> {
        TopicName {
            account: &self.account,
            region: &self.region,
            name: &self.topic,
        }
    }

    fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }
}

impl Sns {
    /// Starts the deliveries of every HTTP subscription there is. Called once, inside the runtime.
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
                if let Some(queue) = settings.queue {
                    let topic = TopicName {
                        account: scope.account(),
                        region: scope.region(),
                        name: topic,
                    };
                    self.start_delivery(&topic, id, queue);
                }
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
        let key = Key {
            account: topic.account.to_owned(),
            region: topic.region.to_owned(),
            topic: topic.name.to_owned(),
            id: id.to_owned(),
        };
        tokio::spawn(work(Arc::clone(self), key, queue));
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
    while let Ok(permit) = Arc::clone(&attempts).acquire_owned().await {
        match sns.engine.queue(queue).receive(request.clone()).await {
            Ok(messages) => {
                if messages.is_empty() {
                    // A server that stops answers receives at once and empty.
                    tokio::time::sleep(Duration::from_millis(limits::PAUSE_MS)).await;
                }
                let mut permit = Some(permit);
                for message in messages {
                    let attempt = Attempt {
                        sns: Arc::clone(&sns),
                        key: key.clone(),
                        queue,
                        message,
                    };
                    tokio::spawn(attempt.run(permit.take()));
                }
            }
            Err(EngineError::QueueMissing | EngineError::Stopping) => return,
            Err(error) => {
                tracing::warn!(%error, subscription = %key.id, "deliveries pause");
                tokio::time::sleep(Duration::from_millis(limits::REFUSED_PAUSE_MS)).await;
            }
        }
    }
}

/// One attempt to deliver one message.
struct Attempt {
    sns: Arc<Sns>,
    key: Key,
    queue: QueueId,
    message: Delivered,
}

/// What became of an attempt.
enum End {
    /// Nothing is left to do.
    Done,
    /// It is due again after so long.
    Later(u64),
}

impl Attempt {
    async fn run(self, _one_of_several: Option<OwnedSemaphorePermit>) {
        let queue = self.sns.engine.queue(self.queue);
        let receipt = self.message.receipt;
        let told = match self.end().await {
            End::Done => queue.delete(vec![receipt]).await,
            End::Later(delay_ms) => queue.change_visibility(vec![(receipt, delay_ms)]).await,
        };
        // Untold, the message comes again after the time of an attempt.
        if let Err(error) = told
            && error != EngineError::QueueMissing
        {
            tracing::warn!(%error, subscription = %self.key.id, "the end of a delivery could not be kept");
        }
    }

    async fn end(&self) -> End {
        let Some((topic, subscription)) = self.settings() else {
            return End::Done; // Unsubscribed meanwhile.
        };
        let Ok(message) = HttpMessage::decode(&self.message.body) else {
            tracing::error!(subscription = %self.key.id, "a stored message cannot be read");
            return End::Done;
        };
        let Ok(uri) = subscription.endpoint.parse::<Uri>() else {
            return End::Done;
        };
        let own = subscription
            .attributes
            .get("DeliveryPolicy")
            .map(String::as_str);
        let of_topic = topic.attributes.get("DeliveryPolicy").map(String::as_str);
        let topic_arn = self.key.topic().arn();
        let subscription_arn = format!("{topic_arn}:{}", self.key.id);
        let content_type = content_type(of_topic, own);
        let outcome = post(Post {
            uri,
            headers: message.headers(&topic_arn, &subscription_arn, content_type.as_deref()),
            body: message.message.body.as_bytes().clone(),
        })
        .await;
        let reason = match outcome {
            Outcome::Delivered => return End::Done,
            Outcome::Retry(reason) => {
                if let Some(delay_ms) =
                    Retries::of(of_topic, own).delay_ms(self.message.receive_count)
                {
                    tracing::debug!(subscription = %self.key.id, %reason, delay_ms, "a delivery is tried again");
                    return End::Later(delay_ms);
                }
                reason
            }
            Outcome::Refused(reason) => reason,
        };
        self.give_up(&subscription, message, &reason).await
    }

    fn settings(&self) -> Option<(Arc<TopicSettings>, Arc<SubscriptionSettings>)> {
        let (catalog, scope) = (self.sns.engine.catalog(), self.key.scope());
        let topic = catalog.get(&scope, &topic_path(&self.key.topic))?;
        let subscription =
            catalog.get(&scope, &subscription_path(&self.key.topic, &self.key.id))?;
        Some((
            catalog::topic_settings(&topic).ok()?,
            catalog::subscription_settings(&subscription).ok()?,
        ))
    }

    /// The last attempt, or a permanent error: to the dead-letter queue, if there is one (SNS-337, SNS-354).
    async fn give_up(
        &self,
        subscription: &SubscriptionSettings,
        message: HttpMessage,
        reason: &str,
    ) -> End {
        let dead_letters = match message.kind {
            Kind::Notification => subscription.dead_letter_arn(),
            Kind::SubscriptionConfirmation => None,
        };
        let attempts = self.message.receive_count;
        let Some(arn) = dead_letters else {
            tracing::warn!(subscription = %self.key.id, %reason, attempts, "a message is given up");
            return End::Done;
        };
        match fan_out::to_dead_letters(&self.sns, subscription, &arn, message.message).await {
            Ok(()) => End::Done,
            Err(error) => {
                tracing::warn!(subscription = %self.key.id, %error, "the dead-letter queue takes nothing now");
                End::Later(limits::ATTEMPT_MS_MAX)
            }
        }
    }
}

/// The content type of the request policy in force (SNS-240, SNS-242, SNS-243).
fn content_type(topic: Option<&str>, own: Option<&str>) -> Option<String> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let named = |policy: &Value| {
        policy
            .get("headerContentType")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let own = read(own).and_then(|policy| policy.get("requestPolicy").and_then(named));
    let of_topic = || {
        read(topic).and_then(|policy| {
            policy
                .get("http")?
                .get("defaultRequestPolicy")
                .and_then(named)
        })
    };
    own.or_else(of_topic)
}
