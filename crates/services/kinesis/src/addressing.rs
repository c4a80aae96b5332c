//! Which stream a request means, by name or ARN, and whether its caller may use it (KIN-032 to KIN-037).

use std::sync::Arc;

use waystation_engine::{Engine, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::catalog::{self, Stream};
use crate::errors::{in_use, invalid, no_stream};
use crate::names::{self, KinesisArn, Resource};
use crate::shards::Shards;
use crate::stream_settings::Status;
use crate::{Kinesis, errors};

/// A stream that a request names; whether it exists is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) name: &'a str,
}

impl Target<'_> {
    /// The stream's ARN.
    pub(crate) fn arn(&self) -> String {
        names::stream_arn(self.region, self.account, self.name)
    }
}

/// A stream, as the catalog showed it.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) row: Arc<Row>,
    pub(crate) stream: Arc<Stream>,
    /// Its status when it was looked up.
    pub(crate) status: Status,
    /// When that was.
    pub(crate) now_ms: u64,
}

impl Located {
    pub(crate) fn account(&self) -> &str {
        self.scope.account()
    }

    pub(crate) fn arn(&self) -> String {
        names::stream_arn(self.scope.region(), self.scope.account(), &self.name)
    }

    /// The stream's shards.
    pub(crate) fn shards(&self, engine: &Engine) -> Result<Arc<Shards>, ApiError> {
        self.stream.shards(engine, &self.scope, &self.name)
    }

    /// KIN-037
    pub(crate) fn not_found(&self) -> ApiError {
        no_stream(&self.name, self.account())
    }

    /// KIN-069
    pub(crate) fn require_active(&self) -> Result<(), ApiError> {
        self.require(self.status == Status::Active)
    }

    /// KIN-134
    pub(crate) fn require_active_or_updating(&self) -> Result<(), ApiError> {
        self.require(matches!(self.status, Status::Active | Status::Updating))
    }

    fn require(&self, holds: bool) -> Result<(), ApiError> {
        if holds {
            return Ok(());
        }
        Err(in_use(format_args!(
            "Stream {} under account {} not ACTIVE, instead in state {}",
            self.name,
            self.account(),
            self.status.as_str()
        )))
    }
}

/// The stream that a request names (KIN-033, KIN-034).
pub(crate) fn target<'a>(
    caller: &'a Caller,
    name: Option<&'a str>,
    arn: Option<&'a str>,
) -> Result<Target<'a>, ApiError> {
    let Some(arn) = arn else {
        let name =
            name.ok_or_else(|| invalid("Either StreamName or StreamARN should be provided."))?;
        return Ok(Target {
            account: &caller.account,
            region: &caller.region,
            name,
        });
    };
    let target = by_arn(caller, arn)?;
    if name.is_some_and(|name| name != target.name) {
        return Err(invalid(format_args!(
            "StreamARN {arn} and StreamName {} do not designate the same stream.",
            name.unwrap_or_default()
        )));
    }
    Ok(target)
}

/// The stream of an ARN.
pub(crate) fn by_arn<'a>(caller: &Caller, arn: &'a str) -> Result<Target<'a>, ApiError> {
    match KinesisArn::parse(arn) {
        Some(KinesisArn {
            account,
            region,
            resource: Resource::Stream(name),
        }) if region == &*caller.region => Ok(Target {
            account,
            region,
            name,
        }),
        // A region knows its own streams only.
        Some(KinesisArn {
            account,
            resource: Resource::Stream(name),
            ..
        }) => Err(no_stream(name, account)),
        _ => Err(invalid(format_args!("Invalid StreamARN: {arn}"))),
    }
}

/// The stream of a request.
pub(crate) fn locate(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &Target<'_>,
) -> Result<Located, ApiError> {
    let located = find(&kinesis.engine, target)?;
    let located = located.ok_or_else(|| no_stream(target.name, target.account))?;
    let policy = located.stream.settings.policy.is_some();
    check_access(caller, target.account, policy, &|| target.arn())?;
    Ok(located)
}

/// A signed request of another account needs a resource policy (KIN-036); as long as policies are not evaluated, having one
/// is what counts. An unsigned request, which only the open mode lets through, belongs to nobody.
pub(crate) fn check_access(
    caller: &Caller,
    account: &str,
    has_policy: bool,
    arn: &dyn Fn() -> String,
) -> Result<(), ApiError> {
    if caller.access_key.is_none() || &*caller.account == account || has_policy {
        return Ok(());
    }
    Err(errors::access_denied(
        &caller.account,
        caller.operation,
        &arn(),
    ))
}

/// The stream, if there is one; one that is deleted and only waits to be cleared away is none.
pub(crate) fn find(engine: &Engine, target: &Target<'_>) -> Result<Option<Located>, ApiError> {
    let scope = Scope::new(target.account, target.region);
    let located = find_row(engine, &scope, target.name)?;
    Ok(located.filter(|located| located.status != Status::Gone))
}

/// The stream's row, whatever its status.
pub(crate) fn find_row(
    engine: &Engine,
    scope: &Scope,
    name: &str,
) -> Result<Option<Located>, ApiError> {
    let Some(row) = engine.catalog().get(scope, &catalog::stream_path(name)) else {
        return Ok(None);
    };
    let stream = catalog::stream(&row)?;
    let now_ms = engine.now_ms();
    Ok(Some(Located {
        scope: scope.clone(),
        name: name.to_owned(),
        row,
        status: stream.settings.status(now_ms),
        stream,
        now_ms,
    }))
}
