#include <nanobind/nanobind.h>

NB_MODULE(_core, module) { module.doc() = "Millstream's engine."; }
