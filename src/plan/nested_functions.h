#pragma once
/// Functions of lists and maps that Arrow lacks, as kernels of its own registry.
///
/// - sort_each(list): each list's items in order; ArraySortOptions say which, and where nulls go.
/// - flatten_each(list of lists): each row's inner lists one after the other, a null one as if it were empty.
/// - element_from_end(list, n): the nth item counted from the end, n = -1 the last; an Invalid status for a list that is shorter.
/// - map_keys(map), map_values(map): a list of the keys or values of each row's map, also of a list of structs of two or more fields. No copy.
/// - list_of_view(list view): the same as a list. Arrow's cast of it (26.0) loses the items of the last row.
///
/// Null gives null. Lists are list or large_list: resolve_calls.h casts the other kinds. Memory is of the context's pool.

#include "base/status.h"

namespace millstream {

/// Makes them known to Arrow, once a process.
Status RegisterNestedFunctions();

}  // namespace millstream
