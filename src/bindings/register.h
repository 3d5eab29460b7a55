#pragma once
/// One registration function a file; module.cc calls them in order.

#include <nanobind/nanobind.h>

namespace millstream {

void RegisterArrowStream(nanobind::module_& module);
void RegisterBatch(nanobind::module_& module);
void RegisterEngine(nanobind::module_& module);
void RegisterExpression(nanobind::module_& module);
void RegisterFunction(nanobind::module_& module);
void RegisterImageDecoder();
void RegisterInterpreter(nanobind::module_& module);
void RegisterPlainColumns(nanobind::module_& module);
void RegisterPlan(nanobind::module_& module);
void RegisterReadFiles(nanobind::module_& module);
void RegisterS3(nanobind::module_& module);
void RegisterStores(nanobind::module_& module);
void RegisterStream(nanobind::module_& module);
void RegisterWorker(nanobind::module_& module);
void RegisterWrite(nanobind::module_& module);

}  // namespace millstream
