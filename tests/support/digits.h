// The digits of testdata/ and a model small enough to train on them in a test.
#pragma once

#include <string>

#include "lib/image/image_source.h"
#include "tests/support/tiny_model.h"

namespace pie {

inline std::string digits_path(const std::string& slice = "") {
  return std::string(PIE_TESTDATA) + "/digits-images-idx3-ubyte.gz" + slice;
}

// The first 100 training images of MNIST, or a slice of them.
inline ImageSource digits(const std::string& slice = "") {
  return ImageSource({digits_path(slice)});
}

// A preset for 28x28 digits that keeps 8 variables.
inline Json digits_preset() {
  Json preset = tiny_preset(28, 8);
  preset["pre_transform"]["scale"] = 1.0;
  return preset;
}

}  // namespace pie
