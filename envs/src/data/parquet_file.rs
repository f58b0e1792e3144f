//! Numbers out of Parquet files, column by column.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::at_once::at_once;
use super::parquet_bounds::{PageError, check_pages, check_schema};
use super::parts::Part;
use crate::EnvError;

const MAGIC: &[u8] = b"PAR1";
/// Length and mark at the end of a file.
const TAIL: usize = 8;
const UNEVEN: &str = "not all of its rows hold equally many numbers (some are empty, or lists of another length): leave \
                      those rows out";
/// Records that are read at once.
const BATCH: usize = 4096;
/// Values that a byte of a file stands for, at most, and some slack for tiny files. Runs of one value take no room, but
/// numbers of frames, which every data set has, take bytes a row.
const MOST_VALUES: u64 = 64;
const SLACK: u64 = 1 << 16;

/// What is read may take this many bytes more.
pub(super) struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    pub fn new(limit: u64) -> Self {
        Self { left: limit, limit }
    }

    /// The bytes of a file, which is dropped when its columns are read: its own size is not taken.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, EnvError> {
        let io = |source| EnvError::Io { path: path.into(), source };
        let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
        let found = std::fs::metadata(path).map_err(io)?;
        if !found.is_file() {
            return Err(refuse("this is no file, and columns are read from files: copy it again".into()));
        }
        if found.len() > self.left {
            return Err(refuse(self.exceeded()));
        }
        std::fs::read(path).map_err(io)
    }

    fn exceeded(&self) -> String {
        format!(
            "its data take more than the limit of {} bytes: split them into smaller data sets",
            self.limit
        )
    }

    /// Takes memory for what is read.
    pub fn take(&mut self, bytes: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.exceeded())?;
        Ok(())
    }
}

/// An open file.
pub(super) struct ParquetFile {
    path: PathBuf,
    bytes: Bytes,
    file: SerializedFileReader<Bytes>,
    /// Values that may still be read out of it.
    values: u64,
}

impl ParquetFile {
    /// Reads what the file says of itself.
    pub fn open(path: &Path, budget: &mut Budget) -> Result<Self, EnvError> {
        let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
        let bytes = budget.read(path)?;
        let footer = footer(&bytes).ok_or_else(|| refuse(damaged("it does not end as Parquet files do")))?;
        check_schema(footer).map_err(|error| refuse(damaged(error)))?;
        let values = (bytes.len() as u64).saturating_mul(MOST_VALUES).saturating_add(SLACK);
        let bytes = Bytes::from(bytes);
        let file = SerializedFileReader::new(bytes.clone()).map_err(|error| refuse(damaged(error)))?;
        Ok(Self { path: path.into(), bytes, file, values })
    }

    /// An error about this file.
    pub fn error(&self, problem: String) -> EnvError {
        EnvError::Data { path: self.path.clone(), problem }
    }

    /// Names of the columns, whose parts are joined by slashes.
    pub fn names(&self) -> Vec<String> {
        self.columns().iter().map(|column| name_of(column)).collect()
    }

    fn columns(&self) -> &[parquet::schema::types::ColumnDescPtr] {
        self.file.metadata().file_metadata().schema_descr().columns()
    }

    /// The columns within a group called `key`, as parts of an observation; that of this name itself where it is none.
    pub fn parts(&mut self, key: &str, alone: &str) -> Result<Vec<Part>, EnvError> {
        let mut parts = Vec::new();
        for at in 0..self.columns().len() {
            let column = self.columns()[at].clone();
            let name = name_of(&column);
            let inner = if name == key {
                Some(alone)
            } else {
                name.strip_prefix(key).and_then(|rest| rest.strip_prefix('/'))
            };
            let Some(inner) = inner else { continue };
            parts.push(match numbers_in(&column) {
                Err(what) => Part::other(inner.into(), what),
                Ok(()) => match self.first_width(at)? {
                    Some(width) => Part::vector(inner.into(), width),
                    None => Part::other(inner.into(), "empty lists".into()),
                },
            });
        }
        Ok(parts)
    }

