//! Resources by ARN, for what works on streams, consumers and queues alike: tags and policies (KIN-209, KIN-211).

use waystation_engine::Expect;
use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Target};
use crate::errors::{changing_too_fast, invalid, not_found};
use crate::names::{self, KinesisArn};
use crate::tags::Tags;
use crate::{Kinesis, catalog, consumers, queue_catalog};

/// The kinds of resources, which have different actions in their policies (KIN-213).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Consumer,
    Queue,
}

/// What a resource has of both.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) tags: Tags,
    pub(crate) policy: Option<String>,
}

/// The same, to be changed.
pub(crate) struct Changing<'a> {
    pub(crate) kind: Kind,
    /// The name that texts show.
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) tags: &'a mut Tags,
    pub(crate) policy: &'a mut Option<String>,
}

fn parse(arn: &str) -> Result<KinesisArn<'_>, ApiError> {
    KinesisArn::parse(arn).ok_or_else(|| invalid(format_args!("Invalid ResourceARN: {arn}")))
}

/// KIN-037: there are no channels.
fn missing(arn: &str) -> ApiError {
    not_found(format_args!("Resource {arn} not found."))
}

/// The resource of an ARN.
pub(crate) fn find(kinesis: &Kinesis, caller: &Caller, arn: &str) -> Result<Resource, ApiError> {
    match parse(arn)?.resource {
        names::Resource::Stream(_) => {
            let target = addressing::by_arn(caller, arn)?;
            let located = addressing::locate(kinesis, caller, &target)?;
            let settings = &located.stream.settings;
            Ok(Resource {
                tags: settings.tags.clone(),
                policy: settings.policy.clone(),
            })
        }
        names::Resource::Consumer(..) => {
            let consumer = consumers::by_arn(kinesis, caller, arn)?.consumer;
            Ok(Resource {
                tags: consumer.tags,
                policy: consumer.policy,
            })
        }
        names::Resource::Queue(_) => {
            let queue = queue_catalog::by_arn(kinesis, caller, arn)?.queue;
            Ok(Resource {
                tags: queue.tags,
                policy: queue.policy,
            })
        }
        names::Resource::Channel => Err(missing(arn)),
    }
}

/// Changes a resource. `change` may be called several times: whenever another request was faster.
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    arn: &str,
    mut change: impl FnMut(Changing<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    match parse(arn)?.resource {
        names::Resource::Stream(_) => {
            let target = addressing::by_arn(caller, arn)?;
            update_stream(kinesis, caller, &target, change).await
        }
        names::Resource::Consumer(..) => {
            let mut attempts = kinesis.attempts();
            while attempts.another() {
                let found = consumers::by_arn(kinesis, caller, arn)?;
                let mut after = found.consumer.clone();
                change(Changing {
                    kind: Kind::Consumer,
                    name: found.name.clone(),
                    account: found.located.account().to_owned(),
                    tags: &mut after.tags,
                    policy: &mut after.policy,
                })?;
                let path = catalog::consumer_path(&found.located.name, &found.name);
                let expect = Expect::Version(found.row.version());
                let row = catalog::put(path, expect, after.encode(), Vec::new());
                if catalog::try_write(&mut attempts, &found.located.scope, vec![row]).await? {
                    return Ok(());
                }
            }
            Err(changing_too_fast())
        }
        names::Resource::Queue(_) => queue_catalog::update(kinesis, caller, arn, |found, after| {
            change(Changing {
                kind: Kind::Queue,
                name: found.queue.name.clone(),
                account: found.scope.account().to_owned(),
                tags: &mut after.tags,
                policy: &mut after.policy,
            })
        })
        .await
        .map(drop),
        names::Resource::Channel => Err(missing(arn)),
    }
}

async fn update_stream(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &Target<'_>,
    mut change: impl FnMut(Changing<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let update = catalog::update(kinesis, caller, target, |located, settings, _| {
        located.require_active_or_updating()?;
        change(Changing {
            kind: Kind::Stream,
            name: located.name.clone(),
            account: located.account().to_owned(),
            tags: &mut settings.tags,
            policy: &mut settings.policy,
        })
    });
    update.await.map(drop)
}
