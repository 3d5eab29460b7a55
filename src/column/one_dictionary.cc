#include <arrow/array/array_base.h>
#include <arrow/array/util.h>
#include <arrow/compare.h>

#include <algorithm>
#include <utility>

#include "column/gather.h"

namespace millstream {
namespace {

using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
using TypePtr = std::shared_ptr<arrow::DataType>;

// Bit for bit as far as a consumer can tell: -0.0 is not 0.0, and NaN is NaN.
bool SameValues(const ArrayDataPtr& left, const ArrayDataPtr& right) {
  if (left == right) return true;
  const auto options = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  return left->length == right->length && arrow::MakeArray(left)->Equals(*arrow::MakeArray(right), options);
}

bool HaveOneDictionary(const std::vector<ArrayDataPtr>& pieces) {
  const auto same = [&](const ArrayDataPtr& piece) {
    return piece->dictionary != nullptr && SameValues(piece->dictionary, pieces.front()->dictionary);
  };
  return !pieces.empty() && pieces.front()->dictionary != nullptr && std::all_of(pieces.begin(), pieces.end(), same);
}

ArrayDataPtr CodesOf(const arrow::ArrayData& data) {
  auto codes = data.Copy();
  codes->type = static_cast<const arrow::DictionaryType&>(*data.type).index_type();
  codes->dictionary = nullptr;
  return codes;
}

ArrayDataPtr WithDictionary(ArrayDataPtr codes, const TypePtr& type, const ArrayDataPtr& dictionary) {
  codes->type = type;
  codes->dictionary = dictionary;
  return codes;
}

}  // namespace

Result<ArrayDataPtr> JoinColumn(const std::vector<ArrayDataPtr>& pieces, const TypePtr& type, arrow::MemoryPool* pool) {
  std::vector<ArrayDataPtr> plain;
  if (type->id() == arrow::Type::DICTIONARY && HaveOneDictionary(pieces)) {
    for (const auto& piece : pieces) plain.push_back(CodesOf(*piece));
    ARROW_ASSIGN_OR_RAISE(auto codes, Concatenate(plain, plain.front()->type, pool));
    return WithDictionary(std::move(codes), type, pieces.front()->dictionary);
  }
  for (const auto& piece : pieces) {
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(piece, pool));
    plain.push_back(std::move(stored));
  }
  ARROW_ASSIGN_OR_RAISE(const auto joined, Concatenate(plain, StorageType(type), pool));
  return FromStorage(joined, type, pool);
}

Result<ArrayDataPtr> TakeColumn(const ArrayDataPtr& values, const uint32_t* indices, int64_t count, arrow::MemoryPool* pool) {
  if (values->type->id() == arrow::Type::DICTIONARY) {
    ARROW_ASSIGN_OR_RAISE(auto codes, Gather(*CodesOf(*values), indices, count, pool));
    return WithDictionary(std::move(codes), values->type, values->dictionary);
  }
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(values, pool));
  ARROW_ASSIGN_OR_RAISE(stored, Gather(*stored, indices, count, pool));
  return FromStorage(stored, values->type, pool);
}

}  // namespace millstream
