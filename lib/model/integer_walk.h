// The way through the planes of images, coarse to fine: what integer PIEs have in common whether
// they train, code, draw or measure.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lib/model/integer_config.h"
#include "lib/model/integer_planes.h"
#include "lib/nets/integer_net.h"

namespace pie {

// A mean in the middle of the levels, in indices.
inline constexpr double kMiddleMean = 128.0 * 8;

// The networks of an integer PIE and how they compute.
struct IntegerNets {
  std::vector<std::shared_ptr<IntegerNet>> nets;  // of z, then of the phases, coarse to fine
  Arithmetic arithmetic = Arithmetic::kFastest;
  // How many pixels networks take at once without gradients. Changes no result. Such that they stay
  // in the cache, and bound the memory that a block needs.
  int64_t batch_rows = 4096;
};

// Called with what the network says of a plane, [n * samples, 3 * components] in float32, and what
// its means are relative to, [n * samples]. Returns the plane's levels, [n * samples].
using PlaneVisit = std::function<torch::Tensor(size_t plane, const torch::Tensor& parameters,
                                               const torch::Tensor& base)>;

// One walk through the planes of n images of `height` x `width`.
class PlaneWalk {
 public:
  // The arguments must outlive the walk.
  PlaneWalk(const IntegerPieConfig& config, const IntegerNets& nets, const PlaneVisit& visit);

  // Visits each plane in order and puts the levels together: [n, C, height, width].
  torch::Tensor run(int64_t n, int64_t height, int64_t width);

 private:
  // One plane of each channel, [n, h, w].
  using Channels = std::vector<torch::Tensor>;

  // Features of positions on a grid, before there are others.
  void start_features(const Shape& grid);
  // From the image of scale s + 1 to that of scale s, which is twice as large.
  Channels refine(size_t s, const Channels& coarse);
  // The levels of the next planes, one of each channel, on the grid of the coarse image, where
  // neighbours predict `expected`; `background` stands in for samples that do not exist. What the
  // levels tell later planes becomes features.
  Channels next(const Channels& expected, const Channels& background);
  // What a network's trunk gives on a grid, for parts of `size` images.
  struct Trunks {
    int64_t height, width, size;
    std::vector<torch::Tensor> parts;
  };
  Trunks trunks(IntegerNet& net, int64_t height, int64_t width) const;
  // What the network says of a plane by its trunk, and by features of the channels before it.
  torch::Tensor head(const IntegerPlane& plane, const Trunks& trunks,
                     const std::vector<torch::Tensor>& before) const;
  // Calls body(part, first, last) for parts of `size` of the n images, side by side.
  template <typename Body>
  void for_each_part(int64_t size, const Body& body) const;

  const IntegerPieConfig& config_;
  const IntegerNets& nets_;
  const PlaneVisit& visit_;
  int64_t n_ = 0;
  std::vector<Shape> images_;         // of all scales, finest first
  std::vector<IntegerPlane> planes_;  // in order
  size_t at_ = 0;                     // the next of them
  std::vector<torch::Tensor> features_;
};

}  // namespace pie
