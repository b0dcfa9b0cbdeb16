// pie-train: learns a model from images. This half only parses; tools/engine/train.cc does the
// work.
#include "tools/pie_train.h"

#include "tools/common/load_engine.h"
#include "tools/common/options.h"
#include "tools/common/run_main.h"

namespace {

constexpr const char* kExamples =
    "  pie-train --init pie-photo --data scans/ --time 10m -o my-scans.safetensors\n"
    "  pie-train --preset pie-mnist --data train.idx.gz -o digits.safetensors\n"
    "  pie-train --preset pie-photo --data in/ --val out/ --time 2h -o x.safetensors\n"
    "  pie-train --resume x.safetensors.state --data in/ -o x.safetensors\n";

void add_model_options(CLI::App& app, pie::TrainOptions& options) {
  app.option_defaults()->group("What to train (one is needed)");
  auto* preset = app.add_option("--preset", options.preset, "Name of a preset (models/NAME.json)")
                     ->type_name("NAME");
  auto* config =
      app.add_option("--config", options.config, "Configuration file")->type_name("FILE");
  auto* resume = app.add_option("--resume", options.resume,
                                "Training state (MODEL.state) to continue; keeps its configuration")
                     ->type_name("FILE");
  auto* init = app.add_option("--init", options.init,
                              "Trained model to start from, by name or path; its configuration, "
                              "unless a preset with the same networks is given")
                   ->type_name("MODEL");
  preset->excludes(config)->excludes(resume);
  config->excludes(resume);
  init->excludes(resume);
  app.add_option("--set", options.set, "Override a configuration value, such as conv.hidden=48")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_image_options(CLI::App& app, pie::TrainOptions& options) {
  app.option_defaults()->group("Images");
  app.add_option("--data", options.data,
                 "Training images: files, folders, IDX, CIFAR; PATH[begin:end] takes a part")
      ->type_name("FILE")
      ->required();
  app.add_option("--val", options.validation, "Held-out images, in the same forms")
      ->type_name("FILE");
  app.add_option("--task", options.task,
                 "What to learn: the density of the images, their classes, or both; "
                 "if not given, what the preset says")
      ->type_name("TASK")
      ->check(CLI::IsMember({"density", "classify", "hybrid"}));
  app.add_option("--labels", options.labels,
                 "Labels of the training images (IDX); default: the sibling labels-idx1 file")
      ->type_name("FILE");
  app.add_option("--val-labels", options.validation_labels, "Labels of the held-out images")
      ->type_name("FILE");
}

void add_length_options(CLI::App& app, pie::TrainOptions& options) {
  app.option_defaults()->group("How long");
  auto* epochs = app.add_option("--epochs", options.epochs, "Length of the schedule in epochs")
                     ->type_name("N")
                     ->check(CLI::PositiveNumber);
  auto* steps = app.add_option("--steps", options.steps, "Length of the schedule in steps")
                    ->type_name("N")
                    ->check(CLI::PositiveNumber);
  auto* time = app.add_option("--time", options.time,
                              "Length of the schedule in time: 90s, 30m, 2h (not reproducible)")
                   ->type_name("TIME");
  epochs->excludes(steps)->excludes(time);
  steps->excludes(time);
  app.add_option("--stop-at", options.stop_at,
                 "Stop and save at this step, without shortening the schedule")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", options.batch, "Images a step")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "Learning rate at the top of the schedule")
      ->type_name("X")
      ->check(pie::finite_number())
      ->check(CLI::PositiveNumber);
}

void add_output_options(CLI::App& app, pie::TrainOptions& options) {
  app.option_defaults()->group("Output");
  app.add_option("-o,--output", options.output, "The model to write (MODEL.safetensors)")
      ->type_name("FILE")
      ->required();
  app.add_option("--peer-timeout", options.peer_timeout,
                 "How long to wait for another process of the same training")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--save-every", options.save_every,
                 "Time between two savings of model and state: 90s, 30m, 2h")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--log", options.log, "Append one JSON object per logged step to this file")
      ->type_name("FILE");
  app.add_flag("-f,--force", options.force, "Overwrite existing files");
  app.add_flag("--dry-run", options.dry_run, "Run one step, print the plan and write nothing");
}

int run(int argc, char** argv) {
  pie::CommonOptions common;
  pie::TrainOptions options;
  CLI::App app(
      "Trains a model on images, by maximum likelihood or on their labels. The last line on stdout "
      "is the model's path.",
      "pie-train");
  add_model_options(app, options);
  add_image_options(app, options);
  add_length_options(app, options);
  add_output_options(app, options);
  add_common_options(app, common, kExamples);
  // What the state decides.
  for (const char* fixed : {"--epochs", "--batch", "--lr", "--set", "--task", "--seed"}) {
    app.get_option("--resume")->excludes(app.get_option(fixed));
  }
  const int code = parse_command_line(app, common, argc, argv);
  if (code >= 0) return code;
  if (options.preset.empty() && options.config.empty() && options.resume.empty() &&
      options.init.empty()) {
    throw pie::UsageError("one of --preset, --config, --init and --resume is needed; try --help");
  }
  return pie::load_engine(common).train(common, options);
}

}  // namespace

int main(int argc, char** argv) {
  return pie::run_main("pie-train", [&] { return run(argc, argv); });
}
