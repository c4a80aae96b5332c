//! One attempt to deliver one message to an endpoint that is no queue, and what follows from how it ended.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use tokio::sync::OwnedSemaphorePermit;
use waystation_delivery::directory::Invocation;
use waystation_delivery::notification::{Kind, ReadError};
use waystation_delivery::post::{Ended, Outcome, Post, post};
use waystation_engine::{Delivered, EngineError, QueueId};

use crate::deliveries::Key;
use crate::retry::Retries;
use crate::status_log::{Sent, Status, StatusLog};
use crate::subscription_settings::SubscriptionSettings;
use crate::tally::Count;
use crate::topic_settings::TopicSettings;
use crate::waiting::Waiting;
use crate::{Sns, fan_out, http_request, lambda_event, limits};

/// One attempt.
pub(crate) struct Attempt {
    pub(crate) sns: Arc<Sns>,
    pub(crate) key: Key,
    pub(crate) queue: QueueId,
    pub(crate) message: Delivered,
}

/// What became of it.
enum End {
    /// Nothing is left to do.
    Done,
    /// It is due again after so long.
    Later(u64),
}

impl Attempt {
    /// Makes the attempt and keeps its end.
    pub(crate) async fn run(self, _one_of_several: OwnedSemaphorePermit) {
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
        let Some((topic, subscription)) = self.sns.settings_of(&self.key) else {
            return End::Done; // Unsubscribed meanwhile.
        };
        let (body, label) = (self.message.body.clone(), self.message.label);
        let waiting = match Waiting::read(body, label, &self.sns.signer).await {
            Ok(waiting) => waiting,
            Err(ReadError::Malformed) => {
                tracing::error!(subscription = %self.key.id, "a stored message cannot be read");
                return End::Done;
            }
            Err(error @ ReadError::Engine(_)) => {
                tracing::warn!(subscription = %self.key.id, %error, "a delivery waits");
                return End::Later(limits::ATTEMPT_MS_MAX);
            }
        };
        let is_farewell = waiting.kind == Kind::UnsubscribeConfirmation;
        if subscription.has_left && !is_farewell {
            return End::Done;
        }
        let ended = self.deliver(&topic, &subscription, &waiting).await;
        self.tell(&topic, &subscription, &waiting, &ended);
        // SNS-437: of web endpoints every failed attempt counts. Confirmations are no notifications.
        let is_web = subscription.protocol != "lambda";
        match ended.outcome {
            Outcome::Delivered => self.count(&waiting, Count::Delivered),
            _ if is_web => self.count(&waiting, Count::Failed),
            _ => {}
        }
        match ended.outcome {
            Outcome::Delivered => End::Done,
            Outcome::Retry => match self.next_ms(&topic, &subscription, &waiting) {
                Some(delay_ms) => {
                    tracing::debug!(subscription = %self.key.id, reason = %ended.text, delay_ms, "a delivery is tried again");
                    End::Later(delay_ms)
                }
                None => self.give_up(&subscription, waiting, ended).await,
            },
            Outcome::Refused => self.give_up(&subscription, waiting, ended).await,
        }
    }

    fn count(&self, waiting: &Waiting, count: Count) {
        if waiting.kind == Kind::Notification {
            let topic = self.key.topic();
            let tally = self.sns.tallies.of(&self.key.scope(), topic.name);
            tally.add(count, 1);
        }
    }

    async fn deliver(
        &self,
        topic: &TopicSettings,
        subscription: &SubscriptionSettings,
        waiting: &Waiting,
    ) -> Ended {
        if subscription.protocol == "lambda" {
            return self.invoke(subscription, waiting).await;
        }
        let Ok(uri) = subscription.endpoint.parse::<Uri>() else {
            return refused("the endpoint is no URL");
        };
        let topic_arn = self.key.topic().arn();
        let headers = http_request::headers(
            waiting,
            &topic_arn,
            &format!("{topic_arn}:{}", self.key.id),
            http_request::content_type(topic, subscription, waiting.form).as_deref(),
        );
        let post_it = Post {
            uri,
            headers,
            body: waiting.message.body.as_bytes().clone(),
        };
        post(&self.sns.trust, post_it).await
    }

