//! The SMS sandbox (SNS-475 to SNS-477): which numbers an account may send to before AWS lets it out.
//!
//! With AWS's limits an account is in the sandbox for good; without, it was let out, as on request, and verified numbers
//! are merely kept.
//!
//! Stored form of a number: version u8 = 1, verified u8, one-time password: text.

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{CatalogChange, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller, Str, errors};

use crate::api::{
    self, CreateSMSSandboxPhoneNumberInput, CreateSMSSandboxPhoneNumberResult,
    DeleteSMSSandboxPhoneNumberInput, DeleteSMSSandboxPhoneNumberResult,
    GetSMSSandboxAccountStatusInput, GetSMSSandboxAccountStatusResult,
    ListSMSSandboxPhoneNumbersInput, ListSMSSandboxPhoneNumbersResult, SMSSandboxPhoneNumber,
    VerifySMSSandboxPhoneNumberInput, VerifySMSSandboxPhoneNumberResult,
};
use crate::captured_message::{CapturedKind, CapturedMessage};
use crate::errors::{changing_too_fast, internal};
use crate::{Sns, captured, catalog, limits, pages, sms_numbers};

const NUMBERS: &[u8] = b"sns/sms/sandbox/";
const VERSION: u8 = 1;

/// SNS-477
const LANGUAGES: [&str; 13] = [
    "en-US", "en-GB", "es-419", "es-ES", "de-DE", "fr-CA", "fr-FR", "it-IT", "ja-JP", "pt-BR",
    "kr-KR", "zh-CN", "zh-TW",
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    is_verified: bool,
    password: String,
}

impl Number {
    fn encode(&self) -> bytes::Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u8(self.is_verified.into());
        out.text(&self.password);
        out.finish()
    }

    fn decode(stored: &[u8]) -> Result<Number, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let number = Number {
            is_verified: input.flag()?,
            password: input.text()?,
        };
        input.end()?;
        Ok(number)
    }

    fn read(row: &Row) -> Result<Number, ApiError> {
        Number::decode(row.bytes()).map_err(internal)
    }
}

fn path(number: &str) -> Vec<u8> {
    [NUMBERS, number.as_bytes()].concat()
}

fn is_in_sandbox(sns: &Sns) -> bool {
    sns.limits == crate::Limits::Aws
}

/// Whether a message to this number leaves the sandbox.
pub(crate) fn lets_through(sns: &Sns, scope: &Scope, number: &str) -> Result<bool, ApiError> {
    if !is_in_sandbox(sns) {
        return Ok(true);
    }
    let row = sns.engine.catalog().get(scope, &path(number));
    let number = row.map(|row| Number::read(&row)).transpose()?;
    Ok(number.is_some_and(|number| number.is_verified))
}

/// What AWS's validation says of a value, in its words.
fn violated(value: &str, member: &str, constraint: &str) -> ApiError {
    errors::VALIDATION.with(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         {constraint}"
    ))
}

/// SNS-476
fn check_number(number: &str) -> Result<(), ApiError> {
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match number.strip_prefix('+') {
        Some(digits) => (8..=19).contains(&digits.len()) && are_digits(digits),
        None => number.len() <= 9 && are_digits(number),
    };
    if fits {
        return Ok(());
    }
    let pattern = "regular expression pattern: ^(\\+[0-9]{8,}|[0-9]{0,9})$";
    Err(violated(number, "phoneNumber", pattern))
}

/// `CreateSMSSandboxPhoneNumber`: the number is pending until the password that it is sent comes back.
pub(crate) async fn create(
    sns: &Sns,
    caller: &Caller,
    input: CreateSMSSandboxPhoneNumberInput,
) -> Result<CreateSMSSandboxPhoneNumberResult, ApiError> {
    check_number(&input.phone_number)?;
    let language = input.language_code.as_deref().unwrap_or(LANGUAGES[0]);
    if !LANGUAGES.contains(&language) {
        let values = format!("enum value set: [{}]", LANGUAGES.join(", "));
        return Err(violated(language, "languageCode", &values));
    }
    let scope = Scope::new(&caller.account, &caller.region);
    if sms_numbers::is_opted_out(sns, &scope, &input.phone_number)? {
        return Err(api::OPTED_OUT_EXCEPTION.with("The phone number is opted out"));
    }
    let password = password(sns);
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns.engine.catalog().get(&scope, &path(&input.phone_number));
        let is_verified = match &row {
            Some(row) => Number::read(row)?.is_verified,
            None => {
                check_count(sns, &scope)?;
                false
            }
        };
        if is_verified {
            return Err(api::USER_ERROR_EXCEPTION.with("The phone number is verified already"));
        }
        let changes = vec![CatalogChange {
            path: path(&input.phone_number),
            expect: row.map_or(Expect::Absent, |row| Expect::Version(row.version())),
            value: Some(
                Number {
                    is_verified,
                    password: password.clone(),
                }
                .encode(),
            ),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            send(sns, &scope, &input.phone_number, &password, language).await?;
            return Ok(CreateSMSSandboxPhoneNumberResult::default());
        }
    }
    Err(changing_too_fast())
}

fn check_count(sns: &Sns, scope: &Scope) -> Result<(), ApiError> {
    let most = limits::SANDBOX_NUMBERS_MAX;
    if sns.engine.catalog().range(scope, NUMBERS, None, most).len() < most {
        return Ok(());
    }
    Err(api::USER_ERROR_EXCEPTION
        .with("The account has as many sandbox phone numbers as it may have"))
}

