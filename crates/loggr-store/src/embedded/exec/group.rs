//! One row group while a query looks at it: its index, and the columns read so far.
//!
//! Invariant: a page is decoded once for a query, where the rows asked for later are among
//! those asked for first.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use arrow_array::ArrayRef;
use loggr_event::Uid;

use crate::StoreError;
use crate::embedded::datafile::{DataFile, Head};
use crate::embedded::index::RowGroupIndex;
use crate::embedded::index::runs::Runs;
use crate::embedded::rows::{TextColumn, Uids};
use crate::embedded::schema::{Census, FieldCensus, core};
use crate::embedded::selection::Selection;
use crate::embedded::shapes;
use crate::hash::FastMap;

/// Rows between two ranges that are read along rather than skipped: their page is decompressed anyway.
const READ_ALONG_ROWS: u32 = 512;
/// The same for messages, which are copied at some cost.
const READ_ALONG_MESSAGES: u32 = 32;

/// A row group under evaluation; one thread's.
pub(crate) struct Group<'f> {
    pub(crate) file: &'f DataFile,
    pub(crate) number: usize,
    pub(crate) index: RowGroupIndex<'f>,
    pub(crate) head: &'f Head,
    census: OnceCell<Option<Census>>,
    runs: OnceCell<Option<Runs<'f>>>,
    columns: RefCell<FastMap<usize, Rc<Column>>>,
}

/// A column of some rows.
pub(crate) struct Column {
    pub(crate) array: ArrayRef,
    pub(crate) rows: Selection,
    folded: OnceCell<Vec<u8>>,
}

impl Column {
    /// The bytes of all values of a text column without a dictionary, folded.
    pub(crate) fn folded(&self) -> &[u8] {
        self.folded.get_or_init(|| match TextColumn::new(&*self.array) {
            Ok(TextColumn::Plain(texts)) => texts.value_data().to_ascii_lowercase(),
            _ => Vec::new(),
        })
    }
}

impl<'f> Group<'f> {
    pub(crate) fn new(file: &'f DataFile, number: usize) -> Result<Group<'f>, StoreError> {
        Ok(Group {
            index: file.index(number)?,
            head: file.head()?,
            file,
            number,
            census: OnceCell::new(),
            runs: OnceCell::new(),
            columns: RefCell::default(),
        })
    }

    pub(crate) fn census(&self) -> Option<&Census> {
        self.census.get_or_init(|| self.index.census()).as_ref()
    }

    /// The table of runs, where the row group has one.
    pub(crate) fn runs(&self) -> Option<&Runs<'f>> {
        self.runs.get_or_init(|| self.index.runs()).as_ref()
    }

    /// What is known of a name; `None` where nothing is, which means anything if the census is incomplete.
    pub(crate) fn field(&self, name: &str) -> Option<&FieldCensus> {
        self.census()?.fields.iter().find(|f| f.name == name)
    }

    /// May `rest` hold values of the name?
    pub(crate) fn may_be_in_rest(&self, name: &str) -> bool {
        self.census().is_none_or(|c| c.incomplete) || self.field(name).is_some_and(|f| f.in_rest > 0)
    }

    /// A column that the query has read.
    pub(crate) fn read_already(&self, position: usize) -> Option<Rc<Column>> {
        self.columns.borrow().get(&position).cloned()
    }

    /// The uids of the rows, in row order.
    pub(crate) fn uids(&self, rows: &Selection) -> Result<Vec<Uid>, StoreError> {
        let (high, low) = (self.column(core::UID_HIGH, rows)?, self.column(core::UID_LOW, rows)?);
        let uids = Uids::new(&*high.array, &*low.array)?;
        // Both halves are only ever read together, and so hold the same rows.
        Ok(rows.positions_in(&high.rows).into_iter().map(|at| uids.get(at as usize)).collect())
    }

    /// The shapes of at least these rows; made of the messages where the file has none.
    pub(crate) fn shapes(&self, rows: &Selection) -> Result<Rc<Column>, StoreError> {
        let position = self.head.columns.shape_position();
        if self.head.has_shapes {
            return self.column(position, rows);
        }
        if let Some(made) = self.read_already(position).filter(|made| made.rows.contains_all(rows)) {
            return Ok(made);
        }
        let read = self.column(core::MESSAGE, rows)?;
        let array = shapes::of_messages(&*read.array)?;
        let made = Rc::new(Column { array, rows: read.rows.clone(), folded: OnceCell::new() });
        self.columns.borrow_mut().insert(position, Rc::clone(&made));
        Ok(made)
    }

    /// A column, holding at least these rows.
    pub(crate) fn column(&self, position: usize, rows: &Selection) -> Result<Rc<Column>, StoreError> {
        if let Some(column) = self.columns.borrow().get(&position)
            && column.rows.contains_all(rows)
        {
            return Ok(Rc::clone(column));
        }
        let wider =
            rows.coarsen(if position == core::MESSAGE { READ_ALONG_MESSAGES } else { READ_ALONG_ROWS });
        let batch = self.file.read(self.number, &[position], &wider)?;
        let column = Rc::new(Column { array: batch.column(0).clone(), rows: wider, folded: OnceCell::new() });
        self.columns.borrow_mut().insert(position, Rc::clone(&column));
        Ok(column)
    }
}
