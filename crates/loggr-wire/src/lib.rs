//! RELP and syslog framing as state machines: feed bytes, take commands and output.
