// Gather and Concatenate of whole columns at random, each beside Arrow's own Take of the same rows.

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "column/gather.h"

namespace millstream {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

constexpr int64_t kRows = 1 << 18;

ArrayPtr Floats(bool nulls) {
  std::mt19937_64 random(1);
  arrow::DoubleBuilder builder;
  for (int64_t i = 0; i < kRows; ++i) {
    (void)(nulls && random() % 10 == 0 ? builder.AppendNull() : builder.Append(static_cast<double>(random())));
  }
  return *builder.Finish();
}

template <typename Builder>
ArrayPtr Texts(int64_t mean, bool nulls) {
  std::mt19937_64 random(1);
  Builder builder;
  for (int64_t i = 0; i < kRows; ++i) {
    const std::string text(random() % static_cast<uint64_t>(2 * mean), 'x');
    (void)(nulls && random() % 10 == 0 ? builder.AppendNull() : builder.Append(text));
  }
  return *builder.Finish();
}

ArrayPtr Lists(int64_t mean) {
  std::mt19937_64 random(1);
  auto values = std::make_shared<arrow::FloatBuilder>();
  arrow::ListBuilder builder(arrow::default_memory_pool(), values);
  for (int64_t i = 0; i < kRows; ++i) {
    (void)builder.Append();
    for (uint64_t k = random() % static_cast<uint64_t>(2 * mean); k > 0; --k) (void)values->Append(1.5f);
  }
  return *builder.Finish();
}

ArrayPtr Tensors(int32_t size) {
  arrow::FloatBuilder values;
  for (int64_t i = 0; i < kRows * size; ++i) (void)values.Append(1.5f);
  return *arrow::FixedSizeListArray::FromArrays(*values.Finish(), size);
}

ArrayPtr Column(int64_t which) {
  switch (which) {
    case 0: return Floats(false);
    case 1: return Floats(true);
    case 2: return Texts<arrow::StringBuilder>(10, false);
    case 3: return Texts<arrow::StringBuilder>(10, true);
    case 4: return Texts<arrow::StringBuilder>(100, false);
    case 5: return Texts<arrow::StringViewBuilder>(10, false);
    case 6: return Texts<arrow::StringViewBuilder>(100, false);
    case 7: return Lists(4);
    case 8: return Tensors(3);
    case 9: return Tensors(64);
    default:
      return *arrow::StructArray::Make({Floats(true), Texts<arrow::StringBuilder>(10, false)},
                                       std::vector<std::string>{"a", "b"});
  }
}

const char* const kNames[] = {"float64",  "float64 nulls", "string 10", "string 10 nulls", "string 100", "view 10",
                              "view 100", "list<float> 4", "tensor 3",  "tensor 64",       "struct"};

std::vector<uint32_t> RandomRows() {
  std::mt19937_64 random(3);
  std::vector<uint32_t> rows(kRows);
  for (auto& row : rows) row = static_cast<uint32_t>(random() % kRows);
  return rows;
}

void GatherColumn(benchmark::State& state) {
  const auto column = Column(state.range(0));
  const auto rows = RandomRows();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Gather(*column->data(), rows.data(), kRows, arrow::default_memory_pool()));
  }
  state.SetLabel(kNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(GatherColumn)->DenseRange(0, 10);

void ArrowTake(benchmark::State& state) {
  const auto column = Column(state.range(0));
  const auto rows = RandomRows();
  arrow::UInt32Array indices(kRows, arrow::Buffer::Wrap(rows));
  (void)arrow::compute::Initialize();
  const auto options = arrow::compute::TakeOptions::NoBoundsCheck();
  for (auto _ : state) {
    auto taken = arrow::compute::Take(arrow::Datum(column), arrow::Datum(indices.data()), options);
    if (!taken.ok()) return state.SkipWithError(taken.status().ToString().c_str());
  }
  state.SetLabel(kNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(ArrowTake)->DenseRange(0, 10);

void ConcatenateColumn(benchmark::State& state) {
  const auto column = Column(state.range(0));
  std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
  for (int64_t begin = 0; begin < kRows; begin += 1000) pieces.push_back(column->Slice(begin, 1000)->data());
  for (auto _ : state) benchmark::DoNotOptimize(Concatenate(pieces, column->type(), arrow::default_memory_pool()));
  state.SetLabel(kNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(ConcatenateColumn)->DenseRange(0, 10);

}  // namespace
}  // namespace millstream

BENCHMARK_MAIN();
