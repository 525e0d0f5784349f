//! Settings of the memory allocator.
//!
//! They do not limit memory; the limits of queues, batches and windows do. By default the C library
//! gives every thread an arena of its own; large buffers that are made on one thread and dropped on
//! another then stay behind in many arenas. Measured with the files and search sinks under TCP
//! load: 434 MB with the default, 133 MB with one arena, and a fifth less CPU (`bench/run.py --job
//! j1`, the variant `files-search`).

/// Cores that share one arena.
const CORES_PER_ARENA: usize = 2;
/// Arenas at most; more are of no use.
const MAX_ARENAS: usize = 8;

/// Asks for few arenas; to be called before the first thread is started. Has no effect if the C
/// library is not GNU's, or if `MALLOC_ARENA_MAX` is set.
pub fn set_up() {
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let arenas = (cores / CORES_PER_ARENA).clamp(1, MAX_ARENAS);
        // SAFETY: only sets a number; no other thread exists yet.
        // It returns 0 where it refuses, and then the default stays.
        let _refused = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas as libc::c_int) } == 0;
    }
}
