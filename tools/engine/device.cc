#include "tools/engine/device.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <string>

#include "lib/base/error.h"

namespace pie {

torch::Device device_for(const CommonOptions& common, const std::optional<ProcessPlace>& place) {
  if (common.device == "cpu") return torch::kCPU;
  const auto count = static_cast<int>(torch::cuda::device_count());
  // Who started the processes may show each of them one alone.
  const int own = place && count > 1 ? place->local_rank : 0;
  const std::string prefix = "cuda:";  // options.cc has checked the rest
  const bool named = common.device.size() > prefix.size();
  const int number = named ? std::stoi(common.device.substr(prefix.size())) : own;
  if (number >= count) {
    throw UsageError("--device " + common.device + ": LibTorch " TORCH_VERSION " sees " +
                     std::to_string(count) + " CUDA devices here; see the manual's --device");
  }
  // What runs side by side is the GPU's business: one thread tells it what to do.
  at::set_num_threads(1);
  // Convolutions of float32 are of float32.
  at::globalContext().setAllowTF32CuDNN(false);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

LoadedModel on_device(const CommonOptions& common, LoadedModel model) {
  if (!model.model->discrete()) model.model->to(device_for(common));
  return model;
}

bool has_own_gpu(const CommonOptions& common, const ProcessPlace& place) {
  return common.device == "cuda" &&
         static_cast<int>(torch::cuda::device_count()) >= place.local_size;
}

bool use_bfloat16(const std::string& precision, const Trainer& trainer, torch::Device device) {
  if (trainer.config().recompute) {
    // The inverse that recomputes activations needs more digits than bfloat16 has.
    if (precision == "bf16") throw UsageError("train.recompute excludes --precision bf16");
    return false;
  }
  if (precision == "auto") {
    if (trainer.bfloat16()) return *trainer.bfloat16();  // as the run that is resumed
    if (!device.is_cpu()) return false;
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
  }
  return precision == "bf16";
}

}  // namespace pie
