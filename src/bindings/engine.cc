#include "exec/engine.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"

namespace nb = nanobind;

namespace millstream {

void RegisterEngine(nb::module_& module) {
  nb::class_<Engine>(module, "Engine")
      .def(nb::new_([](int num_cpus, int64_t memory_limit, std::string spill_directory, bool always_spill, bool always_two_passes, bool always_keep_on_disk,
                       uint64_t shuffle_lanes) {
             EngineOptions options{num_cpus, memory_limit, std::move(spill_directory), always_spill, always_two_passes, always_keep_on_disk, shuffle_lanes};
             CheckNotLeaving();
             auto engine = ValueOrRaise(Engine::Make(std::move(options)));
             StopAtExit(engine);
             return engine;
           }),
           nb::arg("num_cpus") = 0, nb::arg("memory_limit") = 0, nb::arg("spill_directory") = "", nb::arg("always_spill") = false,
           nb::arg("always_two_passes") = false, nb::arg("always_keep_on_disk") = false, nb::arg("shuffle_lanes") = 0)
      .def_prop_ro("num_cpus", [](const Engine& engine) { return engine.options().num_cpus; })
      .def_prop_ro("memory_limit", [](const Engine& engine) { return engine.options().memory_limit_bytes; })
      .def_prop_ro("spill_directory", [](const Engine& engine) { return engine.options().spill_directory; })
      .def("memory_used", [](const Engine& engine) { return engine.budget()->reserved_bytes(); })
      .def("memory_peak", [](const Engine& engine) { return engine.budget()->peak_bytes(); })
      .def("close", [](Engine& engine) {
        const ReleaseGil release;
        engine.Close();
      });
}

}  // namespace millstream
