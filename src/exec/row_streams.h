#pragma once
/// Streams over streams that move no rows between threads: what they do is done by whoever asks.

#include <functional>
#include <vector>

#include "exec/polled_stream.h"

namespace millstream {

/// The stream, lent to one that may fail to open over it: who opens on a lane keeps it until it is closed itself, for a lane must not wait for what the end of a stream
/// waits for.
PolledStreamPtr LendStream(const Engine& engine, std::shared_ptr<PolledStream> stream);

/// Ends the input after so many rows, which stops it; a batch that this makes shorter than `batch_rows_min` is left out.
PolledStreamPtr OpenLimitStream(const Engine& engine, PolledStreamPtr input, int64_t rows, int64_t batch_rows_min);

/// Leaves out the first `rows` rows.
PolledStreamPtr OpenSkipStream(const Engine& engine, PolledStreamPtr input, int64_t rows);

/// Opens the stream that needs to know the input's schema once that is there: `open` gets the input with nothing taken from it, and its schema. An input that ends
/// without ever having had one gives a stream without rows or columns. `name` is the stage's in statistics until then.
using OpenOver = std::function<Result<PolledStreamPtr>(PolledStreamPtr input)>;
PolledStreamPtr OpenDeferredStream(const Engine& engine, PolledStreamPtr input, OpenOver open);

/// The rows numbered through as one source, in the order in which they come.
PolledStreamPtr OpenNumberedStream(const Engine& engine, PolledStreamPtr input);

/// Small batches put together, until they have so many rows or bytes. Who the rows are is lost.
PolledStreamPtr OpenCoalescedStream(const Engine& engine, PolledStreamPtr input, int64_t rows_min, int64_t bytes_min);

/// One input after the other, brought to one schema: `schema`, or where that is null the first input's. Sources are numbered through.
PolledStreamPtr OpenUnionStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::shared_ptr<arrow::Schema> schema);

/// Rows of the inputs in turns, so that of each so many have come as its weight says: until the first one ends, or else until all have. `schema` as for a union.
PolledStreamPtr OpenMixStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::vector<double> weights, bool stop_on_shortest,
                              std::shared_ptr<arrow::Schema> schema);

/// Row i of each side by side; `names` gives the columns their names. kInvalidArgument, with the numbers of rows, where inputs end at different rows. A batch has as many
/// rows as the shortest of those that come.
using NameColumns = std::function<std::vector<std::string>(const std::vector<std::vector<std::string>>& names)>;
PolledStreamPtr OpenZipStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, NameColumns names);

}  // namespace millstream
