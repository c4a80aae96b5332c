//! Platform applications: what SNS knows of an app at a push service (section 34).

use waystation_engine::{CatalogChange, Expect, Scope};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    CreatePlatformApplicationInput, CreatePlatformApplicationResponse,
    DeletePlatformApplicationInput, GetPlatformApplicationAttributesInput,
    GetPlatformApplicationAttributesResponse, ListPlatformApplicationsInput,
    ListPlatformApplicationsResponse, PlatformApplication, SetPlatformApplicationAttributesInput,
};
use crate::errors::changing_too_fast;
use crate::platform_catalog::{self as rows, Application, find_application, locate_application};
use crate::platform_names::{self, ApplicationName};
use crate::platform_settings::ApplicationSettings;
use crate::{Sns, catalog, limits, pages, platform_rules};

/// `CreatePlatformApplication`: a new application, or the existing one of this name as it is (SNS-439 to SNS-447).
pub(crate) async fn create(
    sns: &Sns,
    caller: &Caller,
    input: CreatePlatformApplicationInput,
) -> Result<CreatePlatformApplicationResponse, ApiError> {
    platform_rules::check_name(&input.name)?;
    platform_rules::check_platform(&input.platform)?;
    let mut attributes = platform_rules::application(&input.platform, &input.attributes)?;
    attributes.retain(|_, value| !value.is_empty());
    let name = ApplicationName {
        account: &caller.account,
        region: &caller.region,
        platform: &input.platform,
        name: &input.name,
    };
    let settings = ApplicationSettings {
        id: sns.engine.new_queue_id().0,
        created_ms: sns.now_ms(),
        attributes,
    };
    let created = CreatePlatformApplicationResponse {
        platform_application_arn: Some(Str::from(name.arn())),
    };
    let mut attempts = sns.attempts();
    while attempts.another() {
        if find_application(sns, name)?.is_some() {
            return Ok(created); // SNS-447
        }
        let changes = vec![CatalogChange {
            path: rows::application_path(&name),
            expect: Expect::Absent,
            value: Some(settings.encode()),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &rows::scope(&name), changes).await? {
            return Ok(created);
        }
    }
    Err(changing_too_fast())
}

/// `DeletePlatformApplication`: the application at once, then its endpoints (SNS-457, SNS-458).
pub(crate) async fn delete(
    sns: &Sns,
    caller: &Caller,
    input: DeletePlatformApplicationInput,
) -> Result<(), ApiError> {
    let name = platform_names::application(caller, &input.platform_application_arn)?;
    let mut attempts = sns.attempts();
    while attempts.another() {
        let Some(found) = find_application(sns, name)? else {
            return Ok(());
        };
        let changes = vec![CatalogChange {
            path: rows::application_path(&name),
            expect: Expect::Version(found.row.version()),
            value: None,
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &rows::scope(&name), changes).await? {
            return remove_endpoints(sns, &found).await;
        }
    }
    Err(changing_too_fast())
}

/// The endpoints that a deleted application leaves. Those of a new application of the name stay.
async fn remove_endpoints(sns: &Sns, found: &Application<'_>) -> Result<(), ApiError> {
    let (scope, prefix) = (rows::scope(&found.name), rows::endpoints_of(&found.name));
    let mut after: Option<Vec<u8>> = None;
    loop {
        let catalog = sns.engine.catalog();
        let page = catalog.range(
            &scope,
            &prefix,
            after.as_deref(),
            limits::REMOVED_PER_WRITE_MAX,
        );
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        let mut changes = Vec::new();
        for (path, row) in page {
            let settings = rows::endpoint_settings(&row)?;
            if settings.application != found.settings.id {
                continue;
            }
            let token = rows::token_path(sns, &found.name, &settings);
            changes.extend([path, token].map(|path| CatalogChange {
                path,
                expect: Expect::Any,
                value: None,
                effects: Vec::new(),
            }));
        }
        if !changes.is_empty() {
            catalog::write(sns, &scope, changes).await?;
        }
    }
}

/// `ListPlatformApplications`
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListPlatformApplicationsInput,
) -> Result<ListPlatformApplicationsResponse, ApiError> {
    let scope = Scope::new(&caller.account, &caller.region);
    let page = pages::page(
        sns,
        &scope,
        rows::APPLICATIONS,
        input.next_token.as_deref(),
        |rest, row| {
            let rest = String::from_utf8_lossy(rest);
            let Some((platform, name)) = rest.split_once('/') else {
                return Ok(None);
            };
            let name = ApplicationName {
                account: &caller.account,
                region: &caller.region,
                platform,
                name,
            };
            Ok(Some(PlatformApplication {
                platform_application_arn: Some(Str::from(name.arn())),
                attributes: Some(rows::application_settings(row)?.shown()),
            }))
        },
    )?;
    Ok(ListPlatformApplicationsResponse {
        platform_applications: Some(page.items),
        next_token: page.next_token,
    })
}

/// `GetPlatformApplicationAttributes` (SNS-444 to SNS-446).
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetPlatformApplicationAttributesInput,
) -> Result<GetPlatformApplicationAttributesResponse, ApiError> {
    let found = locate_application(sns, caller, &input.platform_application_arn)?;
    Ok(GetPlatformApplicationAttributesResponse {
        attributes: Some(found.settings.shown()),
    })
}

/// `SetPlatformApplicationAttributes` (SNS-442 to SNS-446); an empty value takes an attribute away.
pub(crate) async fn set(
    sns: &Sns,
    caller: &Caller,
    input: SetPlatformApplicationAttributesInput,
) -> Result<(), ApiError> {
    let mut attempts = sns.attempts();
    while attempts.another() {
        let found = locate_application(sns, caller, &input.platform_application_arn)?;
        let given = platform_rules::application(found.name.platform, &input.attributes)?;
        let mut after = ApplicationSettings::clone(&found.settings);
        after.attributes.extend(given);
        after.attributes.retain(|_, value| !value.is_empty());
        let changes = vec![CatalogChange {
            path: rows::application_path(&found.name),
            expect: Expect::Version(found.row.version()),
            value: Some(after.encode()),
            effects: Vec::new(),
        }];
        if catalog::try_write(&mut attempts, &rows::scope(&found.name), changes).await? {
            return Ok(());
        }
    }
    Err(changing_too_fast())
}
