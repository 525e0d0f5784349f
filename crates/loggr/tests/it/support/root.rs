//! Tests that root runs: loggr starts as root only where it is said that it shall stay root.

/// The configuration with `user = "root"`, if root runs the tests and it names nobody.
pub fn stays_root(text: String) -> String {
    let section = |text: &str| {
        text.split_once("[process]\n").map(|(before, after)| (before.to_owned(), after.to_owned()))
    };
    let names_one = |after: &str| after.split("\n[").next().is_some_and(|keys| keys.contains("user = "));
    match section(&text) {
        _ if !rustix::process::geteuid().is_root() => text,
        Some((_, after)) if names_one(&after) => text,
        Some((before, after)) => format!("{before}[process]\nuser = \"root\"\n{after}"),
        None => format!("{text}\n[process]\nuser = \"root\"\n"),
    }
}
