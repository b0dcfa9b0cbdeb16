// The sections that several architectures' configurations share.
#pragma once

#include <string>

#include "lib/flow/bijection.h"
#include "lib/model/config_section.h"

namespace pie {

// The section "input": the shape of one image.
inline Shape parse_input(const ConfigSection& top, int64_t most_channels = 64) {
  const ConfigSection input(top.get<Json>("input"), "input", {"channels", "height", "width"});
  return {input.integer("channels", 1, most_channels), input.integer("height", 1, 4096),
          input.integer("width", 1, 4096)};
}

struct PreTransformConfig {
  std::string kind;  // "affine" or "logit"
  double value;      // its scale, or its alpha
};

// The section "pre_transform".
inline PreTransformConfig parse_pre_transform(const ConfigSection& top) {
  const ConfigSection pre(top.get<Json>("pre_transform"), "pre_transform",
                          {"kind", "scale", "alpha"});
  const auto kind = pre.choice("kind", {"affine", "logit"});
  return {kind, pre.get<double>(kind == "affine" ? "scale" : "alpha")};
}

}  // namespace pie
