#pragma once
/// Arrow's own clients of stores.

#include <arrow/filesystem/filesystem.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

/// What a client is made with, under the names that pyarrow gives its arguments; those that are left out are found where the store's own programs look.
using StoreOptions = std::map<std::string, std::string>;

/// `kind`: "s3", "gs", "abfs" or "hdfs". kInvalidArgument for another, and for an option that it does not have.
Result<std::shared_ptr<arrow::fs::FileSystem>> MakeNativeStore(std::string_view kind, const StoreOptions& options);

/// The store that a path names by itself: what its paths begin with, and what they begin with inside of the store.
struct NativeStorePath {
  std::string kind;
  std::string prefix;
  std::string inside;
  StoreOptions options;
};
/// Nothing for a path of no such store. kInvalidArgument for one that names no account or host.
Result<std::optional<NativeStorePath>> ParseNativeStorePath(std::string_view path);

}  // namespace millstream
