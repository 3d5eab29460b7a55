#include "plan/logical_plan.h"

#include <algorithm>
#include <cmath>

#include "aggregate/ordered_bytes.h"
#include "column/gather.h"
#include "format/file_ranges.h"
#include "format/path_scan.h"
#include "ops/conform_batch.h"
#include "ops/row_program.h"
#include "ops/row_values.h"
#include "plan/near_names.h"
#include "plan/shuffle_seeds.h"

namespace millstream {
namespace {

constexpr size_t kColumnsShownMax = 8;

std::shared_ptr<PlanNode> NodeOn(PlanNode::Kind kind, PlanPtr input) {
  auto node = std::make_shared<PlanNode>();
  node->kind = kind;
  node->schema = input->schema;
  node->input = std::move(input);
  return node;
}

std::string DescribeColumns(const NamedExpressions& columns) {
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == kColumnsShownMax) return text + "… " + std::to_string(columns.size() - i) + " more";
    const std::string expression = columns[i].second->ToString();
    text += expression == columns[i].first ? expression : expression + " as " + columns[i].first;
  }
  return text;
}

std::string DescribeSeed(SeedKind kind, uint64_t seed) {
  switch (kind) {
    case SeedKind::kFixed:
      return "seed=" + std::to_string(seed);
    case SeedKind::kPerExecution:
      return "seed=" + std::to_string(seed) + ", a new order each epoch";
    default:
      return "seed drawn at first use, a new order each epoch";
  }
}

std::string DescribeRowValue(const RowValue& value) {
  const std::string seed = "seed=" + std::to_string(value.seed) + (value.each_epoch ? ", new ones each epoch" : "");
  switch (value.kind) {
    case RowValue::Kind::kIncreasingId:
      return "monotonically_increasing_id() as " + value.column;
    case RowValue::Kind::kRandom:
      return "random(" + seed + ") as " + value.column;
    default:
      return "uuid(" + seed + ") as " + value.column;
  }
}

}  // namespace

std::string PlanNode::Describe() const {
  switch (kind) {
    case Kind::kSource:
      if (parquet == nullptr && files != nullptr) return source_name + "[" + std::to_string(files->size()) + " files, " + std::to_string(source->tasks().size()) + " ranges]";
      if (parquet == nullptr) return source_name + "[" + std::to_string(schema->num_fields()) + " columns]";
      return source_name + "[" + std::to_string(parquet->files().size()) + " files, " + std::to_string(parquet->tasks().size()) + " row groups, " +
             std::to_string(parquet->num_rows()) + " rows]";
    case Kind::kFilter:
      return "Filter[" + filter->ToString() + "]";
    case Kind::kProject:
      return "Project[" + DescribeColumns(columns) + "]";
    case Kind::kLimit:
      return "Limit[" + std::to_string(limit) + (offset > 0 ? " from row " + std::to_string(offset) : "") + "]";
    case Kind::kMap:
      if (batch_rows == kWholeGroups) return function->name() + "[whole groups]";
      return function->name() + "[" + (batch_rows > 0 ? "batches of " + std::to_string(batch_rows) + " rows" : "whole blocks") + "]";
    case Kind::kColumns:
      return change->Describe();
    case Kind::kUnion:
      return "Union[" + std::to_string(others.size() + 1) + " inputs]";
    case Kind::kReadFiles:
      return std::string(format->reader()) + "[" + std::to_string(schema->num_fields()) + " columns]";
    case Kind::kSample:
      return "RandomSample[" + std::string(sample_rest ? "all but " : "") + std::to_string(fraction) +
             (sample_column.empty() ? ", seed=" + std::to_string(seed) : " by " + sample_column) + "]";
    case Kind::kSort: {
      std::string text;
      for (const SortKey& key : sort_keys) {
        text += (text.empty() ? "" : ", ") + key.column + (key.descending ? " descending" : "") + (key.nulls_first ? " nulls first" : "");
      }
      return "Sort[" + text + "]";
    }
    case Kind::kAggregate: {
      std::string text;
      for (const std::string& key : group_keys) text += (text.empty() ? "by " : ", ") + key;
      if (!text.empty()) text += ": ";
      for (size_t i = 0; i < aggregates.size(); ++i) text += (i > 0 ? ", " : "") + aggregates[i].spec.name;
      return "Aggregate[" + text + "]";
    }
    case Kind::kMix: {
      std::string text = std::to_string(others.size() + 1) + " inputs, weights";
      for (const double weight : weights) text += " " + std::to_string(weight);
      return "Mix[" + text + (stop_on_shortest ? ", until the shortest ends" : "") + "]";
    }
    case Kind::kRepartition: {
      std::string text = repartition->blocks > 0 ? std::to_string(repartition->blocks) + " blocks" : "blocks of " + std::to_string(repartition->block_rows) + " rows";
      for (const std::string& key : repartition->keys) text += (&key == &repartition->keys.front() ? " by " : ", ") + key;
      return "Repartition[" + text + (repartition->sort ? ", sorted" : "") + "]";
    }
    case Kind::kJoin: {
      std::string text = NameOf(join->type);
      for (size_t key = 0; key < join->left_keys.size(); ++key) text += (key == 0 ? " on " : ", ") + join->left_keys[key] + " = " + join->right_keys[key];
      return "Join[" + text + "]";
    }
    case Kind::kRowValues: {
      std::string text;
      for (const RowValue& value : row_values) text += (text.empty() ? "" : ", ") + DescribeRowValue(value);
      return "RowValues[" + text + "]";
    }
    case Kind::kBlockOrder:
      return "RandomizeBlockOrder[seed=" + std::to_string(seed) + "]";
    case Kind::kZip:
      return "Zip[" + std::to_string(others.size() + 1) + " inputs]";
    default:
      return "RandomShuffle[" + DescribeSeed(seed_kind, seed) + "]";
  }
}

