//! A column of a row group as Parquet's bytes: a dictionary page, and data pages of codes.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use datafusion::parquet::{
    basic::{CompressionCodec, Encoding, EncodingMask, PageType, ZstdLevel},
    column::{
        page::{CompressedPage, Page, PageWriteSpec, PageWriter as _},
        writer::ColumnCloseResult,
    },
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats},
        properties::WriterPropertiesPtr,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::{codes, column::Column, dictionary::NONE, rle, statistics};

/// Zstandard, as the file's properties say.
pub(super) struct Zstd(zstd::bulk::Compressor<'static>);

impl Zstd {
    pub(super) fn new() -> Result<Self, ParquetError> {
        Ok(Self(zstd::bulk::Compressor::new(ZstdLevel::default().compression_level())?))
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Zstd").finish_non_exhaustive()
    }
}

/// A chunk's bytes, and what its row group says of them.
///
/// # Errors
/// If a page is beyond 2^31 bytes.
pub(super) fn encode(
    column: &Column,
    descriptor: &ColumnDescPtr,
    properties: &WriterPropertiesPtr,
    page_rows: usize,
    zstd: &mut Zstd,
) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
    let mut sink = TrackedWrite::new(Vec::new());
    let mut sums = Sums::default();
    let dictionary = SerializedPageWriter::new(&mut sink).write_page(dictionary_page(column, zstd)?)?;
    sums.add(&dictionary);
    let mut offsets = OffsetIndexBuilder::new();
    let mut pages = 0;
    // Pages of the same rows have the same bytes.
    let mut last: Option<(codes::Page<'_>, Encoded)> = None;
    for page in column.codes().pages(page_rows) {
        let encoded = match &last {
            Some((same, encoded)) if matches!(page, codes::Page::Same(..)) && *same == page => encoded.clone(),
            Some(_) | None => encode_page(page, descriptor.max_def_level() > 0, zstd)?,
        };
        offsets.append_row_count(signed(page.len()));
        last = Some((page, encoded.clone()));
        let written = SerializedPageWriter::new(&mut sink).write_page(encoded.into_page())?;
        sums.add(&written);
        let size =
            i32::try_from(written.compressed_size).map_err(|_| ParquetError::General("a page of 2 GiB".into()))?;
        offsets.append_offset_and_size(signed(sums.compressed - written.compressed_size), size);
        pages += 1;
    }
    let encodings = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
    let mut metadata = ColumnChunkMetaData::builder(Arc::clone(descriptor))
        .set_compression_codec(CompressionCodec::ZSTD)
        .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
        .set_page_encoding_stats(vec![
            PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 },
            PageEncodingStats { page_type: PageType::DATA_PAGE_V2, encoding: Encoding::RLE_DICTIONARY, count: pages },
        ])
        .set_total_compressed_size(signed(sums.compressed))
        .set_total_uncompressed_size(signed(sums.uncompressed))
        .set_num_values(signed(column.codes().len()))
        .set_dictionary_page_offset(Some(0))
        .set_data_page_offset(signed(dictionary.compressed_size));
    if let Some(statistics) = statistics::of(column, descriptor, properties)? {
        metadata = metadata.set_statistics(statistics);
    }
    let close = ColumnCloseResult {
        bytes_written: sums.compressed as u64,
        rows_written: column.codes().len() as u64,
        metadata: metadata.build()?,
        bloom_filter: None,
        column_index: None,
        offset_index: Some(offsets.build()),
    };
    Ok((sink.into_inner()?.into(), close))
}

/// Sizes of pages, heads included.
#[derive(Default)]
struct Sums {
    compressed: usize,
    uncompressed: usize,
}

impl Sums {
    fn add(&mut self, page: &PageWriteSpec) {
        self.compressed += page.compressed_size;
        self.uncompressed += page.uncompressed_size;
    }
}

fn dictionary_page(column: &Column, zstd: &mut Zstd) -> Result<CompressedPage, ParquetError> {
    let plain = column.values().plain();
    let page = Page::DictionaryPage {
        buf: zstd.0.compress(&plain)?.into(),
        num_values: unsigned(column.values().len()),
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    Ok(CompressedPage::new(page, plain.len()))
}

/// A page as it is written, and how many bytes it would have uncompressed.
#[derive(Clone)]
struct Encoded(Page, usize);

impl Encoded {
    fn into_page(self) -> CompressedPage {
        CompressedPage::new(self.0, self.1)
    }
}

fn encode_page(page: codes::Page<'_>, nullable: bool, zstd: &mut Zstd) -> Result<Encoded, ParquetError> {
    match page {
        codes::Page::Same(code, rows) => data_page(&vec![code; rows], nullable, zstd),
        codes::Page::Different(codes) => data_page(codes, nullable, zstd),
    }
}

/// Codes are as wide as the greatest in the page. Levels are never compressed, codes where that makes them shorter.
fn data_page(codes: &[u32], nullable: bool, zstd: &mut Zstd) -> Result<Encoded, ParquetError> {
    let nulls = codes.iter().filter(|code| **code == NONE).count();
    let mut buf = Vec::new();
    if nullable && nulls == 0 {
        rle::repeat(1, codes.len(), 1, &mut buf);
    } else if nullable {
        let levels: Vec<u32> = codes.iter().map(|code| u32::from(*code != NONE)).collect();
        rle::encode(&levels, 1, &mut buf);
    }
    let levels = buf.len();
    let valid: Cow<'_, [u32]> = match nulls {
        0 => Cow::Borrowed(codes),
        _ => codes.iter().copied().filter(|code| *code != NONE).collect(),
    };
    let width = rle::width(valid.iter().copied().max().unwrap_or(0));
    let mut values = vec![width];
    rle::encode(&valid, width, &mut values);
    let compressed = zstd.0.compress(&values)?;
    let is_compressed = compressed.len() < values.len();
    buf.extend_from_slice(if is_compressed { &compressed } else { &values });
    let page = Page::DataPageV2 {
        buf: buf.into(),
        num_values: unsigned(codes.len()),
        encoding: Encoding::RLE_DICTIONARY,
        num_nulls: unsigned(nulls),
        num_rows: unsigned(codes.len()),
        def_levels_byte_len: unsigned(levels),
        rep_levels_byte_len: 0,
        is_compressed,
        statistics: None,
    };
    Ok(Encoded(page, levels + values.len()))
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).expect("what memory holds is below 2^63")
}

fn unsigned(count: usize) -> u32 {
    u32::try_from(count).expect("a row group has fewer rows than 2^32")
}
