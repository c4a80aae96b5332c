//! Amazon SNS: topics that pass what is published to everybody who subscribed.
//!
//! `operations!` below is the table of contents. A publish takes this way: `publish` applies AWS's rules
//! (`docs/reference/sns.md`, cited by id), `subscribers` finds the subscriptions whose filters let the message pass,
//! `stored_forms` writes what they get, `fan_out` publishes it to their queues, and the answer leaves when that is
//! durable. Envelopes are made and signed by `delivery` when somebody reads them. A subscription of an endpoint that is no
//! queue owns one too, which `deliveries` works, `attempt` by `attempt`.
//!
//! Mails, text messages and push notifications are written as AWS would send them and kept where testers read them
//! (`captured`).
//!
//! FIFO topics may keep an archive, which is written with the publish (`archive`, `publisher`) and read by `replays`.
//!
//! What is deliberately absent so far, and answered with `NotImplemented`: subscriptions of protocol `firehose`.
//! Absent without an error: evaluation of policies (`auth` will do it) and metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use waystation_delivery::contention::{Attempts, Contention};
use waystation_delivery::directory::{Functions, Queues};
use waystation_delivery::event::Event;
use waystation_delivery::keys::{Key, Keys};
use waystation_delivery::post::Trust;
use waystation_delivery::signer::Signer;
use waystation_delivery::uuid;
use waystation_engine::Engine;

// What is asked for.
pub mod api;
mod topics;
mod topic_attributes;
mod subscriptions;
mod confirm;
mod unsubscribe;
mod subscription_attributes;
mod publish;
mod publish_batch;
mod tags;
mod permissions;
mod data_protection;
mod platform_applications;
mod platform_endpoints;
mod sms_attributes;
mod sms_numbers;
mod sms_sandbox;
// How topics and subscriptions are found, kept and changed.
mod names;
mod catalog;
mod topic_settings;
mod subscription_settings;
mod platform_names;
mod platform_catalog;
mod platform_settings;
mod pages;
mod reset;
// Rules of attributes.
mod topic_rules;
mod archive;
mod subscription_rules;
mod replay;
mod delivery_policy;
mod filter;
mod platform_rules;
// A message on its way.
mod notice;
mod fifo;
mod message_attributes;
mod structure;
mod subscribers;
mod stored_forms;
mod fan_out;
mod publisher;
mod replays;
mod deliveries;
mod attempt;
mod waiting;
mod http_request;
mod lambda_event;
mod status_log;
mod retry;
// Messages for somebody outside.
mod email;
mod sms;
mod sms_text;
mod push;
mod platform_events;
mod captured;
mod captured_message;
mod errors;
mod rates;
mod tally;
mod limits;

pub use captured::{CapturedPage, Captures};
pub use captured_message::{CapturedKind, CapturedMessage};
pub use sms_text::sms_parts;
pub use tally::{Count, NamedTopicFigures, TopicFigures, TopicSurvey};
pub use waystation_delivery::rates::Limits;

/// The service.
pub struct Sns {
    engine: Engine,
    limits: Limits,
    rates: rates::Rates,
    queues: Arc<dyn Queues>,
    functions: Arc<dyn Functions>,
    /// Makes the signatures of envelopes.
    signer: Arc<Signer>,
    /// Whom HTTPS endpoints may be vouched for by.
    trust: Trust,
    /// For the hashes under which the engine knows groups of queues.
    keys: Keys,
    ids: Ids,
    subscribers: subscribers::Topics,
    contention: Contention,
    /// Publishes that meet an archive on its way, or one that went, wait for it.
    archives: Event,
    replays: replays::Replays,
    tallies: tally::Tallies,
}