PlanPtr SourcePlan(std::string name, std::shared_ptr<const ScanSource> source, int64_t blocks) {
  auto node = std::make_shared<PlanNode>();
  node->schema = source->schema();
  node->source = std::move(source);
  node->source_name = std::move(name);
  node->blocks = blocks;
  return node;
}

Result<PlanPtr> ParquetPlan(std::shared_ptr<const ParquetDataset> parquet, std::shared_ptr<arrow::RecordBatch> values, int64_t blocks) {
  std::shared_ptr<const ScanSource> source = parquet;
  if (values != nullptr) {
    ARROW_ASSIGN_OR_RAISE(source, PathScan::Make(std::move(source), std::move(values)));
  }
  auto node = std::make_shared<PlanNode>(*SourcePlan("ReadParquet", std::move(source), blocks));
  node->files = {parquet, &parquet->files()};
  node->parquet = std::move(parquet);
  return node;
}

Result<PlanPtr> ReadFilesPlan(std::shared_ptr<const FileFormat> format, std::shared_ptr<const std::vector<ListedFile>> files, int64_t blocks) {
  ARROW_ASSIGN_OR_RAISE(auto ranges, MakeFileRanges(*files, *format));
  auto source = std::make_shared<PlanNode>(*SourcePlan("Files", std::move(ranges), blocks));
  source->files = std::move(files);
  return ReadRangesPlan(std::move(source), std::move(format));
}

PlanPtr ReadRangesPlan(PlanPtr ranges, std::shared_ptr<const FileFormat> format) {
  auto node = NodeOn(PlanNode::Kind::kReadFiles, std::move(ranges));
  node->schema = format->schema();
  node->format = std::move(format);
  return node;
}

Result<PlanPtr> FilterPlan(PlanPtr input, ExpressionPtr filter) {
  if (input->schema != nullptr) ARROW_RETURN_NOT_OK(RowProgram::Make(input->schema, filter, {}).status());
  auto node = NodeOn(PlanNode::Kind::kFilter, std::move(input));
  node->filter = std::move(filter);
  return node;
}

Result<PlanPtr> ProjectPlan(PlanPtr input, NamedExpressions columns) {
  std::shared_ptr<arrow::Schema> schema;
  if (input->schema != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto program, RowProgram::Make(input->schema, nullptr, columns));
    schema = program->output;
  } else if (columns.empty()) {
    schema = arrow::schema({});
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (columns[i].first == columns[j].first) return MakeError(ErrorKind::kInvalidArgument, "two columns would be named '" + columns[i].first + "'");
    }
  }
  auto node = NodeOn(PlanNode::Kind::kProject, std::move(input));
  node->schema = std::move(schema);
  node->columns = std::move(columns);
  return node;
}

