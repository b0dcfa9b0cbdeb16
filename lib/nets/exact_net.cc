#include "lib/nets/exact_net.h"

#include <utility>

namespace pie {

std::shared_ptr<ExactLayer> ExactNet::add(const std::string& name,
                                          std::shared_ptr<ExactLayer> layer) {
  all_.push_back(register_module(name, std::move(layer)));
  return all_.back();
}

std::shared_ptr<ExactLayer> ExactNet::make_layer(int64_t in, int64_t kernel, bool skip,
                                                 int in_bits) const {
  return std::make_shared<ExactLayer>(in, options_.hidden, kernel, skip,
                                      ExactBits{in_bits, options_.activation_bits});
}

std::vector<ExactNet::Block> ExactNet::add_blocks(const std::string& name, int64_t count) {
  const int64_t hidden = options_.hidden;
  const int bits = options_.activation_bits;
  std::vector<Block> blocks;
  for (int64_t i = 0; i < count; ++i) {
    const auto own = name + std::to_string(i);
    blocks.push_back({add(own + "_inner", make_layer(hidden, 3, false, bits)),
                      add(own + "_outer", make_layer(hidden, 1, true, bits))});
  }
  return blocks;
}

ExactNet::ExactNet(const ExactNetOptions& options) : options_(options) {
  const int64_t hidden = options.hidden, outputs = static_cast<int64_t>(options.out.size());
  const int bits = options.activation_bits;
  if (options.in > 0) {
    first_ = add("first", make_layer(options.in, 3, false, kExactFeatureBits));
    first_blocks_ = add_blocks("first", options.first_blocks);
  }
  for (int64_t p = 0; p < options.phases; ++p) {
    const auto phase = "phase" + std::to_string(p);
    if (p > 0) {
      injections_.push_back(add(phase + "_planes", make_layer(options.heads * options.features, 3,
                                                              true, kExactFeatureBits)));
    }
    phase_blocks_.push_back(add_blocks(phase + "_block", options.phase_blocks));
    for (int64_t c = 0; c < options.heads; ++c) {
      const auto name = phase + "_channel" + std::to_string(c);
      Head head;
      if (c > 0) {
        head.joint =
            add(name + "_before", make_layer(c * options.features, 3, true, kExactFeatureBits));
        head.mixed = add(name + "_mixed", make_layer(hidden, 1, true, bits));
      }
      head.last =
          add(name + "_out", std::make_shared<ExactLayer>(hidden, outputs, 1, false,
                                                          ExactBits{bits, bits}, options.out));
      heads_.push_back(head);
    }
  }
}

torch::Tensor ExactNet::apply(ExactLayer& layer, const torch::Tensor& x,
                              const torch::Tensor& skip) {
  return layer.forward(x, skip, bfloat16_ && torch::GradMode::is_enabled());
}

torch::Tensor ExactNet::through(const std::vector<Block>& blocks, torch::Tensor state) {
  for (const auto& block : blocks) state = apply(*block.outer, apply(*block.inner, state), state);
  return state;
}

torch::Tensor ExactNet::begin(const torch::Tensor& coarse, const torch::Tensor& like) {
  const auto state = coarse.defined()
                         ? through(first_blocks_, apply(*first_, coarse))
                         : torch::zeros({like.size(0), options_.hidden, like.size(2), like.size(3)},
                                        like.options())
                               .contiguous(torch::MemoryFormat::ChannelsLast);
  return through(phase_blocks_[0], state);
}

torch::Tensor ExactNet::inject(int64_t phase, const torch::Tensor& state,
                               const torch::Tensor& planes) {
  return through(phase_blocks_[static_cast<size_t>(phase)],
                 apply(*injections_[static_cast<size_t>(phase - 1)], planes, state));
}

torch::Tensor ExactNet::head(int64_t phase, int64_t head, const torch::Tensor& state,
                             const torch::Tensor& before) {
  const auto& own = heads_[static_cast<size_t>(phase * options_.heads + head)];
  auto h = state;
  if (head > 0) {
    h = apply(*own.joint, before, h);
    h = apply(*own.mixed, h, h);
  }
  // Indices keep float32: what is read off them is finer than bfloat16.
  return own.last->forward(h, {}, false);
}

bool ExactNet::freeze() {
  bool changed = false;
  for (const auto& layer : all_) changed = layer->freeze() || changed;
  return changed;
}

ExactNetwork ExactNet::frozen() const {
  const auto frozen_blocks = [](const std::vector<Block>& blocks) {
    std::vector<ExactNetwork::Block> result;
    result.reserve(blocks.size());
    for (const auto& block : blocks) {
      result.push_back({block.inner->frozen(), block.outer->frozen()});
    }
    return result;
  };
  ExactNetwork result{options_.hidden, {}, frozen_blocks(first_blocks_), {}, {}, {}};
  if (first_) result.first = first_->frozen();
  for (const auto& injection : injections_) result.injections.push_back(injection->frozen());
  for (const auto& blocks : phase_blocks_) result.phase_blocks.push_back(frozen_blocks(blocks));
  for (size_t i = 0; i < heads_.size(); ++i) {
    if (i % static_cast<size_t>(options_.heads) == 0) result.heads.emplace_back();
    const auto& head = heads_[i];
    ExactNetwork::Head own{{}, {}, head.last->frozen()};
    if (head.joint) own.joint = head.joint->frozen();
    if (head.mixed) own.mixed = head.mixed->frozen();
    result.heads.back().push_back(std::move(own));
  }
  return result;
}

void ExactNet::constrain() {
  for (const auto& layer : all_) layer->constrain();
}

}  // namespace pie
