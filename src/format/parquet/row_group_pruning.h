#pragma once
/// Tells from a footer's statistics that a filter holds for no row of a row group.
///
/// What is not known counts as "may hold": statistics that are missing, columns in lists and structs, functions of columns, types whose order statistics do not keep.
/// Bounds may be wider than the values (writers shorten strings), so they only ever rule rows out. NaN is in no bound: nothing is concluded for floats from a comparison
/// that does not hold.

#include <arrow/compute/expression.h>
#include <parquet/metadata.h>

namespace millstream {

/// `filter` is not bound; its columns are those of the unified schema, which by name are this file's or are missing here, and then null.
bool RowGroupMayPass(const parquet::FileMetaData& metadata, int row_group, const arrow::compute::Expression& filter);

}  // namespace millstream
