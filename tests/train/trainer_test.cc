// Training: it learns, repeats itself exactly, resumes exactly and stops cleanly.
#include "lib/train/trainer.h"

#include <ATen/Parallel.h>

#include <numeric>
#include <optional>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/random.h"
#include "lib/eval/likelihood.h"
#include "lib/eval/model_images.h"
#include "lib/eval/reconstruction.h"
#include "lib/image/image_io.h"
#include "lib/model/pixels.h"
#include "lib/model/safetensors.h"
#include "tests/image/image_test_files.h"
#include "tests/support/digits.h"
#include "tests/support/tiny_exact.h"
#include "tests/support/training.h"

namespace pie {
namespace {

Json preset_of(int64_t steps) {
  Json preset = digits_preset();
  preset["train"]["steps"] = steps;
  return preset;
}

// Everything of the model file but the time it took.
void expect_same_model(const Trainer& a, const Trainer& b) {
  const auto left = parse_model(a.serialize_averaged_model(Json::object()), "a");
  const auto right = parse_model(b.serialize_averaged_model(Json::object()), "b");
  EXPECT_EQ(left.fingerprint, right.fingerprint);
  EXPECT_EQ(left.preset, right.preset);
  const auto other = right.model->stored_tensors();
  for (const auto& [name, tensor] : left.model->stored_tensors()) {
    EXPECT_TRUE(torch::equal(tensor, other.at(name))) << name;
  }
}

TEST(Training, SameSeedSameModel) {
  const auto data = digits();
  Trainer a(preset_of(5), 3), b(preset_of(5), 3), c(preset_of(5), 4);
  EXPECT_EQ(train(a, data), TrainEnd::kFinished);
  train(b, data);
  train(c, data);
  expect_same_model(a, b);
  EXPECT_NE(parse_model(a.serialize_averaged_model(Json::object()), "a").fingerprint,
            parse_model(c.serialize_averaged_model(Json::object()), "c").fingerprint);
}

// 16 steps of 8 images run into the second epoch of 100 images, and cross a shuffle.
TEST(Training, ResumingIsExact) {
  for (const bool augment : {false, true}) {
    Json preset = preset_of(16);
    preset["train"]["flip"] = augment;
    const auto data = digits();
    Trainer whole(preset, 3);
    train(whole, data);
    std::optional<Trainer> part(Trainer(preset, 3));
    for (const int64_t stop : {3, 13, 0}) {
      const auto end = train(*part, data, stop);
      EXPECT_EQ(end, stop == 0 ? TrainEnd::kFinished : TrainEnd::kStoppedAt);
      EXPECT_EQ(part->step(), stop == 0 ? 16 : stop);
      const auto state = part->serialize_state();
      part.emplace(Trainer::resume(state, "x.state"));
      EXPECT_EQ(part->preset(), preset);
      EXPECT_EQ(part->seed(), 3u);
    }
    expect_same_model(whole, *part);
  }
}

// A schedule in time is part of the state: what is left of it is what is trained.
TEST(Training, ResumingKeepsTheTimeLimit) {
  const auto data = digits();
  Trainer trainer(preset_of(1000), 3);
  trainer.set_time_limit(1e-9);
  EXPECT_EQ(train(trainer, data), TrainEnd::kFinished);
  EXPECT_EQ(trainer.step(), 1);
  auto resumed = Trainer::resume(trainer.serialize_state(), "x.state");
  EXPECT_EQ(train(resumed, data), TrainEnd::kFinished);
  EXPECT_EQ(resumed.step(), 1);
  resumed.set_steps(3);
  EXPECT_EQ(train(resumed, data), TrainEnd::kFinished);
  EXPECT_EQ(resumed.step(), 3);
}

// A batch of 8 is not divisible among 3 threads.
TEST(Training, ThreadsShareABatch) {
  const auto data = digits();
  std::vector<TrainStatus> steps;
  const int before = at::get_num_threads();
  for (const int threads : {1, 3}) {
    at::set_num_threads(threads);
    Trainer trainer(preset_of(1), 3);
    auto set = trainer.training_set(data);
    TrainRun run;
    run.data = &set;
    trainer.run(run, never, [&](const TrainStatus& status) { steps.push_back(status); });
  }
  at::set_num_threads(before);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_NEAR(steps[1].bits_per_dim, steps[0].bits_per_dim, 1e-5);
  EXPECT_NEAR(steps[1].gradient_norm / steps[0].gradient_norm, 1, 1e-4);
}

// With weights that stay, the mean over the batches of an epoch is the mean over the images.
TEST(Training, AnEpochUsesEveryImageOnce) {
  Json preset = preset_of(12);
  preset["train"]["batch"] = 2;
  preset["train"]["lr"] = 0;
  const auto data = digits("[:6]");
  Trainer trainer(preset, 3);
  std::vector<double> epochs(4);
  auto set = trainer.training_set(data);
  TrainRun run;
  run.data = &set;
  trainer.run(run, never, [&](const TrainStatus& status) {
    epochs[static_cast<size_t>((status.step - 1) / 3)] += status.bits_per_dim / 3;
  });
  const auto expected = evaluate_likelihood(trainer.model(), data, 1, 8);
  // Noise moves a figure by far less than the images differ.
  for (const double bits : epochs) {
    EXPECT_NEAR(bits, expected.bits_per_dim, 0.15 * expected.standard_error);
  }
}

TEST(Training, LowersBitsPerDim) {
  Json preset = preset_of(60);
  preset["train"]["batch"] = 20;
  const auto data = digits("[:80]"), held_out = digits("[80:]");
  Trainer trainer(preset, 3);
  const auto bits = [&] {
    double result = 0;
    trainer.with_averaged_weights(
        [&](Model& model) { result = evaluate_likelihood(model, held_out, 1, 1).bits_per_dim; });
    return result;
  };
  train(trainer, data, 1);
  const double before = bits();
  auto set = trainer.training_set(data);
  TrainRun run;
  run.data = &set;
  run.validation = &held_out;
  int reports = 0, validations = 0;
  trainer.run(run, never, [&](const TrainStatus& status) {
    ++reports;
    EXPECT_EQ(status.step, 1 + reports);
    EXPECT_TRUE(std::isfinite(status.bits_per_dim));
    EXPECT_GT(status.gradient_norm, 0);
    EXPECT_EQ(status.validated, status.step % 5 == 0);
    if (status.validated) {
      ++validations;
      EXPECT_GT(status.validation_psnr_db, 0);
      EXPECT_TRUE(std::isfinite(status.validation_bits_per_dim));
    }
  });
  EXPECT_EQ(reports, 59);
  EXPECT_EQ(validations, 12);
  // Far more than the differences between images of this set.
  EXPECT_LT(bits(), before - 0.5);
}

TEST(Training, WeighsWhatComesBackFromZ) {
  const auto data = digits("[:80]");
  double psnr[2];
  for (const bool weighed : {false, true}) {
    Json preset = preset_of(100);
    preset["linear"]["reflections"] = 32;
    preset["linear"]["hidden"] = 64;
    preset["train"]["batch"] = 20;
    preset["train"]["lr"] = 0.01;
    if (weighed) preset["train"]["mse_weight"] = 100;
    Trainer trainer(preset, 3);
    train(trainer, data);
    trainer.with_averaged_weights(
        [&](Model& model) { psnr[weighed] = reconstruction_psnr(model, data, 80); });
  }
  EXPECT_GT(psnr[1], psnr[0] + 0.5);
}

TEST(Training, OnlyWhatKeepsZWeighsIt) {
  Json exact = tiny_exact_preset(1, 28, 28), classifier = digits_preset();
  exact["train"] = classifier["train"];
  classifier["classes"] = 10;
  classifier["train"]["task"] = "classify";
  for (Json preset : {exact, classifier}) {
    EXPECT_NO_THROW(Trainer(preset, 1));
    preset["train"]["mse_weight"] = 1;
    EXPECT_THROW(Trainer(preset, 1), UsageError);
  }
  Json recomputing = digits_preset();
  recomputing["train"]["mse_weight"] = 1;
  EXPECT_NO_THROW(Trainer(recomputing, 1));
  recomputing["train"]["recompute"] = true;
  EXPECT_THROW(Trainer(recomputing, 1), UsageError);
}

// As in evaluation: a head that has learnt from dequantized images fails on the samples.
TEST(Training, ClassesAreToldFromTheSamplesThemselves) {
  const auto file = read_file(std::string(PIE_TESTDATA) + "/../models/iresnet-mnist-small.json");
  Json preset = Json::parse(file.begin(), file.end());
  preset["classes"] = 10;
  preset["block"].update({{"blocks", 1}, {"hidden", 4}});
  preset["train"].update({{"task", "classify"}, {"batch", 100}, {"steps", 1}, {"lr", 1e-12}});
  const auto data = digits();
  Trainer trainer(preset, 3);
  const auto all_labels = data.labels();
  auto set = trainer.training_set(data, all_labels);
  TrainRun run;
  run.data = &set;
  double trained = 0;
  trainer.run(run, never, [&](const TrainStatus& status) { trained = status.cross_entropy; });

  const auto model = parse_model(trainer.serialize_averaged_model(Json::object()), "m").model;
  std::vector<size_t> all(data.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const std::vector<int64_t> labels(all_labels.begin(), all_labels.end());
  const torch::NoGradGuard no_grad;
  const auto scores =
      torch::log_softmax(model->logits(to_unit(load_images(data, all, model->input_shape()))), 1);
  EXPECT_NEAR(torch::nll_loss(scores, torch::tensor(labels)).item<double>(), trained, 1e-4);
}

TEST(Training, InterruptionsWaitForTheStep) {
  const auto data = digits();
  Trainer trainer(preset_of(10), 3);
  int asked = 0, reported = 0;
  auto set = trainer.training_set(data);
  TrainRun run;
  run.data = &set;
  const auto end = trainer.run(
      run, [&] { return ++asked > 4; }, [&](const TrainStatus&) { ++reported; });
  EXPECT_EQ(end, TrainEnd::kInterrupted);
  EXPECT_EQ(trainer.step(), 4);
  EXPECT_EQ(reported, 4);
  Trainer resumed = Trainer::resume(trainer.serialize_state(), "x");
  train(resumed, data);
  Trainer whole(preset_of(10), 3);
  train(whole, data);
  expect_same_model(whole, resumed);
}

TEST(Training, WhatIsNotFiniteStopsItAndIsNamed) {
  const auto data = digits();
  for (const auto& [parameter, where] : std::vector<std::pair<std::string, std::string>>{
           {"block1.3.subnet1.bias0", "block1.3"},
           {"block0.1.shift", "block0.1"},
           {"block2_split.g.weight0", "block2_split"}}) {
    Trainer trainer(preset_of(10), 3);
    train(trainer, data, 2);
    {
      const torch::NoGradGuard no_grad;
      trainer.model().named_parameters()[parameter].view(-1)[0].fill_(NAN);
    }
    const auto message = message_of<OperationError>([&] { train(trainer, data); });
    EXPECT_TRUE(contains(message, where)) << message;
    EXPECT_TRUE(contains(message, "step 3")) << message;
    EXPECT_EQ(trainer.step(), 2);
  }
}

TEST(Training, AveragedWeightsAreOnlyLent) {
  const auto data = digits();
  Trainer trainer(preset_of(6), 3);
  train(trainer, data);
  const auto weight = [&] {
    return trainer.model().named_parameters()["block0.1.shift"].detach().clone();
  };
  const auto before = weight();
  torch::Tensor averaged;
  trainer.with_averaged_weights([&](Model&) { averaged = weight(); });
  EXPECT_FALSE(torch::equal(averaged, before));
  EXPECT_TRUE(torch::equal(weight(), before));
}

TEST(Training, DamagedStatesAreRefused) {
  const auto data = digits("[:8]");
  Json preset = tiny_preset(8);
  preset["train"]["crop"] = true;  // 28x28 digits, 8x8 model
  Trainer trainer(preset, 3);
  train(trainer, data, 1);
  const auto good = trainer.serialize_state();
  EXPECT_NO_THROW(Trainer::resume(good, "x"));
  const CounterRandom random(4, 0);
  for (uint64_t k = 0; k < 300; ++k) {
    auto bytes = good;
    const size_t i = random.bits(2 * k) % good.size();
    bytes[i] = static_cast<uint8_t>(bytes[i] ^ (1 + random.bits(2 * k + 1) % 255));
    EXPECT_THROW(Trainer::resume(bytes, "x"), DamagedError) << i;
  }
  for (size_t k = 0; k < 20; ++k) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(good.size() * k / 20));
    EXPECT_THROW(Trainer::resume(cut, "x"), DamagedError) << k;
  }
  // A model is no state, and a state is no model.
  EXPECT_THROW(Trainer::resume(trainer.serialize_averaged_model(Json::object()), "x"),
               UnsupportedError);
  EXPECT_THROW(parse_model(good, "x"), UnsupportedError);
  auto file = parse_tensors(good, "x");
  for (const std::string text : {"{}", "[]", "7", "{\"preset\":7,\"seed\":1}"}) {
    file.metadata["state"] = text;
    EXPECT_THROW(Trainer::resume(serialize_tensors(file), "x"), Error) << text;
  }
}

// What is thrown between two steps, such as a full disk, costs nothing.
TEST(Training, ARunThatFailedGoesOnExactly) {
  const auto data = digits();
  Trainer whole(preset_of(10), 3), part(preset_of(10), 3);
  train(whole, data);
  auto set = part.training_set(data);
  TrainRun run;
  run.data = &set;
  const auto fail = [](const TrainStatus& status) {
    if (status.step == 4) throw OperationError("the disk is full");
  };
  EXPECT_EQ(message_of<OperationError>([&] { part.run(run, never, fail); }), "the disk is full");
  EXPECT_EQ(part.step(), 4);
  auto resumed = Trainer::resume(part.serialize_state(), "x");
  for (Trainer* trainer : {&part, &resumed}) {
    train(*trainer, data);
    expect_same_model(whole, *trainer);
  }
}

class TrainingOnFiles : public TestWithFolder {
 protected:
  // The first `count` digits as files; their names sort in this order.
  void put_digits(size_t count) const {
    const auto data = digits();
    for (size_t i = 0; i < count; ++i) put_image("digit" + std::to_string(100 + i), data.load(i));
  }
  void put_image(const std::string& name, const Image& image) const {
    put(name + ".png", encode_image(image, "png"));
  }
  void damage(const std::string& name) const {
    auto file = read_file(path(name + ".png"));
    file.resize(file.size() / 2);
    put(name + ".png", file);
  }
  ImageSource source() const {
    SourceOptions options;
    options.lenient = true;
    return ImageSource({folder()}, options);
  }
};

TEST_F(TrainingOnFiles, ImagesOfAnotherShapeArePassedOver) {
  put_digits(20);
  const auto good = source();
  put_image("later", noise_image({1, 28, 29}));
  put_image("last", noise_image({1, 28, 28}, 16));
  const auto more = source();
  ASSERT_EQ(more.size(), good.size() + 2);
  Trainer a(preset_of(5), 3), b(preset_of(5), 3);
  train(a, good);
  train(b, more);
  expect_same_model(a, b);
}

// 20 steps of 8 images are five epochs of 30 images.
TEST_F(TrainingOnFiles, ResumingIsExactAlthoughImagesAreDamaged) {
  put_digits(30);
  for (const char* name : {"digit103", "digit120", "digit121"}) damage(name);
  const auto data = source();
  Trainer whole(preset_of(20), 3);
  EXPECT_EQ(train(whole, data), TrainEnd::kFinished);
  EXPECT_EQ(data.skipped().size(), 3u);
  std::optional<Trainer> part(Trainer(preset_of(20), 3));
  for (const int64_t stop : {2, 7, 8, 0}) {
    const auto again = source();
    train(*part, again, stop);
    part.emplace(Trainer::resume(part->serialize_state(), "x"));
  }
  expect_same_model(whole, *part);
}

TEST_F(TrainingOnFiles, HeldOutImagesMustAllBeFit) {
  put_digits(3);
  const Trainer trainer(preset_of(5), 3);
  trainer.check_validation(source());
  put_image("other", noise_image({1, 28, 30}));
  auto message = message_of<ShapeError>([&] { trainer.check_validation(source()); });
  EXPECT_TRUE(contains(message, "other.png: is 1x28x30, but 1x28x28 is required")) << message;
  const Trainer any_size(
      []() {
        Json preset = tiny_exact_preset(1, 28, 28);
        preset["position"] = false;
        return preset;
      }(),
      3);
  any_size.check_validation(source());
  put_image("other", noise_image({1, 28, 27}));
  message = message_of<ShapeError>([&] { any_size.check_validation(source()); });
  EXPECT_TRUE(contains(message, "other.png: is 1x28x27, but at least")) << message;
  put_image("other", noise_image({1, 28, 28}));
  damage("other");
  message = message_of<DamagedError>([&] { trainer.check_validation(source()); });
  EXPECT_TRUE(contains(message, "other.png")) << message;
}

TEST(Training, ImpossibleLabelsAreFoundBeforeTheFirstStep) {
  Json preset = digits_preset();
  preset["classes"] = 9;
  preset["train"]["task"] = "hybrid";
  const Trainer trainer(preset, 3);
  const auto data = digits();
  const auto message = message_of<UsageError>([&] { trainer.training_set(data, data.labels()); });
  EXPECT_TRUE(contains(message, "has label 9, the model has 9 classes")) << message;
  EXPECT_THROW(trainer.training_set(data), UsageError);
  EXPECT_NO_THROW(trainer.training_set(data, Bytes(10, 8)));
}

}  // namespace
}  // namespace pie
