#include <arrow/util/config.h>

#include "bindings/register.h"
#include "env/env.h"

NB_MODULE(_core, module) {
  module.doc() = "Millstream's engine.";
#ifdef NDEBUG
  // What a user's module or thread still holds at exit is not worth a complaint.
  nanobind::set_leak_warnings(false);
#endif
  millstream::RegisterInterpreter(module);
  millstream::RegisterEngine(module);
  millstream::RegisterArrowStream(module);
  millstream::RegisterBatch(module);
  millstream::RegisterExpression(module);
  millstream::RegisterFunction(module);
  millstream::RegisterImageDecoder();
  millstream::RegisterPlainColumns(module);
  millstream::RegisterPlan(module);
  millstream::RegisterReadFiles(module);
  millstream::RegisterS3(module);
  millstream::RegisterStores(module);
  millstream::RegisterStream(module);
  millstream::RegisterWorker(module);
  millstream::RegisterWrite(module);
  module.def("arrow_version", [] { return ARROW_VERSION_STRING; });
  module.def("random_seed", [] { return millstream::RealEnv()->RandomSeed(); }, "64 bits of entropy from the system.");
}
