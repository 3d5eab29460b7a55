#include "column/gather.h"

#include <arrow/array.h>
#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

arrow::MemoryPool* Pool() { return arrow::default_memory_pool(); }

std::vector<uint32_t> RandomIndices(int64_t rows, int64_t count, uint64_t seed) {
  std::vector<uint32_t> indices;
  for (int64_t i = 0; i < count && rows > 0; ++i) {
    indices.push_back(
        static_cast<uint32_t>(Mix64(seed * 1000003 + static_cast<uint64_t>(i)) % static_cast<uint64_t>(rows)));
  }
  return indices;
}

void ExpectSound(const std::shared_ptr<arrow::ArrayData>& data) {
  ASSERT_TRUE(arrow::MakeArray(data)->ValidateFull().ok()) << arrow::MakeArray(data)->ValidateFull().ToString();
  ASSERT_EQ(FirstImpurity(*data), "");
}

std::shared_ptr<arrow::ArrayData> MustGather(const arrow::ArrayData& values, const std::vector<uint32_t>& indices) {
  auto gathered = Gather(values, indices.data(), static_cast<int64_t>(indices.size()), Pool());
  EXPECT_TRUE(gathered.ok()) << gathered.status().ToString();
  return *gathered;
}

std::string NameOf(const std::shared_ptr<arrow::DataType>& type, const ArrayOptions& shape) {
  return type->ToString() + " rows " + std::to_string(shape.rows) + " seed " + std::to_string(shape.seed);
}

// Calls `check` with an array of every type and shape.
template <typename Check>
void ForEveryArray(Check&& check) {
  for (const auto& type : EveryType()) {
    for (const auto& shape : ArrayShapes()) {
      SCOPED_TRACE(NameOf(type, shape));
      check(RandomArray(type, shape));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Generator, MakesValidArraysOfEveryType) {
  ForEveryArray([](const auto& array) {
    const auto status = array->ValidateFull();
    ASSERT_TRUE(status.ok()) << status.ToString();
  });
}

TEST(Gather, TakesRandomRowsOfEveryTypeLikeTheOracle) {
  ForEveryArray([](const auto& array) {
    const auto rows = RenderRows(*array);
    for (const int64_t count : {0, 1, 7, 64, 150}) {
      const auto indices = RandomIndices(array->length(), count, 5);
      const auto gathered = MustGather(*array->data(), indices);
      ASSERT_NO_FATAL_FAILURE(ExpectSound(gathered));
      ASSERT_TRUE(gathered->type->Equals(*StorageType(array->type())));
      ASSERT_EQ(RenderRows(*arrow::MakeArray(gathered)), TakeRows(rows, indices));
    }
  });
}

TEST(Gather, OfItsOwnResultGivesTheSameBytes) {
  ForEveryArray([](const auto& array) {
    const auto indices = RandomIndices(array->length(), 90, 6);
    const auto once = MustGather(*array->data(), indices);
    std::vector<uint32_t> identity(indices.size());
    std::iota(identity.begin(), identity.end(), 0u);
    ASSERT_EQ(FirstDifference(*once, *MustGather(*once, identity)), "");
    const auto all = MustGather(*array->data(), [&] {
      std::vector<uint32_t> every(array->length());
      std::iota(every.begin(), every.end(), 0u);
      return every;
    }());
    ASSERT_EQ(FirstDifference(*once, *MustGather(*all, indices)), "");
  });
}

TEST(Concatenate, OfSlicesIsTheWholeAndItsBytesDoNotTellTheCuts) {
  ForEveryArray([](const auto& array) {
    std::vector<uint32_t> every(array->length());
    std::iota(every.begin(), every.end(), 0u);
    const auto whole = MustGather(*array->data(), every);
    for (const int64_t step : {1, 3, 8, 50, 1000}) {
      std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
      for (int64_t begin = 0; begin < array->length(); begin += step) {
        pieces.push_back(array->Slice(begin, step)->data());
      }
      const auto joined = Concatenate(pieces, array->type(), Pool());
      ASSERT_TRUE(joined.ok()) << joined.status().ToString();
      ASSERT_NO_FATAL_FAILURE(ExpectSound(*joined));
      ASSERT_EQ(FirstDifference(**joined, *whole), "");
    }
  });
}

TEST(Concatenate, OfPiecesFromDifferentArraysIsTheirRowsInOrder) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
    std::vector<std::string> rows;
    for (const auto& shape : ArrayShapes()) {
      const auto array = RandomArray(type, shape);
      pieces.push_back(array->data());
      for (auto& row : RenderRows(*array)) rows.push_back(std::move(row));
    }
    const auto joined = Concatenate(pieces, type, Pool());
    ASSERT_TRUE(joined.ok()) << joined.status().ToString();
    ASSERT_NO_FATAL_FAILURE(ExpectSound(*joined));
    ASSERT_EQ(RenderRows(*arrow::MakeArray(*joined)), rows);
  }
}

TEST(RowBytes, IsWhatGatherHolds) {
  ForEveryArray([](const auto& array) {
    for (const int64_t begin : {int64_t{0}, array->length() / 3, array->length()}) {
      const int64_t count = (array->length() - begin) / 2;
      std::vector<uint32_t> indices(count);
      std::iota(indices.begin(), indices.end(), static_cast<uint32_t>(begin));
      const auto gathered = MustGather(*array->data(), indices);
      ASSERT_EQ(RowBytes(*array->data(), begin, count), BufferBytes(*gathered));
    }
  });
}

TEST(ToStorage, KeepsTheRowsAndCopiesNothingWithoutNeed) {
  ForEveryArray([](const auto& array) {
    const auto stored = ToStorage(array->data(), Pool());
    ASSERT_TRUE(stored.ok()) << stored.status().ToString();
    ASSERT_TRUE(arrow::MakeArray(*stored)->ValidateFull().ok());
    ASSERT_EQ(RenderRows(*arrow::MakeArray(*stored)), RenderRows(*array));
    if (StorageType(array->type()) == array->type()) {
      ASSERT_EQ(stored->get(), array->data().get());
    }
  });
}

TEST(StorageType, HasNoEncodedPartAndKeepsFieldNames) {
  const auto words = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto type = arrow::struct_(
      {arrow::field("a", arrow::list(arrow::field("w", words, false))), arrow::field("b", arrow::int8())});
  const auto expected = arrow::struct_(
      {arrow::field("a", arrow::list(arrow::field("w", arrow::utf8(), false))), arrow::field("b", arrow::int8())});
  EXPECT_TRUE(StorageType(type)->Equals(*expected, true));
  for (const auto& every : EveryType()) {
    const auto storage = StorageType(every);
    EXPECT_EQ(StorageType(storage).get(), storage.get()) << every->ToString();
  }
}

}  // namespace
}  // namespace millstream
