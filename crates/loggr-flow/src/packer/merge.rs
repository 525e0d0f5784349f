//! Merges several events into one.
//!
//! The merged event has the earliest times, the most severe severity, the union of tags, fields and
//! structured data, and the messages joined by line feeds; the rest is the first part's. Its uid is
//! made of all their uids: the same parts give the same uid again after a redelivery, and other
//! parts never get it. Seals are dropped; but if the seal of a part is known to be broken, the merged
//! event has it, so that nobody takes it for one that was never sealed.

use std::borrow::Cow;
use std::collections::HashSet;

use loggr_event::{
    Defect, Defects, Event, Field, MAX_FIELDS, MAX_SD_PARAMS, MAX_TAGS, SdElement, Timestamp, Uid,
};

use crate::record::{Payload, Record};

/// Merges as many of the records as one event can carry, at least one; gives how many.
pub(super) fn merge<'r>(records: &[Record<'r>]) -> Option<(Event<'r>, usize)> {
    let (first, rest) = records.split_first()?;
    let mut union = Union::new(first);
    let taken = 1 + rest.iter().take_while(|record| union.take(record)).count();
    Some((union.finish(records.get(..taken)?), taken))
}

/// SD-ID, name and value.
type Known<'r> = (Cow<'r, str>, Cow<'r, str>, Cow<'r, str>);

/// A seal, and when it was made.
type Seal<'r> = (Option<Cow<'r, str>>, Option<Timestamp>);

struct Union<'r> {
    event: Event<'r>,
    message: String,
    uids: Vec<Uid>,
    values: usize,
    params: usize,
    /// Whether a part has kept its received bytes.
    raw: bool,
    /// Whether a part was cut, and the length of all parts before that.
    cut: bool,
    length: u64,
    /// The seal of the first part whose seal is broken.
    broken: Option<Seal<'r>>,
    /// The values that fields and structured data have already; filled when it is first needed.
    known: Option<HashSet<Known<'r>>>,
}

/// Defects that a line has only because it has no head.
const HEADLESS: [Defect; 4] = [Defect::Unparsed, Defect::NoPriority, Defect::NoTimestamp, Defect::NoSource];

/// Stands for the SD-ID of a custom field among the known values: no SD-ID has a space.
const FIELD: &str = " ";

