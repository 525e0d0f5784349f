//! `geoip`: makes fields of what a MaxMind database knows about an address.
//!
//! Any database in MaxMind's format and with the names of its fields will do: City, Country,
//! ASN, ISP, Enterprise, Anonymous IP. It is held in memory whole, since a mapped file that
//! is overwritten in place would take the process with it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader, geoip2};
use serde::Deserialize;

use super::chosen::{Row, chosen};
use super::watched::Watched;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Tag of an event for whose address the database has an entry that cannot be read.
pub const FAILURE_TAG: &str = "_geoipfailure";
/// Largest database in bytes.
const MAX_DATABASE_BYTES: u64 = 2 << 30;
/// Where `geoipupdate` and packages put databases, looked at after the directory of the
/// configuration.
const STANDARD_DIRECTORIES: [&str; 2] = ["/var/lib/GeoIP", "/usr/share/GeoIP"];
/// The languages of MaxMind's databases.
const LANGUAGES: [&str; 8] = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];

/// A field that can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Country,
    CountryName,
    Continent,
    ContinentName,
    City,
    Region,
    RegionCode,
    Postal,
    Lat,
    Lon,
    Location,
    Accuracy,
    Timezone,
    Asn,
    AsOrg,
    Isp,
    Org,
    Anonymous,
    Network,
}

const FIELDS: [Row<Field>; 19] = [
    (Field::Country, "country", true),
    (Field::CountryName, "country_name", true),
    (Field::Continent, "continent", true),
    (Field::ContinentName, "continent_name", false),
    (Field::City, "city", true),
    (Field::Region, "region", true),
    (Field::RegionCode, "region_code", true),
    (Field::Postal, "postal", true),
    (Field::Lat, "lat", true),
    (Field::Lon, "lon", true),
    (Field::Location, "location", false),
    (Field::Accuracy, "accuracy", false),
    (Field::Timezone, "timezone", true),
    (Field::Asn, "asn", true),
    (Field::AsOrg, "as_org", true),
    (Field::Isp, "isp", true),
    (Field::Org, "org", true),
    (Field::Anonymous, "anonymous", true),
    (Field::Network, "network", false),
];

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "geoip",
    summary: "looks an IP address up in a MaxMind database and adds fields with its place, network and owner",
    parameters: &[
        required(
            "ip",
            Kind::Operand,
            "the IP address, such as `[client_ip]`; if the value is not an address, or the database does \
             not know it, nothing is added",
        ),
        optional("prefix", Kind::Text, "geo_", "is put before the name of each field"),
        optional(
            "database",
            Kind::Text,
            "GeoLite2-City.mmdb",
            "the file of the database, in the directory of the configuration file, in `/var/lib/GeoIP` or \
             in `/usr/share/GeoIP`; it may be a City, Country, ASN, ISP, Enterprise or Anonymous IP \
             database, one for each call; loggr reads it again when it changes",
        ),
        optional(
            "language",
            Kind::Text,
            "en",
            "the language of the names: `de`, `en`, `es`, `fr`, `ja`, `pt-BR`, `ru` or `zh-CN`; a name \
             without a translation comes in English",
        ),
        optional(
            "fields",
            Kind::Texts,
            "",
            "the fields that are added, written without the prefix; without this argument all but \
             `continent_name`, `location`, `accuracy` and `network`, which are added only if they are named \
             here",
        ),
    ],
    adds: &[
        ("geo_country", "code of the country (ISO 3166-1), such as `DE`"),
        ("geo_country_name", "name of the country"),
        ("geo_continent", "code of the continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`"),
        ("geo_continent_name", "name of the continent; only if named in `fields`"),
        ("geo_city", "name of the city"),
        ("geo_region", "name of the largest subdivision: state, province, county"),
        ("geo_region_code", "code of that subdivision (ISO 3166-2), such as `GB-ENG`"),
        ("geo_postal", "postal code"),
        ("geo_lat", "latitude in degrees"),
        ("geo_lon", "longitude in degrees"),
        ("geo_location", "latitude and longitude, such as `51.75,-1.25`; only if named in `fields`"),
        (
            "geo_accuracy",
            "radius in kilometres around the place within which the address is; only if named in `fields`",
        ),
        ("geo_timezone", "time zone of the place, such as `Europe/Berlin`"),
        ("geo_asn", "number of the autonomous system (AS) that the address belongs to"),
        ("geo_as_org", "organization that runs the autonomous system"),
        ("geo_isp", "name of the provider (ISP database)"),
        ("geo_org", "name of the organization (ISP database)"),
        (
            "geo_anonymous",
            "what hides the user of the address: `vpn`, `hosting`, `proxy`, `residential_proxy`, `tor`, \
             several of them or none (Anonymous IP database)",
        ),
        (
            "geo_network",
            "network that the database has an entry for, such as `192.0.2.0/24`; only if named in \
             `fields`",
        ),
        (
            FAILURE_TAG,
            "tag: the database is damaged at the entry of this address; the event goes on unchanged",
        ),
    ],
    build,
};

