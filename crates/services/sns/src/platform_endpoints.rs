//! Platform endpoints: an app on one device, known by its token (section 34).

use std::sync::Arc;

use waystation_engine::{CatalogChange, Expect};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    CreateEndpointResponse, CreatePlatformEndpointInput, DeleteEndpointInput, Endpoint,
    GetEndpointAttributesInput, GetEndpointAttributesResponse,
    ListEndpointsByPlatformApplicationInput, ListEndpointsByPlatformApplicationResponse,
    SetEndpointAttributesInput,
};
use crate::errors::{changing_too_fast, internal, invalid};
use crate::platform_catalog::{
    self as rows, Application, find_application, find_endpoint, locate_application, locate_endpoint,
};
use crate::platform_events::{self, Event};
use crate::platform_names::{self, ApplicationName, EndpointName};
use crate::platform_settings::EndpointSettings;
use crate::{Sns, catalog, pages, platform_rules};

/// `CreatePlatformEndpoint`: a new endpoint, or the existing one of this token when it is as asked for (SNS-448 to SNS-454).
pub(crate) async fn create(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: CreatePlatformEndpointInput,
) -> Result<CreateEndpointResponse, ApiError> {
    let mut attempts = sns.attempts();
    while attempts.another() {
        let found = locate_application(sns, caller, &input.platform_application_arn)?;
        let wanted = wanted(sns, &found, &input)?;
        if let Some((id, existing)) = of_token(sns, &found.name, &wanted)? {
            let arn = found.name.endpoint_arn(&id);
            check_equal(&input, &existing, &wanted, &arn)?;
            return Ok(created(arn));
        }
        let id = sns.new_id();
        let name = EndpointName {
            application: found.name,
            id: &id,
        };
        let row = |path, value| CatalogChange {
            path,
            expect: Expect::Absent,
            value: Some(value),
            effects: Vec::new(),
        };
        let changes = vec![
            row(rows::endpoint_path(&name), wanted.encode()),
            row(
                rows::token_path(sns, &found.name, &wanted),
                bytes::Bytes::from(id.clone()),
            ),
            // The application must still be there; its row is written as it was.
            CatalogChange {
                path: rows::application_path(&found.name),
                expect: Expect::Version(found.row.version()),
                value: Some(found.settings.encode()),
                effects: Vec::new(),
            },
        ];
        if catalog::try_write(&mut attempts, &rows::scope(&found.name), changes).await? {
            platform_events::tell(sns, caller, &found, Event::Created, &id).await;
            return Ok(created(found.name.endpoint_arn(&id)));
        }
    }
    Err(changing_too_fast())
}

fn created(arn: String) -> CreateEndpointResponse {
    CreateEndpointResponse {
        endpoint_arn: Some(Str::from(arn)),
    }
}

/// The endpoint that a request describes.
fn wanted(
    sns: &Sns,
    application: &Application<'_>,
    input: &CreatePlatformEndpointInput,
) -> Result<EndpointSettings, ApiError> {
    let mut settings = EndpointSettings {
        application: application.settings.id,
        created_ms: sns.now_ms(),
        is_enabled: true,
        token: platform_rules::token(&input.token)?,
        user_data: platform_rules::user_data(
            input.custom_user_data.as_deref().unwrap_or_default(),
        )?,
    };
    if let Some(attributes) = &input.attributes {
        platform_rules::apply_to_endpoint(&mut settings, attributes)?; // SNS-451
    }
    Ok(settings)
}

/// The endpoint that has the token of these settings already.
fn of_token(
    sns: &Sns,
    name: &ApplicationName<'_>,
    settings: &EndpointSettings,
) -> Result<Option<(String, Arc<EndpointSettings>)>, ApiError> {
    let (scope, catalog) = (rows::scope(name), sns.engine.catalog());
    let Some(row) = catalog.get(&scope, &rows::token_path(sns, name, settings)) else {
        return Ok(None);
    };
    let id = std::str::from_utf8(row.bytes()).map_err(internal)?;
    let existing = EndpointName {
        application: *name,
        id,
    };
    // Without its row it goes at this moment, both rows at once.
    let found = find_endpoint(sns, existing)?;
    Ok(found.map(|found| (id.to_owned(), found.settings)))
}

