#include "plan/logical_plan.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings/arrow_capsules.h"
#include "bindings/batch.h"
#include "bindings/blocks.h"
#include "bindings/errors.h"
#include "bindings/function.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "exec/engine.h"
#include "ingest/execute.h"
#include "ops/table_source.h"
#include "plan/blocks.h"
#include "plan/fingerprint.h"
#include "plan/parts.h"
#include "plan/plan_serial.h"
#include "plan/shuffle_seeds.h"

namespace nb = nanobind;

namespace millstream {
namespace {

using Plan = std::shared_ptr<PlanNode>;

Plan Mutable(PlanPtr plan) { return std::const_pointer_cast<PlanNode>(std::move(plan)); }

Plan FromArrow(nb::handle object, int64_t blocks) {
  CheckBlocks(blocks);
  auto table = ImportTable(object);
  return Mutable(SourcePlan("FromArrow", ValueOrRaise(MakeTableSource(std::move(table.schema), std::move(table.batches))), blocks));
}

Plan Range(int64_t rows, int64_t blocks) {
  CheckBlocks(blocks);
  return Mutable(SourcePlan("Range", ValueOrRaise(MakeRangeSource(rows)), blocks));
}

Plan Project(const Plan& plan, const std::vector<std::pair<std::string, std::shared_ptr<Expression>>>& columns) {
  NamedExpressions named;
  for (const auto& [name, expression] : columns) named.emplace_back(name, expression);
  return Mutable(ValueOrRaise(ProjectPlan(plan, std::move(named))));
}

SeedKind SeedKindOf(const std::string& name) {
  if (name == "fixed") return SeedKind::kFixed;
  if (name == "per_execution") return SeedKind::kPerExecution;
  return SeedKind::kUnset;
}

const char* NameOf(SeedKind kind) {
  return kind == SeedKind::kFixed ? "fixed" : kind == SeedKind::kPerExecution ? "per_execution" : "unset";
}

/// Batches that came from a stream, as a source; their memory is shared.
Plan FromBatches(const PySchema& schema, const nb::sequence& batches) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> imported;
  for (nb::handle batch : batches) {
    for (auto& part : ImportTable(batch).batches) imported.push_back(std::move(part));
  }
  return Mutable(SourcePlan("Materialized", ValueOrRaise(MakeTableSource(schema.schema, std::move(imported)))));
}

std::vector<std::string> InputFiles(const Plan& plan) {
  std::vector<std::string> paths;
  for (const PlanNode* source : SourcesOf(*plan)) {
    if (source->files == nullptr) continue;
    for (const auto& file : *source->files) paths.push_back(file.path);
  }
  return paths;
}

nb::list LeftOutFileTuples(const Plan& plan) {
  nb::list out;
  for (const auto& [reader, part] : LeftOutFiles(*plan)) {
    if (part.recorded) out.append(nb::make_tuple(reader, part.path, part.error.message()));
  }
  return out;
}

std::optional<int64_t> SizeBytes(const Plan& plan) {
  const auto& parquet = SourceOf(*plan).parquet;
  if (parquet == nullptr) return std::nullopt;
  int64_t bytes = 0;
  for (const auto& groups : parquet->row_groups()) {
    for (const auto& group : groups) bytes += group.bytes;
  }
  return bytes;
}

ColumnChange::Kind ChangeKind(const std::string& kind) {
  if (kind == "select") return ColumnChange::Kind::kSelect;
  if (kind == "drop") return ColumnChange::Kind::kDrop;
  if (kind == "rename") return ColumnChange::Kind::kRename;
  if (kind == "rename_all") return ColumnChange::Kind::kRenameAll;
  return ColumnChange::Kind::kSet;
}

Plan ChangeColumns(const Plan& plan, const std::string& kind, std::vector<std::string> names, std::vector<std::string> new_names,
                   const std::vector<std::pair<std::string, std::shared_ptr<Expression>>>& columns) {
  ColumnChange change{ChangeKind(kind), std::move(names), std::move(new_names), {}};
  for (const auto& [name, expression] : columns) change.columns.emplace_back(name, expression);
  return Mutable(ValueOrRaise(ChangeColumnsPlan(plan, std::move(change))));
}

Plan MapBatches(const Plan& plan, nb::object spec, int64_t batch_size) {
  return Mutable(ValueOrRaise(MapPlan(plan, MakePythonFunction(std::move(spec)), batch_size)));
}

RowValue::Kind RowValueKindOf(const std::string& kind) {
  if (kind == "random") return RowValue::Kind::kRandom;
  return kind == "uuid" ? RowValue::Kind::kUuid : RowValue::Kind::kIncreasingId;
}

Plan AddRowValues(const Plan& plan, const std::vector<std::tuple<std::string, std::string, uint64_t, bool>>& values) {
  RowValues columns;
  for (const auto& [kind, column, seed, each_epoch] : values) columns.push_back({RowValueKindOf(kind), column, seed, each_epoch});
  return Mutable(ValueOrRaise(RowValuesPlan(plan, std::move(columns))));
}

Result<AggregateKind> AggregateKindOf(const std::string& name) {
  for (int kind = 0; kind <= static_cast<int>(AggregateKind::kAsList); ++kind) {
    if (NameOf(static_cast<AggregateKind>(kind)) == name) return static_cast<AggregateKind>(kind);
  }
  return MakeError(ErrorKind::kInvalidArgument, "there is no aggregate '" + name + "'");
}

/// An aggregate is a dict: kind, column ("" for none), name, and options as AggregateSpec has them.
ColumnAggregate AggregateFrom(const nb::dict& values) {
  ColumnAggregate aggregate;
  AggregateSpec& spec = aggregate.spec;
  spec.kind = ValueOrRaise(AggregateKindOf(nb::cast<std::string>(values["kind"])));
  aggregate.column = nb::cast<std::string>(values["column"]);
  spec.name = nb::cast<std::string>(values["name"]);
  if (values.contains("ignore_nulls")) spec.ignore_nulls = nb::cast<bool>(values["ignore_nulls"]);
  if (values.contains("ddof")) spec.ddof = nb::cast<int>(values["ddof"]);
  if (values.contains("quantile")) spec.quantile = nb::cast<double>(values["quantile"]);
  if (values.contains("quantiles")) spec.quantiles = nb::cast<std::vector<double>>(values["quantiles"]);
  if (values.contains("precision")) spec.precision = nb::cast<int>(values["precision"]);
  if (values.contains("k")) spec.k = nb::cast<int64_t>(values["k"]);
  return aggregate;
}

Plan Aggregate(const Plan& plan, std::vector<std::string> keys, const std::vector<nb::dict>& aggregates) {
  std::vector<ColumnAggregate> wanted;
  for (const nb::dict& values : aggregates) wanted.push_back(AggregateFrom(values));
  return Mutable(ValueOrRaise(AggregatePlan(plan, std::move(keys), std::move(wanted))));
}

Plan MapGroups(const Plan& plan, std::vector<std::string> keys, nb::object spec) {
  return Mutable(ValueOrRaise(MapGroupsPlan(plan, std::move(keys), MakePythonFunction(std::move(spec)))));
}

std::vector<PlanPtr> WithOthers(const Plan& plan, const std::vector<Plan>& others) {
  std::vector<PlanPtr> inputs = {plan};
  inputs.insert(inputs.end(), others.begin(), others.end());
  return inputs;
}

std::vector<Plan> Parts(Result<std::vector<PlanPtr>> plans) {
  std::vector<Plan> parts;
  for (PlanPtr& plan : ValueOrRaise(std::move(plans))) parts.push_back(Mutable(std::move(plan)));
  return parts;
}

nb::list Functions(const Plan& plan) {
  nb::list specs;
  for (const auto& function : FunctionsOf(*plan)) specs.append(SpecOf(*function));
  return specs;
}

nb::dict FingerprintDict(const Plan& plan) {
  const auto fingerprint = ValueOrRaise(FingerprintOf(*plan));
  nb::dict out;
  out["files"] = fingerprint.files;
  out["file_count"] = fingerprint.file_count;
  out["rows"] = fingerprint.rows;
  out["schema"] = fingerprint.schema;
  out["stages"] = fingerprint.stages;
  out["seed"] = fingerprint.seed;
  out["order_version"] = fingerprint.order_version;
  return out;
}

/// The stages, and with an engine what it would do.
std::string Explain(const Plan& plan, const std::shared_ptr<Engine>& engine, int64_t batch_size) {
  std::string text = DescribePlan(*plan);
  if (engine == nullptr) return text;
  ExecuteOptions options;
  options.batch_rows = batch_size;
  Result<std::string> execution = std::string();
  {
    const ReleaseGil release;
    execution = ExplainExecution(engine, plan, options);
  }
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + ValueOrRaise(std::move(execution));
}

Plan Deserialize(const nb::bytes& data, const nb::sequence& specs, const std::shared_ptr<Engine>& engine) {
  BatchFunctions functions;
  for (nb::handle spec : specs) functions.push_back(MakePythonFunction(nb::borrow(spec)));
  Result<PlanPtr> plan = nullptr;
  {
    const ReleaseGil release;
    plan = DeserializePlan(std::string_view(data.c_str(), data.size()), engine == nullptr ? WithStores(RealEnv()) : engine->env(), functions);
  }
  return Mutable(ValueOrRaise(std::move(plan)));
}

}  // namespace

