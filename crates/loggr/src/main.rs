//! The entry point of the program; everything else is in the library.

fn main() -> std::process::ExitCode {
    loggr::main()
}
