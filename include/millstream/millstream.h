#pragma once
/// The whole public API. Start from dataset.h.

#include "millstream/context.h"
#include "millstream/dataset.h"
#include "millstream/error.h"
#include "millstream/expressions.h"
#include "millstream/iterator.h"
