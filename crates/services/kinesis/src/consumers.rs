//! Registered consumers (section 10): `RegisterStreamConsumer`, `DescribeStreamConsumer`, `ListStreamConsumers`,
//! `DeregisterStreamConsumer`.

use std::collections::BTreeMap;
use std::sync::Arc;

use waystation_engine::{Expect, Row};
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located, Target};
use crate::api::{
    Consumer as ShownConsumer, ConsumerDescription, DeregisterStreamConsumerInput,
    DescribeStreamConsumerInput, DescribeStreamConsumerOutput, ListStreamConsumersInput,
    ListStreamConsumersOutput, RegisterStreamConsumerInput, RegisterStreamConsumerOutput,
};
use crate::consumer_rows::{Consumer, Status};
use crate::errors::{
    changing_too_fast, in_use, internal, invalid, limit_exceeded, no_stream, not_found,
};
use crate::limits::Limits;
use crate::list_shards::is_creation;
use crate::names::{self, KinesisArn, Resource};
use crate::streams::seconds;
use crate::tokens::Purpose;
use crate::{Kinesis, account, catalog, limits, queue_catalog, rates, tags};

/// A consumer that a request names, as the catalog showed it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) located: Located,
    pub(crate) name: String,
    pub(crate) row: Arc<Row>,
    pub(crate) consumer: Consumer,
    pub(crate) status: Status,
}

impl Found {
    pub(crate) fn arn(&self) -> String {
        names::consumer_arn(&self.located.arn(), &self.name, self.consumer.created_s)
    }

    fn shown(&self) -> ShownConsumer {
        shown(&self.located, &self.name, &self.consumer, self.status)
    }
}

fn shown(located: &Located, name: &str, consumer: &Consumer, status: Status) -> ShownConsumer {
    let arn = names::consumer_arn(&located.arn(), name, consumer.created_s);
    ShownConsumer {
        consumer_name: Str::from(name.to_owned()),
        consumer_arn: Str::from(arn),
        consumer_status: Str::from_static(status.as_str()),
        consumer_creation_timestamp: seconds(consumer.created_s),
    }
}

/// The consumers of a stream that are there, with their names.
pub(crate) fn of_stream(
    kinesis: &Kinesis,
    located: &Located,
    after: Option<&str>,
) -> Result<Vec<(String, Consumer, Status)>, ApiError> {
    let prefix = catalog::consumers_of(&located.name);
    let after = after.map(|name| catalog::consumer_path(&located.name, name));
    let catalog = kinesis.engine.catalog();
    let rows = catalog.range(&located.scope, &prefix, after.as_deref(), usize::MAX);
    let mut consumers = Vec::new();
    for (path, row) in rows {
        let consumer = Consumer::decode(row.bytes()).map_err(internal)?;
        let status = consumer.status(located);
        if consumer.stream == located.stream.settings.id && status != Status::Gone {
            let name = path.get(prefix.len()..).unwrap_or_default();
            consumers.push((String::from_utf8_lossy(name).into_owned(), consumer, status));
        }
    }
    Ok(consumers)
}

/// How many consumers a stream has.
pub(crate) fn count(kinesis: &Kinesis, located: &Located) -> Result<usize, ApiError> {
    Ok(of_stream(kinesis, located, None)?.len())
}

/// `RegisterStreamConsumer` (KIN-167 to KIN-169)
pub(crate) async fn register(
    kinesis: &Kinesis,
    caller: &Caller,
    input: RegisterStreamConsumerInput,
) -> Result<RegisterStreamConsumerOutput, ApiError> {
    let target = addressing::by_arn(caller, &input.stream_arn)?;
    let now_ms = kinesis.now_ms();
    kinesis
        .rates
        .count(rates::REGISTER_CONSUMER, caller, target.name, now_ms)?;
    let name = &*input.consumer_name;
    let tags = match &input.tags {
        Some(given) => tags::merged(given, &BTreeMap::new(), target.name, target.account)?,
        None => BTreeMap::new(),
    };
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let located = addressing::locate(kinesis, caller, &target)?;
        located.require_active_or_updating()?;
        check_register(kinesis, &located, name)?;
        let consumer = Consumer::new(located.stream.settings.id, located.now_ms, tags.clone());
        let path = catalog::consumer_path(&located.name, name);
        let before = kinesis.engine.catalog().get(&located.scope, &path);
        let expect = before.map_or(Expect::Absent, |row| Expect::Version(row.version()));
        // With the stream's row as it was seen: a deletion meanwhile wins.
        let rows = vec![
            catalog::put(path, expect, consumer.encode(), Vec::new()),
            catalog::stream_row(&located, &located.stream.settings),
        ];
        if catalog::try_write(&mut attempts, &located.scope, rows).await? {
            let consumer = shown(&located, name, &consumer, Status::Creating);
            return Ok(RegisterStreamConsumerOutput { consumer });
        }
    }
    Err(changing_too_fast())
}

