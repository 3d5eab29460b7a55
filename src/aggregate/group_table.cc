#include "aggregate/group_table.h"

#include <arrow/extension_type.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "base/random.h"
#include "column/gather.h"

namespace millstream {
namespace {

bool IsExtension(const arrow::DataType& type) { return type.id() == arrow::Type::EXTENSION; }

/// An extension over a plain type stays what it is; else dictionaries and run ends are their values.
std::shared_ptr<arrow::DataType> KeyType(const std::shared_ptr<arrow::DataType>& type) {
  const auto storage = StorageType(type);
  const bool plain = IsExtension(*type) && static_cast<const arrow::ExtensionType&>(*type).storage_type()->Equals(*storage);
  return plain ? type : storage;
}

Status CheckTypes(const arrow::RecordBatch& batch, const arrow::Schema& schema, const char* what) {
  bool equal = batch.num_columns() == schema.num_fields();
  for (int i = 0; equal && i < batch.num_columns(); ++i) equal = batch.column_data(i)->type->Equals(*schema.field(i)->type());
  if (equal) return Status::OK();
  return MakeError(ErrorKind::kType, std::string("the batch is not of the ") + what + " schema; it has " + batch.schema()->ToString() + " for " + schema.ToString());
}

uint32_t PartitionOf(uint64_t hash, int partitions, int level) {
  return PartitionOfKey(Mix64(hash ^ Mix64(static_cast<uint64_t>(level) + 1)), static_cast<uint32_t>(partitions));
}

ColumnPointers PointersTo(const ArrayDataVector& columns) {
  ColumnPointers pointers;
  for (const auto& column : columns) pointers.push_back(column.get());
  return pointers;
}

}  // namespace

GroupTable::GroupTable(std::shared_ptr<arrow::Schema> input, std::vector<int> keys, arrow::MemoryPool* pool)
    : input_(std::move(input)), keys_(std::move(keys)), pool_(pool), numbers_(pool), order_(pool) {}

Result<std::unique_ptr<GroupTable>> GroupTable::Make(std::shared_ptr<arrow::Schema> input, std::vector<int> keys, std::vector<AggregateSpec> specs,
                                                     arrow::MemoryPool* pool) {
  for (const int key : keys) {
    if (key < 0 || key >= input->num_fields()) return MakeError(ErrorKind::kInvalidArgument, "there is no key column number " + std::to_string(key) + " in the input");
    ARROW_RETURN_NOT_OK(CheckKey(*input->field(key)));
  }
  std::unique_ptr<GroupTable> table(new GroupTable(std::move(input), std::move(keys), pool));
  ARROW_RETURN_NOT_OK(table->Plan(specs));
  return table;
}

Status GroupTable::Plan(const std::vector<AggregateSpec>& specs) {
  std::vector<std::shared_ptr<arrow::DataType>> stored;
  for (const int key : keys_) {
    const auto& field = input_->field(key);
    stored.push_back(StorageType(field->type()));
    key_fields_.push_back(arrow::field(field->name(), KeyType(field->type()), field->nullable()));
  }
  if (!keys_.empty()) group_keys_ = GroupKeys::Make(stored, KeyRepeats::kAreOne, pool_);
  arrow::FieldVector results = key_fields_, partials = key_fields_;
  for (const AggregateSpec& spec : specs) {
    ARROW_ASSIGN_OR_RAISE(auto field, ResultField(spec, *input_));
    results_.push_back(MakeResult(spec, *input_, field, &states_, pool_));
    results.push_back(std::move(field));
  }
  for (const auto& member : states_.members()) {
    for (const auto& field : member.state->partial_fields()) {
      partials.push_back(field->WithName(std::to_string(member.column) + " " + member.name + " " + field->name()));
    }
  }
  result_schema_ = arrow::schema(std::move(results));
  partial_schema_ = arrow::schema(std::move(partials));
  return Status::OK();
}

int64_t GroupTable::groups() const { return group_keys_ == nullptr ? 1 : group_keys_->size(); }

int64_t GroupTable::bytes() const {
  int64_t bytes = numbers_.bytes() + order_.bytes() + (group_keys_ == nullptr ? 0 : group_keys_->bytes());
  for (const auto& member : states_.members()) bytes += member.state->bytes();
  return bytes;
}

Status GroupTable::NumberGroups(const ColumnPointers& keys, int64_t rows) {
  ARROW_RETURN_NOT_OK(numbers_.Resize(rows));
  if (group_keys_ != nullptr) return group_keys_->Number(keys, rows, numbers_.data());
  std::fill_n(numbers_.data(), rows, 0);
  return Status::OK();
}

template <typename Prepare, typename Apply>
Status GroupTable::Update(int64_t groups_before, Prepare prepare, Apply apply) {
  auto& members = states_.members();
  sealed_ = false;
  ordered_ = Order::kNone;
  for (size_t i = 0; i < members.size(); ++i) {
    const Status prepared = prepare(i);
    if (prepared.ok()) continue;
    for (size_t done = 0; done < i; ++done) members[done].state->Abandon();
    if (group_keys_ != nullptr) group_keys_->Truncate(groups_before);
    return prepared;
  }
  for (size_t i = 0; i < members.size(); ++i) apply(i);
  return Status::OK();
}

Status GroupTable::Consume(const arrow::RecordBatch& batch, const uint64_t* row_numbers) {
  ARROW_RETURN_NOT_OK(CheckTypes(batch, *input_, "input"));
  ArrayDataVector stored(static_cast<size_t>(batch.num_columns()));
  const auto store = [&](int column) -> Status {
    if (column < 0 || stored[column] != nullptr) return Status::OK();
    return ToStorage(batch.column_data(column), pool_).Value(&stored[column]);
  };
  ColumnPointers keys;
  for (const int key : keys_) {
    ARROW_RETURN_NOT_OK(store(key));
    keys.push_back(stored[key].get());
  }
  for (const auto& member : states_.members()) ARROW_RETURN_NOT_OK(store(member.column));
  const int64_t groups_before = groups();
  ARROW_RETURN_NOT_OK(NumberGroups(keys, batch.num_rows()));
  const auto rows_for = [&](size_t member) {
    const int column = states_.members()[member].column;
    return GroupedRows{column < 0 ? nullptr : stored[column].get(), numbers_.data(), batch.num_rows(), groups(), row_numbers};
  };
  return Update(
      groups_before, [&](size_t member) { return states_.members()[member].state->Prepare(rows_for(member)); },
      [&](size_t member) { states_.members()[member].state->Apply(rows_for(member)); });
}

Status GroupTable::ConsumePartials(const arrow::RecordBatch& partials) {
  ARROW_RETURN_NOT_OK(CheckTypes(partials, *partial_schema_, "partial"));
  ArrayDataVector keys;
  int next = 0;
  for (; next < static_cast<int>(keys_.size()); ++next) {
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(partials.column_data(next), pool_));
    keys.push_back(std::move(stored));
  }
  const int64_t groups_before = groups();
  ARROW_RETURN_NOT_OK(NumberGroups(PointersTo(keys), partials.num_rows()));
  std::vector<GroupedPartials> rows;
  for (const auto& member : states_.members()) {
    GroupedPartials of_member{{}, numbers_.data(), partials.num_rows(), groups()};
    for (size_t i = 0; i < member.state->partial_fields().size(); ++i) of_member.columns.push_back(partials.column_data(next++));
    rows.push_back(std::move(of_member));
  }
  return Update(
      groups_before, [&](size_t member) { return states_.members()[member].state->PrepareMerge(rows[member]); },
      [&](size_t member) { states_.members()[member].state->Merge(rows[member]); });
}

