// What is computed on: a device, and in a training numbers of a type.
#pragma once

#include <optional>
#include <string>

#include "lib/model/model_file.h"
#include "lib/train/trainer.h"
#include "tools/common/options.h"

namespace pie {

// The CPU, or a GPU: of those of this machine the one that is named, or each process its own.
// Throws UsageError where it is not there.
torch::Device device_for(const CommonOptions& common,
                         const std::optional<ProcessPlace>& place = {});

// Whether each process of this machine computes on a GPU that no other has.
bool has_own_gpu(const CommonOptions& common, const ProcessPlace& place);

// The model on that device. Exact models stay where every machine computes the same: on the CPU.
LoadedModel on_device(const CommonOptions& common, LoadedModel model);

// Whether the subnetworks compute in bfloat16. Throws UsageError where that was asked for and
// cannot be.
bool use_bfloat16(const std::string& precision, const Trainer& trainer, torch::Device device);

}  // namespace pie
