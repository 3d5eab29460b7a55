#include "plan/plan_serial.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>

#include <algorithm>

#include "base/byte_names.h"
#include "format/limits.h"
#include "format/path_scan.h"
#include "format/read_format.h"
#include "ops/table_source.h"
#include "plan/blocks.h"
#include "plan/expression_serial.h"
#include "plan/value_serial.h"

namespace millstream {
namespace {

constexpr std::string_view kMagic = "MSPL";
constexpr uint32_t kNodesMax = 100000;
enum SourceForm : uint8_t { kParquetForm = 0, kTableForm = 1, kRangeForm = 2, kFilesForm = 3 };

void WriteFiles(const std::vector<ListedFile>& files, ByteWriter* out) {
  out->Number<uint64_t>(files.size());
  for (const ListedFile& file : files) {
    out->String(file.path);
    out->String(file.relative);
    out->Number<int64_t>(file.size_bytes);
  }
}

Status WriteTable(const PlanNode& node, int64_t inline_bytes_max, ByteWriter* out) {
  out->Number<uint8_t>(kTableForm);
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, node.schema));
  for (const auto& batch : *node.source->batches()) {
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    ARROW_ASSIGN_OR_RAISE(const int64_t size, sink->Tell());
    if (size > inline_bytes_max) {
      return MakeError(ErrorKind::kInvalidArgument, "this data set holds more than " + std::to_string(inline_bytes_max) +
                                                        " bytes in memory, too much to travel with its plan; write_parquet() it and read it back");
    }
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  out->String(std::string_view(reinterpret_cast<const char*>(buffer->data()), buffer->size()));
  return Status::OK();
}

Status WriteSource(const PlanNode& node, int64_t inline_bytes_max, ByteWriter* out) {
  out->String(node.source_name);
  out->Number<int64_t>(node.blocks);
  if (node.files != nullptr) {
    out->Number<uint8_t>(node.parquet != nullptr ? kParquetForm : kFilesForm);
    WriteFiles(*node.files, out);
    if (node.parquet == nullptr) return Status::OK();
    ARROW_RETURN_NOT_OK(WriteBadParts(node.parquet->left_out(), out));
    WriteLimits(node.parquet->limits(), out);
    const auto* with_path = dynamic_cast<const PathScan*>(node.source.get());
    return WriteValuesOfPaths(with_path == nullptr ? nullptr : &with_path->values(), out);
  }
  if (node.source->batches() != nullptr) return WriteTable(node, inline_bytes_max, out);
  out->Number<uint8_t>(kRangeForm);
  out->Number<int64_t>(KnownRowCount(node).value_or(0));
  return Status::OK();
}

Result<std::vector<ListedFile>> ReadListing(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(24));
  std::vector<ListedFile> files;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto path, in->String());
    ARROW_ASSIGN_OR_RAISE(const auto relative, in->String());
    ARROW_ASSIGN_OR_RAISE(const auto size, in->Number<int64_t>());
    if (size < 0) return in->Damaged();
    files.push_back({std::string(path), std::string(relative), size});
  }
  return files;
}

Result<PlanPtr> ReadParquetSource(int64_t blocks, ByteReader* in, const std::shared_ptr<Env>& env) {
  ARROW_ASSIGN_OR_RAISE(auto files, ReadListing(in));
  ARROW_ASSIGN_OR_RAISE(auto left_out, ReadBadParts(in));
  ReadLimits limits;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &limits));
  ARROW_ASSIGN_OR_RAISE(auto values, ReadValuesOfPaths(files.size(), in));
  ARROW_ASSIGN_OR_RAISE(auto dataset, ParquetDataset::Make(env, std::move(files), nullptr, nullptr, std::move(left_out), limits));
  return ParquetPlan(std::move(dataset), std::move(values), blocks);
}

Result<PlanPtr> ReadTableSource(std::string name, int64_t blocks, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  ARROW_ASSIGN_OR_RAISE(auto stored, BatchesFromBytes(bytes));
  ARROW_ASSIGN_OR_RAISE(auto source, MakeTableSource(std::move(stored.schema), std::move(stored.batches)));
  return SourcePlan(std::move(name), std::move(source), blocks);
}

