#include "lib/numerics/own_loops.h"

#include <atomic>

namespace pie {
namespace {

std::atomic<int> plain_operations{0};

}  // namespace

bool own_loops(const torch::Tensor& x) { return x.device().is_cpu() && plain_operations == 0; }

PlainOperations::PlainOperations() { ++plain_operations; }

PlainOperations::~PlainOperations() { --plain_operations; }

}  // namespace pie