fn check_register(kinesis: &Kinesis, located: &Located, name: &str) -> Result<(), ApiError> {
    let consumers = of_stream(kinesis, located, None)?;
    let (stream, account) = (&located.name, located.account());
    if consumers.iter().any(|(existing, ..)| existing == name) {
        return Err(in_use(format_args!(
            "Consumer {name} under stream {stream} already exists for account {account}."
        ))); // KIN-168
    }
    let is_creating = |(_, _, status): &&(String, Consumer, Status)| *status == Status::Creating;
    let creating = consumers.iter().filter(is_creating).count();
    if kinesis.limits == Limits::Aws && creating >= limits::CONSUMERS_CREATING_MAX {
        return Err(limit_exceeded(format_args!(
            "Stream {stream} under account {account} has {creating} consumers in CREATING state."
        )));
    }
    check_count(kinesis, located, consumers.len())
}

/// KIN-169: queues are counted too.
pub(crate) fn check_count(
    kinesis: &Kinesis,
    located: &Located,
    consumers: usize,
) -> Result<(), ApiError> {
    let has = consumers + queue_catalog::count(kinesis, located)?;
    let max = match account::is_committed(kinesis, &located.scope)? {
        true => limits::CONSUMERS_PER_STREAM_COMMITTED_MAX,
        false => limits::CONSUMERS_PER_STREAM_MAX,
    };
    if has < max {
        return Ok(());
    }
    Err(limit_exceeded(format_args!(
        "Stream {} under account {} cannot have more than {max} registered consumers.",
        located.name,
        located.account()
    )))
}

/// The consumer that a request names (KIN-170).
fn find(
    kinesis: &Kinesis,
    caller: &Caller,
    [stream_arn, name, arn]: [Option<&str>; 3],
) -> Result<Found, ApiError> {
    let found = match (arn, stream_arn, name) {
        (Some(arn), ..) => by_arn(kinesis, caller, arn)?,
        (None, Some(stream_arn), Some(name)) => {
            let target = addressing::by_arn(caller, stream_arn)?;
            by_name(kinesis, caller, &target, name)?.ok_or_else(|| {
                let (stream, account) = (target.name, target.account);
                not_found(format_args!(
                    "Consumer {name} under stream {stream} under account {account} not found."
                ))
            })?
        }
        _ => {
            return Err(invalid(
                "Either ConsumerARN, or both StreamARN and ConsumerName should be provided.",
            ));
        }
    };
    let is_other = stream_arn.is_some_and(|given| given != found.located.arn())
        || name.is_some_and(|given| given != found.name);
    if is_other {
        return Err(invalid(
            "ConsumerARN, StreamARN and ConsumerName do not designate the same consumer.",
        ));
    }
    Ok(found)
}

/// The consumer of an ARN.
pub(crate) fn by_arn(kinesis: &Kinesis, caller: &Caller, arn: &str) -> Result<Found, ApiError> {
    let Some(KinesisArn {
        account,
        region,
        resource: Resource::Consumer(stream, name, created_s),
    }) = KinesisArn::parse(arn)
    else {
        return Err(invalid(format_args!("Invalid ConsumerARN: {arn}")));
    };
    let target = Target {
        account,
        region,
        name: stream,
    };
    let missing = || not_found(format_args!("Consumer {arn} not found."));
    if region != &*caller.region {
        return Err(missing());
    }
    let found = by_name(kinesis, caller, &target, name);
    match found {
        Ok(Some(found)) if found.consumer.created_s == created_s => Ok(found),
        Ok(_) => Err(missing()),
        Err(error) => Err(error),
    }
}

fn by_name(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &Target<'_>,
    name: &str,
) -> Result<Option<Found>, ApiError> {
    let located = addressing::find(&kinesis.engine, target)?;
    let located = located.ok_or_else(|| no_stream(target.name, target.account))?;
    let path = catalog::consumer_path(&located.name, name);
    let Some(row) = kinesis.engine.catalog().get(&located.scope, &path) else {
        return Ok(None);
    };
    let consumer = Consumer::decode(row.bytes()).map_err(internal)?;
    let status = consumer.status(&located);
    if consumer.stream != located.stream.settings.id || status == Status::Gone {
        return Ok(None);
    }
    let found = Found {
        located,
        name: name.to_owned(),
        row,
        consumer,
        status,
    };
    let has_policy =
        found.consumer.policy.is_some() || found.located.stream.settings.policy.is_some();
    addressing::check_access(caller, target.account, has_policy, &|| found.arn())?;
    Ok(Some(found))
}

