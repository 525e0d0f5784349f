//! The bus: publishers are sinks, consumers are sources; embedded durable log.