void RegisterPlan(nb::module_& module) {
  nb::class_<PySchema>(module, "Schema")
      .def_prop_ro("names", [](const PySchema& self) { return self.schema->field_names(); })
      .def_prop_ro("type_names", [](const PySchema& self) {
        std::vector<std::string> names;
        for (const auto& field : self.schema->fields()) names.push_back(field->type()->ToString());
        return names;
      })
      .def("__arrow_c_schema__", [](const PySchema& self) { return ExportSchema(*self.schema); });
  nb::class_<PlanNode>(module, "Plan")
      .def_static("from_arrow", &FromArrow, nb::arg("table"), nb::kw_only(), nb::arg("blocks") = 0)
      .def_static("from_batches", &FromBatches, nb::arg("schema"), nb::arg("batches"))
      .def_static("range", &Range, nb::arg("rows"), nb::arg("blocks"))
      .def("filter", [](const Plan& plan, const std::shared_ptr<Expression>& filter) { return Mutable(ValueOrRaise(FilterPlan(plan, filter))); })
      .def("project", &Project)
      .def("change_columns", &ChangeColumns, nb::arg("kind"), nb::kw_only(), nb::arg("names") = std::vector<std::string>(),
           nb::arg("new_names") = std::vector<std::string>(), nb::arg("columns") = std::vector<std::pair<std::string, std::shared_ptr<Expression>>>())
      .def("map_batches", &MapBatches, nb::arg("function"), nb::arg("batch_size"))
      .def("union", [](const Plan& plan, const std::vector<Plan>& others) { return Mutable(ValueOrRaise(UnionPlan(WithOthers(plan, others)))); })
      .def("zip", [](const Plan& plan, const std::vector<Plan>& others) { return Mutable(ValueOrRaise(ZipPlan(WithOthers(plan, others)))); })
      .def("limit", [](const Plan& plan, int64_t rows, int64_t offset) { return Mutable(ValueOrRaise(LimitPlan(plan, rows, offset))); }, nb::arg("rows"),
           nb::arg("offset") = 0)
      .def("random_sample", [](const Plan& plan, double fraction, uint64_t seed, std::string column, bool rest) {
             return Mutable(ValueOrRaise(SamplePlan(plan, fraction, seed, std::move(column), rest)));
           }, nb::arg("fraction"), nb::arg("seed"), nb::arg("column") = "", nb::arg("rest") = false)
      .def("row_values", &AddRowValues, nb::arg("values"))
      .def("randomize_block_order", [](const Plan& plan, uint64_t seed) { return Mutable(ValueOrRaise(BlockOrderPlan(plan, seed))); }, nb::arg("seed"))
      .def("sort", [](const Plan& plan, const std::vector<std::tuple<std::string, bool, bool>>& keys) {
             std::vector<SortKey> sort_keys;
             for (const auto& [column, descending, nulls_first] : keys) sort_keys.push_back({column, descending, nulls_first});
             return Mutable(ValueOrRaise(SortPlan(plan, std::move(sort_keys))));
           }, nb::arg("keys"))
      .def("join", [](const Plan& plan, const Plan& other, const std::string& type, std::vector<std::string> left_keys, std::vector<std::string> right_keys,
                      std::string left_suffix, std::string right_suffix) {
             JoinSpec spec{ValueOrRaise(JoinTypeOf(type)), std::move(left_keys), std::move(right_keys), std::move(left_suffix), std::move(right_suffix)};
             return Mutable(ValueOrRaise(JoinPlan(plan, other, std::move(spec))));
           }, nb::arg("other"), nb::arg("type"), nb::arg("left_keys"), nb::arg("right_keys"), nb::arg("left_suffix"), nb::arg("right_suffix"))
      .def("mix", [](const Plan& plan, const std::vector<Plan>& others, std::vector<double> weights, bool stop_on_shortest) {
             return Mutable(ValueOrRaise(MixPlan(WithOthers(plan, others), std::move(weights), stop_on_shortest)));
           }, nb::arg("others"), nb::arg("weights"), nb::arg("stop_on_shortest"))
      .def("repartition", [](const Plan& plan, int64_t blocks, int64_t block_rows, std::vector<std::string> keys, bool sort) {
             return Mutable(ValueOrRaise(RepartitionPlan(plan, {blocks, block_rows, std::move(keys), sort})));
           }, nb::arg("blocks"), nb::arg("block_rows"), nb::arg("keys"), nb::arg("sort"))
      .def("map_groups", &MapGroups, nb::arg("keys"), nb::arg("function"))
      .def("aggregate", &Aggregate, nb::arg("keys"), nb::arg("aggregates"))
      .def("split_at_indices", [](const Plan& plan, const std::vector<int64_t>& indices) { return Parts(SplitAtIndices(plan, indices)); }, nb::arg("indices"))
      .def("split_proportionately", [](const Plan& plan, const std::vector<double>& proportions, int64_t rows) {
             return Parts(SplitProportionately(plan, proportions, rows));
           }, nb::arg("proportions"), nb::arg("rows"))
      .def("split_evenly", [](const Plan& plan, int64_t count, bool equal, int64_t rows) { return Parts(SplitEvenly(plan, count, equal, rows)); },
           nb::arg("count"), nb::arg("equal"), nb::arg("rows"))
      .def("split_sampled", [](const Plan& plan, double share, uint64_t seed, const std::string& column) { return Parts(SplitSampled(plan, share, seed, column)); },
           nb::arg("share"), nb::arg("seed"), nb::arg("column"))
      .def("split_last_share", [](const Plan& plan, double share, int64_t rows) { return Parts(SplitLastShare(plan, share, rows)); }, nb::arg("share"),
           nb::arg("rows"))
      .def("split_last_rows", [](const Plan& plan, int64_t last, int64_t rows) { return Parts(SplitLastRows(plan, last, rows)); }, nb::arg("last"),
           nb::arg("rows"))
      .def("random_shuffle", [](const Plan& plan, const std::string& kind, uint64_t seed) { return Mutable(ShufflePlanNode(plan, SeedKindOf(kind), seed)); },
           nb::arg("kind"), nb::arg("seed"))
      .def("serialize", [](const Plan& plan) {
        const auto bytes = ValueOrRaise(SerializePlan(*plan));
        return nb::bytes(bytes.data(), bytes.size());
      })
      .def_static("deserialize", &Deserialize, nb::arg("data"), nb::arg("functions") = nb::list(), nb::arg("engine").none() = nb::none())
      .def("functions", &Functions)
      .def("fingerprint", &FingerprintDict)
      .def("schema", [](const Plan& plan) -> std::optional<PySchema> {
        return plan->schema == nullptr ? std::nullopt : std::optional(PySchema{plan->schema});
      })
      .def("explain", &Explain, nb::arg("engine").none() = nb::none(), nb::arg("batch_size") = 1024)
      .def("known_row_count", [](const Plan& plan) { return KnownRowCount(*plan); })
      .def("size_bytes", &SizeBytes)
      .def("num_blocks", [](const Plan& plan) { return NumBlocks(*plan); })
      .def("input_files", &InputFiles)
      .def("forgives_bad_data", [](const Plan& plan) { return ForgivesBadData(*plan); })
      .def("left_out_files", &LeftOutFileTuples)
      .def("has_shuffle", [](const Plan& plan) { return ShuffleOf(*plan) != nullptr; })
      .def("shuffle_seed_kind", [](const Plan& plan) -> std::optional<std::string> {
        const auto* shuffle = ShuffleOf(*plan);
        return shuffle == nullptr ? std::nullopt : std::optional<std::string>(NameOf(shuffle->seed_kind));
      })
      .def("shuffle_seed", [](const Plan& plan) -> std::optional<uint64_t> {
        const auto* shuffle = ShuffleOf(*plan);
        return shuffle == nullptr ? std::nullopt : std::optional(shuffle->seed);
      })
      .def("run_seed", [](const Plan& plan) -> std::optional<std::pair<uint64_t, bool>> {
        const auto run = RunSeedOf(*plan);
        return run.has_value() ? std::optional(std::pair(run->seed, run->drawn)) : std::nullopt;
      });
}

}  // namespace millstream
