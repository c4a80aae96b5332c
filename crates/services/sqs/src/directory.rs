//! Queues as other services find them, by ARN.

use waystation_delivery::arn::Arn;
use waystation_delivery::directory::{QueueTarget, Queues};
use waystation_engine::Scope;

use crate::{Sqs, catalog};

impl Queues for Sqs {
    fn find(&self, arn: &Arn<'_>, now_ms: u64) -> Option<QueueTarget> {
        if arn.service != "sqs" {
            return None;
        }
        let scope = Scope::new(arn.account, arn.region);
        let row = self
            .engine
            .catalog()
            .get(&scope, &catalog::queue_path(arn.resource))?;
        // A row that cannot be read is logged there, and nothing can be delivered to it.
        let settings = catalog::settings(&row).ok()?;
        Some(QueueTarget {
            id: settings.queue,
            fifo: settings.fifo.as_ref().map(|fifo| fifo.scope_at(now_ms)),
            has_policy: settings.policy.is_some(),
        })
    }
}
