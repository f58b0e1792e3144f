//! Tables as Parquet files, in the form in which pyarrow writes them: columns that may lack values and lack none, lists of
//! three levels, snappy.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

/// Rows of a group, at most: a reader asks for a column of one group at a time.
const GROUP_ROWS: usize = 1 << 17;

/// What a column holds.
pub(super) enum Values {
    Numbers(Vec<f32>),
    Whole(Vec<i64>),
    Flags(Vec<bool>),
    Texts(Vec<String>),
}

/// A column.
pub(super) struct Column {
    /// Its name, which may hold dots and slashes.
    pub name: String,
    /// Entries of the list in each row; `None` for a column of single values.
    pub width: Option<usize>,
    /// All values, row after row.
    pub values: Values,
}

impl Column {
    /// One value a row.
    pub fn single(name: &str, values: Values) -> Self {
        Self { name: name.into(), width: None, values }
    }

    /// A vector a row: a list, but for vectors of one entry, which LeRobot keeps as single numbers.
    pub fn vectors(name: &str, width: usize, values: Vec<f32>) -> Self {
        Self { name: name.into(), width: (width != 1).then_some(width), values: Values::Numbers(values) }
    }

    fn schema(&self) -> Result<TypePtr, ParquetError> {
        let (physical, logical) = match self.values {
            Values::Numbers(_) => (Physical::FLOAT, None),
            Values::Whole(_) => (Physical::INT64, None),
            Values::Flags(_) => (Physical::BOOLEAN, None),
            Values::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let value = |name: &str| {
            let value = Type::primitive_type_builder(name, physical);
            value.with_repetition(Repetition::OPTIONAL).with_logical_type(logical.clone()).build()
        };
        let Some(_) = self.width else { return Ok(Arc::new(value(&self.name)?)) };
        let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
        let list = list.with_fields(vec![Arc::new(value("element")?)]).build()?;
        let whole = Type::group_type_builder(&self.name).with_repetition(Repetition::OPTIONAL);
        Ok(Arc::new(
            whole.with_logical_type(Some(LogicalType::List)).with_fields(vec![Arc::new(list)]).build()?,
        ))
    }

    /// Writes rows from `start` on, `rows` of them.
    fn write(
        &self,
        writer: &mut SerializedColumnWriter<'_>,
        start: usize,
        rows: usize,
    ) -> Result<(), ParquetError> {
        let width = self.width.unwrap_or(1);
        let (from, count) = (start * width, rows * width);
        let levels = (self.width.map_or(1, |_| 3), self.width);
        match &self.values {
            Values::Numbers(values) => write_values::<FloatType>(writer, values, from, count, levels),
            Values::Whole(values) => write_values::<Int64Type>(writer, values, from, count, levels),
            Values::Flags(values) => write_values::<BoolType>(writer, values, from, count, levels),
            Values::Texts(values) => {
                let texts = values.iter().skip(from).take(count);
                let texts: Vec<ByteArray> = texts.map(|text| ByteArray::from(text.as_str())).collect();
                write_values::<ByteArrayType>(writer, &texts, 0, count, levels)
            }
        }
    }
}

fn write_values<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    from: usize,
    count: usize,
    (level, width): (i16, Option<usize>),
) -> Result<(), ParquetError> {
    let short = || ParquetError::General("a column has fewer values than the table has rows".into());
    let values = values.get(from..from + count).ok_or_else(short)?;
    let defined = vec![level; count];
    let repeated: Option<Vec<i16>> =
        width.map(|width| (0..count).map(|at| i16::from(at % width.max(1) != 0)).collect());
    writer.typed::<T>().write_batch(values, Some(&defined), repeated.as_deref()).map(drop)
}

/// Writes a table of so many rows. `notes` are kept in the file under their keys.
///
/// # Errors
/// Those of the library, the system's among them.
pub(super) fn write_table(
    out: impl Write + Send,
    columns: &[Column],
    rows: usize,
    notes: Vec<(String, String)>,
) -> Result<(), ParquetError> {
    let fields = columns.iter().map(Column::schema).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let notes = notes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(notes));
    for column in columns {
        // Measured numbers seldom repeat: a dictionary of them is made and thrown away.
        if let Values::Numbers(_) = column.values {
            let mut path = vec![column.name.clone()];
            path.extend(column.width.iter().flat_map(|_| ["list", "element"].map(str::to_owned)));
            properties = properties.set_column_dictionary_enabled(ColumnPath::new(path), false);
        }
    }
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties.build()))?;
    for start in (0..rows).step_by(GROUP_ROWS) {
        let count = GROUP_ROWS.min(rows - start);
        let mut group = file.next_row_group()?;
        for column in columns {
            let missing = || ParquetError::General("the schema has fewer columns than the table".into());
            let mut writer = group.next_column()?.ok_or_else(missing)?;
            column.write(&mut writer, start, count)?;
            writer.close()?;
        }
        group.close()?;
    }
    file.close().map(drop)
}
