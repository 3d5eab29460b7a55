#pragma once
/// Turns the exceptions of the parquet library into Status; they never leave this room.

#include <parquet/exception.h>

#include <exception>
#include <new>

#include "base/status.h"

namespace millstream {

/// Runs `function`, which returns a Status or Result.
template <typename Function>
auto GuardParquet(Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const parquet::ParquetStatusException& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory("out of memory while decoding");
  } catch (const std::exception& error) {
    return MakeError(ErrorKind::kCorruptData, error.what());
  }
}

}  // namespace millstream
