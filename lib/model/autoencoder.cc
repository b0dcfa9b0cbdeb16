#include "lib/model/autoencoder.h"

#include <cmath>
#include <string>

#include "lib/base/random.h"
#include "lib/numerics/mmd.h"

namespace pie {
namespace {

DcganOptions networks(const AutoencoderConfig& config) {
  return {config.input.channels, config.input.height, config.input.width, config.filters,
          config.scales};
}

// Standard normal values [keys, d] that depend on (seed, key) alone.
torch::Tensor normals(const LogDetEstimator& how, int64_t d, uint64_t purpose) {
  auto values = torch::empty({static_cast<int64_t>(how.keys.size()), d});
  for (size_t k = 0; k < how.keys.size(); ++k) {
    CounterRandom(how.seed ^ purpose, how.keys[k])
        .fill_normal(values.data_ptr<float>() + k * static_cast<size_t>(d), static_cast<size_t>(d));
  }
  return values;
}

constexpr uint64_t kPosterior = 0x706f7374, kPrior = 0x7072696f72;

// ln N(x; mean, exp(log_sigma)^2 I) of each image, [N] nats.
torch::Tensor log_prob(const torch::Tensor& x, const torch::Tensor& mean,
                       const torch::Tensor& log_sigma) {
  const auto squares = (x - mean).square().flatten(1).sum(1);
  const auto dims = static_cast<double>(x.numel()) / static_cast<double>(x.size(0));
  return squares * (log_sigma * -2).exp() * -0.5 - (log_sigma + 0.5 * std::log(2 * M_PI)) * dims;
}

}  // namespace

Autoencoder::Autoencoder(const AutoencoderConfig& config)
    : config_(config), residual_shapes_{config.input} {
  const auto outputs = config.variational ? 2 * config.latent : config.latent;
  encoder_ = register_module("encoder", std::make_shared<DcganEncoder>(networks(config), outputs));
  decoder_ =
      register_module("decoder", std::make_shared<DcganDecoder>(networks(config), config.latent));
  log_sigma_ = register_parameter("log_sigma", torch::full({}, std::log(0.3)));
}

LogLikelihood Autoencoder::log_likelihood(const torch::Tensor& x, const LogDetEstimator& how) {
  LogLikelihood result;
  result.log_det = result.pre_transform = x.new_zeros({x.size(0)});
  const auto encoded = encoder_->forward(x);
  if (config_.variational) {
    const auto parts = encoded.chunk(2, 1);
    const auto &mean = parts[0], &log_variance = parts[1];
    const auto z =
        mean + (log_variance * 0.5).exp() * normals(how, config_.latent, kPosterior).to(x);
    result.z = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) * -0.5;
    result.r = {log_prob(x, decoder_->forward(z), log_sigma_)};
    return result;
  }
  const auto decoded = decoder_->forward(encoded);
  const auto penalty = x.size(0) < 2
                           ? x.new_zeros({})
                           : squared_mmd(encoded, normals(how, config_.latent, kPrior).to(x));
  result.z = (penalty * -config_.mmd_weight).expand({x.size(0)});
  // The second term teaches sigma and nothing else.
  result.r = {-(x - decoded).square().flatten(1).sum(1) +
              log_prob(x, decoded.detach(), log_sigma_)};
  return result;
}

Latents Autoencoder::latents(const torch::Tensor& x) {
  const auto mean = encoder_->forward(x).narrow(1, 0, config_.latent);
  return {mean.reshape({x.size(0), config_.latent, 1, 1}), {x}};
}

torch::Tensor Autoencoder::decode(const torch::Tensor& z, const ResidualChoice& residual) {
  return residual(0, decoder_->forward(z.flatten(1)));
}

std::string Autoencoder::first_not_finite(const torch::Tensor& x) {
  const auto encoded = encoder_->forward(x);
  if (!torch::isfinite(encoded).all().item<bool>()) return "encoder";
  const auto decoded = decoder_->forward(encoded.narrow(1, 0, config_.latent));
  return torch::isfinite(decoded).all().item<bool>() ? "the densities" : "decoder";
}

double Autoencoder::eps0() const { return std::exp(log_sigma_.item<double>()); }

}  // namespace pie
