#include "bindings/stages.h"

#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace millstream {
namespace {

nb::dict StageDict(const StageStatistics& stage) {
  nb::dict out;
  auto seconds = [](const std::atomic<int64_t>& nanoseconds) { return static_cast<double>(nanoseconds.load()) * 1e-9; };
  out["name"] = stage.name;
  out["rows_expected"] = stage.rows_expected.load();
  out["rows"] = stage.rows.load();
  out["bytes"] = stage.bytes.load();
  out["cpu_seconds"] = seconds(stage.cpu_nanoseconds);
  out["wait_in_seconds"] = seconds(stage.wait_in_nanoseconds);
  out["wait_out_seconds"] = seconds(stage.wait_out_nanoseconds);
  out["spilled_bytes"] = stage.spilled_bytes.load();
  out["read_back_bytes"] = stage.read_back_bytes.load();
  out["peak_memory_bytes"] = stage.peak_memory_bytes.load();
  out["place"] = stage.place();
  out["rows_skipped"] = stage.dead_letters.rows();
  return out;
}

/// Paths, and what a worker process said, may be no UTF-8.
nb::object Text(const std::string& text) { return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace")); }

}  // namespace

nb::list StageDicts(const std::vector<const StageStatistics*>& stages) {
  nb::list out;
  for (const auto* stage : stages) out.append(StageDict(*stage));
  return out;
}

nb::list DeadLetterTuples(const std::vector<const StageStatistics*>& stages) {
  nb::list out;
  for (const auto* stage : stages) {
    for (const DeadLetter& letter : stage->dead_letters.letters()) {
      out.append(nb::make_tuple(Text(stage->name), Text(letter.source), letter.first_row, letter.last_row, letter.byte, Text(letter.error), Text(*letter.traceback)));
    }
  }
  return out;
}

}  // namespace millstream
