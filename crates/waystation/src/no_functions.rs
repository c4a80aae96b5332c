//! In the place of a Lambda service, which is not built: no function can be invoked yet, which is no fault of the caller's.

use bytes::Bytes;
use waystation_delivery::directory::{Functions, Invocation};
use waystation_wire::service::BoxFuture;

/// Fails every invocation so that it is tried again.
pub(crate) struct NoFunctions;

impl Functions for NoFunctions {
    fn invoke(&self, _arn: &str, _event: Bytes) -> BoxFuture<'static, Invocation> {
        Box::pin(async {
            Invocation::Failed("Lambda is not implemented: no function can be invoked.".to_owned())
        })
    }
}
