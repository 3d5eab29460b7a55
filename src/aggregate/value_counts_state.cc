#include "aggregate/value_counts_state.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "aggregate/list_column.h"
#include "aggregate/numbers.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

using Kind = ValueForm::Kind;

bool IsRounded(Kind kind) { return kind == Kind::kRounded; }

std::vector<std::shared_ptr<arrow::DataType>> EntryColumns(ValueForm form, const std::shared_ptr<arrow::DataType>& value_type) {
  if (form.kind == Kind::kNumbered) return {arrow::uint32(), arrow::uint64(), value_type};
  return {arrow::uint32(), value_type};
}

/// Half of what is cut off is added first, to the magnitude; ties go away from 0.
double Rounded(double value, int bits) {
  if (!std::isfinite(value)) return value;
  const uint64_t cut = uint64_t{1} << (53 - bits);
  const double rounded = std::bit_cast<double>((std::bit_cast<uint64_t>(value) + cut / 2) & ~(cut - 1));
  return std::isfinite(rounded) ? rounded : value;
}

template <typename T>
arrow::ArrayData Wrapped(const std::shared_ptr<arrow::DataType>& type, const T* values, int64_t count) {
  return arrow::ArrayData(type, count, {nullptr, std::make_shared<arrow::Buffer>(reinterpret_cast<const uint8_t*>(values), count * static_cast<int64_t>(sizeof(T)))}, 0);
}

}  // namespace

ValueCountsState::ValueCountsState(ValueForm form, std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
    : form_(form),
      value_type_(IsRounded(form.kind) ? arrow::float64() : std::move(type)),
      pool_(pool),
      entries_(GroupKeys::Make(EntryColumns(form, value_type_), numbered() ? KeyRepeats::kAreNumbered : KeyRepeats::kAreOne, pool)),
      counts_(pool),
      groups_(pool),
      marks_(pool),
      numbers_(pool),
      expanded_groups_(pool),
      order_(pool),
      starts_(pool) {}

Status ValueCountsState::Prepare(const GroupedRows& rows) {
  ARROW_ASSIGN_OR_RAISE(prepared_values_, InForm(*rows.values, rows.rows));
  return NumberRows(rows.groups, rows.row_numbers, *prepared_values_, rows.rows);
}

void ValueCountsState::Apply(const GroupedRows& rows) {
  CountRows(rows.groups, *prepared_values_, nullptr, rows.rows);
  prepared_values_ = nullptr;
}

std::shared_ptr<arrow::DataType> ValueCountsState::EntryType() const {
  arrow::FieldVector fields = {arrow::field("value", value_type_), arrow::field("count", arrow::int64(), false)};
  if (numbered()) fields.push_back(arrow::field("row", arrow::uint64(), false));
  return arrow::struct_(std::move(fields));
}

arrow::FieldVector ValueCountsState::partial_fields() const { return {arrow::field("values", arrow::large_list(arrow::field("item", EntryType(), false)), false)}; }

Status ValueCountsState::PrepareMerge(const GroupedPartials& partials) {
  const arrow::ArrayData& lists = *partials.columns[0];
  const auto* offsets = lists.GetValues<int64_t>(1);
  const int64_t rows = partials.rows == 0 ? 0 : offsets[partials.rows] - offsets[0];
  ARROW_RETURN_NOT_OK(expanded_groups_.Resize(rows));
  for (int64_t i = 0; i < partials.rows; ++i) std::fill_n(expanded_groups_.data() + (offsets[i] - offsets[0]), offsets[i + 1] - offsets[i], partials.groups[i]);
  const arrow::ArrayData& structs = *lists.child_data[0];
  const int64_t begin = structs.offset + (partials.rows == 0 ? 0 : offsets[0]);
  prepared_values_ = structs.child_data[0]->Slice(begin, rows);
  const uint64_t* row_numbers = numbered() ? structs.child_data[2]->GetValues<uint64_t>(1) + begin : nullptr;
  return NumberRows(expanded_groups_.data(), row_numbers, *prepared_values_, rows);
}

void ValueCountsState::Merge(const GroupedPartials& partials) {
  const arrow::ArrayData& lists = *partials.columns[0];
  const arrow::ArrayData& structs = *lists.child_data[0];
  const int64_t begin = structs.offset + (partials.rows == 0 ? 0 : lists.GetValues<int64_t>(1)[0]);
  CountRows(expanded_groups_.data(), *prepared_values_, structs.child_data[1]->GetValues<int64_t>(1) + begin, expanded_groups_.size());
  prepared_values_ = nullptr;
}

Status ValueCountsState::Seal(int64_t group_count) {
  if (starts_.size() == group_count + 1 && order_.size() == counts_.size()) return Status::OK();
  ARROW_RETURN_NOT_OK(order_.Resize(counts_.size()));
  std::iota(order_.data(), order_.data() + order_.size(), 0);
  ARROW_RETURN_NOT_OK(entries_->Sort(order_.data(), order_.size()));
  starts_.Truncate(0);
  ARROW_RETURN_NOT_OK(starts_.Grow(group_count + 1, 0));
  for (int64_t i = 0; i < groups_.size(); ++i) ++starts_[groups_[i] + 1];
  std::partial_sum(starts_.data(), starts_.data() + starts_.size(), starts_.data());
  return Status::OK();
}

Result<ArrayDataVector> ValueCountsState::Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const {
  ListColumn lists(pool);
  ARROW_RETURN_NOT_OK(lists.Reserve(count));
  for (int64_t i = 0; i < count; ++i) {
    const Entries entries = EntriesOf(groups[i]);
    ARROW_RETURN_NOT_OK(lists.AddList(entries.begin, entries.count));
  }
  ARROW_ASSIGN_OR_RAISE(auto values, Values(lists.items(), lists.item_count(), pool));
  ARROW_ASSIGN_OR_RAISE(auto counts, lists.MapItems([&](uint32_t entry) { return counts_[entry]; }));
  ArrayDataVector children = {std::move(values), std::move(counts)};
  if (numbered()) {
    ARROW_ASSIGN_OR_RAISE(auto row_numbers, entries_->Decode(1, lists.items(), lists.item_count(), pool));
    children.push_back(std::move(row_numbers));
  }
  auto structs = arrow::ArrayData::Make(EntryType(), lists.item_count(), {nullptr}, std::move(children), 0);
  ARROW_ASSIGN_OR_RAISE(auto column, lists.Finish(partial_fields()[0]->type(), std::move(structs)));
  return ArrayDataVector{std::move(column)};
}

void ValueCountsState::Release() {
  entries_->Release();
  counts_.Release();
  groups_.Release();
  marks_.Release();
  order_.Release();
  starts_.Release();
}

int64_t ValueCountsState::bytes() const {
  return entries_->bytes() + counts_.bytes() + groups_.bytes() + marks_.bytes() + numbers_.bytes() + expanded_groups_.bytes() + order_.bytes() + starts_.bytes();
}

Result<ArrayDataPtr> ValueCountsState::Values(const uint32_t* entries, int64_t count, arrow::MemoryPool* pool) const {
  return entries_->Decode(value_column(), entries, count, pool);
}

Result<ArrayDataPtr> ValueCountsState::InForm(const arrow::ArrayData& values, int64_t rows) const {
  if (!IsRounded(form_.kind)) return std::make_shared<arrow::ArrayData>(values);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(double)), pool_));
  auto* numbers = buffer->mutable_data_as<double>();
  LoadDoubles(values, 0, rows, numbers);
  std::transform(numbers, numbers + rows, numbers, [&](double number) { return Rounded(number, form_.bits); });
  PoolVector<uint8_t> valid(pool_);
  ARROW_RETURN_NOT_OK(valid.Resize(rows));
  FillValid(values, 0, rows, valid.data());
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(valid.data(), rows, pool_));
  return arrow::ArrayData::Make(arrow::float64(), rows, {std::move(bitmap), std::move(buffer)});
}

