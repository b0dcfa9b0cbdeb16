// Runs that start from a trained model: from its weights, in its configuration, and resumable.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/image/image_test_files.h"
#include "tests/support/cast.h"
#include "tests/support/digits.h"
#include "tests/support/tiny_exact.h"
#include "tests/support/training.h"

namespace pie {
namespace {

LoadedModel averaged(const Trainer& trainer) {
  return parse_model(trainer.serialize_averaged_model(Json::object()), "m");
}

void expect_same_tensors(const LoadedModel& a, const LoadedModel& b) {
  const auto left = a.model->stored_tensors(), right = b.model->stored_tensors();
  ASSERT_EQ(left.size(), right.size());
  for (const auto& [name, tensor] : left) {
    EXPECT_TRUE(torch::equal(tensor, right.at(name))) << name;
  }
  EXPECT_EQ(a.fingerprint, b.fingerprint);
}

// Of 28x28 digits, of which crops of the model's size are taken.
Json exact_preset() {
  Json preset = tiny_exact_preset(1, 8, 8);
  preset["train"]["crop"] = true;
  return preset;
}

// A flow, whose first layers a new run would fit to the data, and an exact PIE.
struct Kind {
  Json preset;
  LoadedModel trained;
};
std::vector<Kind> kinds() {
  return {{digits_preset(), random_loaded_model(digits_preset(), 5, 0.05)},
          {exact_preset(), random_loaded_exact_pie(exact_preset(), 5)}};
}

TEST(TrainingFromAModel, TakesItsWeightsOver) {
  const auto data = digits("[:20]");
  for (auto& [preset, trained] : kinds()) {
    SCOPED_TRACE(trained.name());
    Trainer trainer(preset, 3);
    trainer.start_from(trained);
    EXPECT_EQ(trainer.step(), 0);
    expect_same_tensors(averaged(trainer), trained);
    // Nothing is initialised again: a step that does not move them leaves them.
    Json still = preset;
    still["train"].update({{"lr", 0.0}, {"ema_decay", 0.0}});
    Trainer standing(still, 3);
    standing.start_from(trained);
    train(standing, data, 1);
    EXPECT_EQ(standing.step(), 1);
    expect_same_tensors(averaged(standing), trained);
  }
}

// It has no other part in the run: training changes neither it, nor depends on who else has it.
TEST(TrainingFromAModel, LeavesTheModelAlone) {
  const auto data = digits("[:20]");
  for (auto& [preset, trained] : kinds()) {
    SCOPED_TRACE(trained.name());
    auto before = trained.model->stored_tensors();
    for (auto& [name, tensor] : before) tensor = tensor.clone();
    Trainer a(preset, 3), b(preset, 3);
    a.start_from(trained);
    train(a, data, 2);
    for (const auto& [name, tensor] : trained.model->stored_tensors()) {
      EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
    }
    b.start_from(trained);
    train(b, data, 2);
    expect_same_tensors(averaged(a), averaged(b));
    EXPECT_NE(averaged(a).fingerprint, trained.fingerprint);
  }
}

// Before the first step, and after some.
TEST(TrainingFromAModel, IsResumable) {
  const auto data = digits("[:20]");
  for (auto& [preset, trained] : kinds()) {
    SCOPED_TRACE(trained.name());
    Trainer whole(preset, 3);
    whole.start_from(trained);
    train(whole, data, 6);
    std::optional<Trainer> part(Trainer(preset, 3));
    part->start_from(trained);
    for (const int64_t stop : {0, 2, 6}) {
      if (stop > 0) train(*part, data, stop);
      EXPECT_EQ(part->step(), stop);
      part.emplace(Trainer::resume(part->serialize_state(), "x.state"));
    }
    expect_same_tensors(averaged(whole), averaged(*part));
  }
}

// Other sizes, and tensors that only one of both has; the message names the tensor and the model.
TEST(TrainingFromAModel, RefusesOtherConfigurations) {
  const auto trained = random_loaded_exact_pie(exact_preset(), 5);
  const auto refusal = [&](const Json& preset) {
    Trainer trainer(preset, 3);
    const auto before = averaged(trainer);
    const auto message = message_of<UsageError>([&] { trainer.start_from(trained); });
    expect_same_tensors(averaged(trainer), before);
    EXPECT_TRUE(contains(message, "tiny-exact")) << message;
    return message;
  };
  Json preset = exact_preset();
  preset["networks"][1]["hidden"] = 7;
  auto message = refusal(preset);
  EXPECT_TRUE(contains(message, "scale1.first.weight")) << message;
  EXPECT_TRUE(contains(message, "[5, ") && contains(message, "[7, ")) << message;

  preset = exact_preset();
  preset["networks"][1]["first_blocks"] = 1;
  message = refusal(preset);
  EXPECT_TRUE(contains(message, "scale1.first0_inner.weight is missing")) << message;

  preset = exact_preset();
  preset["networks"][0]["first_blocks"] = 0;
  message = refusal(preset);
  EXPECT_TRUE(contains(message, "scale0.first0_inner.weight")) << message;
  EXPECT_TRUE(contains(message, "here missing")) << message;

  message = refusal(digits_preset());
  EXPECT_TRUE(contains(message, "block0")) << message;
}

// What has the same tensors may differ otherwise: the size of images, and how it is trained.
TEST(TrainingFromAModel, TakesImagesOfAnotherSize) {
  const auto trained = random_loaded_exact_pie(exact_preset(), 5);
  Json preset = exact_preset();
  preset["input"] = {{"channels", 1}, {"height", 16}, {"width", 12}};
  preset["train"]["batch"] = 2;
  Trainer trainer(preset, 3);
  trainer.start_from(trained);
  const auto mine = averaged(trainer).model->stored_tensors();
  for (const auto& [name, tensor] : trained.model->stored_tensors()) {
    EXPECT_TRUE(torch::equal(tensor, mine.at(name))) << name;
  }
}

}  // namespace
}  // namespace pie
