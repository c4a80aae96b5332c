//! Capacity modes and what only one of them has: `UpdateStreamMode`, `UpdateStreamWarmThroughput`,
//! `UpdateStreamRecordDistributionStrategy`, `UpdateMaxRecordSize` (KIN-157, KIN-158, section 13).

use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing;
use crate::api::{
    UpdateMaxRecordSizeInput, UpdateStreamModeInput, UpdateStreamRecordDistributionStrategyInput,
    UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput, WarmThroughputObject,
};
use crate::errors::{invalid, limit_exceeded, refused};
use crate::limits::Limits;
use crate::stream_settings::{Distribution, Mode, Use};
use crate::{Kinesis, account, catalog, limits, queue_catalog, rates};

/// The mode in a request, whose values the model checked.
pub(crate) fn mode(text: &str) -> Mode {
    match text {
        "ON_DEMAND" => Mode::OnDemand,
        _ => Mode::Provisioned,
    }
}

/// The mode as the API writes it.
pub(crate) fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::OnDemand => "ON_DEMAND",
        Mode::Provisioned => "PROVISIONED",
    }
}

/// The strategy in a request (KIN-233).
pub(crate) fn distribution(mode: Mode, text: &str) -> Result<Distribution, ApiError> {
    match (text, mode) {
        ("AUTO", Mode::Provisioned) => Err(invalid(
            "RecordDistributionStrategy AUTO is supported only for streams in ON_DEMAND mode.",
        )),
        ("AUTO", Mode::OnDemand) => Ok(Distribution::Auto),
        _ => Ok(Distribution::UserPartitionKey),
    }
}

/// The warm throughput in a request (KIN-229).
pub(crate) fn warm_throughput(
    kinesis: &Kinesis,
    scope: &Scope,
    mode: Mode,
    mibps: i32,
) -> Result<u32, ApiError> {
    if mode == Mode::Provisioned {
        return Err(refused(
            "WarmThroughputMiBps is supported only for streams in ON_DEMAND mode.",
        ));
    }
    if !account::is_committed(kinesis, scope)? {
        return Err(refused(
            "WarmThroughputMiBps is supported only in accounts with MinimumThroughputBillingCommitment enabled.",
        ));
    }
    match u32::try_from(mibps) {
        Ok(value) if mibps <= limits::WARM_THROUGHPUT_MIBPS_MAX => Ok(value),
        _ => Err(limit_exceeded(format_args!(
            "WarmThroughputMiBps {mibps} exceeds the limit of {} MiB per second.",
            limits::WARM_THROUGHPUT_MIBPS_MAX
        ))),
    }
}

/// `UpdateStreamMode`
pub(crate) async fn update_mode(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateStreamModeInput,
) -> Result<(), ApiError> {
    let target = addressing::by_arn(caller, &input.stream_arn)?;
    let wanted = mode(&input.stream_mode_details.stream_mode);
    let update = catalog::update(kinesis, caller, &target, |located, settings, rows| {
        located.require_active()?;
        if wanted == Mode::Provisioned && queue_catalog::count(kinesis, located)? > 0 {
            // KIN-158
            return Err(refused(format_args!(
                "Stream {} under account {} has queues. Delete them before switching to PROVISIONED mode.",
                located.name,
                located.account()
            )));
        }
        if let Some(mibps) = input.warm_throughput_mi_bps {
            let mibps = warm_throughput(kinesis, &located.scope, wanted, mibps)?;
            settings.warm_mibps = Some(mibps);
        }
        if wanted == settings.mode {
            return Ok(());
        }
        let now_ms = located.now_ms;
        let uses = settings.uses_within_a_day(Use::ModeChange, now_ms);
        if kinesis.limits == Limits::Aws && uses >= limits::MODE_CHANGES_PER_DAY_MAX {
            return Err(limit_exceeded(format_args!(
                "Stream {} under account {} was switched between modes {uses} times within 24 hours.",
                located.name,
                located.account()
            )));
        }
        match wanted {
            Mode::OnDemand => rows.push(account::check_on_demand(kinesis, &located.scope)?),
            Mode::Provisioned => {
                let open = located.shards(&kinesis.engine)?.open_count() as u32;
                rows.push(account::check_shards(kinesis, &located.scope, open)?);
                settings.distribution = Distribution::UserPartitionKey;
                settings.warm_mibps = None;
            }
        }
        settings.mode = wanted;
        settings.note_use(Use::ModeChange, now_ms);
        settings.begin_update(now_ms);
        Ok(())
    });
    update.await.map(drop)
}

/// `UpdateStreamWarmThroughput` (KIN-229)
pub(crate) async fn update_warm_throughput(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateStreamWarmThroughputInput,
) -> Result<UpdateStreamWarmThroughputOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis.rates.count(
        rates::UPDATE_STREAM_WARM_THROUGHPUT,
        caller,
        "",
        kinesis.now_ms(),
    )?;
    let located = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active()?;
        let mibps = warm_throughput(
            kinesis,
            &located.scope,
            settings.mode,
            input.warm_throughput_mi_bps,
        )?;
        settings.warm_mibps = Some(mibps);
        settings.begin_update(located.now_ms);
        Ok(())
    })
    .await?;
    Ok(UpdateStreamWarmThroughputOutput {
        stream_arn: Some(Str::from(located.arn())),
        stream_name: Some(Str::from(located.name)),
        warm_throughput: Some(WarmThroughputObject {
            target_mi_bps: Some(input.warm_throughput_mi_bps),
            current_mi_bps: Some(input.warm_throughput_mi_bps),
        }),
    })
}

/// `UpdateStreamRecordDistributionStrategy` (KIN-232, KIN-233)
pub(crate) async fn update_distribution(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateStreamRecordDistributionStrategyInput,
) -> Result<(), ApiError> {
    let target = addressing::by_arn(caller, &input.stream_arn)?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active()?;
        let strategy = &input.record_distribution_strategy;
        settings.distribution = distribution(settings.mode, strategy)?;
        Ok(())
    });
    update.await.map(drop)
}

/// `UpdateMaxRecordSize` (KIN-230, KIN-231): a smaller size means records to come.
pub(crate) async fn update_max_record_size(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateMaxRecordSizeInput,
) -> Result<(), ApiError> {
    let target = addressing::target(caller, None, input.stream_arn.as_deref())?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active()?;
        settings.record_kib = input.max_record_size_in_ki_b as u32;
        settings.begin_update(located.now_ms);
        Ok(())
    });
    update.await.map(drop)
}
