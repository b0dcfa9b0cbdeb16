// Processes that train one model together, on one machine or on several.
#pragma once

#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace pie {

// Which of the processes this one is, and where they meet: at the first one's address.
struct ProcessPlace {
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  // of those on this machine
  std::string address = "127.0.0.1";
  std::uint16_t port = 29500;
  bool hosted = false;  // who started them listens there, not the first of them
};

// As torchrun, Open MPI's mpirun, MPICH's, or Slurm's srun say it in the environment, or a person
// who sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; nothing if this process is alone. Throws
// UsageError for what is none of it, or a missing address where there are several machines.
std::optional<ProcessPlace> process_place();

// All of them call the same functions in the same order. These throw OperationError where another
// process has ended, or does not come within the time.
class ProcessGroup {
 public:
  // Meets the others. They sum by Gloo, or by NCCL if this process has a GPU, `gpu` with its index,
  // that none of the others has, and LibTorch and its headers had NCCL when this was built. Tensors
  // of any device can be summed.
  ProcessGroup(const ProcessPlace& place, std::chrono::milliseconds timeout,
               std::optional<torch::Device> gpu = {});
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  bool is_first() const { return place_.rank == 0; }

  // The sum of everybody's tensor, in its place; the same bits in all processes.
  void sum(const torch::Tensor& values) { begin_sum(values)(); }
  // Begins it, and returns what waits for its end.
  std::function<void()> begin_sum(const torch::Tensor& values);
  // The first one's tensor, in the place of the others'.
  void share(const torch::Tensor& values);
  // Throws UsageError, in all of them, unless all give the same text.
  void require_same(const std::string& text);

 private:
  struct Backend;  // of c10d
  template <typename Step>
  auto guarded(const char* what, const Step& step) const;

  // Does `transfer` with `values`, or with a copy where they can be sent from; returns what waits.
  template <typename Transfer>
  std::function<void()> transferred(const char* what, const torch::Tensor& values,
                                    const Transfer& transfer);

  ProcessPlace place_;
  std::optional<torch::Device> only_device_;  // whose tensors the transport takes; none: of all
  std::unique_ptr<Backend> backend_;
};

}  // namespace pie
