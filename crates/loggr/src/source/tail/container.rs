//! What the path of a container's file says of the container, and what Docker has written beside it.
//!
//! | path | what it says |
//! |---|---|
//! | `…/pods/NAMESPACE_POD_UID/CONTAINER/N.log` | namespace, pod, its uid, container |
//! | `…/containers/POD_NAMESPACE_CONTAINER-ID.log` | pod, namespace, container, its id |
//! | `…/containers/ID/ID-json.log` | the id; `config.v2.json` beside it has name, image and labels |
//!
//! Not the lines. What is not there is left out: a path that says nothing is no mistake.

use std::path::Path;

use serde::Deserialize;

use crate::source::tail::fragments::Runtime;

/// Longest description of a container.
const MAX_DESCRIPTION_BYTES: u64 = 4 << 20;
/// Labels of one container that become fields, at most.
const MAX_LABELS: usize = 64;
/// Longest label or value.
const MAX_LABEL_BYTES: usize = 1024;
/// Letters of a container's id.
const ID_LETTERS: usize = 64;

/// Name and value of each field, and the program: the name of the container.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Custom fields.
    pub fields: Vec<(String, String)>,
    /// The container's name; empty if nobody says it.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    name: String,
    #[serde(default)]
    config: Config,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Option<std::collections::BTreeMap<String, String>>,
}

impl About {
    fn set(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.fields.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// What is known of the container that writes this file.
pub fn about(path: &Path, runtime: Runtime) -> About {
    let mut about = about_path(path);
    if runtime == Runtime::Docker {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if real != path {
            let of_real = about_path(&real);
            let is_new = |field: &(String, String), known: &About| {
                known.fields.iter().all(|(name, _)| *name != field.0)
            };
            let more: Vec<_> = of_real.fields.into_iter().filter(|field| is_new(field, &about)).collect();
            about.fields.extend(more);
        }
        describe(&mut about, &real.with_file_name("config.v2.json"));
    }
    about
}

fn about_path(path: &Path) -> About {
    let mut about = About::default();
    let mut names = path.iter().rev().map(|name| name.to_str().unwrap_or_default());
    let (file, first, second) = (
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    );
    let pod: Vec<&str> = second.splitn(3, '_').collect();
    let stem = file.strip_suffix(".log").unwrap_or(file);
    if let &[namespace, name, uid] = pod.as_slice() {
        about.set("container_name", first);
        about.set("pod_name", name);
        about.set("namespace", namespace);
        about.set("pod_uid", uid);
        about.name = first.to_owned();
    } else if let Some((name, id)) = stem.rsplit_once('-').filter(|(_, id)| is_id(id)) {
        let mut parts = name.splitn(3, '_');
        if let (Some(pod), Some(namespace), Some(container)) = (parts.next(), parts.next(), parts.next()) {
            about.set("container_name", container);
            about.set("container_id", id);
            about.set("pod_name", pod);
            about.set("namespace", namespace);
            about.name = container.to_owned();
        }
    } else if let Some(id) = stem.strip_suffix("-json").filter(|id| is_id(id)) {
        about.set("container_id", id);
    }
    about
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LETTERS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Docker's own description; where it cannot be read the path says enough.
fn describe(about: &mut About, file: &Path) {
    let Ok(Some(text)) = loggr_disk::read_text_at_most(file, MAX_DESCRIPTION_BYTES) else { return };
    let Ok(Description { name, config }) = serde_json::from_str(&text) else { return };
    let name = name.trim_start_matches('/');
    if about.name.is_empty() {
        about.set("container_name", name);
        about.name = name.to_owned();
    }
    about.set("image", &config.image);
    let labels = config.labels.unwrap_or_default().into_iter();
    let labels =
        labels.filter(|(name, value)| name.len() <= MAX_LABEL_BYTES && value.len() <= MAX_LABEL_BYTES);
    for (name, value) in labels.take(MAX_LABELS) {
        about.set(&format!("label.{name}"), &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn shown(about: &About) -> String {
        let fields: Vec<_> = about.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}: {}", about.name, fields.join(" "))
    }

    #[track_caller]
    fn check(path: &str, expect: &str) {
        let path = path.replace("ID", ID);
        assert_eq!(shown(&about(Path::new(&path), Runtime::Cri)), expect.replace("ID", ID));
    }

    #[test]
    fn the_path_of_a_container_says_what_it_is() {
        check(
            "/var/log/pods/shop_web-7_1f-2/nginx/0.log",
            "nginx: container_name=nginx pod_name=web-7 namespace=shop pod_uid=1f-2",
        );
        check(
            "/var/log/containers/web-7_shop_nginx-ID.log",
            "nginx: container_name=nginx container_id=ID pod_name=web-7 namespace=shop",
        );
        check("/var/lib/docker/containers/ID/ID-json.log", ": container_id=ID");
        check("/var/log/app.log", ": ");
    }

    #[test]
    fn docker_says_more_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(format!("{ID}-json.log"));
        std::fs::write(&file, "").unwrap();
        let text = r#"{"Name":"/web","Config":{"Image":"nginx:1","Labels":{"team":"a"}},"Other":1}"#;
        std::fs::write(dir.path().join("config.v2.json"), text).unwrap();
        let expect = format!("web: container_id={ID} container_name=web image=nginx:1 label.team=a");
        assert_eq!(shown(&about(&file, Runtime::Docker)), expect);
        std::fs::write(dir.path().join("config.v2.json"), "{").unwrap();
        assert_eq!(shown(&about(&file, Runtime::Docker)), format!(": container_id={ID}"));
    }
}
