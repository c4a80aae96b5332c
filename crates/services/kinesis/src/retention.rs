//! `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod` (section 9).

use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located};
use crate::api::{DecreaseStreamRetentionPeriodInput, IncreaseStreamRetentionPeriodInput};
use crate::errors::invalid;
use crate::{Kinesis, catalog, limits, rates, work};

/// `IncreaseStreamRetentionPeriod` (KIN-159, KIN-162)
pub(crate) async fn increase(
    kinesis: &Kinesis,
    caller: &Caller,
    input: IncreaseStreamRetentionPeriodInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::INCREASE_RETENTION, caller, "", kinesis.now_ms())?;
    let hours = input.retention_period_hours;
    set(kinesis, caller, &target, hours, |located, existing| {
        if hours >= existing {
            return Ok(());
        }
        Err(invalid(format_args!(
            "Requested retention period ({hours} hours) for stream {} can not be shorter than existing retention period \
             ({existing} hours). Use DecreaseRetentionPeriod API.",
            located.name
        )))
    })
    .await
}

/// `DecreaseStreamRetentionPeriod` (KIN-160, KIN-163)
pub(crate) async fn decrease(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DecreaseStreamRetentionPeriodInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::DECREASE_RETENTION, caller, "", kinesis.now_ms())?;
    let hours = input.retention_period_hours;
    set(kinesis, caller, &target, hours, |located, existing| {
        if hours <= existing {
            return Ok(());
        }
        Err(invalid(format_args!(
            "Requested retention period ({hours} hours) for stream {} can not be longer than existing retention period \
             ({existing} hours). Use IncreaseRetentionPeriod API.",
            located.name
        )))
    })
    .await
}

async fn set(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &addressing::Target<'_>,
    hours: i32,
    check: impl Fn(&Located, i32) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let (least, most) = (
        limits::RETENTION_HOURS.start(),
        limits::RETENTION_HOURS.end(),
    );
    let wanted = u32::try_from(hours).unwrap_or_default();
    if wanted < *least {
        return Err(invalid(format_args!(
            "Minimum allowed retention period is {least} hours. Requested retention period ({hours} hours) is too short."
        ))); // KIN-161
    }
    if wanted > *most {
        return Err(invalid(format_args!(
            "Maximum allowed retention period is {most} hours. Requested retention period ({hours} hours) is too long."
        ))); // KIN-164
    }
    let located = catalog::update(kinesis, caller, target, |located, settings, rows| {
        located.require_active()?; // KIN-220
        check(located, settings.retention_hours as i32)?;
        if wanted == settings.retention_hours {
            return Ok(());
        }
        // KIN-165: what is too old now stays so.
        settings.floor_ms = settings.horizon_ms(located.now_ms);
        settings.retention_hours = wanted;
        settings.begin_update(located.now_ms);
        rows.extend(work::retain(&kinesis.engine, located, settings, 0)?);
        Ok(())
    })
    .await?;
    work::start(kinesis, &located.scope, &located.name);
    Ok(())
}