Status ValueCountsState::NumberRows(const uint32_t* groups, const uint64_t* row_numbers, const arrow::ArrayData& values, int64_t rows) {
  order_.Release();
  starts_.Release();
  ARROW_RETURN_NOT_OK(numbers_.Resize(rows));
  PoolVector<uint64_t> no_numbers(pool_);
  if (numbered() && row_numbers == nullptr) {
    ARROW_RETURN_NOT_OK(no_numbers.Grow(rows, 0));
    row_numbers = no_numbers.data();
  }
  const auto group_column = Wrapped(arrow::uint32(), groups, rows);
  const auto row_column = Wrapped(arrow::uint64(), row_numbers, rows);
  ColumnPointers columns = {&group_column, &values};
  if (numbered()) columns.insert(columns.begin() + 1, &row_column);
  ARROW_RETURN_NOT_OK(entries_->Number(columns, rows, numbers_.data()));
  Status reserved = counts_.Reserve(entries_->size());
  if (reserved.ok()) reserved = groups_.Reserve(entries_->size());
  if (reserved.ok()) reserved = marks_.Reserve(entries_->size());
  if (!reserved.ok()) Abandon();
  return reserved;
}

uint8_t ValueCountsState::MarkOf(const arrow::ArrayData& values, int64_t row, uint8_t valid) const {
  if (valid == 0) return kNull;
  return IsRounded(form_.kind) && std::isnan(values.GetValues<double>(1)[row]) ? kNan : 0;
}

void ValueCountsState::CountRows(const uint32_t* groups, const arrow::ArrayData& values, const int64_t* counts, int64_t rows) {
  std::array<uint8_t, kBlockRows> valid;
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    const int64_t count = std::min(kBlockRows, rows - begin);
    FillValid(values, begin, count, valid.data());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = begin + i;
      if (numbers_[row] == counts_.size()) {
        counts_.Append(0);
        groups_.Append(groups[row]);
        marks_.Append(MarkOf(values, row, valid[i]));
      }
      counts_[numbers_[row]] += counts == nullptr ? 1 : counts[row];
    }
  }
}

}  // namespace millstream