struct Geoip {
    ip: usize,
    language: Language,
    fields: Vec<(Field, String)>,
    database: Watched<Database>,
}

type Database = Reader<Vec<u8>>;

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let language = arguments.text("language");
    let Some(at) = LANGUAGES.iter().position(|l| l.eq_ignore_ascii_case(language)) else {
        let known = LANGUAGES.map(|l| format!("`{l}`")).join(", ");
        return Err(BuildError::argument("language", format!("there are no names in `{language}`"))
            .hint(format!("the languages are {known}")));
    };
    let fields = chosen(arguments, "geoip", &FIELDS)?;
    let database = open(arguments.text("database"), &environment.directory)?;
    Ok(Box::new(Geoip { ip: arguments.operand("ip").unwrap_or(0), language: Language(at), fields, database }))
}

fn open(name: &str, directory: &Path) -> Result<Watched<Database>, BuildError> {
    let mut places: Vec<PathBuf> = vec![directory.join(name)];
    if Path::new(name).is_relative() {
        places.extend(STANDARD_DIRECTORIES.map(|d| Path::new(d).join(name)));
    }
    // The first file that exists is the one that is meant, even if it cannot be used.
    let Some(path) = places.iter().find(|p| p.exists()) else {
        let looked = places.iter().map(|p| format!("`{}`", p.display())).collect::<Vec<_>>().join(", ");
        return Err(BuildError::argument("database", format!("there is no database `{name}`")).hint(
            format!("it was looked for at {looked}; MaxMind's `geoipupdate` fetches GeoLite2 databases"),
        ));
    };
    Watched::open(path.clone(), MAX_DATABASE_BYTES, load).map_err(|message| {
        BuildError::argument("database", message)
            .hint("`geoip` reads databases in MaxMind's format, `*.mmdb`")
    })
}

/// The first database is taken as it is. One that replaces it while events pass is checked first,
/// and must be of the same kind.
fn load(bytes: Vec<u8>, old: Option<&Database>) -> Result<Database, String> {
    let database = Reader::from_source(bytes).map_err(|e| told(&e))?;
    if let Some(old) = old {
        let kinds = [old, &database].map(|d| kind(&d.metadata().database_type).to_owned());
        if kinds[0] != kinds[1] {
            return Err(format!("it is of the kind `{}`, the one in use is `{}`", kinds[1], kinds[0]));
        }
        database.verify().map_err(|e| told(&e))?;
    }
    Ok(database)
}

/// `City` of `GeoLite2-City`: light and full databases replace each other.
fn kind(database_type: &str) -> &str {
    database_type.rsplit_once('-').map_or(database_type, |(_, kind)| kind)
}

fn told(error: &MaxMindDbError) -> String {
    let text = error.to_string();
    text.strip_prefix("invalid database: ").map_or(text.clone(), str::to_owned)
}

/// An entry with the fields of all kinds of databases; other fields are skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    city: geoip2::city::City<'a>,
    continent: geoip2::city::Continent<'a>,
    country: geoip2::city::Country<'a>,
    location: Location<'a>,
    postal: geoip2::city::Postal<'a>,
    subdivisions: Vec<geoip2::city::Subdivision<'a>>,
    autonomous_system_number: Option<Number>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
    organization: Option<&'a str>,
    /// The part of an Enterprise database that corresponds to the databases of networks.
    traits: Traits<'a>,
    is_anonymous_vpn: bool,
    is_hosting_provider: bool,
    is_public_proxy: bool,
    is_residential_proxy: bool,
    is_tor_exit_node: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    accuracy_radius: Option<Number>,
    latitude: Option<Number>,
    longitude: Option<Number>,
    time_zone: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Traits<'a> {
    autonomous_system_number: Option<Number>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
    organization: Option<&'a str>,
}

/// A number of any type: databases that do not come from MaxMind may use another one.
#[derive(Clone, Copy)]
enum Number {
    Whole(u64),
    Float(f64),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Whole(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number::Float(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Float(number))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(number) => number.fmt(f),
            Number::Float(number) => number.fmt(f),
        }
    }
}

