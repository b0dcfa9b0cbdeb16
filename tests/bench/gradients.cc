// Writes the float32 gradient of the training loss on given pixels, for comparison with another
// implementation: bench_gradients MODEL.safetensors DATA OUT.safetensors
#include <cmath>
#include <cstdio>
#include <numeric>

#include "lib/base/file.h"
#include "lib/eval/model_images.h"
#include "lib/image/image_source.h"
#include "lib/model/model_file.h"
#include "lib/model/pixels.h"
#include "lib/model/safetensors.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_gradients MODEL DATA OUT\n");
    return 2;
  }
  const auto loaded = pie::load_model(pie::Input(argv[1]));
  const pie::ImageSource source({argv[2]});
  std::vector<size_t> indices(std::min<size_t>(128, source.size()));
  std::iota(indices.begin(), indices.end(), size_t{0});
  const auto shape = loaded.model->input_shape();
  const auto x = pie::dequantize(pie::load_images(source, indices, shape), indices, 0, 0);
  for (auto& parameter : loaded.model->parameters()) parameter.set_requires_grad(true);
  const auto loss =
      -loaded.model->log_likelihood(x, {}).total().mean() / static_cast<double>(shape.elements());
  loss.backward();
  pie::TensorFile file;
  file.tensors["x"] = x;
  file.tensors["loss"] = loss.detach();
  for (const auto& item : loaded.model->named_parameters()) {
    file.tensors["gradient." + item.key()] = item.value().grad();
  }
  const auto bytes = pie::serialize_tensors(file);
  pie::OutputFile out(argv[3], true);
  out.write(bytes);
  out.commit();
  return 0;
}
