// Speed of an i-ResNet's likelihood, encoding and inverse on one thread, and the variance of its
// log-det estimate over seeds, as JSON: bench_iresnet MODEL DATA [images]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "lib/eval/likelihood.h"
#include "lib/eval/model_images.h"
#include "lib/image/image_source.h"
#include "lib/model/flow_model.h"
#include "lib/model/model_file.h"
#include "lib/model/pixels.h"
#include "tests/support/cast.h"

namespace {

double seconds_of(const std::function<void()>& work) {
  double best = 1e30;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

pie::LogDetEstimator keyed(pie::LogDetEstimator how, uint64_t seed, int64_t images) {
  how.seed = seed;
  how.keys.clear();
  for (int64_t i = 0; i < images; ++i) how.keys.push_back(static_cast<uint64_t>(i));
  return how;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_iresnet MODEL DATA [images]\n");
    return 2;
  }
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  const auto loaded = pie::load_model(pie::Input(argv[1]));
  auto& model = pie::as<pie::FlowModel>(loaded);
  const pie::ImageSource source({argv[2]});
  const size_t count = std::min<size_t>(argc > 3 ? std::stoul(argv[3]) : 64, source.size());
  std::vector<size_t> indices(count);
  std::iota(indices.begin(), indices.end(), size_t{0});
  const auto images = pie::load_images(source, indices, model.input_shape());
  const auto x = pie::dequantize(images, indices, 0, 0);
  const auto n = static_cast<int64_t>(count);

  nlohmann::ordered_json report;
  report["images"] = count;
  const double encode = seconds_of([&] { model.latents(x); });
  report["encode_images_per_s"] = static_cast<double>(count) / encode;

  auto series = pie::default_log_det();
  series.method = pie::LogDetEstimator::Method::kSeries;
  series.terms = 20;
  auto longer = pie::default_log_det();
  longer.terms = 8;
  for (const auto& [name, estimator] :
       {std::pair{"roulette_4", pie::default_log_det()}, std::pair{"roulette_8", longer},
        std::pair{"series_20", series}}) {
    const auto& how = estimator;  // clang captures no parts of a pair
    const double seconds =
        seconds_of([&] { model.log_likelihood(x, keyed(how, 0, n)); }) / static_cast<double>(count);
    constexpr uint64_t kSeeds = 200;
    const int64_t few = std::min<int64_t>(n, 16);
    std::vector<torch::Tensor> draws;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      draws.push_back(model.log_likelihood(x.narrow(0, 0, few), keyed(how, seed, few)).log_det);
    }
    const auto all = torch::stack(draws).to(torch::kFloat64);
    const double variance = all.var(0).mean().item<double>();
    report["likelihood"][name] = {{"seconds_per_image", seconds},
                                  {"variance_nats2", variance},
                                  {"mean_nats", all.mean().item<double>()},
                                  {"product", seconds * variance}};
  }

  const auto latents = model.latents(x);
  for (const double tolerance : {3e-3, 1e-3, 1e-4, 1e-5}) {
    pie::FixedPointOptions options;
    options.tolerance = tolerance;
    torch::Tensor found;
    const double seconds = seconds_of([&] {
      found = model.decode(
          latents.z, [&](size_t l, const torch::Tensor&) { return latents.r[l]; }, options,
          nullptr);
    });
    report["inverse"].push_back({{"tolerance", tolerance},
                                 {"images_per_s", static_cast<double>(count) / seconds},
                                 {"max_abs_error", (found - x).abs().max().item<double>()}});
  }
  std::printf("%s\n", report.dump(1).c_str());
  return 0;
}
