#pragma once
/// Values that the names of directories tell.

#include <arrow/type.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace millstream {

/// Columns of the values that the directories of a file name.
struct Partitioning {
  /// "name=value" directories, anywhere in the path; else each directory is the value of one of `names`, in order.
  bool hive = true;
  /// What is before the partitions, with a '/' at its end; empty: the path's beginning.
  std::string base_directory = {};
  /// With `hive` those that there must be, where any are given.
  std::vector<std::string> names = {};
  /// Of those that are not texts: int64, double, bool.
  std::unordered_map<std::string, std::shared_ptr<arrow::DataType>> types = {};
};

}  // namespace millstream
