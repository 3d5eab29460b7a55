// What the kernels do where memory or offsets end.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "column/gather.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

// Fails the allocation of a given number and all after it.
class FailingPool : public arrow::MemoryPool {
 public:
  explicit FailingPool(int64_t allocations_allowed)
      : allowed_(allocations_allowed), parent_(arrow::default_memory_pool()) {}

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ARROW_RETURN_NOT_OK(Permit());
    bytes_ += size;
    return parent_->Allocate(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** data) override {
    ARROW_RETURN_NOT_OK(Permit());
    bytes_ += new_size - old_size;
    return parent_->Reallocate(old_size, new_size, alignment, data);
  }
  void Free(uint8_t* data, int64_t size, int64_t alignment) override {
    bytes_ -= size;
    parent_->Free(data, size, alignment);
  }
  int64_t bytes_allocated() const override { return bytes_; }
  int64_t total_bytes_allocated() const override { return 0; }
  int64_t num_allocations() const override { return 0; }
  std::string backend_name() const override { return "failing"; }

 private:
  Status Permit() { return allowed_-- > 0 ? Status::OK() : Status::OutOfMemory("as the test asks"); }

  int64_t allowed_;
  int64_t bytes_ = 0;
  arrow::MemoryPool* parent_;
};

// Runs `work(pool)` with ever more allocations allowed until it succeeds.
template <typename Work>
void ExpectCleanFailures(Work&& work) {
  for (int64_t allowed = 0; allowed < 1000; ++allowed) {
    FailingPool pool(allowed);
    {
      const auto result = work(&pool);
      if (result.ok()) return;
      ASSERT_TRUE(result.status().IsOutOfMemory()) << result.status().ToString();
    }
    ASSERT_EQ(pool.bytes_allocated(), 0) << "after " << allowed << " allocations";
  }
  FAIL() << "never succeeds";
}

TEST(GatherLimits, AFailedAllocationIsAStatusAndLeaksNothing) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto array = RandomArray(type, {.rows = 40, .null_share = 0.2, .sliced = true});
    const auto stored = *ToStorage(array->data(), arrow::default_memory_pool());
    std::vector<uint32_t> every(array->length());
    std::iota(every.begin(), every.end(), 0u);
    ExpectCleanFailures(
        [&](arrow::MemoryPool* pool) { return Gather(*array->data(), every.data(), array->length(), pool); });
    ExpectCleanFailures(
        [&](arrow::MemoryPool* pool) { return Concatenate({array->data(), array->data()}, type, pool); });
    ExpectCleanFailures([&](arrow::MemoryPool* pool) { return ToStorage(array->data(), pool); });
    ExpectCleanFailures([&](arrow::MemoryPool* pool) { return FromStorage(stored, type, pool); });
  }
}

// One row of 1 MiB or elements, gathered 2048 times: one more than 32-bit offsets reach.
void ExpectTooLong(const std::shared_ptr<arrow::Array>& row, const std::string& remedy) {
  const std::vector<uint32_t> repeated(2048, 0);
  FailingPool pool(1 << 20);
  const auto gathered = Gather(*row->data(), repeated.data(), 2048, &pool);
  ASSERT_EQ(KindOf(gathered.status()), ErrorKind::kInvalidArgument) << gathered.status().ToString();
  EXPECT_NE(gathered.status().message().find(remedy), std::string::npos) << gathered.status().message();
  EXPECT_TRUE(Gather(*row->data(), repeated.data(), 2, &pool).ok());
  const std::vector<std::shared_ptr<arrow::ArrayData>> pieces(2048, row->data());
  EXPECT_EQ(KindOf(Concatenate(pieces, row->type(), &pool).status()), ErrorKind::kInvalidArgument);
}

TEST(GatherLimits, MoreTextThanOffsetsReachIsAnErrorThatNamesTheRemedy) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append(std::string(1 << 20, 'x')).ok());
  ExpectTooLong(*builder.Finish(), "large_string");
}

TEST(GatherLimits, MoreElementsThanOffsetsReachIsAnErrorThatNamesTheRemedy) {
  const auto elements = *arrow::MakeArrayOfNull(arrow::null(), 1 << 20);
  const std::vector<int32_t> offsets = {0, 1 << 20};
  const auto list = arrow::ArrayData::Make(arrow::list(arrow::null()), 1, {nullptr, arrow::Buffer::Wrap(offsets)},
                                           {elements->data()}, 0);
  ExpectTooLong(arrow::MakeArray(list), "large_ variant");
  const std::vector<int32_t> sizes = {1 << 20};
  const auto view = arrow::ArrayData::Make(arrow::list_view(arrow::null()), 1,
                                           {nullptr, arrow::Buffer::Wrap(offsets), arrow::Buffer::Wrap(sizes)},
                                           {elements->data()}, 0);
  ExpectTooLong(arrow::MakeArray(view), "large_ variant");
}

TEST(GatherLimits, RowBytesCountsOnlyTheRowsAskedFor) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.AppendValues(std::vector<std::string>(10, std::string(100, 'x'))).ok());
  const auto text = *builder.Finish();
  EXPECT_EQ(RowBytes(*text->data(), 2, 5), 6 * 4 + 500);
  EXPECT_EQ(RowBytes(*text->Slice(3)->data(), 0, 7), 8 * 4 + 700);
}

TEST(GatherLimits, NoPiecesAreAnEmptyArray) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto none = Concatenate({}, type, arrow::default_memory_pool());
    ASSERT_TRUE(none.ok()) << none.status().ToString();
    ASSERT_TRUE((*none)->type->Equals(*StorageType(type)));
    ASSERT_TRUE(arrow::MakeArray(*none)->ValidateFull().ok());
    ASSERT_EQ(FirstImpurity(**none), "");
    const auto restored = FromStorage(*none, type, arrow::default_memory_pool());
    ASSERT_TRUE(restored.ok() && arrow::MakeArray(*restored)->ValidateFull().ok());
  }
}

TEST(GatherLimits, AnUnsoundNullCodeStaysNullInAFieldDeclaredWithoutNulls) {
  const auto words = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto coded = RandomArray(words, {.rows = 30, .null_share = 0.4});
  const auto type = arrow::struct_({arrow::field("word", words, false)});
  const auto data = arrow::ArrayData::Make(type, 30, {nullptr}, {coded->data()}, 0);
  const auto stored = *ToStorage(data, arrow::default_memory_pool());
  EXPECT_EQ(RenderRows(*arrow::MakeArray(stored)), RenderRows(*arrow::MakeArray(data)));
}

}  // namespace
}  // namespace millstream
