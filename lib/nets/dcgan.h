// Encoder and decoder of the autoencoders that PIE is compared with.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace pie {

// The shape of DCGAN's networks (Radford et al. 2015).
struct DcganOptions {
  int64_t channels, height, width;  // of the images; sides are multiples of 2^scales
  int64_t filters;                  // of the convolution next to the images; doubled at each scale
  int64_t scales;                   // strided convolutions, at least 1
};

// Images to `outputs` numbers: convolutions 4x4 of stride 2, leaky ReLU (0.2), then a linear map.
// Normalisation, which the first layer has none of, is over each image's own values (group
// normalisation with one group) where DCGAN's is over the batch: images stay independent.
class DcganEncoder final : public torch::nn::Module {
 public:
  DcganEncoder(const DcganOptions& options, int64_t outputs);  // throws ShapeError
  torch::Tensor forward(const torch::Tensor& x);  // x: [N, C, H, W]; returns [N, outputs]

 private:
  std::vector<torch::Tensor> kernels_, scales_, shifts_;
  torch::Tensor weight_, bias_;
};

// `inputs` numbers to images with values in (0, 1): a linear map, then transposed convolutions 4x4
// of stride 2 with ReLU and a sigmoid at the end. Only the maps between two of them are normalised:
// before the first, the length of z would be lost.
class DcganDecoder final : public torch::nn::Module {
 public:
  DcganDecoder(const DcganOptions& options, int64_t inputs);  // throws ShapeError
  torch::Tensor forward(const torch::Tensor& z);  // z: [N, inputs]; returns [N, C, H, W]

 private:
  int64_t height_, width_;  // of the coarsest maps
  torch::Tensor weight_, bias_;
  std::vector<torch::Tensor> kernels_, scales_, shifts_;
  torch::Tensor last_bias_;
};

}  // namespace pie
