#pragma once
/// Gives calls the meaning that their arguments' types decide, before Arrow binds them.
///
/// - add of texts joins them, whatever they are stored as.
/// - floor_divide, which Arrow lacks, rounds towards minus infinity, as Python's // does; whole numbers stay whole.
/// - Lists of a fixed size, and of other layouts, are cast to plain ones for the functions of lists; to_list is that cast alone.
/// - A text beside a date or time in a comparison is read as one.
/// - Arithmetic uses the types of the arguments as they are. Arrow alone would narrow a literal first, so that int64 - 5.0 would be computed in 32-bit floats.
///   A whole number beside a fraction becomes one, rounded beyond 2^53.
/// - Comparisons of whole numbers with fractions, and of uint64 with signed numbers, are exact: see number_functions.h.

#include <arrow/compute/expression.h>
#include <arrow/type.h>

#include "base/status.h"

namespace millstream {

/// `expression` with such calls replaced; its columns must be in `schema`. An error is Arrow's own for arguments that no kernel takes.
Result<arrow::compute::Expression> ResolveCalls(const arrow::compute::Expression& expression, const arrow::Schema& schema);

}  // namespace millstream
