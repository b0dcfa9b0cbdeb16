// The commands of the engine, one file each.
#pragma once

#include "tools/common/load_engine.h"

namespace pie {

int run_train(const CommonOptions& common, const TrainOptions& options);
int run_encode(const CommonOptions& common, const EncodeOptions& options);
int run_decode(const CommonOptions& common, const DecodeOptions& options);
int run_sample(const CommonOptions& common, const SampleOptions& options);
int run_eval(const CommonOptions& common, const EvalOptions& options);

}  // namespace pie
