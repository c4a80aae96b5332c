#[path = "../../services/sqs/src/api.rs"]
pub mod api;
