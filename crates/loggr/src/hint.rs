//! Errors for people: the sentence, its causes, and what to do next.

use std::fmt;

/// A sentence that tells the operator what to do next. Put it into an error chain
/// with [`Advise::hint`]; `main` prints it after the causes.
#[derive(Debug)]
pub struct Hinted {
    source: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

/// Adds a hint to an error.
pub trait Advise<T> {
    /// The hint is a sentence fragment: lower case, no full stop.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|e| anyhow::Error::new(Hinted { source: e.into(), hint: hint.into() }))
    }
}

/// `error: …`, then `caused by: …` for each cause, then `hint: …` for each hint.
pub fn render(error: &anyhow::Error) -> String {
    let mut out = format!("error: {error}\n");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some errors say their cause themselves.
        if !last.ends_with(&text) {
            out.push_str(&format!("  caused by: {text}\n"));
        }
        last = text;
    }
    for hint in hints(error) {
        out.push_str(&format!("hint: {hint}\n"));
    }
    out
}

/// Whether the cause is a missing permission for which there is no hint yet.
pub fn lacks_permission(error: &anyhow::Error) -> bool {
    let denied = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        io == Some(std::io::ErrorKind::PermissionDenied)
    };
    hints(error).is_empty() && error.chain().any(denied)
}

fn hints(error: &anyhow::Error) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let hinted = error.downcast_ref::<Hinted>();
        found.extend(hinted.map(|h| h.hint.clone()));
        let net = error.downcast_ref::<loggr_net::NetError>();
        found.extend(net.and_then(|e| e.hint()).map(str::to_owned));
        let usage = error.downcast_ref::<crate::exit::UsageError>();
        next = hinted.map(|h| &h.source).or(usage.map(|u| &u.0));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn who_lacks_permission_is_known_by_the_cause() {
        let error = |kind| anyhow::Error::new(std::io::Error::from(kind)).context("cannot open the store");
        assert!(lacks_permission(&error(std::io::ErrorKind::PermissionDenied)));
        assert!(!lacks_permission(&error(std::io::ErrorKind::NotFound)));
        let told =
            Err::<(), _>(error(std::io::ErrorKind::PermissionDenied)).hint("open the door").unwrap_err();
        assert!(!lacks_permission(&told), "one hint is enough");
    }

    #[test]
    fn an_error_shows_its_causes_and_its_hint() {
        let io = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "permission denied");
        let error = Err::<(), _>(io)
            .context("cannot listen on `0.0.0.0:514`")
            .hint("ports below 1024 need `CAP_NET_BIND_SERVICE`")
            .context("cannot start the listener `tcp`")
            .unwrap_err();
        assert_eq!(
            render(&error),
            "error: cannot start the listener `tcp`\n  caused by: cannot listen on `0.0.0.0:514`\n  \
             caused by: permission denied\nhint: ports below 1024 need `CAP_NET_BIND_SERVICE`\n"
        );
    }
}
