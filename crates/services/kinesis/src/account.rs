//! What belongs to an account and region: `DescribeLimits`, `DescribeAccountSettings`, `UpdateAccountSettings`, and the
//! quotas of streams and shards (KIN-048 to KIN-050, KIN-068, section 13).

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{CatalogChange, Expect, Scope};
use waystation_wire::{ApiError, Caller, Str, Timestamp};

use crate::api::{
    DescribeAccountSettingsInput, DescribeAccountSettingsOutput, DescribeLimitsInput,
    DescribeLimitsOutput, MinimumThroughputBillingCommitmentOutput, UpdateAccountSettingsInput,
    UpdateAccountSettingsOutput,
};
use crate::errors::{changing_too_fast, internal, limit_exceeded};
use crate::limits::Limits;
use crate::stream_settings::{Mode, Status, StreamSettings, Work};
use crate::{Kinesis, catalog, limits, rates};

const VERSION: u8 = 1;

/// The commitment of section 13, as the catalog keeps it: version u8 = 1, started? and ends? as u64 ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Commitment {
    started_ms: Option<u64>,
    /// Asked to end before it may: it ends by itself then (KIN-228).
    ends_ms: Option<u64>,
}

impl Commitment {
    fn of(kinesis: &Kinesis, scope: &Scope) -> Result<(Commitment, Expect), ApiError> {
        let Some(row) = kinesis.engine.catalog().get(scope, catalog::ACCOUNT) else {
            return Ok((Commitment::default(), Expect::Absent));
        };
        let commitment = Commitment::decode(row.bytes()).map_err(internal)?;
        Ok((commitment, Expect::Version(row.version())))
    }

    fn is_enabled(&self, now_ms: u64) -> bool {
        self.started_ms.is_some() && self.ends_ms.is_none_or(|ends_ms| now_ms < ends_ms)
    }

    fn earliest_end_ms(&self) -> Option<u64> {
        self.started_ms
            .map(|started_ms| started_ms + limits::COMMITMENT_MS)
    }

    fn enable(&mut self, now_ms: u64) {
        if !self.is_enabled(now_ms) {
            *self = Commitment {
                started_ms: Some(now_ms),
                ..Commitment::default()
            };
        }
        self.ends_ms = None;
    }

    fn disable(&mut self, now_ms: u64) {
        if self.is_enabled(now_ms) && self.ends_ms.is_none() {
            self.ends_ms = self.earliest_end_ms().map(|end_ms| end_ms.max(now_ms));
        }
    }

    fn shown(&self, now_ms: u64) -> MinimumThroughputBillingCommitmentOutput {
        let is_enabled = self.is_enabled(now_ms);
        let status = match (is_enabled, self.ends_ms) {
            (false, _) => "DISABLED",
            (true, None) => "ENABLED",
            (true, Some(_)) => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
        };
        let time = |ms: Option<u64>| ms.map(Timestamp::from_ms);
        MinimumThroughputBillingCommitmentOutput {
            status: Str::from_static(status),
            started_at: time(self.started_ms),
            ended_at: time(self.ends_ms.filter(|_| !is_enabled)),
            earliest_allowed_end_at: time(self.earliest_end_ms().filter(|_| is_enabled)),
        }
    }

    fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        for time in [self.started_ms, self.ends_ms] {
            out.option(&time, |out, ms| out.u64(*ms));
        }
        out.finish()
    }

    fn decode(stored: &[u8]) -> Result<Commitment, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let commitment = Commitment {
            started_ms: input.option(Input::u64)?,
            ends_ms: input.option(Input::u64)?,
        };
        input.end()?;
        Ok(commitment)
    }
}

/// Whether the account has the commitment now.
pub(crate) fn is_committed(kinesis: &Kinesis, scope: &Scope) -> Result<bool, ApiError> {
    let (commitment, _) = Commitment::of(kinesis, scope)?;
    Ok(commitment.is_enabled(kinesis.now_ms()))
}