Result<PlanPtr> MapGroupsPlan(PlanPtr input, std::vector<std::string> keys, std::shared_ptr<const BatchFunction> function) {
  if (!keys.empty()) {
    std::vector<SortKey> sort_keys;
    for (const std::string& key : keys) sort_keys.push_back({key});
    ARROW_ASSIGN_OR_RAISE(input, SortPlan(std::move(input), std::move(sort_keys)));
  }
  ARROW_ASSIGN_OR_RAISE(const auto plan, MapPlan(std::move(input), std::move(function), 0));
  auto node = std::make_shared<PlanNode>(*plan);
  node->batch_rows = PlanNode::kWholeGroups;
  node->group_keys = std::move(keys);
  return node;
}

Result<PlanPtr> ChangeColumnsPlan(PlanPtr input, ColumnChange change) {
  if (input->schema != nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto columns, ProjectionOf(change, input->schema->field_names()));
    return ProjectPlan(std::move(input), std::move(columns));
  }
  auto node = NodeOn(PlanNode::Kind::kColumns, std::move(input));
  node->change = std::make_shared<const ColumnChange>(std::move(change));
  return node;
}

Result<PlanPtr> MapPlan(PlanPtr input, std::shared_ptr<const BatchFunction> function, int64_t batch_rows) {
  if (batch_rows < 0) return MakeError(ErrorKind::kInvalidArgument, "batch_size must be at least 1, got " + std::to_string(batch_rows));
  auto node = NodeOn(PlanNode::Kind::kMap, std::move(input));
  const auto columns = function->columns();
  if (columns == nullptr) node->schema = nullptr;
  if (node->schema != nullptr) ARROW_RETURN_NOT_OK(columns(node->schema).Value(&node->schema));
  node->function = std::move(function);
  node->batch_rows = batch_rows;
  return node;
}

namespace {

std::shared_ptr<PlanNode> NodeOnAll(PlanNode::Kind kind, std::vector<PlanPtr> inputs) {
  auto node = NodeOn(kind, std::move(inputs.front()));
  node->others.assign(std::make_move_iterator(inputs.begin() + 1), std::make_move_iterator(inputs.end()));
  return node;
}

}  // namespace

namespace {

/// Types of all inputs brought together, null where one is not known. `stage`: for messages.
Result<std::shared_ptr<PlanNode>> NodeOnUnited(PlanNode::Kind kind, const char* stage, std::vector<PlanPtr> inputs) {
  auto schema = inputs.front()->schema;
  for (const PlanPtr& input : inputs) {
    if (schema == nullptr || input->schema == nullptr) schema = nullptr;
    else ARROW_RETURN_NOT_OK(CommonSchema(stage, *schema, *input->schema).Value(&schema));
  }
  auto node = NodeOnAll(kind, std::move(inputs));
  node->schema = std::move(schema);
  return node;
}

}  // namespace

Result<PlanPtr> UnionPlan(std::vector<PlanPtr> inputs) { return NodeOnUnited(PlanNode::Kind::kUnion, kUnionStage, std::move(inputs)); }

Result<PlanPtr> SamplePlan(PlanPtr input, double fraction, uint64_t seed, std::string column, bool rest) {
  if (!(fraction >= 0 && fraction <= 1)) return MakeError(ErrorKind::kInvalidArgument, "a fraction must be from 0 to 1, got " + std::to_string(fraction));
  if (!column.empty() && input->schema != nullptr) ARROW_RETURN_NOT_OK(SortColumnsOf({{column}}, *input->schema).status());
  auto node = NodeOn(PlanNode::Kind::kSample, std::move(input));
  node->sample_column = std::move(column);
  node->sample_rest = rest;
  node->fraction = fraction;
  node->seed = seed;
  return node;
}

