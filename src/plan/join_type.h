#pragma once
/// How two sides are joined, and what columns come of it.

#include <arrow/type.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "millstream/join_type.h"

namespace millstream {

/// The name that users know: "left_outer". kInvalidArgument for another, with all of them.
const char* NameOf(JoinType type);
Result<JoinType> JoinTypeOf(const std::string& name);

/// Rows without a match on the other side stay in the result.
constexpr bool KeepsLeft(JoinType type) { return type == JoinType::kLeftOuter || type == JoinType::kFullOuter; }
constexpr bool KeepsRight(JoinType type) { return type == JoinType::kRightOuter || type == JoinType::kFullOuter; }
/// Rows of the right by themselves are the result.
constexpr bool GivesRight(JoinType type) { return type == JoinType::kRightSemi || type == JoinType::kRightAnti; }
/// Rows of the left are, for having a match or none.
constexpr bool GivesLeft(JoinType type) { return type == JoinType::kLeftSemi || type == JoinType::kLeftAnti; }
/// Rows of the right are in the result for having matched, or not.
constexpr bool NeedsMarks(JoinType type) { return KeepsRight(type) || GivesRight(type); }

struct JoinSpec {
  JoinType type = JoinType::kInner;
  std::vector<std::string> left_keys;
  std::vector<std::string> right_keys;  // as many
  std::string left_suffix;              // of columns that both sides have
  std::string right_suffix;
};

/// Where the columns of the result come from.
struct JoinColumns {
  struct Column {
    bool right = false;
    int column = 0;        // of that side
    int right_column = -1;  // of a key: where the left has no row
  };
  std::shared_ptr<arrow::Schema> schema;
  std::vector<Column> columns;
  std::vector<int> left_keys;
  std::vector<int> right_keys;
};

/// Semi and anti joins give the columns of one side; others those of the left, then those of the right but its keys, which are the left's. kUnknownColumn;
/// kType where keys are of different types, or have no order; kInvalidArgument for two columns of one name. A side without columns, which has no rows and never had
/// a schema, is taken to have its keys.
Result<JoinColumns> JoinColumnsOf(const JoinSpec& spec, const arrow::Schema& left, const arrow::Schema& right);

}  // namespace millstream