/// The ranges of these files are known once their format is: until then there is no source, and only what reads them may be above.
bool IsUnread(const PlanNode& node) { return SourceOf(node).source == nullptr; }

Result<PlanPtr> ReadFilesSource(std::string name, int64_t blocks, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(auto files, ReadListing(in));
  auto node = std::make_shared<PlanNode>();
  node->source_name = std::move(name);
  node->files = std::make_shared<const std::vector<ListedFile>>(std::move(files));
  node->blocks = blocks;
  return node;
}

Result<PlanPtr> ReadFormatNode(const PlanNode& input, ByteReader* in, const std::shared_ptr<Env>& env) {
  if (!IsUnread(input)) return in->Damaged();
  const PlanNode& source = SourceOf(input);
  ARROW_ASSIGN_OR_RAISE(auto format, ReadFormat(env, source.files, in));
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(std::move(format), source.files, source.blocks));
  for (const PlanNode* order = &input; order != &source; order = order->input.get()) ARROW_RETURN_NOT_OK(BlockOrderPlan(plan, order->seed).Value(&plan));
  return plan;
}

Result<PlanPtr> ReadSource(ByteReader* in, const std::shared_ptr<Env>& env) {
  ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
  ARROW_ASSIGN_OR_RAISE(const auto blocks, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(const auto form, in->Number<uint8_t>());
  if (blocks < 0 || blocks > kBlocksMax) return in->Damaged();
  if (form == kParquetForm) return ReadParquetSource(blocks, in, env);
  if (form == kTableForm) return ReadTableSource(std::string(name), blocks, in);
  if (form == kFilesForm) return ReadFilesSource(std::string(name), blocks, in);
  if (form != kRangeForm) return in->Damaged();
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  if (rows < 0) return in->Damaged();
  ARROW_ASSIGN_OR_RAISE(auto source, MakeRangeSource(rows));
  return SourcePlan(std::string(name), std::move(source), blocks);
}

Result<PlanPtr> ReadShuffle(PlanPtr input, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
  ARROW_ASSIGN_OR_RAISE(const auto seed, in->Number<uint64_t>());
  if (kind > static_cast<uint8_t>(SeedKind::kUnset)) return in->Damaged();
  return ShufflePlanNode(std::move(input), static_cast<SeedKind>(kind), seed);
}

Status WriteColumns(const NamedExpressions& columns, ByteWriter* out) {
  out->Number<uint64_t>(columns.size());
  for (const auto& [name, expression] : columns) {
    out->String(name);
    ARROW_RETURN_NOT_OK(WriteExpression(*expression, out));
  }
  return Status::OK();
}

Result<NamedExpressions> ReadColumns(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(16));
  NamedExpressions columns;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
    ARROW_ASSIGN_OR_RAISE(auto expression, ReadExpression(in));
    columns.emplace_back(std::string(name), std::move(expression));
  }
  return columns;
}

Status WriteChange(const ColumnChange& change, ByteWriter* out) {
  out->Number<uint8_t>(static_cast<uint8_t>(change.kind));
  WriteNames(change.names, out);
  WriteNames(change.new_names, out);
  return WriteColumns(change.columns, out);
}

Result<PlanPtr> ReadChange(PlanPtr input, ByteReader* in) {
  ColumnChange change;
  ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
  if (kind > static_cast<uint8_t>(ColumnChange::Kind::kSet)) return in->Damaged();
  change.kind = static_cast<ColumnChange::Kind>(kind);
  ARROW_ASSIGN_OR_RAISE(change.names, ReadNames(in));
  ARROW_ASSIGN_OR_RAISE(change.new_names, ReadNames(in));
  ARROW_ASSIGN_OR_RAISE(change.columns, ReadColumns(in));
  const bool renames = change.kind == ColumnChange::Kind::kRename;
  if (renames && change.names.size() != change.new_names.size()) return in->Damaged();
  return ChangeColumnsPlan(std::move(input), std::move(change));
}