Status GroupTable::Seal() {
  if (sealed_) return Status::OK();
  for (auto& member : states_.members()) ARROW_RETURN_NOT_OK(member.state->Seal(groups()));
  sealed_ = true;
  return Status::OK();
}

Result<ArrayDataVector> GroupTable::KeyColumns(const uint32_t* groups, int64_t count) const {
  ArrayDataVector columns;
  for (size_t i = 0; i < keys_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, group_keys_->Decode(static_cast<int>(i), groups, count, pool_));
    if (IsExtension(*key_fields_[i]->type())) {
      ARROW_ASSIGN_OR_RAISE(column, FromStorage(column, key_fields_[i]->type(), pool_));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

Status GroupTable::PrepareParts(int partitions, int level) {
  if (ordered_ == Order::kOfPartitions && part_offsets_.size() == static_cast<size_t>(partitions) + 1 && parted_level_ == level) return Status::OK();
  ARROW_RETURN_NOT_OK(Seal());
  ARROW_RETURN_NOT_OK(order_.Resize(groups()));
  const auto count = static_cast<uint32_t>(groups());
  part_offsets_.assign(static_cast<size_t>(partitions) + 2, 0);
  // part_offsets_[partition + 1] is where the partition's next group goes, in the end where the next partition begins.
  for (uint32_t group = 0; group < count; ++group) ++part_offsets_[PartitionOf(HashOf(group), partitions, level) + 2];
  std::partial_sum(part_offsets_.begin(), part_offsets_.end(), part_offsets_.begin());
  for (uint32_t group = 0; group < count; ++group) order_[part_offsets_[PartitionOf(HashOf(group), partitions, level) + 1]++] = group;
  part_offsets_.pop_back();
  parted_level_ = level;
  ordered_ = Order::kOfPartitions;
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> GroupTable::PartialsSlice(int64_t begin, int64_t count) {
  ARROW_ASSIGN_OR_RAISE(auto columns, KeyColumns(order_.data() + begin, count));
  for (const auto& member : states_.members()) {
    ARROW_ASSIGN_OR_RAISE(auto partials, member.state->Partials(order_.data() + begin, count, pool_));
    columns.insert(columns.end(), partials.begin(), partials.end());
  }
  return arrow::RecordBatch::Make(partial_schema_, count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> GroupTable::PartialsOf(int partition, int partitions, int level) {
  ARROW_RETURN_NOT_OK(PrepareParts(partitions, level));
  return PartialsSlice(part_offsets_[partition], part_offsets_[partition + 1] - part_offsets_[partition]);
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> GroupTable::TakePartials(int partitions, int level) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int partition = 0; partition < partitions; ++partition) {
    ARROW_ASSIGN_OR_RAISE(auto batch, PartialsOf(partition, partitions, level));
    batches.push_back(std::move(batch));
  }
  Clear();
  return batches;
}

void GroupTable::Clear() {
  if (group_keys_ != nullptr) group_keys_->Release();
  for (auto& member : states_.members()) member.state->Release();
  numbers_.Release();
  order_.Release();
  sealed_ = false;
  ordered_ = Order::kNone;
}

Status GroupTable::PrepareFinish() {
  if (ordered_ == Order::kOfKeys) return Status::OK();
  ARROW_RETURN_NOT_OK(Seal());
  ordered_ = Order::kNone;
  ARROW_RETURN_NOT_OK(order_.Resize(groups()));
  std::iota(order_.data(), order_.data() + order_.size(), 0);
  if (group_keys_ != nullptr) ARROW_RETURN_NOT_OK(group_keys_->Sort(order_.data(), order_.size()));
  ordered_ = Order::kOfKeys;
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> GroupTable::FinishSlice(int64_t begin, int64_t count) {
  ARROW_RETURN_NOT_OK(PrepareFinish());
  count = std::min(count, groups() - begin);
  ARROW_ASSIGN_OR_RAISE(auto columns, KeyColumns(order_.data() + begin, count));
  for (const ResultMaker& make : results_) {
    ARROW_ASSIGN_OR_RAISE(auto column, make(order_.data() + begin, count, pool_));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(result_schema_, count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> GroupTable::Finish() { return FinishSlice(0, groups()); }

}  // namespace millstream
