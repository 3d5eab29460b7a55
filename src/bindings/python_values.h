#pragma once
/// Arrow values as the Python objects that rows have.

#include <arrow/array.h>
#include <nanobind/nanobind.h>

namespace millstream {

/// One object a row: bool, int, float, str, bytes, Decimal, date, time, datetime, timedelta, list, dict; None for null.
nanobind::list PythonValues(const arrow::Array& array);

}  // namespace millstream
