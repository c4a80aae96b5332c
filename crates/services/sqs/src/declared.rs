//! Queues that a configuration declares: they exist when the server is ready, as the configuration says.
//!
//! First every queue that is missing is created, then every queue gets its attributes and tags, so that queues may name
//! each other as dead-letter queues in any order. What already is as declared is not written again.

use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::CreateQueueRequest;
use crate::apply::Requested;
use crate::catalog::{self, Outcome};
use crate::redrive::Source;
use crate::{Sqs, dead_letter, names, queues, tags};

/// Depends on another queue, which may be declared later.
const REDRIVE_POLICY: &str = "RedrivePolicy";

/// A queue as it has to be.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Its account.
    pub account: Str,
    /// Its region.
    pub region: Str,
    /// Its name.
    pub name: Str,
    /// Attributes as `SetQueueAttributes` takes them; those not named stay as they are.
    pub attributes: Map<Str>,
    /// Tags to have; others stay.
    pub tags: Map<Str>,
}

/// A declaration that could not be carried out: its place in the list, and AWS's error.
#[derive(Debug)]
pub struct NotDeclared {
    /// Index of the declaration.
    pub index: usize,
    /// What `CreateQueue` or `SetQueueAttributes` would have answered.
    pub error: ApiError,
}

impl Sqs {
    /// Makes the queues exist as declared, durably. Stops at the first that AWS would refuse; what was done stays.
    pub async fn declare(&self, declarations: &[Declaration]) -> Result<(), NotDeclared> {
        for (index, declaration) in declarations.iter().enumerate() {
            let created = create(self, declaration).await;
            created.map_err(|error| NotDeclared { index, error })?;
        }
        for (index, declaration) in declarations.iter().enumerate() {
            let updated = update(self, declaration).await;
            updated.map_err(|error| NotDeclared { index, error })?;
        }
        Ok(())
    }
}

fn caller_of(declaration: &Declaration) -> Caller {
    Caller {
        account: declaration.account.clone(),
        region: declaration.region.clone(),
        ..Caller::default()
    }
}

async fn create(sqs: &Sqs, declaration: &Declaration) -> Result<(), ApiError> {
    let scope = Scope::new(&declaration.account, &declaration.region);
    let path = catalog::queue_path(&declaration.name);
    if sqs.engine.catalog().get(&scope, &path).is_some() {
        return Ok(());
    }
    let mut attributes = declaration.attributes.clone();
    attributes.remove(REDRIVE_POLICY);
    let request = CreateQueueRequest {
        queue_name: declaration.name.clone(),
        attributes: Some(attributes),
        tags: Some(declaration.tags.clone()),
    };
    let created = queues::create(sqs, &caller_of(declaration), request).await;
    created.map(drop)
}

async fn update(sqs: &Sqs, declaration: &Declaration) -> Result<(), ApiError> {
    let Declaration {
        account,
        region,
        name,
        ..
    } = declaration;
    let source = Source {
        account,
        region,
        name,
    };
    let requested = Requested::parse(Some(&declaration.attributes))?;
    let wanted_tags = tags::check(name, declaration.tags.clone())?;
    let caller = caller_of(declaration);
    let queue_url = names::url("http", "localhost", account, name);
    catalog::update(sqs, &caller, &queue_url, |located, settings| {
        let before = &located.settings;
        requested.apply(settings, &source)?;
        if let (Some(fifo), Some(before)) = (&mut settings.fifo, &before.fifo) {
            fifo.remember_scope(before, sqs.now_ms());
        }
        if settings.redrive_policy != before.redrive_policy {
            dead_letter::check_target(sqs, &located.scope, &located.arn(), settings)?;
        }
        settings.tags.extend(wanted_tags.clone());
        tags::check_count(name, settings.tags.len())?;
        if *settings == **before {
            return Ok(Outcome::Unchanged);
        }
        settings.modified_ms = sqs.now_ms();
        Ok(Outcome::Changed)
    })
    .await
}
