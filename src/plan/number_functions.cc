#include "plan/number_functions.h"

#include <arrow/compute/function.h>
#include <arrow/compute/kernel.h>
#include <arrow/compute/registry.h>
#include <arrow/scalar.h>
#include <arrow/util/checked_cast.h>

#include <memory>
#include <type_traits>

#include "base/number_order.h"

namespace millstream {
namespace {

namespace cp = arrow::compute;

/// The values of an argument, one for all rows or one each.
template <typename Type>
class Values {
 public:
  using Value = typename Type::c_type;

  explicit Values(const cp::ExecValue& argument) {
    if (argument.is_scalar()) one_ = arrow::internal::checked_cast<const typename arrow::TypeTraits<Type>::ScalarType&>(*argument.scalar).value;
    else each_ = argument.array.GetValues<Value>(1);
  }
  Value operator[](int64_t row) const { return each_ == nullptr ? one_ : each_[row]; }

 private:
  Value one_ = 0;
  const Value* each_ = nullptr;
};

template <typename Whole, typename Number>
Status OrderOf(cp::KernelContext*, const cp::ExecSpan& batch, cp::ExecResult* out) {
  using Wide = std::conditional_t<std::is_same_v<Number, arrow::DoubleType>, double, __int128>;
  const Values<Whole> wholes(batch[0]);
  const Values<Number> numbers(batch[1]);
  auto* orders = out->array_span_mutable()->GetValues<double>(1);
  for (int64_t row = 0; row < batch.length; ++row) orders[row] = OrderOfNumbers(static_cast<__int128>(wholes[row]), static_cast<Wide>(numbers[row]));
  return Status::OK();
}

}  // namespace

Status RegisterNumberFunctions() {
  auto order = std::make_shared<cp::ScalarFunction>("number_order", cp::Arity::Binary(), cp::FunctionDoc::Empty());
  ARROW_RETURN_NOT_OK(order->AddKernel({arrow::int64(), arrow::float64()}, arrow::float64(), OrderOf<arrow::Int64Type, arrow::DoubleType>));
  ARROW_RETURN_NOT_OK(order->AddKernel({arrow::uint64(), arrow::float64()}, arrow::float64(), OrderOf<arrow::UInt64Type, arrow::DoubleType>));
  ARROW_RETURN_NOT_OK(order->AddKernel({arrow::uint64(), arrow::int64()}, arrow::float64(), OrderOf<arrow::UInt64Type, arrow::Int64Type>));
  return cp::GetFunctionRegistry()->AddFunction(std::move(order), /*allow_overwrite=*/true);
}

}  // namespace millstream
