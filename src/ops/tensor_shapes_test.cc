#include "ops/tensor_shapes.h"

#include <arrow/extension/fixed_shape_tensor.h>
#include <arrow/extension/variable_shape_tensor.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include "ops/conform_batch.h"

namespace millstream {
namespace {

using arrow::extension::fixed_shape_tensor;
using arrow::extension::variable_shape_tensor;
using TypePtr = std::shared_ptr<arrow::DataType>;

const arrow::DataType& StorageOf(const TypePtr& type) { return *static_cast<const arrow::ExtensionType&>(*type).storage_type(); }

std::shared_ptr<arrow::Array> Tensors(const TypePtr& type, const char* json) {
  return arrow::ExtensionType::WrapArray(type, *arrow::json::ArrayFromJSONString(StorageOf(type).GetSharedPtr(), json));
}

std::shared_ptr<arrow::RecordBatch> Batch(const std::shared_ptr<arrow::Array>& column) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", column->type())}), column->length(), {column});
}

const TypePtr kPairs = fixed_shape_tensor(arrow::int64(), {1, 2});
const TypePtr kAny = variable_shape_tensor(arrow::int64(), 2);

TEST(TensorShapes, TwoShapesOfAsManyAxesHaveACommonType) {
  EXPECT_TRUE(CommonTensorType(*kPairs, *fixed_shape_tensor(arrow::int64(), {3, 1}))->Equals(*kAny));
  EXPECT_TRUE(CommonTensorType(*kPairs, *kAny)->Equals(*kAny));
  EXPECT_EQ(CommonTensorType(*kPairs, *fixed_shape_tensor(arrow::int64(), {2})), nullptr);
  EXPECT_EQ(CommonTensorType(*kPairs, *fixed_shape_tensor(arrow::float32(), {1, 2})), nullptr);
  EXPECT_EQ(CommonTensorType(*kPairs, *fixed_shape_tensor(arrow::int64(), {1, 2}, {1, 0})), nullptr);
  EXPECT_EQ(CommonTensorType(*kPairs, *arrow::int64()), nullptr);
}

TEST(TensorShapes, TensorsOfOneShapeAreGivenItRowByRow) {
  const auto fixed = Tensors(kPairs, "[[1, 2], null, [3, 4]]");
  const auto expected = Tensors(kAny, R"([{"data": [1, 2], "shape": [1, 2]}, null, {"data": [3, 4], "shape": [1, 2]}])");
  for (const int64_t from : {0, 1, 2}) {
    const auto made = WithVariableShape(fixed->Slice(from), kAny, arrow::default_memory_pool());
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE((*made)->ValidateFull().ok());
    EXPECT_TRUE((*made)->Equals(expected->Slice(from))) << (*made)->ToString();
  }
  const auto empty = Tensors(fixed_shape_tensor(arrow::int64(), {0, 2}), "[[], []]");
  EXPECT_TRUE((*WithVariableShape(empty, kAny, arrow::default_memory_pool()))->Equals(Tensors(kAny, R"([{"data": [], "shape": [0, 2]}, {"data": [], "shape": [0, 2]}])")));
}

TEST(TensorShapes, BatchesOfOneShapeConformToThoseOfSeveral) {
  const auto fixed = Batch(Tensors(kPairs, "[[1, 2]]"));
  const auto several = Batch(Tensors(kAny, R"([{"data": [1], "shape": [1, 1]}])"));
  EXPECT_TRUE((*CommonSchema("Map(f)", *fixed->schema(), *several->schema()))->Equals(*several->schema()));
  const auto made = ConformBatch("Map(f)", fixed, several->schema(), arrow::default_memory_pool());
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE((*made)->column(0)->Equals(Tensors(kAny, R"([{"data": [1, 2], "shape": [1, 2]}])")));
}

TEST(TensorShapes, OneShapeThatBecomesSeveralIsTold) {
  const auto several = Batch(Tensors(kAny, R"([{"data": [1], "shape": [1, 1]}])"));
  const auto status = ConformBatch("Map(f)", several, Batch(Tensors(kPairs, "[[1, 2]]"))->schema(), arrow::default_memory_pool()).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kType);
  EXPECT_NE(status.message().find("pad them"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace millstream
