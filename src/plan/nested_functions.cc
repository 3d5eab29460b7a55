#include "plan/nested_functions.h"

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api.h>
#include <arrow/compute/function.h>
#include <arrow/compute/kernel.h>
#include <arrow/compute/registry.h>
#include <arrow/scalar.h>
#include <arrow/util/bitmap_ops.h>
#include <arrow/util/checked_cast.h>

#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace millstream {
namespace {

namespace cp = arrow::compute;
using arrow::ArrayData;
using arrow::Type;
using arrow::TypeHolder;
using arrow::internal::checked_cast;
using arrow::internal::checked_pointer_cast;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using BufferPtr = std::shared_ptr<arrow::Buffer>;
using TypePtr = std::shared_ptr<arrow::DataType>;

/// The function and its kernels; a kernel makes its own buffers and its own nulls.
struct Building {
  std::shared_ptr<cp::ScalarFunction> function;

  Status Add(std::vector<cp::InputType> inputs, cp::OutputType output, cp::ArrayKernelExec exec, cp::KernelInit init = nullptr) {
    cp::ScalarKernel kernel(cp::KernelSignature::Make(std::move(inputs), std::move(output)), exec, std::move(init));
    kernel.null_handling = cp::NullHandling::COMPUTED_NO_PREALLOCATE;
    kernel.mem_allocation = cp::MemAllocation::NO_PREALLOCATE;
    kernel.can_write_into_slices = false;
    return function->AddKernel(std::move(kernel));
  }
};

Building Named(const char* name, cp::Arity arity, const cp::FunctionOptions* defaults = nullptr) {
  return {std::make_shared<cp::ScalarFunction>(name, arity, cp::FunctionDoc::Empty(), defaults)};
}

Status Register(const Building& building) { return cp::GetFunctionRegistry()->AddFunction(building.function, /*allow_overwrite=*/true); }

/// The bits of the array that say which rows are null, from bit 0; none where no row is.
Result<BufferPtr> ValidityOf(const arrow::Array& array, arrow::MemoryPool* pool) {
  if (array.null_count() == 0) return BufferPtr();
  return arrow::internal::CopyBitmap(pool, array.null_bitmap_data(), array.offset(), array.length());
}

template <typename Lists>
Status GiveLists(const Lists& rows, TypePtr type, BufferPtr offsets, const ArrayPtr& items, cp::KernelContext* context, cp::ExecResult* out) {
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(rows, context->memory_pool()));
  out->value = ArrayData::Make(std::move(type), rows.length(), {std::move(validity), std::move(offsets)}, {items->data()}, rows.null_count());
  return Status::OK();
}

template <typename Lists>
struct Offsets {
  using Offset = typename Lists::offset_type;
  BufferPtr buffer;
  Offset* values;

