//! Events of a batch as JSON, for who looks into a queue or the rescue.

use loggr_event::DumpFormat;
use loggr_flow::Batch;
use serde_json::{Value, json};

/// The first `limit` events of a batch.
pub fn json(batch: Option<&Batch>, limit: usize) -> Vec<Value> {
    let mut text = Vec::new();
    let events = batch.into_iter().flat_map(Batch::records).take(limit).map(|record| {
        text.clear();
        record.event().dump(&DumpFormat::Json, &mut text);
        serde_json::from_slice(&text).unwrap_or_else(|_| json!({ "uid": record.uid.to_string() }))
    });
    events.collect()
}
