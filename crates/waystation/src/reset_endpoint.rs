//! `POST /_waystation/reset`: tests begin anew without a new server.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use waystation_frontdoor::InternalRoute;
use waystation_kinesis::Kinesis;
use waystation_sns::Sns;
use waystation_sqs::Sqs;
use waystation_wire::{ApiError, Request};

use crate::json_answer::reply;

/// The endpoint, for a server started with `--test-endpoints`. It removes state; the clock goes on, because engine time
/// never runs backwards.
pub(crate) fn route(sqs: &Arc<Sqs>, sns: &Arc<Sns>, kinesis: &Arc<Kinesis>) -> InternalRoute {
    let (sqs, sns, kinesis) = (Arc::clone(sqs), Arc::clone(sns), Arc::clone(kinesis));
    InternalRoute {
        method: Method::POST,
        path: "/_waystation/reset",
        handler: Arc::new(move |_: Request| {
            let (sqs, sns, kinesis) = (Arc::clone(&sqs), Arc::clone(&sns), Arc::clone(&kinesis));
            Box::pin(async move {
                match reset(&sqs, &sns, &kinesis).await {
                    Ok(removed) => reply(200, &removed),
                    Err(error) => reply(503, &json!({ "message": error.message })),
                }
            })
        }),
    }
}

async fn reset(sqs: &Sqs, sns: &Sns, kinesis: &Kinesis) -> Result<Value, ApiError> {
    // Topics first, so that none is left that delivers to a queue that is gone.
    let topics = sns.reset().await?;
    let queues = sqs.reset().await?;
    let streams = kinesis.reset().await?;
    Ok(json!({ "queues_removed": queues, "topics_removed": topics, "streams_removed": streams }))
}
