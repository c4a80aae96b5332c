//! Amazon CloudWatch: metrics that applications put.
//!
//! The Kinesis client and producer libraries put metrics, and complain or slow down when they cannot. What they put is checked
//! as AWS does, summed up by series and shown under `/metrics` (`series.rs`). What is deliberately absent, and answered with
//! `NotImplemented`: everything that reads metrics, alarms, dashboards.

use std::sync::Arc;

pub mod api;
mod put;
mod rules;
mod series;
mod limits;

pub use series::{Series, Statistics, Store};

/// The service.
#[derive(Debug, Default)]
pub struct CloudWatch {
    store: Arc<Store>,
}

impl CloudWatch {
    /// The service with nothing put yet.
    pub fn new() -> CloudWatch {
        CloudWatch::default()
    }

    /// Where metrics are, for whoever shows them.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }
}

waystation_wire::operations! {
    CloudWatch, api::MODEL;
    "PutMetricData" => put::put_metric_data(api::PutMetricDataInput) -> (),
}
