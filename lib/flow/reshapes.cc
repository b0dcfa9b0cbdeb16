#include "lib/flow/reshapes.h"

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {

Downsampling::Downsampling(Shape in) : Bijection(in) {
  if (in.height % 2 != 0 || in.width % 2 != 0) {
    throw ShapeError("downsampling needs an even height and width, got " + to_string(in));
  }
}

Shape Downsampling::output_shape() const {
  const auto in = input_shape();
  return {4 * in.channels, in.height / 2, in.width / 2};
}

Mapped Downsampling::do_forward(const torch::Tensor& x) {
  using torch::indexing::None;
  using torch::indexing::Slice;
  const auto phase = [&](int64_t dy, int64_t dx) {
    return x.index({Slice(), Slice(), Slice(dy, None, 2), Slice(dx, None, 2)});
  };
  return {torch::cat({phase(0, 0), phase(1, 1), phase(0, 1), phase(1, 0)}, 1),
          x.new_zeros({x.size(0)})};
}

torch::Tensor Downsampling::do_inverse(const torch::Tensor& z) {
  const auto phases = z.chunk(4, 1);  // a, d, b, c
  const auto top = torch::stack({phases[0], phases[2]}, -1);
  const auto bottom = torch::stack({phases[3], phases[1]}, -1);
  const auto in = input_shape();
  return torch::stack({top, bottom}, -3).reshape({z.size(0), in.channels, in.height, in.width});
}

Mapped Reversal::do_forward(const torch::Tensor& x) {
  return {x.flip(1), x.new_zeros({x.size(0)})};
}

torch::Tensor Reversal::do_inverse(const torch::Tensor& z) { return z.flip(1); }

Shuffle::Shuffle(Shape in, uint64_t seed) : Bijection(in) {
  const auto order = CounterRandom(seed, 0).permutation(static_cast<uint32_t>(in.channels));
  order_ = torch::empty({in.channels}, torch::kInt64);
  for (size_t i = 0; i < order.size(); ++i) {
    order_.data_ptr<int64_t>()[i] = static_cast<int64_t>(order[i]);
  }
  inverse_order_ = order_.argsort();
}

Mapped Shuffle::do_forward(const torch::Tensor& x) {
  return {x.index_select(1, order_.to(x.device())), x.new_zeros({x.size(0)})};
}

torch::Tensor Shuffle::do_inverse(const torch::Tensor& z) {
  return z.index_select(1, inverse_order_.to(z.device()));
}

Mapped Flatten::do_forward(const torch::Tensor& x) {
  return {x.reshape({x.size(0), -1, 1, 1}), x.new_zeros({x.size(0)})};
}

torch::Tensor Flatten::do_inverse(const torch::Tensor& z) {
  const auto in = input_shape();
  return z.reshape({z.size(0), in.channels, in.height, in.width});
}

}  // namespace pie
