#include "column/selection.h"

#include <arrow/util/bit_run_reader.h>
#include <arrow/util/bit_util.h>

#include <utility>

namespace millstream {
namespace {

Result<OwnedSelection> MaskIndices(const Selection& rows, const uint8_t* validity, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(rows.count * static_cast<int64_t>(sizeof(uint32_t)), pool));
  auto* masked = buffer->mutable_data_as<uint32_t>();
  for (int64_t i = 0; i < rows.count; ++i) {
    masked[i] = arrow::bit_util::GetBit(validity, i) ? rows.indices[i] : kAbsentIndex;
  }
  return OwnedSelection::OfIndices(std::move(buffer), rows.count, true);
}

void AppendMasked(const Span& span, int64_t position, const uint8_t* validity, SpanList* out) {
  if (span.begin == kAbsent) return out->AppendAbsent(span.length);
  arrow::internal::BitRunReader reader(validity, position, span.length);
  int64_t row = span.begin;
  for (auto run = reader.NextRun(); run.length > 0; run = reader.NextRun()) {
    if (run.set) {
      out->Append(span.source, row, run.length);
    } else {
      out->AppendAbsent(run.length);
    }
    row += run.length;
  }
}

}  // namespace

void SpanList::Push(const Span& span) {
  if (last_.length > 0 && status_.ok()) status_ = spans_.Append(reinterpret_cast<const uint8_t*>(&last_), sizeof(Span));
  last_ = span;
}

Result<Selection> SpanList::Finish() {
  Push(Span{0, 0, 0});
  ARROW_RETURN_NOT_OK(status_);
  Selection rows;
  rows.count = count_;
  rows.spans = reinterpret_cast<const Span*>(spans_.data());
  rows.span_count = spans_.length() / static_cast<int64_t>(sizeof(Span));
  rows.has_absent = has_absent_;
  return rows;
}

Result<OwnedSelection> OwnedSelection::Mask(const Selection& rows, const uint8_t* validity, arrow::MemoryPool* pool) {
  if (validity == nullptr) {
    OwnedSelection same;
    same.rows_ = rows;
    return same;
  }
  if (rows.indices != nullptr) return MaskIndices(rows, validity, pool);
  auto masked = std::make_unique<SpanList>(pool);
  int64_t position = 0;
  for (int64_t i = 0; i < rows.span_count; ++i) {
    AppendMasked(rows.spans[i], position, validity, masked.get());
    position += rows.spans[i].length;
  }
  return OfSpans(std::move(masked));
}

Result<OwnedSelection> OwnedSelection::OfSpans(std::unique_ptr<SpanList> spans) {
  OwnedSelection owned;
  ARROW_ASSIGN_OR_RAISE(owned.rows_, spans->Finish());
  owned.spans_ = std::move(spans);
  return owned;
}

OwnedSelection OwnedSelection::OfIndices(std::shared_ptr<arrow::Buffer> indices, int64_t count, bool has_absent) {
  OwnedSelection owned;
  owned.rows_.count = count;
  owned.rows_.indices = indices->data_as<uint32_t>();
  owned.rows_.has_absent = has_absent;
  owned.indices_ = std::move(indices);
  return owned;
}

}  // namespace millstream