/// Six digits that nobody can guess.
fn password(sns: &Sns) -> String {
    let id = sns.new_id();
    let number = sns.ids.key.hash_64(&[b"one-time password", id.as_bytes()]);
    format!("{:06}", number % 1_000_000)
}

/// Sends a one-time password.
async fn send(
    sns: &Sns,
    scope: &Scope,
    number: &str,
    password: &str,
    language: &str,
) -> Result<(), ApiError> {
    let message = CapturedMessage {
        kind: CapturedKind::Sms,
        endpoint: number.to_owned(),
        message_id: sns.new_id(),
        topic_arn: None,
        subscription_arn: None,
        subject: None,
        body: format!("Your verification code is {password}"),
        details: [("LanguageCode".to_owned(), language.to_owned())].into(),
    };
    captured::keep(sns, scope, &message).await
}

/// `VerifySMSSandboxPhoneNumber`
pub(crate) async fn verify(
    sns: &Sns,
    caller: &Caller,
    input: VerifySMSSandboxPhoneNumberInput,
) -> Result<VerifySMSSandboxPhoneNumberResult, ApiError> {
    check_number(&input.phone_number)?;
    let password = &*input.one_time_password;
    if !(5..=8).contains(&password.len()) || !password.bytes().all(|byte| byte.is_ascii_digit()) {
        let pattern = "regular expression pattern: ^[0-9]+$";
        return Err(violated(password, "oneTimePassword", pattern));
    }
    let scope = Scope::new(&caller.account, &caller.region);
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns.engine.catalog().get(&scope, &path(&input.phone_number));
        let row = row.ok_or_else(does_not_exist)?;
        let mut number = Number::read(&row)?;
        if number.password != password {
            return Err(api::VERIFICATION_EXCEPTION.with("The one-time password is not valid"));
        }
        number.is_verified = true;
        let changes = vec![CatalogChange {
            path: path(&input.phone_number),
            expect: Expect::Version(row.version()),
            value: Some(number.encode()),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            return Ok(VerifySMSSandboxPhoneNumberResult::default());
        }
    }
    Err(changing_too_fast())
}

fn does_not_exist() -> ApiError {
    api::RESOURCE_NOT_FOUND_EXCEPTION.with("The phone number does not exist")
}

/// `DeleteSMSSandboxPhoneNumber`
pub(crate) async fn delete(
    sns: &Sns,
    caller: &Caller,
    input: DeleteSMSSandboxPhoneNumberInput,
) -> Result<DeleteSMSSandboxPhoneNumberResult, ApiError> {
    check_number(&input.phone_number)?;
    let scope = Scope::new(&caller.account, &caller.region);
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns.engine.catalog().get(&scope, &path(&input.phone_number));
        let row = row.ok_or_else(does_not_exist)?;
        let changes = vec![CatalogChange {
            path: path(&input.phone_number),
            expect: Expect::Version(row.version()),
            value: None,
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            return Ok(DeleteSMSSandboxPhoneNumberResult::default());
        }
    }
    Err(changing_too_fast())
}

/// `ListSMSSandboxPhoneNumbers`
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListSMSSandboxPhoneNumbersInput,
) -> Result<ListSMSSandboxPhoneNumbersResult, ApiError> {
    let most = input.max_results.map_or(Some(limits::LIST_PAGE), |most| {
        usize::try_from(most)
            .ok()
            .filter(|most| (1..=limits::LIST_PAGE).contains(most))
    });
    let most = most.ok_or_else(|| {
        let value = input.max_results.unwrap_or_default().to_string();
        violated(&value, "maxResults", "value between 1 and 100")
    })?;
    let page = pages::page_of(
        sns,
        &Scope::new(&caller.account, &caller.region),
        NUMBERS,
        input.next_token.as_deref(),
        most,
        |number, row| {
            let status = match Number::read(row)?.is_verified {
                true => "Verified",
                false => "Pending",
            };
            let number = String::from_utf8_lossy(number).into_owned();
            Ok(Some(SMSSandboxPhoneNumber {
                phone_number: Some(Str::from(number)),
                status: Some(Str::from_static(status)),
            }))
        },
    )?;
    Ok(ListSMSSandboxPhoneNumbersResult {
        phone_numbers: page.items,
        next_token: page.next_token,
    })
}

/// `GetSMSSandboxAccountStatus` (SNS-475).
pub(crate) async fn status(
    sns: &Sns,
    _: &Caller,
    _: GetSMSSandboxAccountStatusInput,
) -> Result<GetSMSSandboxAccountStatusResult, ApiError> {
    Ok(GetSMSSandboxAccountStatusResult {
        is_in_sandbox: is_in_sandbox(sns),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_the_pattern() {
        // SNS-476
        for good in ["+12345678", "+1234567890123456789", "123456789", ""] {
            assert!(check_number(good).is_ok(), "{good}");
        }
        for bad in [
            "+1234567",
            "+12345678901234567890",
            "1234567890",
            "+1234567a",
        ] {
            assert!(check_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn version_1_stays_readable() {
        let stored = b"\x01\x01\x02\0\0\0ab";
        let number = Number::decode(stored).expect("version 1");
        assert_eq!((number.is_verified, &*number.password), (true, "ab"));
        assert_eq!(number.encode(), stored.as_slice());
        for length in 0..stored.len() {
            assert_eq!(Number::decode(&stored[..length]), Err(Malformed));
        }
    }
}
