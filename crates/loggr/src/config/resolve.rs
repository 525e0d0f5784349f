//! Makes a [`Config`] of a parsed file: it walks through the sections, each of which is read in a
//! file of its own.
//!
//! No I/O: the text, the directories and the default data directory come in as arguments. A mistake
//! in one section never hides those of another.

use std::ops::Range;
use std::path::{Path, PathBuf};

use loggr_filter::engines::Route;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::data::Data;
use super::diagnostics::{Problem, suggest};
use super::keys::{Section, Shape};
use super::reader::{Places, Reader, check_name};
use super::sections::{SECTIONS, section};
use super::together::Whole;
use super::topology::At;
use super::{Config, DEFAULT_TEXT};
use super::{
    agent, bus, data, harvest, hmac, listener, log, machine, oidc, packers, process, registry, searched,
    ship, spool, web,
};

/// Listeners, packers, machines and ships of one file, each at most.
const MAX_OF_A_KIND: usize = 256;

/// What the reader must know beside the text of the file.
pub struct Around<'a> {
    /// The file, if there is one.
    pub file: Option<&'a Path>,
    /// Its directory, absolute.
    pub directory: &'a Path,
    /// Data directory from the command line or the environment: wins over the file.
    pub data_override: Option<&'a Path>,
    /// The default data directory.
    pub data_default: &'a Path,
    /// Gives the routes of the filter with a name; `None` if it cannot be read.
    pub routes: &'a dyn Fn(&str) -> Option<Vec<Route>>,
}

/// The data directory that a text names, as far as the text can be read.
pub fn data_directory(text: &str, around: &Around<'_>) -> Option<PathBuf> {
    let (document, _) = DeTable::parse_recoverable(text);
    let data = document.get_ref().get("data")?.get_ref().as_table()?;
    match data.get("directory")?.get_ref() {
        DeValue::String(directory) if !directory.is_empty() => Some(around.directory.join(&**directory)),
        _ => None,
    }
}

/// Reads the text. If there are problems, the configuration must not be used.
pub fn resolve(text: &str, around: &Around<'_>) -> (Config, Vec<Problem>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // After a mistake in the syntax the values cannot be relied on.
        let problems =
            errors.iter().map(|e| Problem { span: e.span(), message: syntax(e, text), help: None });
        let problems = problems.collect();
        return (resolve("", around).0, problems);
    }
    let default = DeTable::parse(DEFAULT_TEXT).expect("BUG: the default configuration is not TOML");
    let mut problems = Vec::new();
    let expanded = agent::expanded(document.get_ref(), &mut problems);
    if !problems.is_empty() {
        // What it stands for is not known, and so not whether the rest fits.
        return (resolve("", around).0, problems);
    }
    let mut resolver = Resolver {
        table: expanded.as_ref().unwrap_or(document.get_ref()),
        default: default.get_ref(),
        problems: Vec::new(),
        places: Vec::new(),
    };
    let mut config = resolver.config(around);
    config.agent = expanded.is_some();
    (config, resolver.problems)
}

/// The message of the TOML parser, with the key that it leaves out.
fn syntax(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().trim().replace('\n', "; ");
    match error.span().and_then(|span| text.get(span)) {
        Some(key) if message == "duplicate key" => format!("`{key}` is given twice"),
        _ => message,
    }
}

struct Resolver<'d> {
    table: &'d DeTable<'d>,
    default: &'d DeTable<'d>,
    problems: Vec<Problem>,
    places: Vec<(At, Places)>,
}

/// One entry of `[[listener]]`, `[machine.NAME]` or `[ship.NAME]`.
struct Entry<'d> {
    /// The word behind the dot.
    name: String,
    table: &'d DeTable<'d>,
    place: Option<Range<usize>>,
    /// The entry comes from the built-in default and not from the file.
    implied: bool,
}