/// `DescribeAccountSettings` (KIN-227)
pub(crate) async fn describe(
    kinesis: &Kinesis,
    caller: &Caller,
    _input: DescribeAccountSettingsInput,
) -> Result<DescribeAccountSettingsOutput, ApiError> {
    let now_ms = kinesis.now_ms();
    let scope = Scope::new(&caller.account, &caller.region);
    let (commitment, _) = Commitment::of(kinesis, &scope)?;
    Ok(DescribeAccountSettingsOutput {
        minimum_throughput_billing_commitment: Some(commitment.shown(now_ms)),
    })
}

/// `UpdateAccountSettings` (KIN-228)
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateAccountSettingsInput,
) -> Result<UpdateAccountSettingsOutput, ApiError> {
    let now_ms = kinesis.now_ms();
    kinesis
        .rates
        .count(rates::UPDATE_ACCOUNT_SETTINGS, caller, "", now_ms)?;
    let scope = Scope::new(&caller.account, &caller.region);
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let (mut commitment, expect) = Commitment::of(kinesis, &scope)?;
        match &*input.minimum_throughput_billing_commitment.status {
            "ENABLED" => commitment.enable(now_ms),
            _ => commitment.disable(now_ms),
        }
        let path = catalog::ACCOUNT.to_vec();
        let change = catalog::put(path, expect, commitment.encode(), Vec::new());
        if catalog::try_write(&mut attempts, &scope, vec![change]).await? {
            return Ok(UpdateAccountSettingsOutput {
                minimum_throughput_billing_commitment: Some(commitment.shown(now_ms)),
            });
        }
    }
    Err(changing_too_fast())
}

/// What an account and region has of everything that has a quota.
#[derive(Debug, Default)]
struct Inventory {
    /// Open shards of provisioned streams (KIN-050).
    open_shards: u32,
    on_demand_streams: usize,
    creating: usize,
}

fn inventory(kinesis: &Kinesis, scope: &Scope) -> Result<Inventory, ApiError> {
    let now_ms = kinesis.now_ms();
    let catalog = kinesis.engine.catalog();
    let mut inventory = Inventory::default();
    for (path, row) in catalog.range(scope, catalog::STREAMS, None, usize::MAX) {
        let stream = catalog::stream(&row)?;
        let settings = &stream.settings;
        let status = settings.status(now_ms);
        if status == Status::Gone {
            continue;
        }
        inventory.creating += usize::from(status == Status::Creating);
        match (settings.mode, settings.work) {
            (Mode::OnDemand, _) => inventory.on_demand_streams += 1,
            (Mode::Provisioned, Work::Create(count)) => inventory.open_shards += count,
            (Mode::Provisioned, work) => {
                let name = path.get(catalog::STREAMS.len()..).unwrap_or_default();
                let name = String::from_utf8_lossy(name);
                let open = stream.shards(&kinesis.engine, scope, &name)?.open_count() as u32;
                inventory.open_shards += match work {
                    Work::Scale(target) => open.max(target),
                    _ => open,
                };
            }
        }
    }
    Ok(inventory)
}

/// Section 12
fn shard_limit(region: &str) -> u32 {
    let row = limits::SHARD_LIMIT_TABLE
        .iter()
        .find(|(regions, _)| regions.contains(&region));
    row.map_or(limits::SHARD_LIMIT_ELSEWHERE, |(_, limit)| *limit)
}

/// The account's row as it is now, read before what has a quota is counted. Whoever adds to that writes this row too: of two
/// that counted the same, the second one counts anew.
fn counted(kinesis: &Kinesis, scope: &Scope) -> Result<CatalogChange, ApiError> {
    let (commitment, expect) = Commitment::of(kinesis, scope)?;
    let path = catalog::ACCOUNT.to_vec();
    Ok(catalog::put(path, expect, commitment.encode(), Vec::new()))
}

/// Whether the account may have so many open shards more (KIN-049); the row that has to be written with them.
pub(crate) fn check_shards(
    kinesis: &Kinesis,
    scope: &Scope,
    more: u32,
) -> Result<CatalogChange, ApiError> {
    let counted = counted(kinesis, scope)?;
    let has = inventory(kinesis, scope)?.open_shards;
    check_shard_limit(scope, has, more).map(|()| counted)
}