    /// Entries of the first row of a column.
    fn first_width(&mut self, at: usize) -> Result<Option<usize>, EnvError> {
        if self.columns()[at].max_rep_level() == 0 {
            return Ok(Some(1));
        }
        let kept = self.values;
        let found = self.read::<f32>(at, Some(1));
        self.values = kept;
        let (_, width) = found?;
        Ok((width > 0).then_some(width))
    }

    /// One vector a row, and its width; `None` where there is no column of this name.
    pub fn vectors(
        &mut self,
        name: &str,
        budget: &mut Budget,
    ) -> Result<Option<(Vec<f32>, usize)>, EnvError> {
        self.numbers(name, budget)
    }

    /// One number a row, as it is; `None` where there is no column of this name.
    pub fn column(&mut self, name: &str, budget: &mut Budget) -> Result<Option<Vec<f64>>, EnvError> {
        match self.numbers(name, budget)? {
            None => Ok(None),
            Some((values, 1)) => Ok(Some(values)),
            Some((_, width)) => Err(self.error(format!(
                "column `{name}` holds {width} numbers a row where one is expected: write one"
            ))),
        }
    }

    /// One flag a row; `None` where there is no column of this name.
    pub fn flags(&mut self, name: &str, budget: &mut Budget) -> Result<Option<Vec<bool>>, EnvError> {
        let Some(values) = self.column(name, budget)? else { return Ok(None) };
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let other = values.iter().position(|value| *value != 0.0 && *value != 1.0);
        match other {
            Some(row) => Err(self.error(format!(
                "column `{name}` holds {} in row {row}; only 0 and 1 are flags: store whether it ended there",
                values[row]
            ))),
            None => Ok(Some(values.into_iter().map(|value| value > 0.5).collect())),
        }
    }

    /// Whether a column holds whole numbers.
    pub fn is_whole(&self, name: &str) -> bool {
        use parquet::basic::Type::{BOOLEAN, INT32, INT64};
        let column = self.columns().iter().find(|column| name_of(column) == name);
        column.is_some_and(|column| matches!(column.physical_type(), BOOLEAN | INT32 | INT64))
    }

    fn numbers<N: Number>(
        &mut self,
        name: &str,
        budget: &mut Budget,
    ) -> Result<Option<(Vec<N>, usize)>, EnvError> {
        let Some(at) = self.columns().iter().position(|column| name_of(column) == name) else {
            return Ok(None);
        };
        let declared = self.declared(at)?;
        budget.take(declared.saturating_mul(size_of::<N>() as u64)).map_err(|problem| self.error(problem))?;
        self.read(at, None).map(Some)
    }

    /// Values that a column is said to hold.
    fn declared(&self, at: usize) -> Result<u64, EnvError> {
        let groups = self.file.metadata().row_groups();
        let counts =
            groups.iter().filter_map(|group| group.columns().get(at)).map(ColumnChunkMetaData::num_values);
        let sum = counts.into_iter().try_fold(0u64, |sum, count| sum.checked_add(u64::try_from(count).ok()?));
        sum.ok_or_else(|| self.error(damaged("a column declares more values than there can be")))
    }

