//! `ListShards` with its filters and pages (section 7).

use std::sync::Arc;

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_wire::{ApiError, Caller, Timestamp};

use crate::addressing::{self, Located, Target};
use crate::api::{ListShardsInput, ListShardsOutput, ShardFilter};
use crate::describe;
use crate::errors::{internal, invalid, no_shard, no_stream};
use crate::shard_rows::Shard;
use crate::tokens::Purpose;
use crate::{Kinesis, limits, names, rates};

/// Which shards a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// KIN-136
    AtLatest,
    /// KIN-137
    AtTrimHorizon,
    /// KIN-138, KIN-141
    All,
    /// KIN-139, in milliseconds.
    At(u64),
    /// KIN-140, in milliseconds.
    From(u64),
}

/// A list under way: what a token carries (KIN-133).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listing {
    stream: u64,
    account: String,
    name: String,
    after: Option<u32>,
    filter: Filter,
}

/// `ListShards`
pub(crate) async fn list(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListShardsInput,
) -> Result<ListShardsOutput, ApiError> {
    let now_ms = kinesis.now_ms();
    let (located, listing) = match &input.next_token {
        Some(token) => resume(kinesis, caller, &input, token)?,
        None => begin(kinesis, caller, &input)?,
    };
    kinesis
        .rates
        .count(rates::LIST_SHARDS, caller, &located.name, now_ms)?;
    located.require_active_or_updating()?;
    let settings = &located.stream.settings;
    // Where the stream begins: before its creation there was nothing to trim.
    let trim_ms = settings.horizon_ms(now_ms).max(settings.created_ms);
    let max = input
        .max_results
        .and_then(|max| usize::try_from(max).ok())
        .map_or(limits::LISTED_SHARDS_MAX, |max| {
            max.min(limits::LISTED_SHARDS_MAX)
        });
    let mut matching = describe::listed(kinesis, &located)?
        .into_iter()
        .filter(|shard| listing.after.is_none_or(|after| shard.index > after))
        .filter(|shard| listing.filter.lets_pass(shard, trim_ms));
    let page: Vec<Arc<Shard>> = matching.by_ref().take(max).collect();
    let last = page.last().filter(|_| matching.next().is_some());
    let next_token = last.map(|last| {
        let rest = Listing {
            after: Some(last.index),
            ..listing.clone()
        };
        kinesis
            .tokens
            .issue(Purpose::ListShards, now_ms, &rest.encode())
    });
    Ok(ListShardsOutput {
        shards: Some(page.iter().map(|shard| describe::shown(shard)).collect()),
        next_token,
    })
}

/// A first page.
fn begin(
    kinesis: &Kinesis,
    caller: &Caller,
    input: &ListShardsInput,
) -> Result<(Located, Listing), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    if name.is_none() && arn.is_none() {
        return Err(invalid(
            "Either NextToken or StreamName should be provided.",
        )); // KIN-128
    }
    let target = addressing::target(caller, name, arn)?;
    let located = addressing::locate(kinesis, caller, &target)?;
    let settings = &located.stream.settings;
    if let Some(created) = input.stream_creation_timestamp
        && !is_creation(created, settings.created_s())
    {
        return Err(no_stream(target.name, target.account)); // KIN-135
    }
    let (filter, after_filter) = match &input.shard_filter {
        Some(filter) => parse_filter(filter, &target)?,
        None => (Filter::All, None),
    };
    let start = match input.exclusive_start_shard_id.as_deref() {
        Some(id) => Some(index_of(id, &target)?),
        None => None,
    };
    let listing = Listing {
        stream: settings.id,
        account: target.account.to_owned(),
        name: target.name.to_owned(),
        after: start.max(after_filter),
        filter,
    };
    Ok((located, listing))
}

/// A further page.
fn resume(
    kinesis: &Kinesis,
    caller: &Caller,
    input: &ListShardsInput,
    token: &str,
) -> Result<(Located, Listing), ApiError> {
    let others = [
        (
            "StreamName",
            input.stream_name.is_some() || input.stream_arn.is_some(),
        ),
        (
            "ExclusiveStartShardId",
            input.exclusive_start_shard_id.is_some(),
        ),
        (
            "StreamCreationTimestamp",
            input.stream_creation_timestamp.is_some(),
        ),
        ("ShardFilter", input.shard_filter.is_some()),
    ];
    if let Some((name, _)) = others.into_iter().find(|(_, is_given)| *is_given) {
        // KIN-129, KIN-130
        return Err(invalid(format_args!(
            "NextToken and {name} cannot be provided together."
        )));
    }
    let content = kinesis
        .tokens
        .next(Purpose::ListShards, token, kinesis.now_ms())?;
    let listing = Listing::decode(&content).map_err(internal)?;
    let target = Target {
        account: &listing.account,
        region: &caller.region,
        name: &listing.name,
    };
    let located = addressing::locate(kinesis, caller, &target)?;
    // KIN-040
    if located.stream.settings.id != listing.stream {
        return Err(invalid("Invalid NextToken."));
    }
    Ok((located, listing))
}

