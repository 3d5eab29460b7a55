#pragma once
/// Turns the exceptions of the parquet library into Status; they never leave this room.

#include <parquet/exception.h>

#include <exception>
#include <new>
#include <string>

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

/// What the library says of bytes that it cannot decode, with the place and what to do. It reports them as input errors of no kind; errors of our own (reading,
/// memory, cancelling) have one and stay what they are.
inline Status DecodeError(const Status& status, const std::string& where) {
  if (status.detail() != nullptr || status.IsOutOfMemory() || status.IsNotImplemented()) {
    if (KindOf(status) != ErrorKind::kCorruptData) return WithContext(status, where);
  }
  return MakeError(ErrorKind::kCorruptData, where + " cannot be decoded: " + status.message() + "; the file is damaged: write it again or leave it out");
}

}  // namespace millstream
