#pragma once
/// Changes of columns by name, as select, drop, rename and set of the columns that there are. What they come to is known once those are.

#include <arrow/type.h>

#include <string>
#include <utility>
#include <vector>

#include "plan/expression.h"

namespace millstream {

using NamedExpressions = std::vector<std::pair<std::string, ExpressionPtr>>;

struct ColumnChange {
  enum class Kind : uint8_t {
    kSelect = 0,     // `names`, in that order
    kDrop = 1,       // all but `names`
    kRename = 2,     // names[i] becomes new_names[i]
    kRenameAll = 3,  // new_names, one a column
    kSet = 4,        // `columns` computed, in place of those of their names, or at the end
  };
  Kind kind = Kind::kSelect;
  std::vector<std::string> names;
  std::vector<std::string> new_names;
  NamedExpressions columns;

  std::string Describe() const;
};

/// Each column after the change, over the columns `current`. kUnknownColumn for a name that is not there, with the near ones; kInvalidArgument for two columns of
/// one name or a wrong number of names.
Result<NamedExpressions> ProjectionOf(const ColumnChange& change, const std::vector<std::string>& current);

}  // namespace millstream
