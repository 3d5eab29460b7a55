#include "millstream/context.h"

#include "exec/engine.h"

namespace millstream {

arrow::Result<Context> Context::Make(ContextOptions options) {
  EngineOptions engine;
  engine.num_cpus = options.num_cpus;
  engine.memory_limit_bytes = options.memory_limit;
  engine.spill_directory = std::move(options.spill_directory);
  ARROW_ASSIGN_OR_RAISE(auto made, Engine::Make(std::move(engine)));
  return Context(std::move(made));
}

Context::Context(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

arrow::Status Context::AddStore(const std::string& prefix, std::shared_ptr<arrow::fs::FileSystem> store) {
  if (!prefix.ends_with("://") || !IsStorePath(prefix)) return MakeError(ErrorKind::kInvalidArgument, "'" + prefix + "' is no beginning of paths such as 'lake://'");
  return engine_->env()->AddStore(prefix, "", std::move(store));
}

int Context::num_cpus() const { return engine_->options().num_cpus; }
int64_t Context::memory_limit() const { return engine_->options().memory_limit_bytes; }
const std::string& Context::spill_directory() const { return engine_->options().spill_directory; }
int64_t Context::memory_used() const { return engine_->budget()->reserved_bytes(); }
int64_t Context::memory_peak() const { return engine_->budget()->peak_bytes(); }

}  // namespace millstream