/// What the service reaches beyond its own rows.
#[derive(Clone)]
pub struct Outside {
    /// Finds the queues that subscriptions name.
    pub queues: Arc<dyn Queues>,
    /// Runs the functions that subscriptions name.
    pub functions: Arc<dyn Functions>,
    /// Makes the signatures of envelopes.
    pub signer: Arc<Signer>,
    /// Whom HTTPS endpoints may be vouched for by.
    pub trust: Trust,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// Makes ids that are unique over all starts: a number of this start and a count, under a keyed hash.
struct Ids {
    key: Key,
    start: u64,
    count: AtomicU64,
}

impl Ids {
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        uuid::text(
            self.key
                .hash_128(&[&self.start.to_be_bytes(), &count.to_be_bytes()]),
        )
    }
}

impl Sns {
    /// The service over an engine.
    pub fn new(engine: Engine, limits: Limits, outside: Outside) -> Sns {
        let secret = engine.message_key();
        Sns {
            limits,
            rates: rates::Rates::new(limits),
            queues: outside.queues,
            functions: outside.functions,
            signer: outside.signer,
            trust: outside.trust,
            keys: Keys::new(&secret),
            ids: Ids {
                key: Key::derive(&secret, "sns id"),
                // A queue id is never given twice, so it tells this start from all others.
                start: engine.new_queue_id().0,
                count: AtomicU64::new(0),
            },
            subscribers: subscribers::Topics::default(),
            contention: Contention::default(),
            archives: Event::default(),
            replays: replays::Replays::default(),
            tallies: tally::Tallies::default(),
            engine,
        }
    }

    /// Engine time in milliseconds since the epoch, so that a moved test clock moves topics too.
    fn now_ms(&self) -> u64 {
        self.engine.now_ms()
    }

    /// Attempts at one change of rows.
    fn attempts(&self) -> Attempts<'_> {
        self.contention.attempts(&self.engine)
    }

    /// A UUID that was never used.
    fn new_id(&self) -> String {
        self.ids.next()
    }
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sns")
    }
}

