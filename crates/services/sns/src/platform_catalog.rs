//! Rows of platform applications and endpoints, found by ARN.

use std::sync::Arc;

use waystation_delivery::stored::Malformed;
use waystation_engine::{Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::platform_names::{self, ApplicationName, EndpointName};
use crate::platform_settings::{ApplicationSettings, EndpointSettings};
use crate::{Sns, api, errors};

/// What all applications' paths start with.
pub(crate) const APPLICATIONS: &[u8] = b"sns/application/";
const DEVICES: &str = "sns/device/";
const DEVICE_TOKENS: &str = "sns/device-token/";

pub(crate) fn application_path(name: &ApplicationName<'_>) -> Vec<u8> {
    let place = format!("{}/{}", name.platform, name.name);
    [APPLICATIONS, place.as_bytes()].concat()
}

/// What the paths of an application's endpoints start with.
pub(crate) fn endpoints_of(name: &ApplicationName<'_>) -> Vec<u8> {
    format!("{DEVICES}{}/{}/", name.platform, name.name).into_bytes()
}

pub(crate) fn endpoint_path(name: &EndpointName<'_>) -> Vec<u8> {
    [&endpoints_of(&name.application), name.id.as_bytes()].concat()
}

/// Where the endpoint of a device is found (SNS-448).
pub(crate) fn token_path(
    sns: &Sns,
    name: &ApplicationName<'_>,
    settings: &EndpointSettings,
) -> Vec<u8> {
    let parts: [&[u8]; 3] = [
        b"sns device",
        &settings.application.to_be_bytes(),
        settings.token.as_bytes(),
    ];
    let hash = sns.keys.message_id.hash_128(&parts);
    let place = format!("{DEVICE_TOKENS}{}/{}/", name.platform, name.name);
    [place.as_bytes(), &hash.to_be_bytes()].concat()
}

/// The scope of an application's account and region.
pub(crate) fn scope(name: &ApplicationName<'_>) -> Scope {
    Scope::new(name.account, name.region)
}

/// An application or an endpoint as the catalog showed it.
#[derive(Debug)]
pub(crate) struct Found<N, S> {
    pub(crate) name: N,
    pub(crate) row: Arc<Row>,
    pub(crate) settings: Arc<S>,
}

pub(crate) type Application<'a> = Found<ApplicationName<'a>, ApplicationSettings>;
pub(crate) type Endpoint<'a> = Found<EndpointName<'a>, EndpointSettings>;

/// The settings in an application's row, decoded once per row.
pub(crate) fn application_settings(row: &Row) -> Result<Arc<ApplicationSettings>, ApiError> {
    let decoded = row.decoded(|bytes| ApplicationSettings::decode(bytes).map(Arc::new));
    let settings: &Result<Arc<ApplicationSettings>, Malformed> = &decoded;
    settings.clone().map_err(errors::internal)
}

/// The settings in an endpoint's row, decoded once per row.
pub(crate) fn endpoint_settings(row: &Row) -> Result<Arc<EndpointSettings>, ApiError> {
    let decoded = row.decoded(|bytes| EndpointSettings::decode(bytes).map(Arc::new));
    let settings: &Result<Arc<EndpointSettings>, Malformed> = &decoded;
    settings.clone().map_err(errors::internal)
}

/// The application of a name, if there is one.
pub(crate) fn find_application<'a>(
    sns: &Sns,
    name: ApplicationName<'a>,
) -> Result<Option<Application<'a>>, ApiError> {
    let catalog = sns.engine.catalog();
    let Some(row) = catalog.get(&scope(&name), &application_path(&name)) else {
        return Ok(None);
    };
    let settings = application_settings(&row)?;
    Ok(Some(Found {
        name,
        row,
        settings,
    }))
}

/// The application of an ARN (SNS-446).
pub(crate) fn locate_application<'a>(
    sns: &Sns,
    caller: &Caller,
    arn: &'a str,
) -> Result<Application<'a>, ApiError> {
    let name = platform_names::application(caller, arn)?;
    find_application(sns, name)?
        .ok_or_else(|| api::NOT_FOUND_EXCEPTION.with("PlatformApplication does not exist"))
}

/// The endpoint of a name, if there is one.
pub(crate) fn find_endpoint<'a>(
    sns: &Sns,
    name: EndpointName<'a>,
) -> Result<Option<Endpoint<'a>>, ApiError> {
    let catalog = sns.engine.catalog();
    let Some(row) = catalog.get(&scope(&name.application), &endpoint_path(&name)) else {
        return Ok(None);
    };
    let settings = endpoint_settings(&row)?;
    Ok(Some(Found {
        name,
        row,
        settings,
    }))
}

/// The endpoint of an ARN (SNS-456).
pub(crate) fn locate_endpoint<'a>(
    sns: &Sns,
    caller: &Caller,
    arn: &'a str,
) -> Result<Endpoint<'a>, ApiError> {
    let name = platform_names::endpoint(caller, arn, "EndpointArn")?;
    find_endpoint(sns, name)?
        .ok_or_else(|| api::NOT_FOUND_EXCEPTION.with("Endpoint does not exist"))
}
