#include "bindings/python_error.h"

#include <nanobind/stl/string.h>

#include "bindings/interpreter.h"

namespace nb = nanobind;

namespace millstream {
namespace {

constexpr char kDetailTypeId[] = "millstream::PythonException";

/// Lets go of the exception when it is raised: from then on its traceback holds the stream that holds this, a circle that the garbage collector cannot see.
class ExceptionDetail : public arrow::StatusDetail {
 public:
  ExceptionDetail(nb::object exception, std::string text) : type_(nb::borrow(exception.type())), exception_(std::move(exception)), text_(std::move(text)) {}
  ~ExceptionDetail() override {
    const AcquireGil acquire;
    exception_.reset();
    type_.reset();
  }
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return ""; }

  /// The exception; the second time one like it, without its cause. The GIL must be held.
  nb::object Take() const {
    if (exception_.is_valid()) return std::move(exception_);
    try {
      return type_(text_);
    } catch (const nb::python_error&) {  // a class that takes other arguments
      return nb::borrow(PyExc_RuntimeError)(text_);
    }
  }

 private:
  nb::object type_;
  mutable nb::object exception_;
  const std::string text_;
};

std::string TextOf(const nb::object& exception) {
  try {
    return nb::cast<std::string>(nb::str(exception));
  } catch (const std::exception&) {
    return "an exception without text";
  }
}

}  // namespace

Status StatusOfException(nb::object exception) {
  std::string text = TextOf(exception);
  auto detail = std::make_shared<ExceptionDetail>(std::move(exception), text);
  return Status(arrow::StatusCode::UnknownError, std::move(text), std::move(detail));
}

nb::object ExceptionOf(const Status& status) {
  if (status.detail() == nullptr || std::string_view(status.detail()->type_id()) != kDetailTypeId) return nb::object();
  return static_cast<const ExceptionDetail&>(*status.detail()).Take();
}

}  // namespace millstream
