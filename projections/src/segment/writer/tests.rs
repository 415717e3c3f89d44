use datafusion::{
    arrow::{
        array::{
            Array as _, AsArray as _, Decimal128Array, DictionaryArray, Int64Array, StringArray,
            TimestampMicrosecondArray, UInt32Array, new_null_array,
        },
        compute::concat_batches,
        datatypes::{DataType, Field, Schema},
    },
    parquet::{
        arrow::{
            ArrowWriter,
            arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector},
        },
        file::metadata::{PageIndexPolicy, ParquetMetaData},
    },
};
use proptest::prelude::*;

use super::*;

const DIGITS: i128 = 10_i128.pow(38) - 1;

fn schema() -> SchemaRef {
    let field = |name: &str, of: DataType, nullable| Field::new(name, of, nullable);
    Arc::new(Schema::new(vec![
        field("advertiser_id", DataType::Utf8, false),
        field("country", DataType::Utf8, true),
        field("minute", clicktrail_log::schema::timestamp_type(), false),
        field("clicks", DataType::Int64, false),
        field("probes", DataType::Int64, true),
        field("spend_micros", DataType::Decimal128(38, 0), false),
        field("value_micros", DataType::Decimal128(38, 0), true),
    ]))
}

/// An advertiser, an optional text, three integers and two decimals.
type Row = (String, Option<String>, (i64, i64, Option<i64>), (i128, Option<i128>));

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = || prop_oneof![3 => "[ab]{0,2}", 1 => "\\PC{0,3}", 1 => "[\u{10ffff}z]{10,80}"];
    let integer = || prop_oneof![4 => 0_i64..3, 2 => 1_020_i64..1_030, 1 => any::<i64>(), 1 => Just(i64::MIN)];
    let decimal = || prop_oneof![4 => 0_i128..3, 2 => -DIGITS..=DIGITS, 1 => Just(-DIGITS), 1 => Just(DIGITS)];
    let option = proptest::option::of::<BoxedStrategy<String>>;
    let integers = (integer(), integer(), proptest::option::of(integer()));
    let row = (text(), option(text().boxed()), integers, (decimal(), proptest::option::of(decimal())));
    let runs = proptest::collection::vec((row, prop_oneof![5 => 1_usize..3, 1 => 1_usize..90]), 0..60);
    runs.prop_map(|runs| runs.into_iter().flat_map(|(row, count)| std::iter::repeat_n(row, count)).collect())
}

