//! `StartStreamEncryption` and `StopStreamEncryption` (KIN-216 to KIN-218). Keys are kept and shown; there is no KMS, so none is
//! used (KIN-219).

use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located};
use crate::api::{StartStreamEncryptionInput, StopStreamEncryptionInput};
use crate::errors::{invalid, limit_exceeded};
use crate::limits::Limits;
use crate::stream_settings::{StreamSettings, Use};
use crate::{Kinesis, catalog, limits};

/// `StartStreamEncryption`
pub(crate) async fn start(
    kinesis: &Kinesis,
    caller: &Caller,
    input: StartStreamEncryptionInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    check_type(&input.encryption_type)?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active()?;
        note_use(kinesis, located, settings, Use::EncryptionStart)?;
        settings.key_id = Some(input.key_id.to_string());
        settings.begin_update(located.now_ms);
        Ok(())
    });
    update.await.map(drop)
}

/// `StopStreamEncryption`
pub(crate) async fn stop(
    kinesis: &Kinesis,
    caller: &Caller,
    input: StopStreamEncryptionInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    check_type(&input.encryption_type)?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active()?;
        note_use(kinesis, located, settings, Use::EncryptionStop)?;
        settings.key_id = None;
        settings.begin_update(located.now_ms);
        Ok(())
    });
    update.await.map(drop)
}

/// The only type that can be started or stopped.
fn check_type(kind: &str) -> Result<(), ApiError> {
    match kind {
        "KMS" => Ok(()),
        _ => Err(invalid(format_args!("Invalid EncryptionType: {kind}"))),
    }
}

/// KIN-218
fn note_use(
    kinesis: &Kinesis,
    located: &Located,
    settings: &mut StreamSettings,
    which: Use,
) -> Result<(), ApiError> {
    let uses = settings.uses_within_a_day(which, located.now_ms);
    if kinesis.limits == Limits::Aws && uses >= limits::ENCRYPTION_CHANGES_PER_DAY_MAX {
        return Err(limit_exceeded(format_args!(
            "Encryption of stream {} under account {} was changed {uses} times within 24 hours.",
            located.name,
            located.account()
        )));
    }
    settings.note_use(which, located.now_ms);
    Ok(())
}
