// The door of the engine: what the tools find in it.
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <iostream>

#include "tools/common/load_engine.h"
#include "tools/engine/commands.h"

namespace {

int print_version(const pie::CommonOptions&) {
  const std::string config = at::show_config();
  const std::string key = "CPU capability usage: ";
  const auto begin = config.find(key) + key.size();
  std::cout << "loaded LibTorch " << TORCH_VERSION << ", CPU capability "
            << config.substr(begin, config.find('\n', begin) - begin) << ", "
            << at::get_num_threads() << " threads\n";
  return 0;
}

constexpr pie::Engine kEngine{print_version,   pie::run_train,  pie::run_encode,
                              pie::run_decode, pie::run_sample, pie::run_eval};

}  // namespace

const pie::Engine* pie_open_engine(const pie::CommonOptions& common) {
  // LibTorch starts with one thread in some builds; the option decides.
  at::set_num_threads(pie::thread_count(common));
  // OpenBLAS's buffer, before memory is limited: small products have kernels that need none, large
  // ones wake other threads, this does neither.
  constexpr int64_t kSmall = 16;
  at::linalg_lu_factor(torch::eye(kSmall));
  return &kEngine;
}
