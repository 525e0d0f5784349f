//! The entry point of the program; everything else is in the library.
//!
//! It keeps the allocator of the C library: mimalloc and jemalloc make a filter between two queues a sixth cheaper, and
//! double the memory of an agent.

fn main() -> std::process::ExitCode {
    loggr::main()
}
