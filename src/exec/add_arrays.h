#pragma once
/// A column of arrays into the exchange.

#include "exchange/shuffle_store.h"

namespace millstream {

/// Adds a whole column of a piece, `values` in the declared type.
Status AddArrays(ShuffleWriter& writer, size_t piece, int column, int flat_width, const PieceOrder& order, const std::shared_ptr<arrow::ArrayData>& values);

/// The columns that the store's rows are sorted by; none where they are shuffled.
const std::vector<int>& SortColumnsOf(const ShuffleStore& store);

}  // namespace millstream
