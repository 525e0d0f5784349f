//! Only the beginning: everything is in the library.

fn main() -> std::process::ExitCode {
    loggr::main()
}
