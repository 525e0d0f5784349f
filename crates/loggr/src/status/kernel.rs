//! What the kernel knows about this process (from `/proc`), as metrics.
//!
//! Names and units are those that every Prometheus client library gives, so that dashboards know them.
//! What cannot be read is left out.

/// How many clock ticks, the kernel's unit of processor time, make a second.
const TICKS: f64 = 100.0;

/// One number of the process: its whole name, its type, its help, its value.
pub type Number = (&'static str, &'static str, &'static str, Option<f64>);

/// The numbers of this process.
pub fn process() -> Vec<Number> {
    let stat = Stat::read();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    vec![
        (
            "process_cpu_seconds_total",
            "counter",
            "Processor time that the process has used, in seconds.",
            stat.as_ref().map(Stat::cpu),
        ),
        ("process_open_fds", "gauge", "File descriptors that the process has open.", open),
        (
            "process_max_fds",
            "gauge",
            "File descriptors that the process may have open at one time.",
            limit.map(|n| n as f64),
        ),
        (
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory of the process in bytes.",
            stat.as_ref().map(|s| s.virtual_bytes),
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory of the process in bytes.",
            stat.as_ref().map(|s| s.resident_bytes),
        ),
        ("process_threads", "gauge", "Number of threads of the process.", stat.as_ref().map(|s| s.threads)),
        (
            "process_start_time_seconds",
            "gauge",
            "When the process started, in seconds since 1970.",
            stat.as_ref().and_then(Stat::started),
        ),
    ]
}

/// The fields of `/proc/self/stat` (proc(5)) that become metrics.
struct Stat {
    user_ticks: f64,
    system_ticks: f64,
    threads: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Stat> {
        Stat::parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// The second field, the program's name in brackets, may hold any character: fields are counted
    /// from behind it (proc(5)).
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Stat {
            user_ticks: number(14)?,
            system_ticks: number(15)?,
            threads: number(20)?,
            start_ticks: number(22)?,
            virtual_bytes: number(23)?,
            resident_bytes: number(24)? * rustix::param::page_size() as f64,
        })
    }

    fn cpu(&self) -> f64 {
        (self.user_ticks + self.system_ticks) / TICKS
    }

    fn started(&self) -> Option<f64> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let boot = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        Some(boot.trim().parse::<f64>().ok()? + self.start_ticks / TICKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_shifts_nothing() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 11 0 500 4096 2 1 1 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.cpu(), stat.threads, stat.start_ticks), (3.0, 11.0, 500.0));
        assert_eq!(
            (stat.virtual_bytes, stat.resident_bytes),
            (4096.0, 2.0 * rustix::param::page_size() as f64)
        );
    }

    #[test]
    fn this_process_has_numbers() {
        // Time on the processor is counted in hundredths of a second: some must have passed.
        let begun = std::time::Instant::now();
        let is_complete = || process().iter().all(|(.., value)| value.is_some_and(|value| value > 0.0));
        while !is_complete() && begun.elapsed().as_secs() < 30 {
            std::hint::spin_loop();
        }
        for (name, _, _, value) in process() {
            assert!(value.is_some_and(|value| value > 0.0), "{name}: {value:?}");
        }
    }
}
