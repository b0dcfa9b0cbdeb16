// The exact PIE: exact probabilities of the samples of an image, coarse to fine.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/coding/logistic_mixture.h"
#include "lib/exact/walk.h"
#include "lib/model/exact_config.h"
#include "lib/model/model.h"
#include "lib/nets/exact_net.h"

namespace pie {

// A trained exact PIE in integers: all that coding needs.
struct FrozenPie {
  ExactView view;
  Shape input;  // what it was trained on
  int components;
  std::vector<ExactNetwork> networks;  // as ExactNetworks takes them
  std::shared_ptr<const LogisticMixture> mixture;
};

// A scale takes an image [C, H, W] apart into the phases of its 2x2 cells. Phase (0, 0) is the
// image of the next scale; the others leave as residuals, in the order (1, 1), (0, 1), (1, 0), each
// channel by channel, under mixtures of logistics whose parameters an ExactNet of the scale
// computes from all planes that are known by then. Cells that reach over an odd edge have no
// samples there; networks see the cell's coarse sample instead. The coarsest image, z, is coded
// channel by channel in the same manner, without planes to begin with. Colours come in the order
// green, red, blue: green says most about the others.
//
// Networks that do not see where they are work on images of any size.
class ExactPie final : public Model {
 public:
  explicit ExactPie(const ExactPieConfig& config);

  size_t layers() const { return static_cast<size_t>(config_.view.layout.layers) + 1; }
  int components() const { return static_cast<int>(config_.components); }
  const LogisticMixture& mixture() const { return *mixture_; }

  // Its weights must be certified.
  FrozenPie frozen() const;

  // Chooses the levels of plane number `plane` in n images, [n * samples], image by image, row by
  // row. `indices`: [n * samples, 3 * components] int16, as LogisticMixture takes them.
  using PlaneChoice = std::function<Bytes(size_t plane, const torch::Tensor& indices)>;
  // The levels [n, C, height, width], uint8, that `choose` builds up, plane by plane. No gradients.
  torch::Tensor generate(int64_t n, int64_t height, int64_t width, const PlaneChoice& choose);

  // The planes of levels [N, C, H, W] uint8, as a PlaneChoice would return them.
  std::vector<Bytes> split(const torch::Tensor& levels) const;

  Shape input_shape() const override { return config_.input; }
  bool any_size() const override { return !config_.view.position; }
  size_t residuals() const override { return layers() - 1; }
  bool discrete() const override { return true; }
  // A density that is constant over each level: D ln 256 nats above the log-probability.
  LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how = {}) override;
  // The exact length of the code.
  LogLikelihood measured_log_likelihood(const torch::Tensor& x,
                                        const LogDetEstimator& how) override;
  // z is the image of a coarser scale; the rest is medians where networks know where they are, else
  // interpolated, as in a decoded prefix.
  torch::Tensor reconstruct(const torch::Tensor& x) override;
  std::string first_not_finite(const torch::Tensor& x) override;
  void set_bfloat16_subnets(bool on) override;
  // Rounds all weights to integers whose sums stay exact; see ExactLayer::freeze.
  double certify() override;
  void constrain(bool) override;
  std::map<std::string, torch::Tensor> stored_tensors() const override;
  void restore(const std::map<std::string, torch::Tensor>& tensors) override;

 private:
  class Networks;
  torch::Tensor filled(const torch::Tensor& levels);
  torch::Tensor interpolated(const torch::Tensor& levels) const;
  // Visit: see ExactWalk; the networks' result is [n * samples, 3 * components] float32.
  template <typename Visit>
  torch::Tensor walk(int64_t n, int64_t height, int64_t width, Visit visit);
  // Of scale s; that of z is behind the others.
  ExactNet& network(int64_t scale) const;
  LogLikelihood sum_up(const torch::Tensor& x, const std::vector<torch::Tensor>& nats) const;

  ExactPieConfig config_;
  std::vector<std::shared_ptr<ExactNet>> nets_;  // finest scale first, then of z
  std::shared_ptr<const LogisticMixture> mixture_;
};

}  // namespace pie
