// What training, evaluation and model files need of a model of any architecture.
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/flow/residual_block.h"

namespace pie {

// The terms of ln p(x) (PIE Eq. 17), each [N] nats; they sum to `total()`.
struct LogLikelihood {
  torch::Tensor z;               // ln p(z)
  std::vector<torch::Tensor> r;  // ln p(r_l | z_l), r_1 first
  torch::Tensor log_det;         // of all blocks
  torch::Tensor pre_transform;   // log-det of the pre-transform
  torch::Tensor evaluations;     // [N], as in `Mapped`: not one of the terms
  torch::Tensor total() const;
};

// What `log_likelihood` of a model is.
enum class Likelihood {
  kNone,   // it throws: the model is only a classifier
  kScore,  // something to maximise, but no log-density: a WAE
  kBound,  // a lower bound of ln p(x): a VAE
  kExact,  // ln p(x), up to the noise of estimated log-dets
};

// A density of images of one shape. Images are tensors x [N, C, H, W] with pixels in [0, 1].
class Model : public torch::nn::Module {
 public:
  // Where its weights are, and images are to be.
  torch::Device device() const { return parameters().front().device(); }
  virtual Shape input_shape() const = 0;
  // Whether images of any size can be coded; `input_shape` is then what it is trained on.
  virtual bool any_size() const { return false; }
  // How many residuals there are, r_1 ... r_L; 0: z is everything.
  virtual size_t residuals() const = 0;

  // What training maximises, with gradients. Log-dets without a closed form are computed as `how`
  // says.
  virtual LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how) = 0;
  // The figure that is reported, without gradients.
  virtual LogLikelihood measured_log_likelihood(const torch::Tensor& x,
                                                const LogDetEstimator& how) {
    return log_likelihood(x, how);
  }
  // A discrete model's likelihood is of the levels themselves: its x is to_unit(), not dequantized.
  virtual bool discrete() const { return false; }
  // x as it comes back from z alone, possibly outside [0, 1].
  virtual torch::Tensor reconstruct(const torch::Tensor& x) = 0;

  // Class scores [N, classes]. Throws UsageError without a classifier.
  virtual torch::Tensor logits(const torch::Tensor& x);
  // What the classifier's last layer decides by, [N, features]. Throws UsageError without one.
  virtual torch::Tensor features(const torch::Tensor& x);
  virtual int64_t classes() const { return 0; }
  virtual Likelihood likelihood() const { return Likelihood::kExact; }
  // Whether log-dets are estimated, as a LogDetEstimator says, because they have no closed form.
  virtual bool estimates_log_det() const { return false; }
  bool has_density() const { return likelihood() >= Likelihood::kBound; }

  // Chooses initial values that depend on data.
  virtual void initialize(const torch::Tensor&) {}
  // The name of the first layer whose output on `x` is not finite, or "the densities" if all are.
  virtual std::string first_not_finite(const torch::Tensor& x) = 0;
  // Chooses the number type inside the subnetworks; everything else stays as it is.
  virtual void set_bfloat16_subnets(bool) {}
  // While training: whether `log_likelihood` keeps activations or recomputes them from outputs.
  virtual void set_recompute(bool) {}

  // Puts the weights into the set of those that a model file may hold, and returns by how much they
  // were outside: 1 if not at all. `constrain` keeps them near it during training.
  virtual double certify() { return 1; }
  virtual void constrain(bool) {}
  virtual void project_gradients() {}

  // The pixels of x as the iterative inverse gives them back from all latents; `reports` receives
  // how it ended in each residual block. Throws UsageError for a model without such an inverse.
  virtual torch::Tensor invert(const torch::Tensor& x, const FixedPointOptions& options,
                               std::vector<FixedPointReport>* reports);
  // The residual blocks in order, data first; none unless the model has an iterative inverse.
  virtual const std::vector<std::shared_ptr<ResidualBlock>>& residual_blocks() const;

  // What a model file holds, by name: all parameters, and what else decoding needs.
  virtual std::map<std::string, torch::Tensor> stored_tensors() const;
  // Takes tensors over that have the names and shapes of `stored_tensors`; nothing is trained any
  // more. Throws DamagedError if their values are impossible.
  virtual void restore(const std::map<std::string, torch::Tensor>& tensors);
};

}  // namespace pie
