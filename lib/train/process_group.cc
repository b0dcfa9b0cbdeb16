#include "lib/train/process_group.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#if defined(USE_C10D_NCCL) && __has_include(<nccl.h>)
#define PIE_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "lib/base/checksum.h"
#include "lib/base/error.h"

namespace pie {
namespace {

// The variables of those who start processes.
struct Launcher {
  const char *rank, *size, *local_rank, *local_size;
};
constexpr std::array<Launcher, 4> kLaunchers{
    {{"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},  // torchrun
     {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
      "OMPI_COMM_WORLD_LOCAL_SIZE"},                                  // Open MPI
     {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},  // MPICH
     {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
      "SLURM_STEP_TASKS_PER_NODE"}}};  // srun

std::optional<int> number(const char* variable, int least, int most) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return {};
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  // Slurm counts the tasks of several nodes as "2(x3)".
  const bool ends = *end == '\0' || *end == '(' || *end == ',';
  if (end == text || !ends || value < least || value > most) {
    throw UsageError(std::string(variable) + "=" + text + ": not a number from " +
                     std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(value);
}

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::optional<ProcessPlace> process_place() {
  constexpr int kMost = 1 << 16;
  for (const auto& launcher : kLaunchers) {
    const auto size = number(launcher.size, 1, kMost);
    const auto rank = number(launcher.rank, 0, kMost);
    if (!size && !rank) continue;
    if (!size || !rank) {
      throw UsageError(std::string(size ? launcher.size : launcher.rank) + " is set, but " +
                       (size ? launcher.rank : launcher.size) + " is not");
    }
    if (*rank >= *size) {
      throw UsageError(std::string(launcher.rank) + " is " + std::to_string(*rank) + ", but only " +
                       std::to_string(*size) + " processes train");
    }
    if (*size == 1) return {};
    ProcessPlace place;
    place.rank = *rank;
    place.size = *size;
    const char* text = std::getenv("MASTER_ADDR");
    const std::string address = text != nullptr ? text : "";
    place.local_size = number(launcher.local_size, 1, kMost).value_or(address.empty() ? *size : 1);
    const bool here = place.local_size == place.size;
    place.local_rank = number(launcher.local_rank, 0, kMost).value_or(here ? *rank : 0);
    if (!address.empty()) {
      place.address = address;
    } else if (place.local_size < place.size) {
      throw UsageError("several machines train: set MASTER_ADDR to the first one's name");
    }
    place.port = static_cast<std::uint16_t>(number("MASTER_PORT", 1, 65535).value_or(place.port));
    const char* hosted = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    place.hosted = hosted != nullptr && std::string(hosted) == "True";
    return place;
  }
  return {};
}

#if TORCH_VERSION_MAJOR >= 2
using Transport = c10d::Backend;
#else
using Transport = c10d::ProcessGroup;
#endif

struct ProcessGroup::Backend {
  c10::intrusive_ptr<Transport> transport;
};

ProcessGroup::ProcessGroup(const ProcessPlace& place, std::chrono::milliseconds timeout,
                           [[maybe_unused]] std::optional<torch::Device> gpu)
    : place_(place), backend_(std::make_unique<Backend>()) {
  try {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = place.rank == 0 && !place.hosted;
    options.numWorkers = place.size;
    options.waitWorkers = !place.hosted;
    options.timeout = timeout;
    const auto store = c10::make_intrusive<c10d::PrefixStore>(
        "pie", c10::make_intrusive<c10d::TCPStore>(place.address, options));
#ifdef PIE_NCCL
    if (gpu) {
      // A process that waits in vain is told so, instead of being ended.
      for (const char* variable : {"NCCL_BLOCKING_WAIT", "TORCH_NCCL_BLOCKING_WAIT"}) {
        setenv(variable, "1", 0);
      }
      auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = timeout;
      only_device_ = gpu;
      backend_->transport =
          c10::make_intrusive<c10d::ProcessGroupNCCL>(store, place.rank, place.size, nccl);
      return;
    }
#endif
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    gloo->devices.push_back(interface != nullptr
                                ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                            : place.local_size == place.size
                                ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo->threads = 2;
    backend_->transport =
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, place.rank, place.size, gloo);
  } catch (const std::exception& error) {
    throw OperationError("process " + std::to_string(place.rank) + " of " +
                         std::to_string(place.size) + " cannot meet the others at " +
                         place.address + ":" + std::to_string(place.port) + ": " +
                         first_line(error));
  }
}

ProcessGroup::~ProcessGroup() = default;

template <typename Step>
auto ProcessGroup::guarded(const char* what, const Step& step) const {
  try {
    return step();
  } catch (const std::exception& error) {
    throw OperationError("process " + std::to_string(place_.rank) + " of " +
                         std::to_string(place_.size) + " cannot " + what +
                         ": another has ended, or does not answer: " + first_line(error));
  }
}

template <typename Transfer>
std::function<void()> ProcessGroup::transferred(const char* what, const torch::Tensor& values,
                                                const Transfer& transfer) {
  const bool sent = !only_device_ || values.device() == *only_device_;
  const auto own = sent ? values : values.to(*only_device_);
  const auto work = guarded(what, [&] {
    std::vector<at::Tensor> all{own};
    return transfer(all);
  });
  return [=] {
    guarded(what, [&] { work->wait(); });
    if (!sent) values.copy_(own);
  };
}

std::function<void()> ProcessGroup::begin_sum(const torch::Tensor& values) {
  return transferred("sum gradients", values, [&](std::vector<at::Tensor>& all) {
    return backend_->transport->allreduce(all);
  });
}

void ProcessGroup::share(const torch::Tensor& values) {
  transferred("share weights", values,
              [&](std::vector<at::Tensor>& all) { return backend_->transport->broadcast(all); })();
}

void ProcessGroup::require_same(const std::string& text) {
  const auto hash = sha256(text.data(), text.size());
  auto own = torch::zeros({static_cast<int64_t>(hash.size())}, torch::kUInt8);
  std::copy(hash.begin(), hash.end(), own.data_ptr<std::uint8_t>());
  auto firsts = own.clone();
  share(firsts);
  auto others = torch::full({1}, torch::equal(firsts, own) ? 0 : 1, torch::kFloat64);
  sum(others);
  if (others.item<double>() > 0) {
    throw UsageError(std::to_string(others.item<int64_t>()) +
                     " of the processes that train together have other options or images than the "
                     "first; give all of them the same");
  }
}

}  // namespace pie