fn check_shard_limit(scope: &Scope, has: u32, more: u32) -> Result<(), ApiError> {
    let limit = shard_limit(scope.region());
    if has.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(limit_exceeded(format_args!(
        "This request would exceed the shard limit for the account {} in {}. Current shard count for the account: {has}. \
         Limit: {limit}. Number of additional shards that would have resulted from this request: {more}. Refer to the \
         AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current \
         limits and how to request higher limits.",
        scope.account(),
        scope.region(),
    )))
}

/// Whether the account may have this stream more; the row that has to be written with it.
pub(crate) fn check_streams(
    kinesis: &Kinesis,
    scope: &Scope,
    settings: &StreamSettings,
    shards: u32,
) -> Result<CatalogChange, ApiError> {
    let counted = counted(kinesis, scope)?;
    let has = inventory(kinesis, scope)?;
    if kinesis.limits == Limits::Aws && has.creating >= limits::STREAMS_CREATING_MAX {
        // KIN-048
        return Err(limit_exceeded(format_args!(
            "This request would exceed the limit of {} streams in CREATING state for the account {}.",
            limits::STREAMS_CREATING_MAX,
            scope.account()
        )));
    }
    match settings.mode {
        Mode::Provisioned => check_shard_limit(scope, has.open_shards, shards)?,
        Mode::OnDemand => check_on_demand_limit(scope, has.on_demand_streams)?,
    }
    Ok(counted)
}

/// Whether one more stream may be on-demand; the row that has to be written with it.
pub(crate) fn check_on_demand(kinesis: &Kinesis, scope: &Scope) -> Result<CatalogChange, ApiError> {
    let counted = counted(kinesis, scope)?;
    let has = inventory(kinesis, scope)?.on_demand_streams;
    check_on_demand_limit(scope, has).map(|()| counted)
}

fn check_on_demand_limit(scope: &Scope, has: usize) -> Result<(), ApiError> {
    if has < limits::ON_DEMAND_STREAMS_MAX {
        return Ok(());
    }
    Err(limit_exceeded(format_args!(
        "This request would exceed the limit of {} on-demand streams for the account {} in {}.",
        limits::ON_DEMAND_STREAMS_MAX,
        scope.account(),
        scope.region()
    )))
}

/// `DescribeLimits` (KIN-068)
pub(crate) async fn describe_limits(
    kinesis: &Kinesis,
    caller: &Caller,
    _input: DescribeLimitsInput,
) -> Result<DescribeLimitsOutput, ApiError> {
    kinesis
        .rates
        .count(rates::DESCRIBE_LIMITS, caller, "", kinesis.now_ms())?;
    let scope = Scope::new(&caller.account, &caller.region);
    let has = inventory(kinesis, &scope)?;
    Ok(DescribeLimitsOutput {
        shard_limit: shard_limit(&caller.region) as i32,
        open_shard_count: has.open_shards as i32,
        on_demand_stream_count: has.on_demand_streams as i32,
        on_demand_stream_count_limit: limits::ON_DEMAND_STREAMS_MAX as i32,
        channel_count: Some(0),
        channel_count_limit: Some(limits::CHANNELS_MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = limits::COMMITMENT_MS;

    #[test]
    fn a_commitment_ends_no_earlier_than_it_may() {
        // KIN-227, KIN-228
        let mut commitment = Commitment::default();
        assert_eq!(commitment.shown(5).status, "DISABLED");
        commitment.enable(1_000);
        assert_eq!(commitment.shown(1_000).status, "ENABLED");
        commitment.disable(2_000);
        assert_eq!(
            commitment.shown(2_000).status,
            "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
        );
        assert_eq!(
            commitment.shown(999 + DAY_MS).status,
            "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
        );
        let shown = commitment.shown(1_000 + DAY_MS);
        assert_eq!(shown.status, "DISABLED");
        assert_eq!(shown.ended_at, Some(Timestamp::from_ms(1_000 + DAY_MS)));
        assert_eq!(Commitment::decode(&commitment.encode()), Ok(commitment));
        commitment.enable(3 * DAY_MS);
        commitment.disable(5 * DAY_MS);
        assert_eq!(commitment.shown(5 * DAY_MS).status, "DISABLED");
    }
}
