//! Data protection policies (section 36): stored and returned. Their enforcement is absent.

use serde_json::Value;
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    GetDataProtectionPolicyInput, GetDataProtectionPolicyResponse, PutDataProtectionPolicyInput,
};
use crate::errors::invalid;
use crate::{Sns, catalog, limits};

/// SNS-480
pub(crate) fn check(policy: &str) -> Result<String, ApiError> {
    let is_object = serde_json::from_str::<Value>(policy).is_ok_and(|value| value.is_object());
    if !is_object || policy.chars().count() > limits::DATA_PROTECTION_LENGTH_MAX {
        return Err(invalid("DataProtectionPolicy"));
    }
    Ok(policy.to_owned())
}

/// `PutDataProtectionPolicy` (SNS-480, SNS-486); an empty one removes it.
pub(crate) async fn put(
    sns: &Sns,
    caller: &Caller,
    input: PutDataProtectionPolicyInput,
) -> Result<(), ApiError> {
    let text = &input.data_protection_policy;
    let policy = if text.is_empty() {
        None
    } else {
        Some(check(text)?)
    };
    catalog::update(
        sns,
        caller,
        &input.resource_arn,
        "PutDataProtectionPolicy",
        |_, settings| {
            settings.data_protection.clone_from(&policy);
            Ok(())
        },
    )
    .await
}

/// `GetDataProtectionPolicy` (SNS-480, SNS-486).
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetDataProtectionPolicyInput,
) -> Result<GetDataProtectionPolicyResponse, ApiError> {
    let located = catalog::locate(sns, caller, &input.resource_arn, "GetDataProtectionPolicy")?;
    let policy = located.settings.data_protection.clone();
    Ok(GetDataProtectionPolicyResponse {
        data_protection_policy: policy.map(Str::from),
    })
}