impl<'r> Union<'r> {
    fn new(first: &Record<'r>) -> Union<'r> {
        let event = first.event();
        Union {
            message: event.message.clone().into_owned(),
            uids: vec![event.uid],
            values: values(&event.fields),
            params: params(&event.structured_data),
            raw: event.raw.is_some(),
            cut: event.original_len.is_some(),
            length: length(&event),
            broken: broken(&event),
            known: None,
            event,
        }
    }

    /// False, and nothing is taken, if the union would be more than an event may carry.
    fn take(&mut self, record: &Record<'r>) -> bool {
        let next = record.event();
        let new_fields = next.fields != self.event.fields;
        let new_params = next.structured_data != self.event.structured_data;
        let values = self.values + if new_fields { values(&next.fields) } else { 0 };
        let params = self.params + if new_params { params(&next.structured_data) } else { 0 };
        if (values > MAX_FIELDS
            || params > MAX_SD_PARAMS
            || self.event.tags.len() + next.tags.len() > MAX_TAGS)
            && !self.has_room(&next)
        {
            return false;
        }
        self.uids.push(next.uid);
        self.message.push('\n');
        self.message.push_str(&next.message);
        self.broken = self.broken.take().or_else(|| broken(&next));
        let event = &mut self.event;
        event.timereported = event.timereported.min(next.timereported);
        event.timegenerated = event.timegenerated.min(next.timegenerated);
        let mut defects = next.defects;
        if defects.contains(Defect::Unparsed) && !event.defects.contains(Defect::Unparsed) {
            // The line has no head: the values that stand in for missing ones do not count.
            HEADLESS.into_iter().for_each(|defect| defects.remove(defect));
        } else {
            event.severity = event.severity.max(next.severity);
        }
        event.defects = Defects::from_bits(event.defects.bits() | defects.bits());
        self.raw |= next.raw.is_some();
        self.cut |= next.original_len.is_some();
        self.length = self.length.saturating_add(1).saturating_add(length(&next));
        for tag in next.tags {
            event.add_tag(tag);
        }
        for field in next.trusted {
            if !event.trusted.iter().any(|known| known.name == field.name) {
                event.trusted.push(field);
            }
        }
        if new_fields {
            for Field { name, values } in next.fields {
                for value in values {
                    if self.is_new(FIELD.into(), name.clone(), value.clone()) {
                        self.values += 1;
                        self.event.add_field_value(name.clone(), value);
                    }
                }
            }
        }
        if new_params {
            for element in next.structured_data {
                self.take_element(element);
            }
        }
        true
    }

    fn take_element(&mut self, element: SdElement<'r>) {
        let SdElement { id, params } = element;
        let at = self.event.structured_data.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.event.structured_data.push(SdElement { id: id.clone(), params: Vec::new() });
            self.params += 1;
            self.event.structured_data.len() - 1
        });
        for param in params {
            if self.is_new(id.clone(), param.name.clone(), param.value.clone()) {
                self.params += 1;
                if let Some(known) = self.event.structured_data.get_mut(at) {
                    known.params.push(param);
                }
            }
        }
    }

    /// Remembers a value; true for the first time.
    fn is_new(&mut self, id: Cow<'r, str>, name: Cow<'r, str>, value: Cow<'r, str>) -> bool {
        self.known().insert((id, name, value))
    }

    fn known(&mut self) -> &mut HashSet<Known<'r>> {
        let event = &self.event;
        self.known.get_or_insert_with(|| {
            let fields = event
                .fields
                .iter()
                .flat_map(|f| f.values.iter().map(|v| (FIELD.into(), f.name.clone(), v.clone())));
            let params = event
                .structured_data
                .iter()
                .flat_map(|e| e.params.iter().map(|p| (e.id.clone(), p.name.clone(), p.value.clone())));
            fields.chain(params).collect()
        })
    }

    /// Whether the event fits, computed exactly; used if the quick sum is too large.
    fn has_room(&mut self, next: &Event<'r>) -> bool {
        let tags = next.tags.iter().filter(|tag| !self.event.has_tag(tag)).count();
        let ids =
            next.structured_data.iter().filter(|e| !self.event.structured_data.iter().any(|k| k.id == e.id));
        let ids = ids.count();
        let known = self.known();
        let values = next.fields.iter().flat_map(|f| {
            f.values.iter().filter(|v| !known.contains(&(FIELD.into(), f.name.clone(), (*v).clone())))
        });
        let values = values.count();
        let params = next.structured_data.iter().flat_map(|e| {
            e.params.iter().filter(|p| !known.contains(&(e.id.clone(), p.name.clone(), p.value.clone())))
        });
        let params = params.count();
        self.event.tags.len() + tags <= MAX_TAGS
            && self.values + values <= MAX_FIELDS
            && self.params + ids + params <= MAX_SD_PARAMS
    }

    fn finish(self, records: &[Record<'r>]) -> Event<'r> {
        let Union { mut event, message, uids, raw, cut, length, broken, .. } = self;
        if uids.len() == 1 {
            return event;
        }
        event.message = Cow::Owned(message);
        event.uid = Uid::of_several(&uids);
        (event.hmac, event.timehmac) = broken.unwrap_or_default();
        event.raw = raw.then(|| Cow::Owned(bytes(records)));
        event.original_len = cut.then_some(length);
        event
    }
}

/// The seal, if it is known to be broken.
fn broken<'r>(event: &Event<'r>) -> Option<Seal<'r>> {
    event.defects.contains(Defect::BadHmac).then(|| (event.hmac.clone(), event.timehmac))
}

/// The length of the line before it was cut.
fn length(event: &Event<'_>) -> u64 {
    event.original_len.unwrap_or(event.message.len() as u64)
}

/// The bytes of all parts.
fn bytes(records: &[Record<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        if !out.is_empty() {
            out.push(b'\n');
        }
        match (record.payload, record.event()) {
            (Payload::Line(line), _) => out.extend_from_slice(line),
            (Payload::Event(_), Event { raw: Some(raw), .. }) => out.extend_from_slice(&raw),
            (Payload::Event(_), event) => out.extend_from_slice(event.message.as_bytes()),
        }
    }
    out
}

fn values(fields: &[Field<'_>]) -> usize {
    fields.iter().map(|field| field.values.len()).sum()
}

fn params(elements: &[SdElement<'_>]) -> usize {
    elements.iter().map(|element| 1 + element.params.len()).sum()
}
