#include "testing/type_catalog.h"

#include <arrow/array.h>
#include <arrow/extension/bool8.h>
#include <arrow/extension/fixed_shape_tensor.h>
#include <arrow/extension/json.h>
#include <arrow/extension/uuid.h>

namespace millstream::testing_support {
namespace {

using arrow::field;
using TypeVector = std::vector<std::shared_ptr<arrow::DataType>>;

std::shared_ptr<arrow::DataType> PointStorage() {
  return arrow::struct_(
      {field("x", arrow::float64()), field("label", arrow::dictionary(arrow::int8(), arrow::utf8()))});
}

class PointType : public arrow::ExtensionType {
 public:
  PointType() : ExtensionType(PointStorage()) {}
  std::string extension_name() const override { return "millstream.test.point"; }
  bool ExtensionEquals(const ExtensionType& other) const override { return other.extension_name() == extension_name(); }
  std::shared_ptr<arrow::Array> MakeArray(std::shared_ptr<arrow::ArrayData> data) const override {
    return std::make_shared<arrow::ExtensionArray>(std::move(data));
  }
  arrow::Result<std::shared_ptr<arrow::DataType>> Deserialize(std::shared_ptr<arrow::DataType>,
                                                              const std::string&) const override {
    return std::make_shared<PointType>();
  }
  std::string Serialize() const override { return ""; }
};

std::shared_ptr<arrow::DataType> Pair(std::shared_ptr<arrow::DataType> first, std::shared_ptr<arrow::DataType> second,
                                      bool nullable = true) {
  return arrow::struct_({field("first", std::move(first), nullable), field("second", std::move(second))});
}

}  // namespace

TypeVector FlatTypes() {
  TypeVector types = {arrow::null(),
                      arrow::boolean(),
                      arrow::int8(),
                      arrow::uint8(),
                      arrow::int16(),
                      arrow::uint16(),
                      arrow::int32(),
                      arrow::uint32(),
                      arrow::int64(),
                      arrow::uint64(),
                      arrow::float16(),
                      arrow::float32(),
                      arrow::float64(),
                      arrow::decimal32(7, 2),
                      arrow::decimal64(15, 3),
                      arrow::decimal128(33, 5),
                      arrow::decimal256(70, 0),
                      arrow::date32(),
                      arrow::date64(),
                      arrow::time32(arrow::TimeUnit::SECOND),
                      arrow::time32(arrow::TimeUnit::MILLI),
                      arrow::time64(arrow::TimeUnit::MICRO),
                      arrow::time64(arrow::TimeUnit::NANO),
                      arrow::month_interval(),
                      arrow::day_time_interval(),
                      arrow::month_day_nano_interval(),
                      arrow::utf8(),
                      arrow::binary(),
                      arrow::large_utf8(),
                      arrow::large_binary(),
                      arrow::utf8_view(),
                      arrow::binary_view(),
                      arrow::fixed_size_binary(0),
                      arrow::fixed_size_binary(1),
                      arrow::fixed_size_binary(5),
                      arrow::fixed_size_binary(16),
                      arrow::fixed_size_binary(40)};
  for (const auto unit :
       {arrow::TimeUnit::SECOND, arrow::TimeUnit::MILLI, arrow::TimeUnit::MICRO, arrow::TimeUnit::NANO}) {
    types.push_back(arrow::timestamp(unit));
    types.push_back(arrow::timestamp(unit, "Europe/Berlin"));
    types.push_back(arrow::duration(unit));
  }
  return types;
}

TypeVector NestedTypes() {
  const auto choices = {field("a", arrow::int32()), field("b", arrow::utf8()), field("c", arrow::boolean(), false)};
  const auto strings = arrow::list(arrow::utf8());
  return {arrow::list(arrow::int32()),
          arrow::list(field("item", arrow::int64(), false)),
          strings,
          arrow::large_list(arrow::boolean()),
          arrow::large_list(strings),
          arrow::list_view(arrow::float32()),
          arrow::large_list_view(arrow::utf8_view()),
          arrow::list_view(strings),
          arrow::fixed_size_list(arrow::float32(), 3),
          arrow::fixed_size_list(arrow::int8(), 0),
          arrow::fixed_size_list(field("item", arrow::uint16(), false), 2),
          arrow::fixed_size_list(strings, 2),
          arrow::list(arrow::null()),
          arrow::struct_(arrow::FieldVector{}),
          Pair(arrow::int64(), arrow::utf8()),
          Pair(arrow::boolean(), strings, false),
          Pair(arrow::utf8_view(), Pair(arrow::float16(), arrow::fixed_size_list(arrow::decimal128(20, 2), 2), false)),
          Pair(arrow::null(), arrow::large_binary()),
          arrow::list(Pair(arrow::int8(), arrow::binary_view())),
          arrow::map(arrow::utf8(), arrow::int32()),
          arrow::map(arrow::int16(), strings, true),
          arrow::list(arrow::map(arrow::binary(), Pair(arrow::date32(), arrow::boolean()))),
          arrow::sparse_union(choices, {0, 1, 2}),
          arrow::dense_union(choices, {0, 1, 2}),
          arrow::sparse_union(choices, {7, 100, 3}),
          arrow::dense_union(choices, {7, 100, 3}),
          arrow::dense_union({field("list", strings), field("none", arrow::null())}, {0, 1}),
          arrow::list(arrow::dense_union(choices, {0, 1, 2})),
          Pair(arrow::dense_union(choices, {5, 6, 9}), arrow::sparse_union(choices, {2, 1, 0})),
          arrow::fixed_size_list(arrow::sparse_union(choices, {0, 1, 2}), 2)};
}

TypeVector EncodedTypes() {
  const auto words = arrow::dictionary(arrow::int16(), arrow::utf8());
  const auto runs = arrow::run_end_encoded(arrow::int32(), arrow::utf8());
  TypeVector types;
  for (const auto& index : {arrow::int8(), arrow::uint8(), arrow::int16(), arrow::uint16(), arrow::int32(),
                            arrow::uint32(), arrow::int64(), arrow::uint64()}) {
    types.push_back(arrow::dictionary(index, arrow::utf8()));
  }
  const TypeVector more = {arrow::dictionary(arrow::int32(), arrow::int64(), true),
                           arrow::dictionary(arrow::int8(), arrow::boolean()),
                           arrow::dictionary(arrow::int8(), arrow::decimal128(10, 1)),
                           arrow::dictionary(arrow::int32(), arrow::utf8_view()),
                           arrow::dictionary(arrow::int8(), arrow::null()),
                           arrow::dictionary(arrow::int32(), arrow::list(arrow::int16())),
                           arrow::dictionary(arrow::int32(), Pair(arrow::int8(), arrow::large_utf8())),
                           arrow::run_end_encoded(arrow::int16(), arrow::int64()),
                           runs,
                           arrow::run_end_encoded(arrow::int64(), arrow::boolean()),
                           arrow::run_end_encoded(arrow::int32(), arrow::null()),
                           arrow::run_end_encoded(arrow::int32(), words),
                           arrow::extension::fixed_shape_tensor(arrow::float32(), {2, 2}),
                           arrow::extension::uuid(),
                           arrow::extension::json(),
                           arrow::extension::json(arrow::utf8_view()),
                           arrow::extension::bool8(),
                           UnregisteredType(),
                           arrow::list(words),
                           arrow::list(runs),
                           arrow::large_list_view(arrow::extension::uuid()),
                           Pair(words, runs, false),
                           Pair(arrow::extension::json(), words),
                           arrow::fixed_size_list(words, 3),
                           arrow::map(arrow::utf8(), words),
                           arrow::list(UnregisteredType()),
                           arrow::dense_union({field("w", words), field("u", arrow::extension::uuid())}, {4, 2}),
                           arrow::sparse_union({field("w", words), field("r", runs)}, {0, 1}),
                           arrow::dictionary(arrow::int32(), arrow::extension::uuid())};
  types.insert(types.end(), more.begin(), more.end());
  return types;
}

TypeVector EveryType() {
  TypeVector types = FlatTypes();
  for (const auto& more : {NestedTypes(), EncodedTypes()}) types.insert(types.end(), more.begin(), more.end());
  return types;
}

std::shared_ptr<arrow::DataType> UnregisteredType() { return std::make_shared<PointType>(); }

}  // namespace millstream::testing_support
