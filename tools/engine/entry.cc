#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <iostream>

#include "lib/base/error.h"
#include "tools/common/load_engine.h"
#include "tools/engine/commands.h"

namespace {

int print_version() {
  const std::string config = at::show_config();
  const std::string key = "CPU capability usage: ";
  const auto begin = config.find(key) + key.size();
  std::cout << "loaded LibTorch " << TORCH_VERSION << ", CPU capability "
            << config.substr(begin, config.find('\n', begin) - begin) << ", "
            << at::get_num_threads() << " threads\n";
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int pie_engine_entry(
    const std::string& name, const pie::CommonOptions& common, const void* options) {
  // LibTorch starts with one thread in some builds; the option decides.
  at::set_num_threads(common.threads > 0
                          ? common.threads
                          : static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  if (name == "version") return print_version();
  if (name == "train") return run_train(common, *static_cast<const pie::TrainOptions*>(options));
  if (name == "encode") return run_encode(common, *static_cast<const pie::EncodeOptions*>(options));
  if (name == "decode") return run_decode(common, *static_cast<const pie::DecodeOptions*>(options));
  if (name == "sample") return run_sample(common, *static_cast<const pie::SampleOptions*>(options));
  if (name == "eval") return run_eval(common, *static_cast<const pie::EvalOptions*>(options));
  throw pie::OperationError("the engine has no command '" + name + "'; reinstall");
}