Result<PlanPtr> RowValuesPlan(PlanPtr input, RowValues values) {
  arrow::FieldVector fields;
  if (input->schema != nullptr) fields = input->schema->fields();
  for (const RowValue& value : values) {
    const auto same = [&value](const auto& field) { return field->name() == value.column; };
    if (std::any_of(fields.begin(), fields.end(), same)) {
      return MakeError(ErrorKind::kInvalidArgument, "two columns would be named '" + value.column + "'");
    }
    fields.push_back(FieldOf(value));
  }
  auto node = NodeOn(PlanNode::Kind::kRowValues, std::move(input));
  if (node->schema != nullptr) node->schema = arrow::schema(std::move(fields), node->schema->metadata());
  node->row_values = std::move(values);
  return node;
}

Result<PlanPtr> BlockOrderPlan(const PlanPtr& input, uint64_t seed) {
  switch (input->kind) {
    case PlanNode::Kind::kSource: {
      auto node = NodeOn(PlanNode::Kind::kBlockOrder, input);
      node->seed = seed;
      return node;
    }
    case PlanNode::Kind::kFilter:
    case PlanNode::Kind::kProject:
    case PlanNode::Kind::kColumns:
    case PlanNode::Kind::kMap:
    case PlanNode::Kind::kReadFiles:
    case PlanNode::Kind::kSample:
    case PlanNode::Kind::kRowValues:
    case PlanNode::Kind::kBlockOrder: {
      ARROW_ASSIGN_OR_RAISE(auto below, BlockOrderPlan(input->input, seed));
      auto node = std::make_shared<PlanNode>(*input);
      node->input = std::move(below);
      return node;
    }
    default:
      return MakeError(ErrorKind::kInvalidArgument, "randomize_block_order() orders the blocks of a source, and " + input->Describe() +
                                                        " has none; use random_shuffle(), or call it before");
  }
}

namespace {

PlanPtr FixSeeds(const PlanPtr& plan) {
  auto node = std::make_shared<PlanNode>(*plan);
  if (node->input != nullptr) node->input = FixSeeds(node->input);
  for (PlanPtr& other : node->others) other = FixSeeds(other);
  if (node->kind == PlanNode::Kind::kShuffle) node->seed_kind = SeedKind::kFixed;
  return node;
}

}  // namespace

PlanPtr FreezeShuffles(const PlanPtr& plan) { return FixSeeds(SettleSeeds(plan, RunSeedOf(*plan).value_or(RunSeed{}).seed)); }

Result<std::vector<int>> SortColumnsOf(const std::vector<SortKey>& keys, const arrow::Schema& schema) {
  std::vector<int> columns;
  for (const SortKey& key : keys) {
    const int column = schema.GetFieldIndex(key.column);
    if (column < 0) return UnknownColumn(key.column, schema);
    const auto& type = *schema.field(column)->type();
    if (!HasOrder(*StorageType(schema.field(column)->type()))) {
      return MakeError(ErrorKind::kType, "sort: column '" + key.column + "' of type " + type.ToString() +
                                             " has no order; sort by a number, text, time or a column computed with with_column()");
    }
    columns.push_back(column);
  }
  return columns;
}

Result<PlanPtr> SortPlan(PlanPtr input, std::vector<SortKey> keys) {
  if (keys.empty()) return MakeError(ErrorKind::kInvalidArgument, "sort needs the name of at least one column");
  if (input->schema != nullptr) ARROW_RETURN_NOT_OK(SortColumnsOf(keys, *input->schema).status());
  auto node = NodeOn(PlanNode::Kind::kSort, std::move(input));
  node->sort_keys = std::move(keys);
  return node;
}

