#include "column/gather.h"

#include <limits>
#include <string>

#include "column/assemble.h"

namespace millstream {
namespace {

Part PartOf(const std::shared_ptr<arrow::DataType>& type, Sources sources) {
  return Part{sources.empty() ? type : sources[0]->type, StorageType(type), std::move(sources), true};
}

Result<ArrayDataPtr> AssembleWhole(const std::shared_ptr<arrow::DataType>& type, const Sources& pieces,
                                   arrow::MemoryPool* pool) {
  auto spans = std::make_unique<SpanList>(pool);
  for (size_t i = 0; i < pieces.size(); ++i) spans->Append(static_cast<int64_t>(i), 0, pieces[i]->length);
  ARROW_ASSIGN_OR_RAISE(const auto rows, OwnedSelection::OfSpans(std::move(spans)));
  return Assemble(PartOf(type, pieces), rows.rows(), pool);
}

}  // namespace

Result<ArrayDataPtr> Gather(const arrow::ArrayData& values, const uint32_t* indices, int64_t count,
                            arrow::MemoryPool* pool) {
  if (values.length > static_cast<int64_t>(kAbsentIndex)) {
    return MakeError(ErrorKind::kInvalidArgument,
                     "Rows cannot be gathered from a piece of more than 2^32 - 1 rows; split it: " +
                         std::to_string(values.length) + " rows");
  }
  Selection rows;
  rows.count = count;
  rows.indices = indices;
  return Assemble(PartOf(values.type, {values.Copy()}), rows, pool);
}

Result<ArrayDataPtr> Concatenate(const std::vector<ArrayDataPtr>& pieces, const std::shared_ptr<arrow::DataType>& type,
                                 arrow::MemoryPool* pool) {
  return AssembleWhole(type, pieces, pool);
}

int64_t RowBytes(const arrow::ArrayData& values, int64_t begin, int64_t count) {
  const Span span{begin, count, 0};
  Selection rows;
  rows.count = count;
  rows.spans = &span;
  rows.span_count = 1;
  return Measure(PartOf(values.type, {values.Copy()}), rows, arrow::default_memory_pool())
      .ValueOr(std::numeric_limits<int64_t>::max());
}

int64_t RowBytes(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (int column = 0; column < batch.num_columns(); ++column) bytes += RowBytes(*batch.column_data(column), 0, batch.num_rows());
  return bytes;
}

}  // namespace millstream
