// pie-sample: new images from a model. This half only parses; tools/engine/sample.cc does the work.
#include "tools/pie_sample.h"

#include "tools/common/load_engine.h"
#include "tools/common/options.h"
#include "tools/common/run_main.h"

namespace {

constexpr const char* kExamples =
    "  pie-sample -m pie-mnist --grid 8x8 -o samples.png\n"
    "  pie-sample -m pie-mnist -n 10000 --temperature 0.7 -o samples.idx\n"
    "  pie-sample -m pie-mnist --interpolate a.png b.png --steps 12 -o path.png\n";

int run(int argc, char** argv) {
  pie::CommonOptions common;
  pie::SampleOptions options;
  CLI::App app("Samples images from a model, or interpolates between two.", "pie-sample");
  app.option_defaults()->group("Output");
  app.add_option("-o,--output", options.output,
                 "One picture (.png, .pgm, .ppm), a set (.idx), or a folder of numbered PNGs")
      ->type_name("FILE")
      ->required();
  app.add_option("--grid", options.grid, "Rows and columns of one picture, such as 8x8")
      ->type_name("RxC");
  app.add_flag("-f,--force", options.force, "Overwrite existing files");

  app.option_defaults()->group("What to draw");
  app.add_option("-m,--model", options.model, "Model: a file or a shipped model's name")
      ->type_name("MODEL")
      ->required();
  app.add_option("-n,--count", options.count,
                 "Number of samples; if not given, what the grid holds, or 16")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--temperature", options.temperature, "T of z ~ N(0, T^2)")
      ->type_name("T")
      ->check(pie::finite_number())
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--residual-temperature", options.residual_temperature,
                 "R of r = g(z) + R eps0 n, n ~ N(0, 1); models with g = 0 need 1")
      ->type_name("R")
      ->check(pie::finite_number())
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--interpolate", options.interpolate, "Two images, the ends of a path in z")
      ->type_name("IMAGE")
      ->expected(2);
  app.add_option("--steps", options.steps, "Images on that path, ends included")
      ->type_name("N")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  add_common_options(app, common, kExamples);
  const int code = parse_command_line(app, common, argc, argv);
  return code >= 0 ? code : pie::load_engine(common).sample(common, options);
}

}  // namespace

int main(int argc, char** argv) {
  return pie::run_main("pie-sample", [&] { return run(argc, argv); });
}
