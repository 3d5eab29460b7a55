#pragma once
/// Seeded random arrays and batches of every Arrow type, as unkind as the format allows: values and lists lie under
/// nulls, lists do not begin at 0, views overlap, union children are out of order, every level may be sliced off byte
/// boundaries.
///
///   RandomArray(arrow::list(arrow::utf8()), {.rows = 100, .null_share = 0.1, .sliced = true, .seed = 7});
///
/// What comes out passes ValidateFull. The same options give the same array on every machine.

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace millstream::testing_support {

struct ArrayOptions {
  int64_t rows = 100;
  double null_share = 0.1;  // of nullable fields; others never hold nulls
  bool sliced = false;      // arrays at every level are slices of longer ones, at offsets that are no multiple of 8
  bool bitmap_without_nulls = false;  // a bitmap of ones where there are no nulls
  int distinct = 0;                   // when > 0: flat values are drawn from this many, so that rows repeat
  uint64_t seed = 1;
};

std::shared_ptr<arrow::Array> RandomArray(const std::shared_ptr<arrow::DataType>& type, const ArrayOptions& options);

/// One column a field, each from its own seed; no fields give a batch of rows without columns.
std::shared_ptr<arrow::RecordBatch> RandomBatch(const std::shared_ptr<arrow::Schema>& schema,
                                                const ArrayOptions& options);

/// A schema with one column of every type of the catalog.
std::shared_ptr<arrow::Schema> EverySchema();

/// The shapes each property is tested for: null shares 0, 0.1 and 1, with and without a bitmap, whole and sliced, no
/// rows, one row, few distinct.
std::vector<ArrayOptions> ArrayShapes();

}  // namespace millstream::testing_support