Result<std::vector<SortKey>> ReadSortKeys(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(10));
  std::vector<SortKey> keys;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto column, in->String());
    ARROW_ASSIGN_OR_RAISE(const auto descending, in->Number<uint8_t>());
    ARROW_ASSIGN_OR_RAISE(const auto nulls_first, in->Number<uint8_t>());
    keys.push_back({std::string(column), descending != 0, nulls_first != 0});
  }
  return keys;
}

void WriteNumbers(const std::vector<double>& numbers, ByteWriter* out) {
  out->Number<uint64_t>(numbers.size());
  for (const double number : numbers) out->Number<double>(number);
}

Result<std::vector<double>> ReadNumbers(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(8));
  std::vector<double> numbers;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto number, in->Number<double>());
    numbers.push_back(number);
  }
  return numbers;
}

void WriteAggregate(const ColumnAggregate& aggregate, ByteWriter* out) {
  const AggregateSpec& spec = aggregate.spec;
  out->Number<uint8_t>(static_cast<uint8_t>(spec.kind));
  out->String(aggregate.column);
  out->String(spec.name);
  out->Number<uint8_t>(spec.ignore_nulls);
  out->Number<int32_t>(spec.ddof);
  out->Number<double>(spec.quantile);
  WriteNumbers(spec.quantiles, out);
  out->Number<int32_t>(spec.precision);
  out->Number<int64_t>(spec.k);
}

Result<ColumnAggregate> ReadColumnAggregate(ByteReader* in) {
  ColumnAggregate aggregate;
  AggregateSpec& spec = aggregate.spec;
  ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
  if (kind > static_cast<uint8_t>(AggregateKind::kAsList)) return in->Damaged();
  spec.kind = static_cast<AggregateKind>(kind);
  ARROW_ASSIGN_OR_RAISE(const auto column, in->String());
  ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
  aggregate.column = column;
  spec.name = name;
  ARROW_ASSIGN_OR_RAISE(const auto ignore_nulls, in->Number<uint8_t>());
  spec.ignore_nulls = ignore_nulls != 0;
  ARROW_ASSIGN_OR_RAISE(spec.ddof, in->Number<int32_t>());
  ARROW_ASSIGN_OR_RAISE(spec.quantile, in->Number<double>());
  ARROW_ASSIGN_OR_RAISE(spec.quantiles, ReadNumbers(in));
  ARROW_ASSIGN_OR_RAISE(spec.precision, in->Number<int32_t>());
  ARROW_ASSIGN_OR_RAISE(spec.k, in->Number<int64_t>());
  return aggregate;
}

Result<PlanPtr> ReadAggregate(PlanPtr input, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(auto keys, ReadNames(in));
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(50));
  std::vector<ColumnAggregate> aggregates;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto aggregate, ReadColumnAggregate(in));
    aggregates.push_back(std::move(aggregate));
  }
  return AggregatePlan(std::move(input), std::move(keys), std::move(aggregates));
}

Result<PlanPtr> ReadJoin(PlanPtr left, PlanPtr right, ByteReader* in) {
  JoinSpec spec;
  ARROW_ASSIGN_OR_RAISE(const auto type, in->Number<uint8_t>());
  if (type > static_cast<uint8_t>(JoinType::kRightAnti)) return in->Damaged();
  spec.type = static_cast<JoinType>(type);
  ARROW_ASSIGN_OR_RAISE(spec.left_keys, ReadNames(in));
  ARROW_ASSIGN_OR_RAISE(spec.right_keys, ReadNames(in));
  ARROW_ASSIGN_OR_RAISE(const auto left_suffix, in->String());
  ARROW_ASSIGN_OR_RAISE(const auto right_suffix, in->String());
  spec.left_suffix = left_suffix;
  spec.right_suffix = right_suffix;
  return JoinPlan(std::move(left), std::move(right), std::move(spec));
}

Result<RowValues> ReadRowValues(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Number<uint64_t>());
  RowValues values;
  for (uint64_t i = 0; i < count; ++i) {
    RowValue value;
    ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
    if (kind > static_cast<uint8_t>(RowValue::Kind::kUuid)) return in->Damaged();
    value.kind = static_cast<RowValue::Kind>(kind);
    ARROW_ASSIGN_OR_RAISE(const auto column, in->String());
    value.column = column;
    ARROW_ASSIGN_OR_RAISE(value.seed, in->Number<uint64_t>());
    ARROW_ASSIGN_OR_RAISE(const auto each_epoch, in->Number<uint8_t>());
    value.each_epoch = each_epoch != 0;
    values.push_back(std::move(value));
  }
  return values;
}

