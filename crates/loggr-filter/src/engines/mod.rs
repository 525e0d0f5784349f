//! The engines that filters call, one file each, and the table that lists them.
