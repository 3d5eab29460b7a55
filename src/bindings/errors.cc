#include "bindings/errors.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cerrno>

#include "bindings/python_error.h"
#include "env/store_env.h"

namespace nb = nanobind;

namespace millstream {
namespace {

PyObject* ExceptionFor(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kCorruptData:
      return PyExc_ValueError;
    case ErrorKind::kType:
      return PyExc_TypeError;
    case ErrorKind::kUnknownColumn:
      return PyExc_KeyError;
    case ErrorKind::kFileNotFound:
      return PyExc_FileNotFoundError;
    case ErrorKind::kPermission:
      return PyExc_PermissionError;
    case ErrorKind::kDiskFull:
    case ErrorKind::kIo:
      return PyExc_OSError;
    case ErrorKind::kBudget:
      return PyExc_MemoryError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void RaiseIfFailed(const Status& status) {
  if (status.ok()) return;
  if (const nb::object exception = ExceptionOf(status); exception.is_valid()) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw nb::python_error();
  }
  const ErrorKind kind = KindOf(status);
  const std::string text = WithoutStoreNames(status.message());
  // What a message quotes of a file need not be text.
  const auto message = nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
  if (kind == ErrorKind::kCancelled && PyErr_CheckSignals() != 0) throw nb::python_error();
  if (kind == ErrorKind::kDiskFull) {
    PyErr_SetObject(PyExc_OSError, nb::make_tuple(ENOSPC, message).ptr());
  } else {
    PyErr_SetObject(ExceptionFor(kind), message.ptr());
  }
  throw nb::python_error();
}

}  // namespace millstream
