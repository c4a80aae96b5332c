//! From a source to a target by ARN: what services need of each other without knowing each other.
//!
//! `directory` is the seam: a service that owns targets answers what an ARN stands for; sources get it as a trait object
//! from the binary. `message` is the stored form of a queued message, written by everybody who puts messages into SQS queues
//! (`docs/decisions/0010-services-meet-in-delivery.md`), `notification` that of a message of SNS, which `envelope` and `signer`
//! turn into a text when it is read. `post` is one attempt at an endpoint that is none of ours. `fifo_ids` and `keys` are the hashes under which the engine
//! knows groups and deduplication ids. `rates` counts what comes in a second, where AWS's
//! limits are applied. `contention` gives turns to requests that change the same rows of the catalog, `event` tells requests
//! that met such a change when it took effect.

pub mod arn;
pub mod directory;
pub mod message;
pub mod notification;
pub mod envelope;
pub mod signer;
pub mod post;
pub mod md5;
pub mod fifo_ids;
pub mod keys;
pub mod uuid;
pub mod hexadecimal;
pub mod stored;
pub mod rates;
pub mod contention;
pub mod event;
pub mod limits;