    /// The values of a column, row by row, and how many a row has; of the first rows alone where `rows` says so.
    fn read<N: Number>(&mut self, at: usize, rows: Option<usize>) -> Result<(Vec<N>, usize), EnvError> {
        let column = self.columns()[at].clone();
        let name = name_of(&column);
        numbers_in(&column).map_err(|what| {
            self.error(format!(
                "column `{name}` holds {what}; numbers are expected, as float32 one list a row"
            ))
        })?;
        let declared = self.declared(at)?;
        self.values = self.values.checked_sub(declared).ok_or_else(|| {
            self.error(damaged(format!(
                "column `{name}` declares {declared} values, more than a file of this size can hold"
            )))
        })?;
        let groups = self.file.metadata().num_row_groups();
        let most = rows.unwrap_or(usize::MAX);
        let (mut values, mut width) = (Vec::new(), None);
        if rows.is_some() {
            for group in 0..groups {
                let found: Rows<N> = self.read_group(group, at, &name, most)?;
                if !found.values.is_empty() {
                    return Ok((found.values, found.width.unwrap_or(0)));
                }
            }
            return Ok((values, 0));
        }
        // Groups by themselves, as many at once as there are threads.
        let this = &*self;
        for found in at_once(groups, |group| this.read_group::<N>(group, at, &name, most)) {
            let mut found = found?;
            if found.width.is_some_and(|found| *width.get_or_insert(found) != found) {
                return Err(self.error(format!("column `{name}`: {UNEVEN}")));
            }
            if values.is_empty() {
                values = found.values;
                values.reserve_exact(usize::try_from(declared).unwrap_or(0).saturating_sub(values.len()));
            } else {
                values.append(&mut found.values);
            }
        }
        Ok((values, width.unwrap_or(0)))
    }

    /// The values of a column in one group of rows.
    fn read_group<N: Number>(
        &self,
        group: usize,
        at: usize,
        name: &str,
        most: usize,
    ) -> Result<Rows<N>, EnvError> {
        self.check(group, at, name)?;
        let failed = |error: ParquetError| self.error(damaged(format!("column `{name}`: {error}")));
        let unsigned = self.columns().get(at).is_some_and(|column| is_unsigned(column));
        let group = self.file.get_row_group(group).map_err(failed)?;
        let reader = group.get_column_reader(at).map_err(failed)?;
        let mut rows = Rows { values: Vec::new(), width: None };
        match reader {
            ColumnReader::BoolColumnReader(of) => {
                rows.read(of, most, |value| N::small(f32::from(u8::from(value))))
            }
            // Numbers without a sign are kept as those with one, of the same bits.
            ColumnReader::Int32ColumnReader(of) if unsigned => {
                rows.read(of, most, |value| N::large(f64::from(value.cast_unsigned())))
            }
            ColumnReader::Int64ColumnReader(of) if unsigned => {
                rows.read(of, most, |value| N::large(value.cast_unsigned() as f64))
            }
            ColumnReader::Int32ColumnReader(of) => rows.read(of, most, |value| N::large(f64::from(value))),
            ColumnReader::Int64ColumnReader(of) => rows.read(of, most, |value| N::large(value as f64)),
            ColumnReader::FloatColumnReader(of) => rows.read(of, most, N::small),
            ColumnReader::DoubleColumnReader(of) => rows.read(of, most, N::large),
            _ => Err("it holds no plain numbers: store them as float32".into()),
        }
        .map_err(|problem| self.error(format!("column `{name}`: {problem}")))?;
        Ok(rows)
    }

    /// Holds the pages of a column against the file.
    fn check(&self, group: usize, at: usize, name: &str) -> Result<(), EnvError> {
        let chunk = self.file.metadata().row_group(group).columns().get(at);
        let chunk = chunk
            .ok_or_else(|| self.error(damaged(format!("column `{name}` is not in all of its parts"))))?;
        let packed = match chunk.compression() {
            Compression::UNCOMPRESSED => false,
            Compression::SNAPPY => true,
            other => {
                return Err(self.error(format!(
                    "column `{name}` is compressed by {other}: write it with snappy, as LeRobot does (in pyarrow: \
                     `write_table(read_table(IN), OUT, compression=\"snappy\")`)"
                )));
            }
        };
        // The parser's own reckoning panics on numbers below zero.
        let start = usize::try_from(chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset())).ok();
        let end = usize::try_from(chunk.compressed_size()).ok().and_then(|len| start?.checked_add(len));
        let pages = start.zip(end).and_then(|(start, end)| self.bytes.get(start..end));
        let pages =
            pages.ok_or_else(|| self.error(damaged(format!("column `{name}` lies outside of it"))))?;
        let values = u64::try_from(chunk.num_values()).unwrap_or(u64::MAX);
        check_pages(pages, values, packed).map_err(|error| match error {
            PageError::Encoding(_) => self.error(format!(
                "column `{name}`: {error}, which is not read: write it with pyarrow's defaults \
                 (`write_table(read_table(IN), OUT)`)"
            )),
            PageError::Bounds(error) => self.error(damaged(format!("column `{name}`: {error}"))),
        })
    }
}