  static Result<Offsets> Make(int64_t rows, arrow::MemoryPool* pool) {
    ARROW_ASSIGN_OR_RAISE(std::unique_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer((rows + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
    auto* values = reinterpret_cast<Offset*>(buffer->mutable_data());
    values[0] = 0;
    return Offsets{std::move(buffer), values};
  }
};

// ---- sort_each ----
struct SortState : cp::KernelState {
  explicit SortState(cp::ArraySortOptions given) : options(std::move(given)) {}
  cp::ArraySortOptions options;
};

Result<std::unique_ptr<cp::KernelState>> InitSort(cp::KernelContext*, const cp::KernelInitArgs& args) {
  if (args.options == nullptr) return Status::Invalid("sort_each needs its options");
  return std::make_unique<SortState>(checked_cast<const cp::ArraySortOptions&>(*args.options));
}

Result<TypeHolder> SortedType(cp::KernelContext*, const std::vector<TypeHolder>& types) {
  const TypePtr& items = checked_cast<const arrow::BaseListType&>(*types[0].type).value_type();
  ARROW_ASSIGN_OR_RAISE(const auto sort, cp::GetFunctionRegistry()->GetFunction("array_sort_indices"));
  if (!sort->DispatchExact({items}).ok()) return Status::TypeError("lists of ", items->ToString(), " have no order to sort them by");
  return types[0];
}

/// Sorts all items at once, then deals them to their lists in that order.
template <typename Lists>
Status SortEach(cp::KernelContext* context, const cp::ExecSpan& batch, cp::ExecResult* out) {
  const auto rows = checked_pointer_cast<Lists>(batch[0].array.ToArray());
  const auto first = rows->value_offset(0);
  const ArrayPtr items = rows->values()->Slice(first, rows->value_offset(rows->length()) - first);
  ARROW_ASSIGN_OR_RAISE(auto offsets, Offsets<Lists>::Make(rows->length(), context->memory_pool()));
  ARROW_ASSIGN_OR_RAISE(auto row_buffer, arrow::AllocateBuffer(items->length() * static_cast<int64_t>(sizeof(int64_t)), context->memory_pool()));
  auto* row_of = reinterpret_cast<int64_t*>(row_buffer->mutable_data());
  for (int64_t row = 0; row < rows->length(); ++row) {
    offsets.values[row + 1] = rows->value_offset(row + 1) - first;
    for (auto item = offsets.values[row]; item < offsets.values[row + 1]; ++item) row_of[item] = row;
  }
  const auto& options = checked_cast<const SortState&>(*context->state()).options;
  ARROW_ASSIGN_OR_RAISE(const auto order, cp::SortIndices(*items, options, context->exec_context()));
  const auto* sorted = checked_cast<const arrow::UInt64Array&>(*order).raw_values();
  ARROW_ASSIGN_OR_RAISE(auto taken_buffer, arrow::AllocateBuffer(items->length() * static_cast<int64_t>(sizeof(uint64_t)), context->memory_pool()));
  ARROW_ASSIGN_OR_RAISE(auto next, Offsets<Lists>::Make(rows->length(), context->memory_pool()));
  std::copy_n(offsets.values, rows->length() + 1, next.values);
  auto* taken = reinterpret_cast<uint64_t*>(taken_buffer->mutable_data());
  for (int64_t at = 0; at < items->length(); ++at) taken[next.values[row_of[sorted[at]]]++] = sorted[at];
  const arrow::UInt64Array indices(items->length(), BufferPtr(std::move(taken_buffer)));
  ARROW_ASSIGN_OR_RAISE(const auto dealt, cp::Take(*items, indices, cp::TakeOptions::NoBoundsCheck(), context->exec_context()));
  return GiveLists(*rows, rows->type(), std::move(offsets.buffer), dealt, context, out);
}

// ---- flatten_each ----
Result<TypeHolder> FlattenedType(cp::KernelContext*, const std::vector<TypeHolder>& types) {
  const TypePtr& inner = checked_cast<const arrow::BaseListType&>(*types[0].type).value_type();
  if (inner->id() != types[0].id()) return Status::TypeError("flatten is for lists of lists, not ", types[0].ToString());
  return TypeHolder(inner);
}

template <typename Lists>
Status FlattenEach(cp::KernelContext* context, const cp::ExecSpan& batch, cp::ExecResult* out) {
  using Offset = typename Lists::offset_type;
  const auto rows = checked_pointer_cast<Lists>(batch[0].array.ToArray());
  const Offset first = rows->value_offset(0);
  const auto inner = checked_pointer_cast<Lists>(rows->values()->Slice(first, rows->value_offset(rows->length()) - first));
  ARROW_ASSIGN_OR_RAISE(const auto items, inner->Flatten(context->memory_pool()));  // those of null lists are left out
  ARROW_ASSIGN_OR_RAISE(auto offsets, Offsets<Lists>::Make(rows->length(), context->memory_pool()));
  Offset end = 0;
  for (int64_t row = 0; row < rows->length(); ++row) {
    for (Offset list = rows->value_offset(row) - first; list < rows->value_offset(row + 1) - first; ++list) {
      if (inner->IsValid(list)) end += inner->value_length(list);
    }
    offsets.values[row + 1] = end;
  }
  return GiveLists(*rows, inner->type(), std::move(offsets.buffer), items, context, out);
}

// ---- element_from_end ----
Result<TypeHolder> ItemType(cp::KernelContext*, const std::vector<TypeHolder>& types) {
  return TypeHolder(checked_cast<const arrow::BaseListType&>(*types[0].type).value_type());
}

int64_t NumberAt(const cp::ExecValue& numbers, int64_t row) {
  return numbers.is_scalar() ? checked_cast<const arrow::Int64Scalar&>(*numbers.scalar).value : numbers.array.GetValues<int64_t>(1)[row];
}

bool IsKnown(const cp::ExecValue& numbers, int64_t row) { return numbers.is_scalar() ? numbers.scalar->is_valid : numbers.array.IsValid(row); }

template <typename Lists>
Status ElementFromEnd(cp::KernelContext* context, const cp::ExecSpan& batch, cp::ExecResult* out) {
  const auto rows = checked_pointer_cast<Lists>(batch[0].array.ToArray());
  arrow::Int64Builder indices(context->memory_pool());
  ARROW_RETURN_NOT_OK(indices.Reserve(rows->length()));
  for (int64_t row = 0; row < rows->length(); ++row) {
    if (rows->IsNull(row) || !IsKnown(batch[1], row)) {
      indices.UnsafeAppendNull();
      continue;
    }
    const int64_t number = NumberAt(batch[1], row);
    if (number >= 0 || number < -static_cast<int64_t>(rows->value_length(row))) {
      return Status::Invalid("Index ", number, " is out of bounds: the list has ", rows->value_length(row), " items");
    }
    indices.UnsafeAppend(rows->value_offset(row + 1) + number);
  }
  ARROW_ASSIGN_OR_RAISE(const auto finished, indices.Finish());
  ARROW_ASSIGN_OR_RAISE(const auto items, cp::Take(*rows->values(), *finished, cp::TakeOptions::NoBoundsCheck(), context->exec_context()));
  out->value = items->data();
  return Status::OK();
}

// ---- map_keys, map_values ----
template <int kField>
Result<TypeHolder> PartType(cp::KernelContext*, const std::vector<TypeHolder>& types) {
  const auto& entry = checked_cast<const arrow::BaseListType&>(*types[0].type).value_type();
  if (entry->id() != Type::STRUCT || entry->num_fields() < 2) {
    return Status::TypeError("keys and values are of maps, or of lists of structs of two fields, not of ", types[0].ToString());
  }
  const TypePtr& part = entry->field(kField)->type();
  return TypeHolder(types[0].id() == Type::LARGE_LIST ? arrow::large_list(part) : arrow::list(part));
}

template <int kField>
Status PartOfEach(cp::KernelContext* context, const cp::ExecSpan& batch, cp::ExecResult* out) {
  const auto rows = batch[0].array.ToArrayData();
  const arrow::StructArray entries(rows->child_data[0]);
  ARROW_ASSIGN_OR_RAISE(const auto part, entries.GetFlattenedField(kField, context->memory_pool()));
  ARROW_ASSIGN_OR_RAISE(const auto type, PartType<kField>(context, {rows->type}));
  out->value = ArrayData::Make(type.GetSharedPtr(), rows->length, {rows->buffers[0], rows->buffers[1]}, {part->data()}, rows->null_count.load(), rows->offset);
  return Status::OK();
}

// ---- list_of_view ----
template <Type::type kList>
Result<TypeHolder> ListType(cp::KernelContext*, const std::vector<TypeHolder>& types) {
  const auto& items = types[0].type->field(0);
  return TypeHolder(kList == Type::LIST ? arrow::list(items) : arrow::large_list(items));
}

/// Takes the items anew. Arrow's own FromListView (26.0) overlooks where a slice begins.
template <typename Views, typename Lists>
Status ListOfView(cp::KernelContext* context, const cp::ExecSpan& batch, cp::ExecResult* out) {
  using Offset = typename Lists::offset_type;
  const auto views = checked_pointer_cast<Views>(batch[0].array.ToArray());
  ARROW_ASSIGN_OR_RAISE(auto offsets, Offsets<Lists>::Make(views->length(), context->memory_pool()));
  arrow::Int64Builder indices(context->memory_pool());
  for (int64_t row = 0; row < views->length(); ++row) {
    const int64_t begin = views->value_offset(row);
    const int64_t size = views->IsNull(row) ? 0 : views->value_length(row);
    ARROW_RETURN_NOT_OK(indices.Reserve(size));
    for (int64_t item = begin; item < begin + size; ++item) indices.UnsafeAppend(item);
    if (indices.length() > std::numeric_limits<Offset>::max()) return Status::Invalid("too many items for a list; cast to large_list");
    offsets.values[row + 1] = static_cast<Offset>(indices.length());
  }
  ARROW_ASSIGN_OR_RAISE(const auto finished, indices.Finish());
  ARROW_ASSIGN_OR_RAISE(const auto items, cp::Take(*views->values(), *finished, cp::TakeOptions::NoBoundsCheck(), context->exec_context()));
  ARROW_ASSIGN_OR_RAISE(const auto type, ListType<Lists::TypeClass::type_id>(context, {views->type()}));
  return GiveLists(*views, type.GetSharedPtr(), std::move(offsets.buffer), items, context, out);
}

Status RegisterListOfView() {
  auto plain = Named("list_of_view", cp::Arity::Unary());
  ARROW_RETURN_NOT_OK(plain.Add({Type::LIST_VIEW}, cp::OutputType(ListType<Type::LIST>), ListOfView<arrow::ListViewArray, arrow::ListArray>));
  ARROW_RETURN_NOT_OK(
      plain.Add({Type::LARGE_LIST_VIEW}, cp::OutputType(ListType<Type::LARGE_LIST>), ListOfView<arrow::LargeListViewArray, arrow::LargeListArray>));
  return Register(plain);
}

Status RegisterSort() {
  static const cp::ArraySortOptions defaults;
  auto sort = Named("sort_each", cp::Arity::Unary(), &defaults);
  ARROW_RETURN_NOT_OK(sort.Add({Type::LIST}, cp::OutputType(SortedType), SortEach<arrow::ListArray>, InitSort));
  ARROW_RETURN_NOT_OK(sort.Add({Type::LARGE_LIST}, cp::OutputType(SortedType), SortEach<arrow::LargeListArray>, InitSort));
  return Register(sort);
}

Status RegisterFlatten() {
  auto flatten = Named("flatten_each", cp::Arity::Unary());
  ARROW_RETURN_NOT_OK(flatten.Add({Type::LIST}, cp::OutputType(FlattenedType), FlattenEach<arrow::ListArray>));
  ARROW_RETURN_NOT_OK(flatten.Add({Type::LARGE_LIST}, cp::OutputType(FlattenedType), FlattenEach<arrow::LargeListArray>));
  return Register(flatten);
}

Status RegisterElement() {
  auto element = Named("element_from_end", cp::Arity::Binary());
  ARROW_RETURN_NOT_OK(element.Add({Type::LIST, Type::INT64}, cp::OutputType(ItemType), ElementFromEnd<arrow::ListArray>));
  ARROW_RETURN_NOT_OK(element.Add({Type::LARGE_LIST, Type::INT64}, cp::OutputType(ItemType), ElementFromEnd<arrow::LargeListArray>));
  return Register(element);
}

template <int kField>
Status RegisterPart(const char* name) {
  auto part = Named(name, cp::Arity::Unary());
  for (const auto type : {Type::MAP, Type::LIST, Type::LARGE_LIST}) {
    ARROW_RETURN_NOT_OK(part.Add({type}, cp::OutputType(PartType<kField>), PartOfEach<kField>));
  }
  return Register(part);
}

}  // namespace

Status RegisterNestedFunctions() {
  ARROW_RETURN_NOT_OK(RegisterListOfView());
  ARROW_RETURN_NOT_OK(RegisterSort());
  ARROW_RETURN_NOT_OK(RegisterFlatten());
  ARROW_RETURN_NOT_OK(RegisterElement());
  ARROW_RETURN_NOT_OK(RegisterPart<0>("map_keys"));
  return RegisterPart<1>("map_values");
}

}  // namespace millstream