impl<'d> Resolver<'d> {
    fn config(&mut self, around: &Around<'_>) -> Config {
        self.check_sections();
        let beside = around.directory;
        let data = self.once(&data::SECTION, |r| data::read(r, beside));
        let data = around.data_override.map(Path::to_owned).or(data);
        let data = Data { directory: data.unwrap_or_else(|| around.data_default.to_owned()) };
        let dir = data.directory.as_path();
        let bus = self.once(&bus::SECTION, |r| bus::read(r, dir, beside));
        let spool = self.once(&spool::SECTION, |r| spool::read(r, bus.rabbit.is_some(), dir));
        let listeners = self.entries(&listener::SECTION, At::Listener, |r, _| listener::read(r, dir, beside));
        let packers = self.entries(&packers::SECTION, At::Packer, packers::read);
        let harvests =
            self.entries(&harvest::SECTION, At::Harvest, |r, name| harvest::read(r, name, &packers, dir));
        let machines = self.entries(&machine::SECTION, At::Machine, |r, name| {
            Some(machine::read(r, name, &packers, around.routes))
        });
        let mut ships = self.entries(&ship::SECTION, At::Ship, |r, name| ship::read(r, name, dir, beside));
        let log = self.once(&log::SECTION, |r| log::read(r, dir));
        let process = self.once(&process::SECTION, |r| process::read(r, dir));
        let seal_keys = self.once(&hmac::SECTION, |r| hmac::read(r, beside));
        let registry = self.once(&registry::SECTION, |r| registry::read(r, beside));
        let published: Vec<&str> = listeners
            .iter()
            .map(|listener| listener.exchange.as_str())
            .chain(harvests.iter().map(|harvest| harvest.exchange.as_str()))
            .collect();
        ships.extend(searched::built_in(self.table, self.default, (&published, &machines, &ships), dir));
        let mut config = Config {
            file: around.file.map(Path::to_owned),
            found_here: false,
            passed_over: None,
            directory: beside.to_owned(),
            data,
            bus,
            spool,
            listeners,
            harvests,
            machines,
            ships,
            seal_keys,
            web: None,
            log,
            process,
            registry,
            agent: false,
        };
        searched::settle(&mut config, |config| {
            if !self.table.contains_key("machine") {
                config.machines.extend(machine::implied(&config.published(), &config.ships));
            }
        });
        let oidc = self.once(&oidc::SECTION, |r| oidc::read(r, beside));
        let has_keys = !config.seal_keys.is_empty();
        config.web = self.once(&web::SECTION, |r| web::read(r, &config.ships, has_keys, beside));
        if let Some(web) = &mut config.web {
            web.oidc = oidc;
        }
        let web = self.table.get("web").and_then(|web| web.get_ref().as_table());
        let web = web.and_then(|web| web.get("listen")).map(Spanned::span);
        let (places, problems) = (&self.places, &mut self.problems);
        Whole { config: &config, places, web, problems }.check();
        config
    }

    fn check_sections(&mut self) {
        for (name, value) in self.table {
            let written = name.get_ref();
            // One that stands within each of several has no name of its own.
            let own = |section: &&&Section| !section.is_later() && !section.name.contains('.');
            let known: Vec<&str> = SECTIONS.iter().filter(own).map(|s| s.name).collect();
            // A section within another one is no section of that name.
            match section(written).filter(|section| !section.name.contains('.')) {
                None => {
                    let help = match (section_of_key(written), value.get_ref()) {
                        (_, DeValue::Table(_) | DeValue::Array(_)) | (None, _) => suggest(written, &known)
                            .or_else(|| Some("see `loggr config` for all sections".to_owned())),
                        (Some(section), _) => Some(format!("it belongs in `{}`", section.header())),
                    };
                    let what = if value.get_ref().is_table() { "section" } else { "key" };
                    self.note(name.span(), format!("unknown {what} `{written}`"), help);
                }
                Some(section) if section.is_later() => {
                    self.note(name.span(), format!("`[{written}]` is not supported by this version"), None);
                }
                Some(_) => {}
            }
        }
    }