/// `DescribeStreamConsumer` (KIN-171)
pub(crate) async fn describe(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DescribeStreamConsumerInput,
) -> Result<DescribeStreamConsumerOutput, ApiError> {
    let named = [&input.stream_arn, &input.consumer_name, &input.consumer_arn];
    let found = find(kinesis, caller, named.map(|text| text.as_deref()))?;
    let (stream, now_ms) = (&found.located.name, kinesis.now_ms());
    kinesis
        .rates
        .count(rates::DESCRIBE_CONSUMER, caller, stream, now_ms)?;
    let ShownConsumer {
        consumer_name,
        consumer_arn,
        consumer_status,
        consumer_creation_timestamp,
    } = found.shown();
    Ok(DescribeStreamConsumerOutput {
        consumer_description: ConsumerDescription {
            consumer_name,
            consumer_arn,
            consumer_status,
            consumer_creation_timestamp,
            stream_arn: Str::from(found.located.arn()),
        },
    })
}

/// `DeregisterStreamConsumer` (KIN-173)
pub(crate) async fn deregister(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DeregisterStreamConsumerInput,
) -> Result<(), ApiError> {
    let named = [&input.stream_arn, &input.consumer_name, &input.consumer_arn];
    let find = || find(kinesis, caller, named.map(|text| text.as_deref()));
    let (stream, now_ms) = (find()?.located.name, kinesis.now_ms());
    kinesis
        .rates
        .count(rates::DEREGISTER_CONSUMER, caller, &stream, now_ms)?;
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let found = find()?;
        if found.status == Status::Deleting {
            return Err(in_use(format_args!(
                "Consumer {} is in state DELETING.",
                found.arn()
            )));
        }
        let mut after = found.consumer.clone();
        after.delete(now_ms);
        let path = catalog::consumer_path(&stream, &found.name);
        let expect = Expect::Version(found.row.version());
        let change = catalog::put(path, expect, after.encode(), Vec::new());
        if catalog::try_write(&mut attempts, &found.located.scope, vec![change]).await? {
            kinesis.subscriptions.look_again(found.consumer.stream);
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

/// `ListStreamConsumers` (KIN-172)
pub(crate) async fn list(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListStreamConsumersInput,
) -> Result<ListStreamConsumersOutput, ApiError> {
    let target = addressing::by_arn(caller, &input.stream_arn)?;
    let now_ms = kinesis.now_ms();
    kinesis
        .rates
        .count(rates::LIST_CONSUMERS, caller, target.name, now_ms)?;
    let located = addressing::locate(kinesis, caller, &target)?;
    located.require_active_or_updating()?;
    let settings = &located.stream.settings;
    if let Some(created) = input.stream_creation_timestamp
        && !is_creation(created, settings.created_s())
    {
        return Err(no_stream(target.name, target.account));
    }
    // A token is the id of its stream and the name of the last consumer.
    let id = settings.id.to_be_bytes();
    let after = match input.next_token.as_deref() {
        Some(token) => {
            let content = kinesis.tokens.next(Purpose::ListConsumers, token, now_ms)?;
            let name = content.strip_prefix(&id);
            let name = name.ok_or_else(|| invalid("Invalid NextToken."))?;
            Some(String::from_utf8_lossy(name).into_owned())
        }
        None => None,
    };
    let max = input.max_results.and_then(|max| usize::try_from(max).ok());
    let max = max.map_or(limits::LISTED_CONSUMERS_MAX, |max| {
        max.min(limits::LISTED_CONSUMERS_MAX)
    });
    let consumers = of_stream(kinesis, &located, after.as_deref())?;
    let last = consumers
        .get(max.saturating_sub(1))
        .filter(|_| consumers.len() > max);
    let next_token = last.map(|(name, ..)| {
        let content = [&id[..], name.as_bytes()].concat();
        kinesis
            .tokens
            .issue(Purpose::ListConsumers, now_ms, &content)
    });
    let page = consumers.iter().take(max);
    let page = page.map(|(name, consumer, status)| shown(&located, name, consumer, *status));
    Ok(ListStreamConsumersOutput {
        consumers: Some(page.collect()),
        next_token,
    })
}