fn table(rows: &[Row]) -> RecordBatch {
    let (integers, decimals) = (rows.iter().map(|row| row.2), rows.iter().map(|row| row.3));
    let minutes = TimestampMicrosecondArray::from_iter_values(integers.clone().map(|row| row.0));
    let spend = Decimal128Array::from_iter_values(decimals.clone().map(|row| row.0));
    let value = Decimal128Array::from_iter(decimals.map(|row| row.1));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
        Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1.as_ref()))),
        Arc::new(minutes.with_data_type(clicktrail_log::schema::timestamp_type())),
        Arc::new(Int64Array::from_iter_values(integers.clone().map(|row| row.1))),
        Arc::new(Int64Array::from_iter(integers.map(|row| row.2))),
        Arc::new(spend.with_precision_and_scale(38, 0).unwrap()),
        Arc::new(value.with_precision_and_scale(38, 0).unwrap()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// How the texts of a batch come.
#[derive(Debug, Clone, Copy)]
enum Form {
    Texts,
    /// As a dictionary that has every text twice, some that no row has, and null as a key.
    Keys,
    /// As a dictionary that has null as a value too.
    NullValue,
}

fn coded(texts: &ArrayRef, form: Form) -> ArrayRef {
    let texts = texts.as_string::<i32>();
    let rows = u32::try_from(texts.len()).unwrap();
    let twice = || texts.iter().chain(texts);
    let keys = |null: Option<u32>| {
        let key = move |row: u32| if row.is_multiple_of(3) { row } else { row + rows };
        UInt32Array::from_iter((0..rows).map(|row| texts.is_valid(row as usize).then(|| key(row)).or(null)))
    };
    let (keys, values) = match form {
        Form::Texts => return Arc::new(texts.clone()),
        Form::Keys => (keys(None), StringArray::from_iter_values(twice().map(|text| text.unwrap_or("unused")))),
        Form::NullValue => (keys(Some(2 * rows)), StringArray::from_iter(twice().chain([None, Some("unused")]))),
    };
    Arc::new(DictionaryArray::new(keys, Arc::new(values)))
}

/// Cuts a table, each piece from one of the forms, which pieces of the same form share.
fn cut(table: &RecordBatch, pieces: &[(usize, Form)]) -> Vec<RecordBatch> {
    let in_form = |form| {
        let columns = table.columns().iter();
        let columns = columns
            .map(|column| if *column.data_type() == DataType::Utf8 { coded(column, form) } else { Arc::clone(column) });
        RecordBatch::try_from_iter_with_nullable(
            table.schema().fields().iter().zip(columns).map(|(field, column)| (field.name().clone(), column, true)),
        )
        .unwrap()
    };
    let tables = [Form::Texts, Form::Keys, Form::NullValue].map(in_form);
    let mut batches = Vec::new();
    let mut done = 0;
    for (rows, form) in pieces.iter().cycle() {
        let rows = (*rows).min(table.num_rows() - done);
        batches.push(tables[*form as usize].slice(done, rows));
        done += rows;
        if done == table.num_rows() {
            return batches;
        }
    }
    batches
}

fn write(batches: Vec<RecordBatch>, sizes: Sizes) -> Bytes {
    let mut writer = Writer::with_sizes(&schema(), sizes).unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    batches.into_iter().for_each(|batch| writer.push(batch).unwrap());
    let (bytes, written) = writer.finish().unwrap();
    assert_eq!(written, rows as u64);
    bytes
}

/// The same rows as parquet-rs itself writes them.
fn oracle(table: &RecordBatch, sizes: Sizes) -> Bytes {
    let properties = properties().set_max_row_group_row_count(Some(sizes.group_rows)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).unwrap();
    writer.write(table).unwrap();
    writer.into_inner().unwrap().into()
}

fn same_description(ours: &ParquetMetaData, theirs: &ParquetMetaData) {
    let (file, their_file) = (ours.file_metadata(), theirs.file_metadata());
    assert_eq!(file.schema_descr(), their_file.schema_descr());
    assert_eq!(file.key_value_metadata(), their_file.key_value_metadata());
    assert_eq!((file.version(), file.num_rows()), (their_file.version(), their_file.num_rows()));
    assert_eq!(file.column_orders(), their_file.column_orders());
    assert_eq!(ours.num_row_groups(), theirs.num_row_groups());
    for (group, their_group) in ours.row_groups().iter().zip(theirs.row_groups()) {
        assert_eq!(group.num_rows(), their_group.num_rows());
        for (chunk, their_chunk) in group.columns().iter().zip(their_group.columns()) {
            assert_eq!(chunk.statistics(), their_chunk.statistics());
            assert_eq!(chunk.encodings_mask(), their_chunk.encodings_mask());
            assert_eq!(
                (chunk.num_values(), chunk.compression()),
                (their_chunk.num_values(), their_chunk.compression())
            );
        }
    }
}

/// Reads some of the rows, which needs the offsets of pages.
fn read(bytes: &Bytes, skip: usize, take: usize) -> RecordBatch {
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options).unwrap();
    assert_eq!(reader.schema(), &schema());
    let selection = RowSelection::from(vec![RowSelector::skip(skip), RowSelector::select(take)]);
    let batches: Vec<_> = reader.with_row_selection(selection).build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema(), &batches).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The same rows are the same bytes, however they came, and readers find them there.
    #[test]
    fn rows_come_back_from_the_same_bytes(
        rows in rows(),
        pieces in proptest::collection::vec(
            (1_usize..200, prop_oneof![Just(Form::Texts), Just(Form::Keys), Just(Form::NullValue)]),
            1..8,
        ),
        group_rows in 1_usize..400,
        page_rows in 1_usize..150,
        (from, to) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let sizes = Sizes { group_rows, page_rows };
        let table = table(&rows);
        let bytes = write(vec![table.clone()], sizes);
        prop_assert!(bytes == write(cut(&table, &pieces), sizes));

        let reader = |bytes| ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        same_description(reader(bytes.clone()).metadata(), reader(oracle(&table, sizes)).metadata());
        prop_assert_eq!(&read(&bytes, 0, rows.len()), &table);
        let (from, to) = (from.index(rows.len() + 1), to.index(rows.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        prop_assert_eq!(read(&bytes, from, to - from), table.slice(from, to - from));
    }
}

#[test]
fn row_of_another_shape_is_refused_and_leaves_no_trace() {
    let sizes = Sizes { group_rows: 2, page_rows: 2 };
    let whole = table(&[("a".into(), None, (1, 2, None), (3, None)), ("b".into(), None, (4, 5, None), (6, None))]);
    let mut writer = Writer::with_sizes(&schema(), sizes).unwrap();
    writer.push(whole.slice(0, 1)).unwrap();
    let null = |name: &str| {
        let fields =
            whole.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
        let columns = fields.iter().zip(whole.columns()).map(|(field, column)| match field.name() == name {
            true => new_null_array(field.data_type(), 2),
            false => Arc::clone(column),
        });
        RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns.collect()).unwrap()
    };
    assert!(writer.push(null("advertiser_id")).is_err());
    assert!(writer.push(null("spend_micros")).is_err());
    assert!(writer.push(whole.project(&[0, 1]).unwrap()).is_err());
    writer.push(whole.slice(1, 1)).unwrap();
    assert!(writer.finish().unwrap().0 == write(vec![whole], sizes));
}
