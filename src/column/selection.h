#pragma once
/// Which rows of which arrays make up an output: the one currency of the kernels behind Gather, Concatenate and
/// ToStorage.
///
/// A selection is either indices into the only source, or spans over any number of sources. Rows count from the start
/// of a source (its `offset` is not included). An absent row is one that a null parent asks for: its child has nothing
/// to say there, so that what happened to lie under the null is not carried along. It becomes null, or empty and zero
/// where the field is not nullable.

#include <arrow/array/data.h>
#include <arrow/buffer_builder.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

using Sources = std::vector<std::shared_ptr<arrow::ArrayData>>;

constexpr uint32_t kAbsentIndex = std::numeric_limits<uint32_t>::max();
constexpr int64_t kAbsent = -1;

struct Span {
  int64_t begin;  // kAbsent: `length` absent rows
  int64_t length;
  int64_t source;
};

struct Selection {
  int64_t count = 0;
  const uint32_t* indices = nullptr;
  const Span* spans = nullptr;
  int64_t span_count = 0;
  bool has_absent = false;
};

/// Calls visit(source, begin, length, position) for the runs of `rows` in order; `position` is the first output row of
/// the run.
template <typename Visit>
inline void ForEachRun(const Selection& rows, Visit&& visit) {
  if (rows.indices != nullptr) {
    for (int64_t i = 0; i < rows.count; ++i) {
      const bool absent = rows.has_absent && rows.indices[i] == kAbsentIndex;
      visit(int64_t{0}, absent ? kAbsent : static_cast<int64_t>(rows.indices[i]), int64_t{1}, i);
    }
    return;
  }
  int64_t position = 0;
  for (const Span* span = rows.spans; span != rows.spans + rows.span_count; ++span) {
    visit(span->source, span->begin, span->length, position);
    position += span->length;
  }
}

/// Collects spans, joining those that touch. An allocation that fails is remembered and reported by Finish.
class SpanList {
 public:
  explicit SpanList(arrow::MemoryPool* pool) : spans_(pool) {}

  void Append(int64_t source, int64_t begin, int64_t length) {
    if (length == 0) return;
    count_ += length;
    if (last_.length > 0 && last_.source == source && last_.begin != kAbsent && last_.begin + last_.length == begin) {
      last_.length += length;
      return;
    }
    Push(Span{begin, length, source});
  }

  void AppendAbsent(int64_t length) {
    if (length == 0) return;
    count_ += length;
    has_absent_ = true;
    if (last_.length > 0 && last_.begin == kAbsent) {
      last_.length += length;
      return;
    }
    Push(Span{kAbsent, length, 0});
  }

  int64_t count() const { return count_; }

  /// The selection points into this list.
  Result<Selection> Finish();

 private:
  void Push(const Span& span);

  arrow::TypedBufferBuilder<uint8_t> spans_;
  Span last_{0, 0, 0};
  int64_t count_ = 0;
  bool has_absent_ = false;
  Status status_;
};

/// A selection with the memory it points into.
class OwnedSelection {
 public:
  const Selection& rows() const { return rows_; }

  /// `rows` with those whose bit in `validity` is unset made absent; without a bitmap, `rows` itself.
  static Result<OwnedSelection> Mask(const Selection& rows, const uint8_t* validity, arrow::MemoryPool* pool);
  static Result<OwnedSelection> OfSpans(std::unique_ptr<SpanList> spans);
  static OwnedSelection OfIndices(std::shared_ptr<arrow::Buffer> indices, int64_t count, bool has_absent);

 private:
  Selection rows_;
  std::unique_ptr<SpanList> spans_;
  std::shared_ptr<arrow::Buffer> indices_;
};

}  // namespace millstream