/// Index in [`LANGUAGES`].
#[derive(Clone, Copy)]
struct Language(usize);

impl Language {
    fn of<'n>(self, names: &geoip2::Names<'n>) -> Option<&'n str> {
        let all = [
            names.german,
            names.english,
            names.spanish,
            names.french,
            names.japanese,
            names.brazilian_portuguese,
            names.russian,
            names.simplified_chinese,
        ];
        all.get(self.0).copied().flatten().or(names.english)
    }
}

impl Engine for Geoip {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.ip) else { return Outcome::Nothing };
        let Ok(ip) = text.trim().parse::<IpAddr>() else { return Outcome::Nothing };
        let database = self.database.get();
        let found = match database.lookup(ip.to_canonical()) {
            Ok(found) => found,
            // An IPv6 address in a database of IPv4.
            Err(MaxMindDbError::InvalidInput { .. }) => return Outcome::Nothing,
            Err(_) => return Outcome::Failed(FAILURE_TAG),
        };
        let entry = match found.decode::<Entry<'_>>() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Outcome::Nothing,
            Err(_) => return Outcome::Failed(FAILURE_TAG),
        };
        let mut did = false;
        for (field, name) in &self.fields {
            if *field == Field::Anonymous {
                for (n, word) in entry.anonymous().enumerate() {
                    match n {
                        0 => call.event.set_field(name.as_str(), word),
                        _ => call.event.add_field_value(name.as_str(), word),
                    }
                    did = true;
                }
                continue;
            }
            let value: Option<Cow<'_, str>> = match field {
                Field::Network => found.network().ok().map(|n| n.to_string().into()),
                field => entry.value(*field, self.language),
            };
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                call.event.set_field(name.as_str(), value.into_owned());
                did = true;
            }
        }
        if did { Outcome::Did } else { Outcome::Nothing }
    }

    fn refresh(&self) -> Result<bool, String> {
        self.database.refresh()
    }

    fn reads(&self) -> Vec<PathBuf> {
        vec![self.database.path().to_owned()]
    }
}

impl<'a> Entry<'a> {
    fn value(&self, field: Field, language: Language) -> Option<Cow<'a, str>> {
        let region = self.subdivisions.first();
        let number = |n: Option<Number>| n.map(|n| Cow::Owned(n.to_string()));
        let (lat, lon) = (self.location.latitude, self.location.longitude);
        match field {
            Field::Country => self.country.iso_code.map(Cow::Borrowed),
            Field::CountryName => language.of(&self.country.names).map(Cow::Borrowed),
            Field::Continent => self.continent.code.map(Cow::Borrowed),
            Field::ContinentName => language.of(&self.continent.names).map(Cow::Borrowed),
            Field::City => language.of(&self.city.names).map(Cow::Borrowed),
            Field::Region => region.and_then(|r| language.of(&r.names)).map(Cow::Borrowed),
            Field::RegionCode => match (self.country.iso_code, region?.iso_code?) {
                (Some(country), code) => Some(Cow::Owned(format!("{country}-{code}"))),
                (None, code) => Some(Cow::Borrowed(code)),
            },
            Field::Postal => self.postal.code.map(Cow::Borrowed),
            Field::Lat => number(lat),
            Field::Lon => number(lon),
            Field::Location => Some(Cow::Owned(format!("{},{}", lat?, lon?))),
            Field::Accuracy => number(self.location.accuracy_radius),
            Field::Timezone => self.location.time_zone.map(Cow::Borrowed),
            Field::Asn => number(self.autonomous_system_number.or(self.traits.autonomous_system_number)),
            Field::AsOrg => {
                let org = self.autonomous_system_organization.or(self.traits.autonomous_system_organization);
                org.map(Cow::Borrowed)
            }
            Field::Isp => self.isp.or(self.traits.isp).map(Cow::Borrowed),
            Field::Org => self.organization.or(self.traits.organization).map(Cow::Borrowed),
            // These two are not single values of the entry.
            Field::Anonymous | Field::Network => None,
        }
    }

    fn anonymous(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.is_anonymous_vpn, "vpn"),
            (self.is_hosting_provider, "hosting"),
            (self.is_public_proxy, "proxy"),
            (self.is_residential_proxy, "residential_proxy"),
            (self.is_tor_exit_node, "tor"),
        ];
        all.into_iter().filter(|(is, _)| *is).map(|(_, word)| word)
    }
}

#[cfg(test)]
mod tests;
