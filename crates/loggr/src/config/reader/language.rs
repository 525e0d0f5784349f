//! Texts in a language of their own: binding keys, time zones, templates, formats, conditions. They
//! are parsed here once and kept parsed.

use loggr_bus::binding::Binding;
use loggr_event::{DumpFormat, Template, TemplateError, is_timezone};
use loggr_filter::lang::Predicate;
use loggr_flow::packer::{FormatError, Language, PRESETS, StartFormat, preset};

use super::value::{Wrong, one_or_more, text};
use super::{Reader, defaulted};
use crate::config::diagnostics::{choose, nearest};

impl Reader<'_, '_> {
    /// A binding key.
    pub fn binding(&mut self, key: &'static str) -> Binding {
        let read = self.read(key, |_, value| {
            let key = text(value)?;
            match Binding::parse(key) {
                Ok(_) if key.is_empty() => {
                    Err(Wrong::from("the binding key is empty and matches no event".to_owned())
                        .help("`#` takes everything"))
                }
                Ok(binding) => Ok(binding),
                Err(error) => Err(error.to_string().into()),
            }
        });
        defaulted(read)
    }

    /// A time zone; `local` is this host's.
    pub fn zone(&mut self, key: &'static str) -> String {
        let read = self.read(key, |_, value| match text(value)? {
            "local" => Ok(local_zone()),
            zone if !zone.is_empty() && is_timezone(zone) => Ok(zone.to_owned()),
            zone => {
                let known = jiff::tz::TimeZoneDatabase::bundled();
                let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
                let near = nearest(zone, names.iter().map(String::as_str));
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.unwrap_or_else(|| "a name such as `Europe/Berlin`, or `local`".to_owned());
                Err(Wrong::from(format!("`{zone}` is not a time zone")).help(help))
            }
        });
        defaulted(read)
    }

    /// The template of a path.
    pub fn path_template(&mut self, key: &'static str) -> Template {
        let read = self.read(key, |_, value| {
            let template = text(value)?;
            if template.is_empty() || template.starts_with('/') || template.ends_with('/') {
                return Err(format!("`{template}` is not the path of a file below `directory`").into());
            }
            if template.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err("`..`, `.` and empty parts are not allowed in the path".to_owned().into());
            }
            Template::parse_path(template)
                .map_err(|error| template_error(&error, Template::translate_path(template)))
        });
        defaulted(read)
    }

    /// The name of a dump format, or a template, if there is one.
    pub fn line_format_if_any(&mut self, key: &'static str) -> Option<DumpFormat> {
        self.read(key, |_, value| {
            let format = text(value)?;
            DumpFormat::parse(format)
                .map_err(|error| template_error(&error, Template::translate_line(format)))
        })
    }

    /// Formats of a first line, at least one, if there are any.
    pub fn start_formats_if_any(&mut self, key: &'static str) -> Option<Vec<StartFormat>> {
        self.read(key, |_, value| {
            one_or_more(value, "a format such as `\"$DATETIME $MESSAGE\"` or a list of them", |item| {
                StartFormat::parse(text(item)?).map_err(|FormatError { message, hint, .. }| Wrong {
                    message,
                    help: hint,
                    span: None,
                })
            })
        })
    }

    /// Presets of packers, at least one, if there are any.
    pub fn presets_if_any(&mut self, key: &'static str) -> Option<Vec<&'static Language>> {
        self.read(key, |_, value| {
            one_or_more(value, "a preset such as `\"java\"` or a list of them", |item| {
                let name = text(item)?;
                if let Some(language) = preset(name) {
                    return Ok(language);
                }
                let known = PRESETS.map(|language| language.name);
                let wrong = Wrong::from(format!("there is no preset `{name}`"));
                Err(match nearest(name, known) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong.help(choose(&known)),
                })
            })
        })
    }

    /// A condition of the filter language, if there is one.
    pub fn condition_if_any(&mut self, key: &'static str) -> Option<Predicate> {
        self.read(key, |_, value| {
            Predicate::compile(key, text(value)?).map_err(|errors| {
                let (message, help) = match errors.errors() {
                    [first, ..] => (first.message.clone(), first.hint.clone()),
                    [] => (errors.to_string(), None),
                };
                Wrong { message, help, span: None }
            })
        })
    }
}

fn template_error(error: &TemplateError, meant: Option<String>) -> Wrong {
    let wrong = Wrong::from(error.to_string());
    match meant {
        Some(meant) => wrong.help(format!("write `{meant}`")),
        None => wrong,
    }
}

/// The IANA name of this host's zone; `UTC` if it cannot be found.
fn local_zone() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.iana_name().filter(|name| is_timezone(name)).unwrap_or("UTC").to_owned()
}