/// What numbers are read as.
trait Number: Copy + Send {
    /// Of a number of 32 bits.
    fn small(value: f32) -> Self;
    /// Of a number of 64 bits.
    fn large(value: f64) -> Self;
}

impl Number for f32 {
    fn small(value: f32) -> Self {
        value
    }

    fn large(value: f64) -> Self {
        value as f32
    }
}

impl Number for f64 {
    fn small(value: f32) -> Self {
        value.into()
    }

    fn large(value: f64) -> Self {
        value
    }
}

/// Values of one column so far.
struct Rows<N> {
    values: Vec<N>,
    width: Option<usize>,
}

impl<N> Rows<N> {
    fn read<T: DataType>(
        &mut self,
        mut reader: ColumnReaderImpl<T>,
        most: usize,
        number: impl Fn(T::T) -> N,
    ) -> Result<(), String> {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = most;
        while left > 0 {
            defined.clear();
            repeated.clear();
            values.clear();
            let batch = BATCH.min(left);
            let (records, _, _) = reader
                .read_records(batch, Some(&mut defined), Some(&mut repeated), &mut values)
                .map_err(damaged)?;
            if records == 0 {
                break;
            }
            left -= records;
            let wrong = || UNEVEN.to_owned();
            // Where something is missing, or a list is empty, there are fewer values than places.
            if defined.len().max(repeated.len()) > values.len() || values.len() % records != 0 {
                return Err(wrong());
            }
            let width = values.len() / records;
            let begins = repeated.chunks_exact(width.max(1)).all(|row| {
                row.first() == Some(&0) && row.iter().skip(1).fold(true, |sound, level| sound & (*level != 0))
            });
            if *self.width.get_or_insert(width) != width || width == 0 || !begins {
                return Err(wrong());
            }
            self.values.extend(values.drain(..).map(&number));
        }
        Ok(())
    }
}

/// The part of a file that describes it.
fn footer(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, mark) = bytes.split_last_chunk::<4>()?;
    let (rest, len) = rest.split_last_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if mark != MAGIC || !bytes.starts_with(MAGIC) || bytes.len() < MAGIC.len() + TAIL {
        return None;
    }
    rest.get(rest.len().checked_sub(len)?..)
}

/// Name of a column: that of its group and its own; lists name their insides as they like.
fn name_of(column: &ColumnDescriptor) -> String {
    let parts = column.path().parts();
    let inside = if column.max_rep_level() > 0 { 2 } else { 0 };
    parts[..parts.len().saturating_sub(inside).max(1).min(parts.len())].join("/")
}

/// Whether a column holds numbers, one or one list a row; else what it holds.
fn numbers_in(column: &ColumnDescriptor) -> Result<(), String> {
    use parquet::basic::Type::{BOOLEAN, DOUBLE, FLOAT, INT32, INT64};
    if column.max_rep_level() > 1 {
        return Err("lists of lists".into());
    }
    let plain = match column.physical_type() {
        BOOLEAN | FLOAT | DOUBLE => true,
        INT32 | INT64 => {
            matches!(column.logical_type_ref(), None | Some(LogicalType::Integer { .. }))
                && column.converted_type() != ConvertedType::DECIMAL
        }
        _ => false,
    };
    if plain { Ok(()) } else { Err(format!("{:?}, not plain numbers", column.physical_type())) }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(kind)) if !kind.is_signed)
        || matches!(column.converted_type(), UINT_8 | UINT_16 | UINT_32 | UINT_64)
}

fn damaged(detail: impl std::fmt::Display) -> String {
    format!("the file is damaged or cut off ({detail}); download or copy it again")
}
