//! Responsibility in types: batch, delivery, ack, receipt, pump.