    /// Reads a section that a file has at most once.
    fn once<T>(&mut self, section: &'static Section, read: impl FnOnce(&mut Reader<'_, 'd>) -> T) -> T {
        let (within, key) = match section.name.split_once('.') {
            Some((above, key)) => (self.table.get(above).and_then(|above| above.get_ref().as_table()), key),
            None => (Some(self.table), section.name),
        };
        let found = within.and_then(|table| table.get_key_value(key));
        let table = found.and_then(|(_, value)| value.get_ref().as_table());
        if let (Some((key, _)), None) = (found, table) {
            self.note(
                key.span(),
                format!("`{}` is a section", key.get_ref()),
                Some(format!("write `{}`", section.header())),
            );
        }
        let place = found.map(|(key, _)| key.span());
        let mut reader = Reader::new(section, section.header(), table, place, &mut self.problems);
        reader.check_keys();
        read(&mut reader)
    }

    /// Reads all entries of a section that may be there several times.
    fn entries<T>(
        &mut self,
        section: &'static Section,
        at: fn(usize) -> At,
        read: impl Fn(&mut Reader<'_, 'd>, &str) -> Option<T>,
    ) -> Vec<T> {
        let mut out = Vec::new();
        for entry in self.find_entries(section) {
            let title = match section.shape {
                Shape::Named => format!("[{}.{}]", section.name, entry.name),
                Shape::Once | Shape::List => section.header(),
            };
            let mut reader =
                Reader::new(section, title, Some(entry.table), entry.place.clone(), &mut self.problems);
            reader.check_keys();
            let places = if entry.implied { Places::default() } else { reader.places() };
            if let Some(read) = read(&mut reader, &entry.name) {
                self.places.push((at(out.len()), places));
                out.push(read);
            }
        }
        out
    }

    fn find_entries(&mut self, section: &'static Section) -> Vec<Entry<'d>> {
        let (found, implied) = match self.table.get_key_value(section.name) {
            Some(found) => (found, false),
            // The machine that is implied depends on the ships: see `machine::implied`.
            None if section.name == "machine" => return Vec::new(),
            None => match self.default.get_key_value(section.name) {
                Some(found) => (found, true),
                None => return Vec::new(),
            },
        };
        let (key, value) = found;
        let mut entries = Vec::new();
        match (section.shape, value.get_ref()) {
            (Shape::List, DeValue::Array(items)) => {
                for item in items {
                    self.entry(section, String::new(), item, item.span(), implied, &mut entries);
                }
            }
            (Shape::Named, DeValue::Table(table)) => {
                for (name, item) in table {
                    self.entry(section, name.get_ref().to_string(), item, name.span(), implied, &mut entries);
                }
            }
            _ => self.note(
                key.span(),
                format!(
                    "`{}` is a section that a file may have several times, each with a header of its own",
                    section.name
                ),
                Some(format!("write `{}`", section.header())),
            ),
        }
        entries.sort_by_key(|e| e.place.as_ref().map(|p| p.start));
        if entries.len() > MAX_OF_A_KIND {
            let message = format!(
                "the file has {} sections `{}`, more than {MAX_OF_A_KIND}",
                entries.len(),
                section.header()
            );
            self.note(key.span(), message, None);
            entries.truncate(MAX_OF_A_KIND);
        }
        entries
    }

    fn entry(
        &mut self,
        section: &'static Section,
        name: String,
        item: &'d Spanned<DeValue<'d>>,
        place: Range<usize>,
        implied: bool,
        entries: &mut Vec<Entry<'d>>,
    ) {
        let Some(table) = item.get_ref().as_table() else {
            let message = match section.shape {
                Shape::Named => {
                    format!("`{name}` is in `[{0}]`, which has no keys of its own", section.name)
                }
                Shape::List | Shape::Once => format!("an entry of `{}` is not a table", section.name),
            };
            return self.note(place, message, Some(format!("write `{}`", section.header())));
        };
        if section.shape == Shape::Named
            && let Err(message) = check_name(&name)
        {
            return self.note(place, message, None);
        }
        entries.push(Entry { name, table, place: Some(place), implied });
    }

    fn note(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Problem { span: Some(span), message, help });
    }
}

/// The section that has a key of this name, if only one has.
fn section_of_key(key: &str) -> Option<&'static Section> {
    let mut having = SECTIONS.iter().copied().filter(|s| s.key(key).is_some());
    having.next().filter(|_| having.next().is_none())
}