    /// SNS-228, SNS-235
    async fn invoke(&self, subscription: &SubscriptionSettings, waiting: &Waiting) -> Ended {
        let arn = format!("{}:{}", self.key.topic().arn(), self.key.id);
        let Some(event) = lambda_event::of(&waiting.message.body, &arn) else {
            return refused("the envelope cannot be read");
        };
        let invoked = self
            .sns
            .functions
            .invoke(&subscription.endpoint, Bytes::from(event))
            .await;
        match invoked {
            Invocation::Accepted { request_id } => Ended {
                outcome: Outcome::Delivered,
                status: Some(202), // SNS-432
                text: serde_json::json!({"lambdaRequestId": request_id}).to_string(),
            },
            Invocation::Refused(reason) => refused(&reason),
            Invocation::Failed(reason) => Ended {
                outcome: Outcome::Retry,
                status: None,
                text: reason,
            },
        }
    }

    /// When it is due again (section 25); `None` after the last attempt.
    fn next_ms(
        &self,
        topic: &TopicSettings,
        subscription: &SubscriptionSettings,
        waiting: &Waiting,
    ) -> Option<u64> {
        let attempts = self.message.receive_count;
        let delay_ms = if subscription.protocol == "lambda" {
            let age_ms = self.sns.now_ms().saturating_sub(self.message.sent_ms);
            Retries::of_aws().delay_ms_at(attempts, age_ms)?
        } else {
            let own = subscription.delivery_policy();
            Retries::of(topic.delivery_policy(), own).delay_ms(attempts)?
        };
        // SNS-327: another part for every message and attempt, which no restart has to remember.
        let parts: [&[u8]; 3] = [b"jitter", &attempts.to_be_bytes(), waiting.id.as_bytes()];
        let jitter = self.sns.ids.key.hash_64(&parts) % (delay_ms / limits::JITTER_FRACTION + 1);
        Some(delay_ms + jitter)
    }

    /// Section 32
    fn tell(
        &self,
        topic: &TopicSettings,
        subscription: &SubscriptionSettings,
        waiting: &Waiting,
        ended: &Ended,
    ) {
        let kind = if subscription.protocol == "lambda" {
            "Lambda"
        } else {
            "HTTP"
        };
        let Some(log) = StatusLog::of_topic(topic, self.key.topic(), kind) else {
            return;
        };
        let topic_arn = self.key.topic().arn();
        let sent = Sent {
            message_id: &waiting.id,
            text: &waiting.text,
            topic_arn: &topic_arn,
            published_ms: self.message.sent_ms,
            destination: &subscription.endpoint_shown(),
        };
        let status = Status {
            is_delivered: ended.outcome == Outcome::Delivered,
            code: ended.status,
            response: ended.text.clone(),
            attempts: (kind == "HTTP").then_some(self.message.receive_count),
        };
        if let Some(entry) = log.keep(self.sns.status_entry(sent, status)) {
            log.write(&entry);
        }
    }

    /// The last attempt, or a permanent error: to the dead-letter queue, if there is one (SNS-116, SNS-337, SNS-354).
    async fn give_up(
        &self,
        subscription: &SubscriptionSettings,
        waiting: Waiting,
        ended: Ended,
    ) -> End {
        let dead_letters = match waiting.kind {
            Kind::Notification => subscription.dead_letter_arn(),
            Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => None,
        };
        if subscription.protocol == "lambda" {
            self.count(&waiting, Count::Failed);
        }
        let attempts = self.message.receive_count;
        let reason = match ended.status {
            Some(status) => format!("status {status}"),
            None => ended.text,
        };
        let Some(arn) = dead_letters else {
            tracing::warn!(subscription = %self.key.id, %reason, attempts, "a message is given up");
            return End::Done;
        };
        match fan_out::to_dead_letters(&self.sns, subscription, &arn, waiting.message).await {
            Ok(count) => {
                self.sns
                    .tallies
                    .of(&self.key.scope(), self.key.topic().name)
                    .add(count, 1);
                End::Done
            }
            Err(error) => {
                tracing::warn!(subscription = %self.key.id, %error, "the dead-letter queue takes nothing now");
                End::Later(limits::ATTEMPT_MS_MAX)
            }
        }
    }
}

fn refused(reason: &str) -> Ended {
    Ended {
        outcome: Outcome::Refused,
        status: None,
        text: reason.to_owned(),
    }
}
