// From a configuration to a model with random weights.
#pragma once

#include <memory>

#include "lib/model/config_section.h"
#include "lib/model/model.h"

namespace pie {

// The model that the preset's "arch" and configuration describe. Throws UsageError, or ShapeError
// where sizes do not fit.
std::shared_ptr<Model> make_model(const Json& preset);

// Whether "arch" in a preset, which may be anything, is one that `make_model` can make.
bool is_known_architecture(const Json& arch);

// A lower bound of the numbers in that model, from the configuration alone: a hostile file must not
// make its reader allocate more than a small multiple of the file's size. Throws UsageError.
double least_parameters(const Json& preset);

}  // namespace pie