waystation_wire::operations! {
    Sns, api::MODEL, before = rates::count;
    "CreateTopic" => topics::create(api::CreateTopicInput) -> api::CreateTopicResponse,
    "DeleteTopic" => topics::delete(api::DeleteTopicInput) -> (),
    "ListTopics" => topics::list(api::ListTopicsInput) -> api::ListTopicsResponse,
    "GetTopicAttributes" => topic_attributes::get(api::GetTopicAttributesInput) -> api::GetTopicAttributesResponse,
    "SetTopicAttributes" => topic_attributes::set(api::SetTopicAttributesInput) -> (),
    "Subscribe" => subscriptions::subscribe(api::SubscribeInput) -> api::SubscribeResponse,
    "ConfirmSubscription" => confirm::confirm(api::ConfirmSubscriptionInput) -> api::ConfirmSubscriptionResponse,
    "Unsubscribe" => unsubscribe::unsubscribe(api::UnsubscribeInput) -> (),
    "ListSubscriptions" => subscriptions::list(api::ListSubscriptionsInput) -> api::ListSubscriptionsResponse,
    "ListSubscriptionsByTopic" => subscriptions::list_by_topic(api::ListSubscriptionsByTopicInput)
        -> api::ListSubscriptionsByTopicResponse,
    "GetSubscriptionAttributes" => subscription_attributes::get(api::GetSubscriptionAttributesInput)
        -> api::GetSubscriptionAttributesResponse,
    "SetSubscriptionAttributes" => subscription_attributes::set(api::SetSubscriptionAttributesInput) -> (),
    "Publish" => publish::publish(api::PublishInput) -> api::PublishResponse,
    "PublishBatch" => publish_batch::publish_batch(api::PublishBatchInput) -> api::PublishBatchResponse,
    "TagResource" => tags::tag(api::TagResourceRequest) -> api::TagResourceResponse,
    "UntagResource" => tags::untag(api::UntagResourceRequest) -> api::UntagResourceResponse,
    "ListTagsForResource" => tags::list(api::ListTagsForResourceRequest) -> api::ListTagsForResourceResponse,
    "AddPermission" => permissions::add(api::AddPermissionInput) -> (),
    "RemovePermission" => permissions::remove(api::RemovePermissionInput) -> (),
    "PutDataProtectionPolicy" => data_protection::put(api::PutDataProtectionPolicyInput) -> (),
    "GetDataProtectionPolicy" => data_protection::get(api::GetDataProtectionPolicyInput)
        -> api::GetDataProtectionPolicyResponse,
    "CreatePlatformApplication" => platform_applications::create(api::CreatePlatformApplicationInput)
        -> api::CreatePlatformApplicationResponse,
    "DeletePlatformApplication" => platform_applications::delete(api::DeletePlatformApplicationInput) -> (),
    "ListPlatformApplications" => platform_applications::list(api::ListPlatformApplicationsInput)
        -> api::ListPlatformApplicationsResponse,
    "GetPlatformApplicationAttributes" => platform_applications::get(api::GetPlatformApplicationAttributesInput)
        -> api::GetPlatformApplicationAttributesResponse,
    "SetPlatformApplicationAttributes" => platform_applications::set(api::SetPlatformApplicationAttributesInput) -> (),
    "CreatePlatformEndpoint" => platform_endpoints::create(api::CreatePlatformEndpointInput) -> api::CreateEndpointResponse,
    "DeleteEndpoint" => platform_endpoints::delete(api::DeleteEndpointInput) -> (),
    "ListEndpointsByPlatformApplication" => platform_endpoints::list(api::ListEndpointsByPlatformApplicationInput)
        -> api::ListEndpointsByPlatformApplicationResponse,
    "GetEndpointAttributes" => platform_endpoints::get(api::GetEndpointAttributesInput) -> api::GetEndpointAttributesResponse,
    "SetEndpointAttributes" => platform_endpoints::set(api::SetEndpointAttributesInput) -> (),
    "SetSMSAttributes" => sms_attributes::set(api::SetSMSAttributesInput) -> api::SetSMSAttributesResponse,
    "GetSMSAttributes" => sms_attributes::get(api::GetSMSAttributesInput) -> api::GetSMSAttributesResponse,
    "CheckIfPhoneNumberIsOptedOut" => sms_numbers::check_if_opted_out(api::CheckIfPhoneNumberIsOptedOutInput)
        -> api::CheckIfPhoneNumberIsOptedOutResponse,
    "OptInPhoneNumber" => sms_numbers::opt_in(api::OptInPhoneNumberInput) -> api::OptInPhoneNumberResponse,
    "ListPhoneNumbersOptedOut" => sms_numbers::list_opted_out(api::ListPhoneNumbersOptedOutInput)
        -> api::ListPhoneNumbersOptedOutResponse,
    "ListOriginationNumbers" => sms_numbers::list_origination(api::ListOriginationNumbersRequest)
        -> api::ListOriginationNumbersResult,
    "CreateSMSSandboxPhoneNumber" => sms_sandbox::create(api::CreateSMSSandboxPhoneNumberInput)
        -> api::CreateSMSSandboxPhoneNumberResult,
    "VerifySMSSandboxPhoneNumber" => sms_sandbox::verify(api::VerifySMSSandboxPhoneNumberInput)
        -> api::VerifySMSSandboxPhoneNumberResult,
    "DeleteSMSSandboxPhoneNumber" => sms_sandbox::delete(api::DeleteSMSSandboxPhoneNumberInput)
        -> api::DeleteSMSSandboxPhoneNumberResult,
    "ListSMSSandboxPhoneNumbers" => sms_sandbox::list(api::ListSMSSandboxPhoneNumbersInput)
        -> api::ListSMSSandboxPhoneNumbersResult,
    "GetSMSSandboxAccountStatus" => sms_sandbox::status(api::GetSMSSandboxAccountStatusInput)
        -> api::GetSMSSandboxAccountStatusResult,
}
