//! Names and ARNs of streams, shards, consumers and queues (section 3).

use waystation_delivery::arn::{Arn, partition};

/// The ARN of a stream.
pub(crate) fn stream_arn(region: &str, account: &str, name: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:kinesis:{region}:{account}:stream/{name}")
}

/// The ARN of a registered consumer.
pub(crate) fn consumer_arn(stream_arn: &str, name: &str, created_s: u64) -> String {
    format!("{stream_arn}/consumer/{name}:{created_s}")
}

/// The ARN of a queue.
pub(crate) fn queue_arn(region: &str, account: &str, id: u64) -> String {
    let partition = partition(region);
    format!("arn:{partition}:kinesis:{region}:{account}:queue/{id:016x}")
}

/// What an ARN of the service names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    /// A stream, by name.
    Stream(&'a str),
    /// A consumer: stream, name and second of its creation.
    Consumer(&'a str, &'a str, u64),
    /// A queue, by id.
    Queue(u64),
    /// A channel.
    Channel,
}

/// An ARN of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KinesisArn<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) resource: Resource<'a>,
}

impl<'a> KinesisArn<'a> {
    /// Reads an ARN; `None` when it names nothing of this service.
    pub(crate) fn parse(text: &'a str) -> Option<KinesisArn<'a>> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "kinesis")?;
        let (kind, rest) = arn.resource.split_once('/')?;
        let resource = match kind {
            "stream" => stream_or_consumer(rest)?,
            "queue" if rest.len() == 16 => Resource::Queue(u64::from_str_radix(rest, 16).ok()?),
            "channel" => Resource::Channel,
            _ => return None,
        };
        Some(KinesisArn {
            account: arn.account,
            region: arn.region,
            resource,
        })
    }
}

fn stream_or_consumer(rest: &str) -> Option<Resource<'_>> {
    let Some((stream, rest)) = rest.split_once('/') else {
        return is_name(rest).then_some(Resource::Stream(rest));
    };
    let (name, created) = rest.strip_prefix("consumer/")?.rsplit_once(':')?;
    let created_s = created.parse().ok()?;
    (is_name(stream) && is_name(name)).then_some(Resource::Consumer(stream, name, created_s))
}

/// Whether the text can be the name of a stream, a consumer or a queue (KIN-032).
pub(crate) fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The canonical id of a shard (KIN-039).
pub(crate) fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

/// The index in the id of a shard: the canonical form, any `prefix-N` or a bare `N` (KIN-038).
pub(crate) fn parse_shard_id(id: &str) -> Option<u32> {
    let number = id.rsplit_once('-').map_or(id, |(_, number)| number);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let index: u32 = number.parse().ok()?;
    (is_number && index <= i32::MAX as u32).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_resources() {
        let arn = |resource: &str| format!("arn:aws:kinesis:us-east-1:000000000000:{resource}");
        let parse =
            |text: &str| KinesisArn::parse(text).map(|arn| arn.resource == Resource::Channel);
        let stream = arn("stream/a.b");
        assert_eq!(stream_arn("us-east-1", "000000000000", "a.b"), stream);
        let parsed = KinesisArn::parse(&stream).expect("a stream");
        assert_eq!(parsed.resource, Resource::Stream("a.b"));
        let consumer = consumer_arn(&stream, "c", 17);
        assert_eq!(consumer, arn("stream/a.b/consumer/c:17"));
        let parsed = KinesisArn::parse(&consumer).expect("a consumer");
        assert_eq!(parsed.resource, Resource::Consumer("a.b", "c", 17));
        let queue = queue_arn("us-east-1", "000000000000", 0xAB);
        let parsed = KinesisArn::parse(&queue).expect("a queue");
        assert_eq!(parsed.resource, Resource::Queue(0xAB));
        for bad in [
            "stream",
            "stream/",
            "stream/a/b",
            "stream/a/consumer/c",
            "table/x",
            "queue/1",
        ] {
            assert_eq!(parse(&arn(bad)), None, "{bad}");
        }
        assert_eq!(
            KinesisArn::parse("arn:aws:sqs:us-east-1:000000000000:stream/a"),
            None
        );
    }

    #[test]
    fn shard_ids_have_several_forms() {
        // KIN-038
        assert_eq!(shard_id(7), "shardId-000000000007");
        assert_eq!(parse_shard_id("shardId-000000000007"), Some(7));
        assert_eq!(parse_shard_id("any-7"), Some(7));
        assert_eq!(parse_shard_id("7"), Some(7));
        assert_eq!(parse_shard_id("2147483647"), Some(2_147_483_647));
        for bad in [
            "2147483648",
            "shardId-",
            "shardId",
            "",
            "a7",
            "99999999999999999999",
        ] {
            assert_eq!(parse_shard_id(bad), None, "{bad}");
        }
    }
}
