#include "aggregate/count_state.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "aggregate/numbers.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

using Marks = std::array<uint8_t, AggregateState::kBlockRows>;

void MarkMissing(const arrow::ArrayData& values, int64_t begin, int64_t count, uint8_t* marks) {
  FillValid(values, begin, count, marks);
  for (int64_t i = 0; i < count; ++i) marks[i] ^= 1;
  if (NumberFormOf(*values.type) != NumberForm::kFloat) return;
  std::array<double, AggregateState::kBlockRows> numbers;
  LoadDoubles(values, begin, count, numbers.data());
  for (int64_t i = 0; i < count; ++i) marks[i] |= std::isnan(numbers[i]) ? 1 : 0;
}

/// A decimal is 0 where its nearest double is.
void MarkZeros(const arrow::ArrayData& values, int64_t begin, int64_t count, uint8_t* marks) {
  FillValid(values, begin, count, marks);
  std::array<double, AggregateState::kBlockRows> numbers;
  LoadDoubles(values, begin, count, numbers.data());
  for (int64_t i = 0; i < count; ++i) marks[i] &= numbers[i] == 0 ? 1 : 0;
}

void Mark(CountedRows counted, const arrow::ArrayData* values, int64_t begin, int64_t count, uint8_t* marks) {
  switch (counted) {
    case CountedRows::kAll: return std::fill_n(marks, count, uint8_t{1}), void();
    case CountedRows::kValid: return FillValid(*values, begin, count, marks);
    case CountedRows::kMissing: return MarkMissing(*values, begin, count, marks);
    case CountedRows::kZero: return MarkZeros(*values, begin, count, marks);
  }
}

}  // namespace

void CountState::Apply(const GroupedRows& rows) {
  Marks marks;
  for (int64_t begin = 0; begin < rows.rows; begin += kBlockRows) {
    const int64_t count = std::min(kBlockRows, rows.rows - begin);
    Mark(counted_, rows.values, begin, count, marks.data());
    for (int64_t i = 0; i < count; ++i) counts_[rows.groups[begin + i]] += marks[i];
  }
}

arrow::FieldVector CountState::partial_fields() const { return {arrow::field("count", arrow::int64(), false)}; }

void CountState::Merge(const GroupedPartials& partials) {
  const auto* counts = partials.columns[0]->GetValues<int64_t>(1);
  for (int64_t i = 0; i < partials.rows; ++i) counts_[partials.groups[i]] += counts[i];
}

Result<ArrayDataVector> CountState::Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(int64_t)), pool));
  auto* out = reinterpret_cast<int64_t*>(buffer->mutable_data());
  for (int64_t i = 0; i < count; ++i) out[i] = counts_[groups[i]];
  return ArrayDataVector{arrow::ArrayData::Make(arrow::int64(), count, {nullptr, std::move(buffer)}, 0)};
}

}  // namespace millstream