/// SNS-448, SNS-449. Whether the endpoint is enabled counts only when the request says it.
fn check_equal(
    input: &CreatePlatformEndpointInput,
    existing: &EndpointSettings,
    wanted: &EndpointSettings,
    arn: &str,
) -> Result<(), ApiError> {
    let attributes = input.attributes.as_ref();
    let names_enabled = attributes.is_some_and(|attributes| attributes.contains_key("Enabled"));
    let is_same = existing.user_data == wanted.user_data
        && (!names_enabled || existing.is_enabled == wanted.is_enabled);
    if is_same { Ok(()) } else { Err(taken(arn)) }
}

/// SNS-449
fn taken(arn: &str) -> ApiError {
    invalid(format_args!(
        "Token Reason: Endpoint {arn} already exists with the same Token, but different attributes."
    ))
}

/// `DeleteEndpoint` (SNS-457): subscriptions of the endpoint stay.
pub(crate) async fn delete(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: DeleteEndpointInput,
) -> Result<(), ApiError> {
    let name = platform_names::endpoint(caller, &input.endpoint_arn, "EndpointArn")?;
    let mut attempts = sns.attempts();
    while attempts.another() {
        let Some(found) = find_endpoint(sns, name)? else {
            return Ok(());
        };
        let removal = |path, expect| CatalogChange {
            path,
            expect,
            value: None,
            effects: Vec::new(),
        };
        let changes = vec![
            removal(
                rows::endpoint_path(&name),
                Expect::Version(found.row.version()),
            ),
            removal(
                rows::token_path(sns, &name.application, &found.settings),
                Expect::Any,
            ),
        ];
        if catalog::try_write(&mut attempts, &rows::scope(&name.application), changes).await? {
            if let Some(application) = find_application(sns, name.application)? {
                platform_events::tell(sns, caller, &application, Event::Deleted, name.id).await;
            }
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

/// `ListEndpointsByPlatformApplication` (SNS-458).
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListEndpointsByPlatformApplicationInput,
) -> Result<ListEndpointsByPlatformApplicationResponse, ApiError> {
    let found = locate_application(sns, caller, &input.platform_application_arn)?;
    let page = pages::page(
        sns,
        &rows::scope(&found.name),
        &rows::endpoints_of(&found.name),
        input.next_token.as_deref(),
        |id, row| {
            let settings = rows::endpoint_settings(row)?;
            let arn = found.name.endpoint_arn(&String::from_utf8_lossy(id));
            let is_of_application = settings.application == found.settings.id;
            Ok(is_of_application.then(|| Endpoint {
                endpoint_arn: Some(Str::from(arn)),
                attributes: Some(settings.shown()),
            }))
        },
    )?;
    Ok(ListEndpointsByPlatformApplicationResponse {
        endpoints: Some(page.items),
        next_token: page.next_token,
    })
}

/// `GetEndpointAttributes` (SNS-450, SNS-452, SNS-456).
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetEndpointAttributesInput,
) -> Result<GetEndpointAttributesResponse, ApiError> {
    let found = locate_endpoint(sns, caller, &input.endpoint_arn)?;
    Ok(GetEndpointAttributesResponse {
        attributes: Some(found.settings.shown()),
    })
}

/// `SetEndpointAttributes` (SNS-450, SNS-453 to SNS-456, SNS-461).
pub(crate) async fn set(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: SetEndpointAttributesInput,
) -> Result<(), ApiError> {
    let mut attempts = sns.attempts();
    while attempts.another() {
        let found = locate_endpoint(sns, caller, &input.endpoint_arn)?;
        let application = found.name.application;
        let mut after = EndpointSettings::clone(&found.settings);
        platform_rules::apply_to_endpoint(&mut after, &input.attributes)?;
        if after == *found.settings {
            return Ok(());
        }
        let row = |path, expect, value| CatalogChange {
            path,
            expect,
            value,
            effects: Vec::new(),
        };
        let mut changes = vec![row(
            rows::endpoint_path(&found.name),
            Expect::Version(found.row.version()),
            Some(after.encode()),
        )];
        if after.token != found.settings.token {
            if let Some((id, _)) = of_token(sns, &application, &after)? {
                return Err(taken(&application.endpoint_arn(&id)));
            }
            let id = bytes::Bytes::from(found.name.id.to_owned());
            let former = rows::token_path(sns, &application, &found.settings);
            let new = rows::token_path(sns, &application, &after);
            changes.push(row(former, Expect::Any, None));
            changes.push(row(new, Expect::Absent, Some(id)));
        }
        if catalog::try_write(&mut attempts, &rows::scope(&application), changes).await? {
            if let Some(application) = find_application(sns, application)? {
                platform_events::tell(sns, caller, &application, Event::Updated, found.name.id)
                    .await;
            }
            return Ok(());
        }
    }
    Err(changing_too_fast())
}
