//! Phone numbers: their form, and who does not want to hear (SNS-466, SNS-473, SNS-474). Numbers that AWS would own to send
//! from there are none.
//!
//! Stored form of a number: version u8 = 1, opted out u8, last opted in u64 ms (0: never).

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{CatalogChange, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    CheckIfPhoneNumberIsOptedOutInput, CheckIfPhoneNumberIsOptedOutResponse,
    ListOriginationNumbersRequest, ListOriginationNumbersResult, ListPhoneNumbersOptedOutInput,
    ListPhoneNumbersOptedOutResponse, OptInPhoneNumberInput, OptInPhoneNumberResponse,
};
use crate::errors::{changing_too_fast, internal, invalid};
use crate::{Sns, api, catalog, limits, pages};

const NUMBERS: &[u8] = b"sns/sms/number/";
const VERSION: u8 = 1;

/// What is known of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Number {
    is_opted_out: bool,
    opted_in_ms: u64,
}

impl Number {
    fn encode(self) -> bytes::Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u8(self.is_opted_out.into());
        out.u64(self.opted_in_ms);
        out.finish()
    }

    fn decode(stored: &[u8]) -> Result<Number, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let number = Number {
            is_opted_out: input.flag()?,
            opted_in_ms: input.u64()?,
        };
        input.end()?;
        Ok(number)
    }

    fn read(row: Option<&Row>) -> Result<Number, ApiError> {
        let number = row.map(|row| Number::decode(row.bytes())).transpose();
        Ok(number.map_err(internal)?.unwrap_or_default())
    }
}

/// SNS-466: a plus sign and up to 15 digits, the first no zero.
pub(crate) fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

/// A number without the separators that subscriptions may have (SNS-064).
pub(crate) fn plain(number: &str) -> String {
    number.replace(['/', '-', '.'], "")
}

fn path(number: &str) -> Vec<u8> {
    [NUMBERS, number.as_bytes()].concat()
}

/// SNS-474
fn check(number: &str) -> Result<(), ApiError> {
    if is_e164(number) {
        return Ok(());
    }
    Err(invalid("PhoneNumber Reason: input incorrectly formatted"))
}

/// Whether the owner of a number said that it wants no messages.
pub(crate) fn is_opted_out(sns: &Sns, scope: &Scope, number: &str) -> Result<bool, ApiError> {
    let row = sns.engine.catalog().get(scope, &path(number));
    Number::read(row.as_deref()).map(|number| number.is_opted_out)
}

/// Changes what is known of a number.
async fn update(
    sns: &Sns,
    scope: &Scope,
    number: &str,
    change: impl Fn(&mut Number) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns.engine.catalog().get(scope, &path(number));
        let before = Number::read(row.as_deref())?;
        let mut after = before;
        change(&mut after)?;
        if after == before {
            return Ok(());
        }
        let changes = vec![CatalogChange {
            path: path(number),
            expect: row.map_or(Expect::Absent, |row| Expect::Version(row.version())),
            value: Some(after.encode()),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, scope, changes).await? {
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

impl Sns {
    /// What a handset does when its owner answers STOP: from now on the number gets nothing from this account and region.
    pub async fn opt_out(&self, account: &str, region: &str, number: &str) -> Result<(), ApiError> {
        check(number)?;
        let scope = Scope::new(account, region);
        update(self, &scope, number, |number| {
            number.is_opted_out = true;
            Ok(())
        })
        .await
    }
}

/// `CheckIfPhoneNumberIsOptedOut` (SNS-473).
pub(crate) async fn check_if_opted_out(
    sns: &Sns,
    caller: &Caller,
    input: CheckIfPhoneNumberIsOptedOutInput,
) -> Result<CheckIfPhoneNumberIsOptedOutResponse, ApiError> {
    check(&input.phone_number)?;
    let scope = Scope::new(&caller.account, &caller.region);
    Ok(CheckIfPhoneNumberIsOptedOutResponse {
        is_opted_out: Some(is_opted_out(sns, &scope, &input.phone_number)?),
    })
}

/// `OptInPhoneNumber` (SNS-474).
pub(crate) async fn opt_in(
    sns: &Sns,
    caller: &Caller,
    input: OptInPhoneNumberInput,
) -> Result<OptInPhoneNumberResponse, ApiError> {
    check(&input.phone_number)?;
    let (scope, now_ms) = (Scope::new(&caller.account, &caller.region), sns.now_ms());
    update(sns, &scope, &input.phone_number, |number| {
        if !number.is_opted_out {
            return Ok(());
        }
        let since_ms = now_ms.saturating_sub(number.opted_in_ms);
        if number.opted_in_ms > 0 && since_ms < limits::OPT_IN_MS {
            return Err(invalid(
                "Cannot opt in right now, latest opt in was too recent",
            ));
        }
        *number = Number {
            is_opted_out: false,
            opted_in_ms: now_ms,
        };
        Ok(())
    })
    .await?;
    Ok(OptInPhoneNumberResponse::default())
}

/// `ListPhoneNumbersOptedOut` (SNS-473).
pub(crate) async fn list_opted_out(
    sns: &Sns,
    caller: &Caller,
    input: ListPhoneNumbersOptedOutInput,
) -> Result<ListPhoneNumbersOptedOutResponse, ApiError> {
    let page = pages::page(
        sns,
        &Scope::new(&caller.account, &caller.region),
        NUMBERS,
        input.next_token.as_deref(),
        |number, row| {
            let is_opted_out = Number::read(Some(row))?.is_opted_out;
            let number = String::from_utf8_lossy(number).into_owned();
            Ok(is_opted_out.then(|| Str::from(number)))
        },
    )?;
    Ok(ListPhoneNumbersOptedOutResponse {
        phone_numbers: Some(page.items),
        next_token: page.next_token,
    })
}

/// `ListOriginationNumbers`: the numbers that the account bought elsewhere. Nothing here sells any.
pub(crate) async fn list_origination(
    _: &Sns,
    _: &Caller,
    input: ListOriginationNumbersRequest,
) -> Result<ListOriginationNumbersResult, ApiError> {
    if input
        .max_results
        .is_some_and(|most| !(1..=30).contains(&most))
    {
        return Err(api::VALIDATION_EXCEPTION.with("MaxResults must be between 1 and 30"));
    }
    if input.next_token.is_some() {
        return Err(invalid("NextToken"));
    }
    Ok(ListOriginationNumbersResult {
        next_token: None,
        phone_numbers: Some(Vec::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_e164() {
        // SNS-466
        for good in ["+15550100", "+12", "+123456789012345"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in [
            "",
            "+",
            "15550100",
            "+1",
            "+0123",
            "+1234567890123456",
            "+1-5",
        ] {
            assert!(!is_e164(bad), "{bad}");
        }
        assert_eq!(plain("+12/34-567.890"), "+1234567890");
    }

    #[test]
    fn version_1_stays_readable() {
        let stored = b"\x01\x01\x07\0\0\0\0\0\0\0";
        let number = Number::decode(stored).expect("version 1");
        assert_eq!((number.is_opted_out, number.opted_in_ms), (true, 7));
        assert_eq!(number.encode(), stored.as_slice());
        for length in 0..stored.len() {
            assert_eq!(Number::decode(&stored[..length]), Err(Malformed));
        }
    }
}
