#include "bindings/python_error.h"

#include <nanobind/stl/string.h>

#include "bindings/interpreter.h"

namespace nb = nanobind;

namespace millstream {
namespace {

constexpr char kDetailTypeId[] = "millstream::PythonException";

class ExceptionDetail : public arrow::StatusDetail {
 public:
  explicit ExceptionDetail(nb::object exception) : exception_(std::move(exception)) {}
  ~ExceptionDetail() override {
    const AcquireGil acquire;
    exception_.reset();
  }
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return ""; }
  const nb::object& exception() const { return exception_; }

 private:
  nb::object exception_;
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
  return Status(arrow::StatusCode::UnknownError, std::move(text), std::make_shared<ExceptionDetail>(std::move(exception)));
}

nb::object ExceptionOf(const Status& status) {
  if (status.detail() == nullptr || std::string_view(status.detail()->type_id()) != kDetailTypeId) return nb::object();
  return static_cast<const ExceptionDetail&>(*status.detail()).exception();
}

}  // namespace millstream
