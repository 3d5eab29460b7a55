// What grouping costs a row on one core: 8 M rows in batches of 65,536, 100,000 groups drawn at random.
//
//   aggregate_benchmark [--benchmark_filter=…]

#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "aggregate/group_table.h"

namespace millstream {
namespace {

constexpr int64_t kRows = 8'000'000;
constexpr int64_t kBatchRows = 65'536;
constexpr int64_t kGroups = 100'000;

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;
using ArrayPtr = std::shared_ptr<arrow::Array>;

enum Column { kInteger, kOtherInteger, kText, kDouble, kWhole };

template <typename T>
ArrayPtr Numbers(const std::shared_ptr<arrow::DataType>& type, const std::vector<T>& values) {
  auto buffer = arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  return arrow::MakeArray(arrow::ArrayData::Make(type, static_cast<int64_t>(values.size()), {nullptr, std::move(buffer)}));
}

std::shared_ptr<arrow::Schema> Schema() {
  return arrow::schema({arrow::field("integer", arrow::int64()), arrow::field("other_integer", arrow::int64()), arrow::field("text", arrow::utf8()),
                        arrow::field("double", arrow::float64()), arrow::field("whole", arrow::int64())});
}

std::shared_ptr<arrow::RecordBatch> MakeBatch(std::mt19937_64& random) {
  std::vector<int64_t> keys(kBatchRows), others(kBatchRows), whole(kBatchRows);
  std::vector<double> doubles(kBatchRows);
  arrow::StringBuilder texts;
  for (int64_t i = 0; i < kBatchRows; ++i) {
    const auto group = static_cast<int64_t>(random() % kGroups);
    keys[i] = group * 7919;
    others[i] = group / 300;
    whole[i] = static_cast<int64_t>(random() % 1'000'000);
    doubles[i] = std::normal_distribution<double>(100, 20)(random);
    (void)texts.Append("user " + std::to_string(group));
  }
  return arrow::RecordBatch::Make(Schema(), kBatchRows,
                                  {Numbers(arrow::int64(), keys), Numbers(arrow::int64(), others), *texts.Finish(), Numbers(arrow::float64(), doubles),
                                   Numbers(arrow::int64(), whole)});
}

const Batches& Data() {
  static const Batches batches = [] {
    std::mt19937_64 random(5);
    Batches made;
    for (int64_t begin = 0; begin < kRows; begin += kBatchRows) made.push_back(MakeBatch(random));
    return made;
  }();
  return batches;
}

void Run(benchmark::State& state, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs) {
  const Batches& batches = Data();
  int64_t bytes = 0;
  for (auto _ : state) {
    auto table = *GroupTable::Make(Schema(), keys, specs, arrow::default_memory_pool());
    for (const auto& batch : batches) {
      if (const Status consumed = table->Consume(*batch); !consumed.ok()) return state.SkipWithError(consumed.ToString().c_str());
    }
    bytes = table->bytes();
    benchmark::DoNotOptimize(table);
  }
  const auto rows = static_cast<double>(batches.size() * kBatchRows);
  state.counters["ns/row"] = benchmark::Counter(rows * static_cast<double>(state.iterations()) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["MB"] = static_cast<double>(bytes) / 1e6;
}

const AggregateSpec kCountOfRows = {AggregateKind::kCount, -1, "count"};
AggregateSpec Of(AggregateKind kind, int column = kDouble) { return {kind, column, std::string(NameOf(kind))}; }
std::vector<AggregateSpec> Three() { return {Of(AggregateKind::kMean), Of(AggregateKind::kMax), Of(AggregateKind::kSum, kWhole)}; }

void Register(const char* name, std::vector<int> keys, std::vector<AggregateSpec> specs) {
  benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { Run(state, keys, specs); })->Unit(benchmark::kMillisecond);
}

void Finish(benchmark::State& state, const std::vector<AggregateSpec>& specs, bool partials) {
  for (auto _ : state) {
    state.PauseTiming();
    auto table = *GroupTable::Make(Schema(), {kInteger}, specs, arrow::default_memory_pool());
    for (const auto& batch : Data()) (void)table->Consume(*batch);
    state.ResumeTiming();
    if (partials) {
      auto taken = *table->TakePartials(16);
      auto other = *GroupTable::Make(Schema(), {kInteger}, specs, arrow::default_memory_pool());
      for (const auto& batch : taken) (void)other->ConsumePartials(*batch);
    } else {
      benchmark::DoNotOptimize(*table->Finish());
    }
  }
  state.counters["ns/group"] = benchmark::Counter(static_cast<double>(kGroups * state.iterations()) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace
}  // namespace millstream

int main(int argc, char** argv) {
  using namespace millstream;
  Register("integer key, no aggregate", {kInteger}, {});
  Register("integer key, count", {kInteger}, {kCountOfRows});
  Register("integer key, mean", {kInteger}, {Of(AggregateKind::kMean)});
  Register("integer key, max", {kInteger}, {Of(AggregateKind::kMax)});
  Register("integer key, sum of integers", {kInteger}, {Of(AggregateKind::kSum, kWhole)});
  Register("integer key, std", {kInteger}, {Of(AggregateKind::kStd)});
  Register("integer key, mean max sum", {kInteger}, Three());
  Register("two integer keys, mean", {kInteger, kOtherInteger}, {Of(AggregateKind::kMean)});
  Register("text key, mean", {kText}, {Of(AggregateKind::kMean)});
  Register("text and integer key, mean", {kText, kInteger}, {Of(AggregateKind::kMean)});
  Register("no key, mean", {}, {Of(AggregateKind::kMean)});
  Register("integer key, max of text", {kInteger}, {Of(AggregateKind::kMax, kText)});
  Register("integer key, quantile", {kInteger}, {Of(AggregateKind::kQuantile)});
  Register("integer key, approximate quantile", {kInteger}, {Of(AggregateKind::kApproximateQuantile)});
  benchmark::RegisterBenchmark("finish mean", [](benchmark::State& state) { Finish(state, {Of(AggregateKind::kMean)}, false); })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("finish std", [](benchmark::State& state) { Finish(state, {Of(AggregateKind::kStd)}, false); })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("exchange partials of mean", [](benchmark::State& state) { Finish(state, {Of(AggregateKind::kMean)}, true); })->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
