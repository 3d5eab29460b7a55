#include "aggregate/number_log_state.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "aggregate/numbers.h"
#include "aggregate/ordered_word.h"

namespace millstream {

Status NumberLogState::Prepare(const GroupedRows& rows) {
  if (sealed()) ARROW_RETURN_NOT_OK(Unseal());
  ARROW_RETURN_NOT_OK(groups_.Reserve(groups_.size() + rows.rows));
  return words_.Reserve(words_.size() + rows.rows);
}

void NumberLogState::Apply(const GroupedRows& rows) {
  std::array<double, kBlockRows> numbers;
  std::array<uint8_t, kBlockRows> valid;
  for (int64_t begin = 0; begin < rows.rows; begin += kBlockRows) {
    const int64_t count = std::min(kBlockRows, rows.rows - begin);
    LoadDoubles(*rows.values, begin, count, numbers.data());
    FillValid(*rows.values, begin, count, valid.data());
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t word = WordOfDouble(numbers[i]);
      if (valid[i] == 0 || word == kWordOfNan) continue;
      groups_.Append(rows.groups[begin + i]);
      words_.Append(word);
    }
  }
}

arrow::FieldVector NumberLogState::partial_fields() const {
  return {arrow::field("numbers", arrow::large_list(arrow::field("item", arrow::float64(), false)), false)};
}

Status NumberLogState::PrepareMerge(const GroupedPartials& partials) {
  const auto* offsets = partials.columns[0]->GetValues<int64_t>(1);
  const int64_t numbers = partials.rows == 0 ? 0 : offsets[partials.rows] - offsets[0];
  return Prepare({nullptr, nullptr, numbers, partials.group_count, nullptr});
}

void NumberLogState::Merge(const GroupedPartials& partials) {
  const auto* offsets = partials.columns[0]->GetValues<int64_t>(1);
  const auto* numbers = partials.columns[0]->child_data[0]->GetValues<double>(1);
  for (int64_t i = 0; i < partials.rows; ++i) {
    for (int64_t at = offsets[i]; at < offsets[i + 1]; ++at) {
      groups_.Append(partials.groups[i]);
      words_.Append(WordOfDouble(numbers[at]));
    }
  }
}

Status NumberLogState::Seal(int64_t group_count) {
  if (starts_.size() == group_count + 1) return Status::OK();
  if (sealed()) ARROW_RETURN_NOT_OK(Unseal());
  PoolVector<int64_t> starts(starts_.pool());
  PoolVector<uint64_t> words(words_.pool());
  ARROW_RETURN_NOT_OK(starts.Grow(group_count + 1, 0));
  ARROW_RETURN_NOT_OK(words.Resize(words_.size()));
  // starts[group + 1] is where the group's next number goes, in the end where the next group begins.
  for (int64_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i] + 2 <= group_count) ++starts[groups_[i] + 2];
  }
  std::partial_sum(starts.data(), starts.data() + starts.size(), starts.data());
  for (int64_t i = 0; i < groups_.size(); ++i) words[starts[groups_[i] + 1]++] = words_[i];
  for (int64_t group = 0; group < group_count; ++group) std::sort(words.data() + starts[group], words.data() + starts[group + 1]);
  words_ = std::move(words);
  starts_ = std::move(starts);
  groups_.Release();
  return Status::OK();
}

Status NumberLogState::Unseal() {
  ARROW_RETURN_NOT_OK(groups_.Reserve(words_.size()));
  for (int64_t group = 0; group + 1 < starts_.size(); ++group) {
    for (int64_t i = starts_[group]; i < starts_[group + 1]; ++i) groups_.Append(static_cast<uint32_t>(group));
  }
  starts_.Release();
  return Status::OK();
}

Result<ArrayDataVector> NumberLogState::Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> offsets, arrow::AllocateBuffer((count + 1) * static_cast<int64_t>(sizeof(int64_t)), pool));
  auto* ends = offsets->mutable_data_as<int64_t>();
  ends[0] = 0;
  for (int64_t i = 0; i < count; ++i) ends[i + 1] = ends[i] + CountOf(groups[i]);
  const int64_t numbers = ends[count];
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(numbers * static_cast<int64_t>(sizeof(double)), pool));
  auto* out = values->mutable_data_as<double>();
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t rank = 0; rank < CountOf(groups[i]); ++rank) *out++ = At(groups[i], rank);
  }
  auto child = arrow::ArrayData::Make(arrow::float64(), numbers, {nullptr, std::move(values)}, 0);
  return ArrayDataVector{arrow::ArrayData::Make(partial_fields()[0]->type(), count, {nullptr, std::move(offsets)}, {std::move(child)}, 0)};
}

void NumberLogState::Release() {
  groups_.Release();
  words_.Release();
  starts_.Release();
}

double NumberLogState::At(uint32_t group, int64_t rank) const { return DoubleOfWord(words_[starts_[group] + rank]); }

}  // namespace millstream
