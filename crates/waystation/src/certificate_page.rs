//! `GET /SimpleNotificationService-<digits>.pem`: the certificate that the signatures of SNS name (SNS-211).

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::json;
use waystation_delivery::signer::Signer;
use waystation_frontdoor::InternalRoute;
use waystation_wire::{Request, Response};

use crate::json_answer::reply;

/// The page. Nobody who asks for it says who they are.
pub(crate) fn route(signer: Arc<Signer>) -> InternalRoute {
    InternalRoute {
        method: Method::GET,
        path: "/SimpleNotificationService-*",
        handler: Arc::new(move |request: Request| {
            let signer = Arc::clone(&signer);
            Box::pin(async move {
                match signer.certificate().await {
                    Ok(certificate) if *certificate.path == *request.path => Response {
                        status: 200,
                        headers: vec![(
                            CONTENT_TYPE,
                            HeaderValue::from_static("application/x-pem-file"),
                        )],
                        body: certificate.pem,
                    },
                    Ok(_) => reply(404, &json!({ "message": "There is no such certificate." })),
                    Err(error) => reply(503, &json!({ "message": error.to_string() })),
                }
            })
        }),
    }
}
