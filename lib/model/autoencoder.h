// The baselines that PIE is compared with: autoencoders with a decoder of their own.
#pragma once

#include <memory>
#include <vector>

#include "lib/model/autoencoder_config.h"
#include "lib/model/latent_model.h"
#include "lib/nets/dcgan.h"

namespace pie {

// A VAE (Kingma & Welling 2013) maximises E ln N(x; G(z), sigma^2 I) - KL(q(z|x) | N(0, I)), z ~
// q(z|x) = N(mu(x), diag s(x)^2), with one sigma learned for all pixels: a lower bound of ln p(x).
// A WAE (Tolstikhin et al. 2018) minimises |x - G(z)|^2 + w MMD^2(z, N(0, I)) with z = mu(x); it
// has no likelihood, and its sigma only says how large its errors are.
//
// As latents both have z = mu(x) and one residual, r_1 = x with mean G(z) and eps0 = sigma.
class Autoencoder final : public LatentModel {
 public:
  explicit Autoencoder(const AutoencoderConfig& config);

  // Draws z, and the WAE's prior samples, by how.seed and how.keys. The terms are -KL (or -w MMD^2
  // of all images of `x`, none for one image) as z, and the reconstruction's as r_1. In training
  // `x` is one thread's share of a batch.
  LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how) override;
  Latents latents(const torch::Tensor& x) override;
  torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual) override;
  using LatentModel::decode;

  std::string first_not_finite(const torch::Tensor& x) override;
  Likelihood likelihood() const override {
    return config_.variational ? Likelihood::kBound : Likelihood::kScore;
  }
  Shape input_shape() const override { return config_.input; }
  double eps0() const override;
  Shape latent_shape() const override { return {config_.latent, 1, 1}; }
  const std::vector<Shape>& residual_shapes() const override { return residual_shapes_; }

 private:
  AutoencoderConfig config_;
  std::vector<Shape> residual_shapes_;
  std::shared_ptr<DcganEncoder> encoder_;
  std::shared_ptr<DcganDecoder> decoder_;
  torch::Tensor log_sigma_;  // []
};

}  // namespace pie
