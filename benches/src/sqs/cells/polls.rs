//! What receivers cost that wait for nothing.

use std::time::Duration;

use crate::measure;
use crate::options::{Options, Scale};
use crate::report::Row;
use crate::sqs::client::QueueKind;
use crate::sqs::consumer::{Consumer, ReceivePlan};
use crate::sqs::polls::IdlePolls;
use crate::sqs::session::Session;
use crate::targets::Target;

/// Queues the polls are spread over.
const QUEUES: usize = 100;
/// The longest poll AWS allows; every poll is renewed once in that time, which belongs to what it costs.
const WAIT_S: u64 = 20;

/// Parks long polls and watches the server's CPU time for one full wait.
pub(crate) fn run(cell: &str, target: &Target, options: &Options) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let queue_urls = session.queues(QUEUES.min(options.polls), QueueKind::Standard)?;
    let small = options.scale == Scale::Small;
    let (measured, wait_s) = if small { (3, 3) } else { (WAIT_S, WAIT_S) };
    let load = measure::Load {
        warm_up: Duration::from_secs(if small { 1 } else { 5 }),
        grace: Duration::ZERO,
        ..measure::Load::usual(
            &session.at,
            options,
            options.polls,
            Duration::from_secs(measured),
        )
    };
    let plan = ReceivePlan {
        queue_urls,
        batch: 10,
        wait_s,
        body_bytes: 0,
    };
    let found = load.run(&|_, connections| {
        Box::new(IdlePolls {
            consumer: Consumer::new(plan.clone(), session.signer.clone(), connections),
        })
    })?;
    let mut row = Row::new(cell, target.name())
        .with("connections", options.polls as f64)
        .with("seconds", found.seconds)
        .with("requests_per_s", found.requests() as f64 / found.seconds)
        .with("other_cpu_percent", found.other_cpu_share * 100.0);
    if let (Some(cpu), Some((_, after))) = (found.server_cpu(), found.server) {
        let share = cpu.as_secs_f64() / found.seconds * 100.0;
        row = row
            .with("server_cpu_percent_of_core", share)
            .with("rss_mb", after.rss_bytes as f64 / 1e6);
        row = row.noting(format!(
            "{share:.2} % of a core, renewing every poll once per {wait_s} s"
        ));
    }
    Ok(vec![row])
}