Result<GroupColumns> GroupColumnsOf(const PlanNode& aggregate, const arrow::Schema& schema) {
  GroupColumns columns;
  const auto number = [&](const std::string& name) -> Result<int> {
    const int column = schema.GetFieldIndex(name);
    if (column < 0) return UnknownColumn(name, schema);
    const auto found = std::find(columns.selected.begin(), columns.selected.end(), column);
    if (found != columns.selected.end()) return static_cast<int>(found - columns.selected.begin());
    columns.selected.push_back(column);
    return static_cast<int>(columns.selected.size()) - 1;
  };
  for (const std::string& key : aggregate.group_keys) {
    ARROW_ASSIGN_OR_RAISE(const int column, number(key));
    ARROW_RETURN_NOT_OK(CheckKey(*schema.field(columns.selected[column])));
    columns.keys.push_back(column);
  }
  for (const ColumnAggregate& wanted : aggregate.aggregates) {
    columns.specs.push_back(wanted.spec);
    columns.specs.back().column = -1;
    if (wanted.column.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(columns.specs.back().column, number(wanted.column));
  }
  return columns;
}

namespace {

Result<std::shared_ptr<arrow::Schema>> AggregatedSchema(const PlanNode& node, const arrow::Schema& input) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, GroupColumnsOf(node, input));
  arrow::FieldVector selected;
  for (const int column : columns.selected) selected.push_back(input.field(column));
  arrow::FieldVector fields;
  for (const int key : columns.keys) fields.push_back(selected[key]);
  for (const AggregateSpec& spec : columns.specs) {
    ARROW_ASSIGN_OR_RAISE(auto field, ResultField(spec, *arrow::schema(selected)));
    fields.push_back(std::move(field));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

Result<PlanPtr> AggregatePlan(PlanPtr input, std::vector<std::string> keys, std::vector<ColumnAggregate> aggregates) {
  std::vector<std::string> names = keys;
  for (const ColumnAggregate& aggregate : aggregates) names.push_back(aggregate.spec.name);
  for (size_t i = 0; i < names.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return MakeError(ErrorKind::kInvalidArgument, "two columns of the result would be named '" + names[i] + "'; give one an alias_name");
    }
  }
  auto node = NodeOn(PlanNode::Kind::kAggregate, std::move(input));
  node->group_keys = std::move(keys);
  node->aggregates = std::move(aggregates);
  node->schema = nullptr;
  if (node->input->schema != nullptr) ARROW_RETURN_NOT_OK(AggregatedSchema(*node, *node->input->schema).Value(&node->schema));
  return node;
}

Result<PlanPtr> JoinPlan(PlanPtr left, PlanPtr right, JoinSpec spec) {
  if (spec.left_keys.empty() || spec.left_keys.size() != spec.right_keys.size()) {
    return MakeError(ErrorKind::kInvalidArgument, "join needs as many keys on the right as on the left, and at least one; got " + std::to_string(spec.left_keys.size()) +
                                                      " and " + std::to_string(spec.right_keys.size()));
  }
  for (const auto* keys : {&spec.left_keys, &spec.right_keys}) {
    for (auto key = keys->begin(); key != keys->end(); ++key) {
      if (std::find(keys->begin(), key, *key) == key) continue;
      return MakeError(ErrorKind::kInvalidArgument, "join has the key '" + *key + "' twice on the " + (keys == &spec.left_keys ? "left" : "right") + "; name each key once");
    }
  }
  std::shared_ptr<arrow::Schema> schema;
  if (left->schema != nullptr && right->schema != nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto columns, JoinColumnsOf(spec, *left->schema, *right->schema));
    schema = std::move(columns.schema);
  }
  auto node = NodeOnAll(PlanNode::Kind::kJoin, {std::move(left), std::move(right)});
  node->schema = std::move(schema);
  node->join = std::make_shared<const JoinSpec>(std::move(spec));
  return node;
}

Result<PlanPtr> MixPlan(std::vector<PlanPtr> inputs, std::vector<double> weights, bool stop_on_shortest) {
  if (weights.size() != inputs.size()) {
    return MakeError(ErrorKind::kInvalidArgument, "mix got " + std::to_string(weights.size()) + " weights for " + std::to_string(inputs.size()) + " data sets");
  }
  for (const double weight : weights) {
    if (!(weight > 0)) return MakeError(ErrorKind::kInvalidArgument, "weights must be above 0, got " + std::to_string(weight));
    if (std::isinf(weight)) return MakeError(ErrorKind::kInvalidArgument, "weights must be finite numbers");
  }
  ARROW_ASSIGN_OR_RAISE(auto node, NodeOnUnited(PlanNode::Kind::kMix, kMixStage, std::move(inputs)));
  node->weights = std::move(weights);
  node->stop_on_shortest = stop_on_shortest;
  return node;
}