void WriteRowValues(const RowValues& values, ByteWriter* out) {
  out->Number<uint64_t>(values.size());
  for (const RowValue& value : values) {
    out->Number<uint8_t>(static_cast<uint8_t>(value.kind));
    out->String(value.column);
    out->Number<uint64_t>(value.seed);
    out->Number<uint8_t>(value.each_epoch);
  }
}

/// Puts nodes on their inputs.
class NodeReader {
 public:
  NodeReader(const std::shared_ptr<Env>& env, const BatchFunctions& functions) : env_(env), functions_(functions) {}

  Result<PlanPtr> Read(uint8_t kind, std::vector<PlanPtr> inputs, ByteReader* in) {
    using Kind = PlanNode::Kind;
    const auto node_kind = static_cast<Kind>(kind);
    const bool many = node_kind == Kind::kUnion || node_kind == Kind::kZip || node_kind == Kind::kMix || (node_kind == Kind::kJoin && inputs.size() == 2);
    if (inputs.size() != (node_kind == Kind::kSource ? 0 : 1) && !(many && !inputs.empty())) return in->Damaged();
    const bool takes_unread = node_kind == Kind::kReadFiles || node_kind == Kind::kBlockOrder;
    if (!takes_unread && std::any_of(inputs.begin(), inputs.end(), [](const PlanPtr& input) { return IsUnread(*input); })) return in->Damaged();
    switch (node_kind) {
      case Kind::kSource:
        return ReadSource(in, env_);
      case Kind::kFilter: {
        ARROW_ASSIGN_OR_RAISE(auto filter, ReadExpression(in));
        return FilterPlan(std::move(inputs[0]), std::move(filter));
      }
      case Kind::kProject: {
        ARROW_ASSIGN_OR_RAISE(auto columns, ReadColumns(in));
        return ProjectPlan(std::move(inputs[0]), std::move(columns));
      }
      case Kind::kLimit: {
        ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
        ARROW_ASSIGN_OR_RAISE(const auto offset, in->Number<int64_t>());
        return LimitPlan(std::move(inputs[0]), rows, offset);
      }
      case Kind::kShuffle:
        return ReadShuffle(std::move(inputs[0]), in);
      case Kind::kReadFiles:
        return ReadFormatNode(*inputs[0], in, env_);
      case Kind::kMap:
        return ReadMap(std::move(inputs[0]), in);
      case Kind::kColumns:
        return ReadChange(std::move(inputs[0]), in);
      case Kind::kUnion:
        return UnionPlan(std::move(inputs));
      case Kind::kZip:
        return ZipPlan(std::move(inputs));
      case Kind::kSample: {
        ARROW_ASSIGN_OR_RAISE(const auto fraction, in->Number<double>());
        ARROW_ASSIGN_OR_RAISE(const auto seed, in->Number<uint64_t>());
        ARROW_ASSIGN_OR_RAISE(const auto column, in->String());
        ARROW_ASSIGN_OR_RAISE(const auto rest, in->Number<uint8_t>());
        return SamplePlan(std::move(inputs[0]), fraction, seed, std::string(column), rest != 0);
      }
      case Kind::kSort: {
        ARROW_ASSIGN_OR_RAISE(auto keys, ReadSortKeys(in));
        return SortPlan(std::move(inputs[0]), std::move(keys));
      }
      case Kind::kAggregate:
        return ReadAggregate(std::move(inputs[0]), in);
      case Kind::kMix: {
        ARROW_ASSIGN_OR_RAISE(auto weights, ReadNumbers(in));
        ARROW_ASSIGN_OR_RAISE(const auto stop, in->Number<uint8_t>());
        return MixPlan(std::move(inputs), std::move(weights), stop != 0);
      }
      case Kind::kRepartition: {
        RepartitionSpec spec;
        ARROW_ASSIGN_OR_RAISE(spec.blocks, in->Number<int64_t>());
        ARROW_ASSIGN_OR_RAISE(spec.block_rows, in->Number<int64_t>());
        ARROW_ASSIGN_OR_RAISE(spec.keys, ReadNames(in));
        ARROW_ASSIGN_OR_RAISE(const auto sort, in->Number<uint8_t>());
        spec.sort = sort != 0;
        return RepartitionPlan(std::move(inputs[0]), std::move(spec));
      }
      case Kind::kRowValues: {
        ARROW_ASSIGN_OR_RAISE(auto values, ReadRowValues(in));
        return RowValuesPlan(std::move(inputs[0]), std::move(values));
      }
      case Kind::kJoin:
        if (inputs.size() != 2) return in->Damaged();
        return ReadJoin(std::move(inputs[0]), std::move(inputs[1]), in);
      case Kind::kBlockOrder: {
        ARROW_ASSIGN_OR_RAISE(const auto seed, in->Number<uint64_t>());
        return BlockOrderPlan(inputs[0], seed);
      }
    }
    return in->Damaged();
  }
  bool used_all_functions() const { return next_function_ == functions_.size(); }