/// SDKs send whole seconds back.
pub(crate) fn is_creation(given: Timestamp, created_s: u64) -> bool {
    given.as_ms().div_euclid(1_000) == created_s as i64
}

fn index_of(id: &str, target: &Target<'_>) -> Result<u32, ApiError> {
    names::parse_shard_id(id).ok_or_else(|| no_shard(id, target.name, target.account))
}

/// KIN-136 to KIN-142
fn parse_filter(
    filter: &ShardFilter,
    target: &Target<'_>,
) -> Result<(Filter, Option<u32>), ApiError> {
    let kind = &*filter.r#type;
    let wants_time = matches!(kind, "AT_TIMESTAMP" | "FROM_TIMESTAMP");
    let wants_shard = kind == "AFTER_SHARD_ID";
    for (name, wanted, given) in [
        ("Timestamp", wants_time, filter.timestamp.is_some()),
        ("ShardId", wants_shard, filter.shard_id.is_some()),
    ] {
        if wanted != given {
            let verb = if wanted { "must" } else { "must not" };
            return Err(invalid(format_args!(
                "{name} {verb} be provided in ShardFilter of type {kind}."
            )));
        }
    }
    let after = match filter.shard_id.as_deref() {
        Some(id) => Some(index_of(id, target)?),
        None => None,
    };
    let at_ms = filter
        .timestamp
        .map_or(0, |time| time.as_ms().max(0) as u64);
    let filter = match kind {
        "AT_LATEST" => Filter::AtLatest,
        "AT_TRIM_HORIZON" => Filter::AtTrimHorizon,
        "AT_TIMESTAMP" => Filter::At(at_ms),
        "FROM_TIMESTAMP" => Filter::From(at_ms),
        _ => Filter::All,
    };
    Ok((filter, after))
}

impl Filter {
    /// Whether a listed shard passes. Timestamps before the trim horizon count as the horizon.
    fn lets_pass(self, shard: &Shard, trim_ms: u64) -> bool {
        let was_open_at = |at_ms: u64| {
            let is_closed_later = shard.closed_ms.is_none_or(|closed_ms| closed_ms >= at_ms);
            shard.opened_ms <= at_ms && is_closed_later
        };
        match self {
            Filter::AtLatest => shard.is_open(),
            Filter::AtTrimHorizon => was_open_at(trim_ms),
            Filter::All => true,
            Filter::At(at_ms) => was_open_at(at_ms.max(trim_ms)),
            Filter::From(at_ms) => {
                let from_ms = at_ms.max(trim_ms);
                shard.closed_ms.is_none_or(|closed_ms| closed_ms >= from_ms)
            }
        }
    }

    fn encode(self) -> (u8, u64) {
        match self {
            Filter::All => (0, 0),
            Filter::AtLatest => (1, 0),
            Filter::AtTrimHorizon => (2, 0),
            Filter::At(ms) => (3, ms),
            Filter::From(ms) => (4, ms),
        }
    }

    fn decode(kind: u8, ms: u64) -> Result<Filter, Malformed> {
        match kind {
            0 => Ok(Filter::All),
            1 => Ok(Filter::AtLatest),
            2 => Ok(Filter::AtTrimHorizon),
            3 => Ok(Filter::At(ms)),
            4 => Ok(Filter::From(ms)),
            _ => Err(Malformed),
        }
    }
}

impl Listing {
    fn encode(&self) -> Vec<u8> {
        let mut out = Output::default();
        out.u64(self.stream);
        out.text(&self.account);
        out.text(&self.name);
        out.option(&self.after, |out, after| out.u32(*after));
        let (kind, ms) = self.filter.encode();
        out.u8(kind);
        out.u64(ms);
        out.finish().to_vec()
    }

    fn decode(content: &[u8]) -> Result<Listing, Malformed> {
        let mut input = Input::new(content);
        let listing = Listing {
            stream: input.u64()?,
            account: input.text()?,
            name: input.text()?,
            after: input.option(Input::u32)?,
            filter: Filter::decode(input.u8()?, input.u64()?)?,
        };
        input.end()?;
        Ok(listing)
    }
}
