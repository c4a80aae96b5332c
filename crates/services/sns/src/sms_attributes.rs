//! What an account sets for SMS in a region (SNS-469 to SNS-472).
//!
//! Stored form: version u8 = 1, count u32, pairs of texts.

use std::collections::BTreeMap;

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{CatalogChange, Expect, Scope};
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    self, GetSMSAttributesInput, GetSMSAttributesResponse, SetSMSAttributesInput,
    SetSMSAttributesResponse,
};
use crate::errors::{changing_too_fast, internal};
use crate::topic_settings::{pairs, read_pairs};
use crate::{Sns, catalog, limits};

const PATH: &[u8] = b"sns/sms/attributes";
const VERSION: u8 = 1;

/// Types of an SMS, the default first (SNS-468).
pub(crate) const TYPES: [&str; 2] = ["Promotional", "Transactional"];
/// SNS-472
const MONTHLY_SPEND_LIMIT_DEFAULT: &str = "1";

/// SNS-469: 1 to 11 letters and digits, at least one letter.
pub(crate) fn is_sender_id(text: &str) -> bool {
    (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// SNS-469 to SNS-471; empty values take an attribute away.
fn check(name: &str, value: &str) -> Result<(), ApiError> {
    let is_valid = match name {
        _ if value.len() > limits::ATTRIBUTE_BYTES_MAX => false,
        "DefaultSMSType" => value.is_empty() || TYPES.contains(&value),
        "DefaultSenderID" => value.is_empty() || is_sender_id(value),
        "MonthlySpendLimit" => value.is_empty() || value.parse::<u32>().is_ok(),
        "DeliveryStatusSuccessSamplingRate" => {
            value.is_empty() || value.parse::<u8>().is_ok_and(|rate| rate <= 100)
        }
        "DeliveryStatusIAMRole" | "UsageReportS3Bucket" => true,
        _ => {
            return Err(
                api::INVALID_PARAMETER_EXCEPTION.with(format!("{name} is not a valid attribute"))
            );
        }
    };
    if is_valid {
        return Ok(());
    }
    Err(api::INVALID_PARAMETER_EXCEPTION.with(format!("{name} is invalid")))
}

fn decode(stored: &[u8]) -> Result<BTreeMap<String, String>, Malformed> {
    let mut input = Input::new(stored);
    if input.u8()? != VERSION {
        return Err(Malformed);
    }
    let attributes = read_pairs(&mut input)?;
    input.end()?;
    Ok(attributes)
}

/// What is set in a scope.
pub(crate) fn current(sns: &Sns, scope: &Scope) -> Result<BTreeMap<String, String>, ApiError> {
    let row = sns.engine.catalog().get(scope, PATH);
    let attributes = row.map(|row| decode(row.bytes())).transpose();
    Ok(attributes.map_err(internal)?.unwrap_or_default())
}

/// `SetSMSAttributes`
pub(crate) async fn set(
    sns: &Sns,
    caller: &Caller,
    input: SetSMSAttributesInput,
) -> Result<SetSMSAttributesResponse, ApiError> {
    for (name, value) in input.attributes.iter() {
        check(name, value)?;
    }
    let scope = Scope::new(&caller.account, &caller.region);
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns.engine.catalog().get(&scope, PATH);
        let expect = row
            .as_ref()
            .map_or(Expect::Absent, |row| Expect::Version(row.version()));
        let before = row.map(|row| decode(row.bytes())).transpose();
        let mut attributes = before.map_err(internal)?.unwrap_or_default();
        for (name, value) in input.attributes.iter() {
            attributes.insert(name.to_string(), value.to_string());
        }
        attributes.retain(|_, value| !value.is_empty());
        let mut out = Output::default();
        out.u8(VERSION);
        pairs(&mut out, &attributes);
        let changes = vec![CatalogChange {
            path: PATH.to_vec(),
            expect,
            value: Some(out.finish()),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            return Ok(SetSMSAttributesResponse::default());
        }
    }
    Err(changing_too_fast())
}

/// `GetSMSAttributes`
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetSMSAttributesInput,
) -> Result<GetSMSAttributesResponse, ApiError> {
    let mut all = current(sns, &Scope::new(&caller.account, &caller.region))?;
    all.entry("MonthlySpendLimit".to_owned())
        .or_insert_with(|| MONTHLY_SPEND_LIMIT_DEFAULT.to_owned());
    let named = input.attributes.unwrap_or_default();
    all.retain(|name, _| named.is_empty() || named.iter().any(|named| **named == **name));
    let shown: Map<Str> = all
        .into_iter()
        .map(|(name, value)| (Str::from(name), Str::from(value)))
        .collect();
    Ok(GetSMSAttributesResponse {
        attributes: Some(shown),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_letters() {
        // SNS-469
        for good in ["a", "Waystation1", "1a"] {
            assert!(is_sender_id(good), "{good}");
        }
        for bad in ["", "123", "a b", "Waystation12", "ä"] {
            assert!(!is_sender_id(bad), "{bad}");
        }
    }

    #[test]
    fn version_1_stays_readable() {
        let stored = b"\x01\x01\0\0\0\x01\0\0\0a\x01\0\0\0b";
        let attributes = decode(stored).expect("version 1");
        assert_eq!(attributes.get("a").map(String::as_str), Some("b"));
        for length in 0..stored.len() {
            assert_eq!(decode(&stored[..length]), Err(Malformed));
        }
    }
}