 private:
  Result<PlanPtr> ReadMap(PlanPtr input, ByteReader* in) {
    ARROW_RETURN_NOT_OK(in->String().status());  // its name
    ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
    if (next_function_ == functions_.size()) return MakeError(ErrorKind::kInvalidArgument, "the serialised plan has more functions than were given with it");
    ARROW_ASSIGN_OR_RAISE(auto keys, ReadNames(in));
    if (rows != PlanNode::kWholeGroups) return MapPlan(std::move(input), functions_[next_function_++], rows);
    // The sort below is there already.
    if (!keys.empty() && input->kind != PlanNode::Kind::kSort) return in->Damaged();
    PlanPtr below = keys.empty() ? std::move(input) : input->input;
    return MapGroupsPlan(std::move(below), std::move(keys), functions_[next_function_++]);
  }

  const std::shared_ptr<Env>& env_;
  const BatchFunctions& functions_;
  size_t next_function_ = 0;
};

void AddPostOrder(const PlanNode& node, std::vector<const PlanNode*>* nodes) {
  for (const PlanPtr& input : InputsOf(node)) AddPostOrder(*input, nodes);
  nodes->push_back(&node);
}

}  // namespace

Result<std::string> SerializeNode(const PlanNode& node, int64_t inline_bytes_max) {
  ByteWriter out;
  switch (node.kind) {
    case PlanNode::Kind::kSource:
      ARROW_RETURN_NOT_OK(WriteSource(node, inline_bytes_max, &out));
      break;
    case PlanNode::Kind::kFilter:
      ARROW_RETURN_NOT_OK(WriteExpression(*node.filter, &out));
      break;
    case PlanNode::Kind::kProject:
      ARROW_RETURN_NOT_OK(WriteColumns(node.columns, &out));
      break;
    case PlanNode::Kind::kLimit:
      out.Number<int64_t>(node.limit);
      out.Number<int64_t>(node.offset);
      break;
    case PlanNode::Kind::kShuffle:
      out.Number<uint8_t>(static_cast<uint8_t>(node.seed_kind));
      out.Number<uint64_t>(node.seed);
      break;
    case PlanNode::Kind::kReadFiles:
      ARROW_RETURN_NOT_OK(WriteFormat(*node.format, &out));
      break;
    case PlanNode::Kind::kMap:
      out.String(node.function->name());
      out.Number<int64_t>(node.batch_rows);
      WriteNames(node.group_keys, &out);
      break;
    case PlanNode::Kind::kColumns:
      ARROW_RETURN_NOT_OK(WriteChange(*node.change, &out));
      break;
    case PlanNode::Kind::kSample:
      out.Number<double>(node.fraction);
      out.Number<uint64_t>(node.seed);
      out.String(node.sample_column);
      out.Number<uint8_t>(node.sample_rest);
      break;
    case PlanNode::Kind::kSort:
      out.Number<uint64_t>(node.sort_keys.size());
      for (const SortKey& key : node.sort_keys) {
        out.String(key.column);
        out.Number<uint8_t>(key.descending);
        out.Number<uint8_t>(key.nulls_first);
      }
      break;
    case PlanNode::Kind::kAggregate:
      WriteNames(node.group_keys, &out);
      out.Number<uint64_t>(node.aggregates.size());
      for (const ColumnAggregate& aggregate : node.aggregates) WriteAggregate(aggregate, &out);
      break;
    case PlanNode::Kind::kMix:
      WriteNumbers(node.weights, &out);
      out.Number<uint8_t>(node.stop_on_shortest);
      break;
    case PlanNode::Kind::kRepartition:
      out.Number<int64_t>(node.repartition->blocks);
      out.Number<int64_t>(node.repartition->block_rows);
      WriteNames(node.repartition->keys, &out);
      out.Number<uint8_t>(node.repartition->sort);
      break;
    case PlanNode::Kind::kJoin:
      out.Number<uint8_t>(static_cast<uint8_t>(node.join->type));
      WriteNames(node.join->left_keys, &out);
      WriteNames(node.join->right_keys, &out);
      out.String(node.join->left_suffix);
      out.String(node.join->right_suffix);
      break;
    case PlanNode::Kind::kRowValues:
      WriteRowValues(node.row_values, &out);
      break;
    case PlanNode::Kind::kBlockOrder:
      out.Number<uint64_t>(node.seed);
      break;
    case PlanNode::Kind::kUnion:
    case PlanNode::Kind::kZip:
      break;
  }
  return out.Finish();
}