Result<PlanPtr> RepartitionPlan(PlanPtr input, RepartitionSpec spec) {
  if ((spec.blocks > 0) == (spec.block_rows > 0) || spec.blocks < 0 || spec.block_rows < 0) {
    return MakeError(ErrorKind::kInvalidArgument, "repartition takes num_blocks or target_num_rows_per_block, at least 1");
  }
  if (!spec.keys.empty() && spec.blocks == 0) return MakeError(ErrorKind::kInvalidArgument, "repartition(keys=...) needs num_blocks");
  if (!spec.keys.empty() && input->schema != nullptr) {
    std::vector<SortKey> keys;
    for (const std::string& key : spec.keys) keys.push_back({key});
    ARROW_RETURN_NOT_OK(SortColumnsOf(keys, *input->schema).status());
  }
  auto node = NodeOn(PlanNode::Kind::kRepartition, std::move(input));
  node->repartition = std::make_shared<const RepartitionSpec>(std::move(spec));
  return node;
}

std::vector<std::string> ZippedNames(const std::vector<std::vector<std::string>>& names) {
  std::vector<std::string> zipped;
  for (const auto& side : names) {
    for (const std::string& name : side) {
      std::string unique = name;
      for (int number = 1; std::find(zipped.begin(), zipped.end(), unique) != zipped.end(); ++number) unique = name + "_" + std::to_string(number);
      zipped.push_back(std::move(unique));
    }
  }
  return zipped;
}

Result<PlanPtr> ZipPlan(std::vector<PlanPtr> inputs) {
  std::vector<std::vector<std::string>> names;
  std::vector<std::shared_ptr<arrow::Field>> fields;
  bool known = true;
  for (const PlanPtr& input : inputs) {
    if (input->schema == nullptr) {
      known = false;
      continue;
    }
    names.push_back(input->schema->field_names());
    fields.insert(fields.end(), input->schema->fields().begin(), input->schema->fields().end());
  }
  auto node = NodeOnAll(PlanNode::Kind::kZip, std::move(inputs));
  node->schema = nullptr;
  if (!known) return node;
  const auto zipped = ZippedNames(names);
  for (size_t i = 0; i < fields.size(); ++i) fields[i] = fields[i]->WithName(zipped[i]);
  node->schema = arrow::schema(std::move(fields));
  return node;
}

Result<PlanPtr> LimitPlan(PlanPtr input, int64_t limit, int64_t offset) {
  if (offset < 0) return MakeError(ErrorKind::kInvalidArgument, "an offset must not be negative, got " + std::to_string(offset));
  if (limit < 0) return MakeError(ErrorKind::kInvalidArgument, "limit must not be negative, got " + std::to_string(limit));
  auto node = NodeOn(PlanNode::Kind::kLimit, std::move(input));
  node->limit = limit;
  node->offset = offset;
  return node;
}

PlanPtr ShufflePlanNode(PlanPtr input, SeedKind kind, uint64_t seed) {
  auto node = NodeOn(PlanNode::Kind::kShuffle, std::move(input));
  node->seed_kind = kind;
  node->seed = seed;
  return node;
}

std::vector<PlanPtr> InputsOf(const PlanNode& node) {
  std::vector<PlanPtr> inputs;
  if (node.input != nullptr) inputs.push_back(node.input);
  inputs.insert(inputs.end(), node.others.begin(), node.others.end());
  return inputs;
}

const PlanNode& SourceOf(const PlanNode& plan) {
  const PlanNode* node = &plan;
  while (node->input != nullptr) node = node->input.get();
  return *node;
}

bool ForgivesBadData(const PlanNode& plan) {
  if (plan.kind == PlanNode::Kind::kReadFiles) return plan.format->bad_data() != nullptr;
  if (plan.kind == PlanNode::Kind::kSource) return false;
  const auto inputs = InputsOf(plan);
  return std::any_of(inputs.begin(), inputs.end(), [](const PlanPtr& input) { return ForgivesBadData(*input); });
}

