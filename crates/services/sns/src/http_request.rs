//! What an HTTP endpoint is told in headers (SNS-236 to SNS-243).

use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use waystation_delivery::notification::{Form, Kind};

use crate::delivery_policy;
use crate::subscription_settings::SubscriptionSettings;
use crate::topic_settings::TopicSettings;
use crate::waiting::Waiting;

/// SNS-240, SNS-241
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// The content type of the request policy in force, if the form of the message allows it (SNS-240, SNS-242, SNS-243).
pub(crate) fn content_type(
    topic: &TopicSettings,
    subscription: &SubscriptionSettings,
    form: Form,
) -> Option<String> {
    let wanted =
        delivery_policy::content_type(topic.delivery_policy(), subscription.delivery_policy())?;
    delivery_policy::is_content_type(&wanted, form).then_some(wanted)
}

/// The headers of a POST. `content_type` is that of the request policy in force.
pub(crate) fn headers(
    waiting: &Waiting,
    topic_arn: &str,
    subscription_arn: &str,
    content_type: Option<&str>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(
        HeaderName::from_static("x-amz-sns-message-type"),
        waiting.kind.name(),
    );
    put(HeaderName::from_static("x-amz-sns-message-id"), &waiting.id);
    put(HeaderName::from_static("x-amz-sns-topic-arn"), topic_arn);
    if waiting.kind != Kind::SubscriptionConfirmation {
        put(
            HeaderName::from_static("x-amz-sns-subscription-arn"),
            subscription_arn,
        );
    }
    if waiting.form == Form::Raw {
        put(HeaderName::from_static("x-amz-sns-rawdelivery"), "true");
    }
    put(CONNECTION, "Keep-Alive");
    put(USER_AGENT, "Amazon Simple Notification Service Agent");
    put(ACCEPT_ENCODING, "gzip,deflate");
    let content_type = content_type.filter(|_| waiting.kind == Kind::Notification);
    let content_type = content_type.and_then(|text| HeaderValue::from_str(text).ok());
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(PLAIN));
    headers
}

#[cfg(test)]
mod tests {
    use waystation_delivery::message::Message;
    use waystation_wire::Str;

    use super::*;

    fn waiting(kind: Kind) -> Waiting {
        Waiting {
            kind,
            form: if kind == Kind::Notification {
                Form::Raw
            } else {
                Form::Envelope
            },
            id: Str::from_static("0-1"),
            text: Str::from_static("body"),
            message: Message {
                body: Str::from_static("body"),
                body_md5: [1; 16],
                attributes: Vec::new(),
                attributes_md5: None,
                sender_id: Str::from_static("s"),
                group_id: None,
                deduplication_id: None,
                trace_header: None,
            },
        }
    }

    #[test]
    fn headers_tell_what_it_is() {
        // SNS-236 to SNS-241
        let of = |kind| headers(&waiting(kind), "t", "s", Some("application/json"));
        let text = |headers: &HeaderMap, name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().expect("text").to_owned())
        };
        let notification = of(Kind::Notification);
        for (name, value) in [
            ("x-amz-sns-message-type", "Notification"),
            ("x-amz-sns-subscription-arn", "s"),
            ("x-amz-sns-rawdelivery", "true"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(text(&notification, name).as_deref(), Some(value));
        }
        let confirmation = of(Kind::SubscriptionConfirmation);
        assert_eq!(text(&confirmation, "x-amz-sns-subscription-arn"), None);
        assert_eq!(
            text(&confirmation, "content-type").as_deref(),
            Some("text/plain; charset=UTF-8")
        );
        let farewell = of(Kind::UnsubscribeConfirmation);
        assert_eq!(
            text(&farewell, "x-amz-sns-subscription-arn").as_deref(),
            Some("s")
        );
    }
}