Result<std::string> SerializePlan(const PlanNode& plan, int64_t inline_bytes_max) {
  std::vector<const PlanNode*> nodes;
  AddPostOrder(plan, &nodes);
  ByteWriter out;
  for (const char letter : kMagic) out.Number<char>(letter);
  out.Number<uint16_t>(kPlanVersion);
  out.Number<uint32_t>(static_cast<uint32_t>(nodes.size()));
  for (const PlanNode* node : nodes) {
    out.Number<uint8_t>(static_cast<uint8_t>(node->kind));
    out.Number<uint32_t>(static_cast<uint32_t>(InputsOf(*node).size()));
    ARROW_ASSIGN_OR_RAISE(const auto payload, SerializeNode(*node, inline_bytes_max));
    out.String(payload);
  }
  return out.Finish();
}

Result<PlanPtr> DeserializePlan(std::string_view bytes, const std::shared_ptr<Env>& env, const BatchFunctions& functions) {
  ByteReader in(bytes, "serialised plan");
  for (const char letter : kMagic) {
    ARROW_ASSIGN_OR_RAISE(const char found, in.Number<char>());
    if (found != letter) return in.Damaged();
  }
  ARROW_ASSIGN_OR_RAISE(const auto version, in.Number<uint16_t>());
  if (version != kPlanVersion) {
    return MakeError(ErrorKind::kInvalidArgument, "the serialised plan has version " + std::to_string(version) + ", this library reads version " +
                                                      std::to_string(kPlanVersion) + "; use the same Millstream on both sides");
  }
  ARROW_ASSIGN_OR_RAISE(const auto count, in.Number<uint32_t>());
  if (count == 0 || count > kNodesMax) return in.Damaged();
  std::vector<PlanPtr> open;  // that no node has taken yet
  NodeReader reader(env, functions);
  for (uint32_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto kind, in.Number<uint8_t>());
    ARROW_ASSIGN_OR_RAISE(const auto input_count, in.Number<uint32_t>());
    ARROW_ASSIGN_OR_RAISE(const auto payload, in.String());
    if (input_count > open.size()) return in.Damaged();
    std::vector<PlanPtr> inputs(open.end() - input_count, open.end());
    open.resize(open.size() - input_count);
    ByteReader node(payload, "serialised plan");
    ARROW_ASSIGN_OR_RAISE(auto plan, reader.Read(kind, std::move(inputs), &node));
    if (!node.empty()) return in.Damaged();
    open.push_back(std::move(plan));
  }
  if (!in.empty() || open.size() != 1 || IsUnread(*open.front())) return in.Damaged();
  if (!reader.used_all_functions()) return MakeError(ErrorKind::kInvalidArgument, "the serialised plan has fewer functions than were given with it");
  return open.front();
}

}  // namespace millstream