std::vector<std::pair<std::string, BadPart>> LeftOutFiles(const PlanNode& plan) {
  std::vector<std::pair<std::string, BadPart>> files;
  const auto add = [&](const char* reader, const std::vector<BadPart>& parts) {
    for (const BadPart& part : parts) files.emplace_back(reader, part);
  };
  if (plan.kind == PlanNode::Kind::kReadFiles && plan.format->bad_data() != nullptr) add(plan.format->reader(), plan.format->bad_data()->left_out);
  if (plan.kind == PlanNode::Kind::kSource) {
    if (plan.parquet != nullptr) add("ReadParquet", plan.parquet->left_out());
    return files;
  }
  for (const PlanPtr& input : InputsOf(plan)) {
    const auto below = LeftOutFiles(*input);
    files.insert(files.end(), below.begin(), below.end());
  }
  return files;
}

std::vector<const PlanNode*> SourcesOf(const PlanNode& plan) {
  if (plan.kind == PlanNode::Kind::kSource) return {&plan};
  std::vector<const PlanNode*> sources;
  for (const PlanPtr& input : InputsOf(plan)) {
    const auto below = SourcesOf(*input);
    sources.insert(sources.end(), below.begin(), below.end());
  }
  return sources;
}

std::vector<std::shared_ptr<const BatchFunction>> FunctionsOf(const PlanNode& plan) {
  std::vector<std::shared_ptr<const BatchFunction>> functions;
  for (const PlanPtr& input : InputsOf(plan)) {
    const auto below = FunctionsOf(*input);
    functions.insert(functions.end(), below.begin(), below.end());
  }
  if (plan.kind == PlanNode::Kind::kMap) functions.push_back(plan.function);
  return functions;
}

namespace {

/// Whether no order below it is left.
bool OrdersRows(const PlanNode& node) {
  return node.kind == PlanNode::Kind::kSort || node.kind == PlanNode::Kind::kAggregate || (node.kind == PlanNode::Kind::kRepartition && !node.repartition->keys.empty());
}

}  // namespace

const PlanNode* ShuffleOf(const PlanNode& plan) {
  for (const PlanNode* node = &plan; node != nullptr && node->others.empty() && !OrdersRows(*node); node = node->input.get()) {
    if (node->kind == PlanNode::Kind::kShuffle) return node;
  }
  return nullptr;
}

std::optional<int64_t> KnownRowCount(const PlanNode& plan) {
  switch (plan.kind) {
    case PlanNode::Kind::kSource: {
      int64_t rows = 0;
      for (const ScanTask& task : plan.source->tasks()) rows += task.rows;
      return rows;
    }
    case PlanNode::Kind::kFilter:
    case PlanNode::Kind::kMap:
    case PlanNode::Kind::kReadFiles:
    case PlanNode::Kind::kSample:
    case PlanNode::Kind::kJoin:
      return std::nullopt;
    case PlanNode::Kind::kAggregate:
      return plan.group_keys.empty() ? std::optional<int64_t>(1) : std::nullopt;
    case PlanNode::Kind::kMix:
      if (plan.stop_on_shortest) return std::nullopt;
      [[fallthrough]];
    case PlanNode::Kind::kUnion: {
      int64_t rows = 0;
      for (const PlanPtr& input : InputsOf(plan)) {
        const auto part = KnownRowCount(*input);
        if (!part.has_value()) return std::nullopt;
        rows += *part;
      }
      return rows;
    }
    case PlanNode::Kind::kZip: {
      // Where they differ the zip fails: it is run to say so.
      const auto rows = KnownRowCount(*plan.input);
      for (const PlanPtr& other : plan.others) {
        if (KnownRowCount(*other) != rows) return std::nullopt;
      }
      return rows;
    }
    case PlanNode::Kind::kLimit: {
      const auto rows = KnownRowCount(*plan.input);
      return rows.has_value() ? std::optional(std::clamp<int64_t>(*rows - plan.offset, 0, plan.limit)) : std::nullopt;
    }
    default:
      return KnownRowCount(*plan.input);
  }
}

namespace {

void DescribeInto(const PlanNode& plan, const std::string& indent, std::string* text) {
  *text += indent + plan.Describe() + "\n";
  const auto inputs = InputsOf(plan);
  // A chain stays flush; what has several inputs sets them off.
  for (const PlanPtr& input : inputs) DescribeInto(*input, inputs.size() > 1 ? indent + "  " : indent, text);
}

}  // namespace

std::string DescribePlan(const PlanNode& plan) {
  std::string text;
  DescribeInto(plan, "", &text);
  return text;
}

}  // namespace millstream
