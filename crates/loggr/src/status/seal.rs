//! The status of the seals at one listener, machine or shipper: how many are good, and how many are not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, metric};
use crate::seal::{SealStats, Sealing};

/// What was found since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Seals {
    /// `listener`, `machine` or `ship`.
    pub kind: String,
    /// The name of the listener, machine or shipper.
    pub name: String,
    /// Events that were sealed there.
    pub signed: u64,
    /// Events that came with a good seal.
    pub good: u64,
    /// Events that came with a broken seal.
    pub broken: u64,
    /// Events that came without a seal.
    pub unsealed: u64,
    /// Events that went to the rescue because a good seal is required.
    pub refused: u64,
}

impl Seals {
    /// What was found until now.
    pub fn of(sealing: &Sealing) -> Seals {
        let SealStats { signed, good, broken, unsealed, refused } = &sealing.stats;
        Seals {
            kind: sealing.kind().to_owned(),
            name: sealing.name().to_owned(),
            signed: signed.get(),
            good: good.get(),
            broken: broken.get(),
            unsealed: unsealed.get(),
            refused: refused.get(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Seals>] = &[
    metric(
        "signed_total",
        |s| count(s.signed),
        "Events that were sealed there since the start of the process.",
    ),
    metric("good_total", |s| count(s.good), "Events that came there with a good seal."),
    metric(
        "broken_total",
        |s| count(s.broken),
        "Events that came there with a broken seal: they were changed after they were sealed, or sealed with a \
         key that is not in `[hmac]`. They have the defect `bad_hmac`.",
    ),
    metric("unsealed_total", |s| count(s.unsealed), "Events that came there without a seal."),
    metric(
        "refused_total",
        |s| count(s.refused),
        "Events that went to the rescue because `seal = \"require\"` demands a good seal.",
    ),
];
