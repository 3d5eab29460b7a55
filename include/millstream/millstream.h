#pragma once
/// The whole public API. Start from dataset.h.

#include "millstream/aggregate.h"
#include "millstream/batch_functions.h"
#include "millstream/context.h"
#include "millstream/dataset.h"
#include "millstream/dataset_options.h"
#include "millstream/error.h"
#include "millstream/expressions.h"
#include "millstream/grouped_data.h"
#include "millstream/iterator.h"
#include "millstream/join_type.h"
#include "millstream/partitioning.h"
#include "millstream/read_options.h"
#include "millstream/save_mode.h"
