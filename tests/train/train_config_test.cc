// The training section is read strictly, and its schedules have the stated shape.
#include "lib/train/train_config.h"

#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

TEST(TrainConfigs, WrongValuesAreNamed) {
  for (const auto& [assignment, key] : std::vector<std::pair<std::string, std::string>>{
           {"train.steps=0", "train.steps"},
           {"train.batch=1.5", "train.batch"},
           {"train.lr=-1", "train.lr"},
           {"train.warmup_steps=-1", "train.warmup_steps"},
           {"train.schedule=steep", "train.schedule"},
           {"train.clip_norm=\"no\"", "train.clip_norm"},
           {"train.ema_decay=1", "train.ema_decay"},
           {"train.validate_every=0", "train.validate_every"},
           {"train.flip=1", "train.flip"},
           {"train=7", "train"}}) {
    Json preset = tiny_preset();
    set_value(preset, assignment);
    const auto message = message_of<UsageError>([&] { parse_train_config(preset); });
    EXPECT_TRUE(contains(message, key)) << assignment << ": " << message;
  }
  // Keys that presets may leave out.
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"smallest_scale", 0.04},
                                                 {"smallest_scale", 1.1},
                                                 {"jpeg_share", -0.1},
                                                 {"jpeg_share", 1.1},
                                                 {"ycbcr_share", "half"},
                                                 {"optimizer", "sgd"}}) {
    Json preset = tiny_preset();
    preset["train"][key] = value;
    const auto message = message_of<UsageError>([&] { parse_train_config(preset); });
    EXPECT_TRUE(contains(message, "train." + key)) << value << ": " << message;
  }
  Json preset = tiny_preset();
  preset["train"]["momentum"] = 1;
  EXPECT_TRUE(
      contains(message_of<UsageError>([&] { parse_train_config(preset); }), "train.momentum"));
  preset["train"].erase("momentum");
  preset["train"].erase("crop");
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_train_config(preset); }), "train.crop"));
  preset.erase("train");
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_train_config(preset); }), "train"));
}

TrainConfig schedule(const std::string& name, int64_t warmup) {
  Json preset = tiny_preset();
  preset["train"]["schedule"] = name;
  preset["train"]["lr"] = 0.5;
  preset["train"]["warmup_steps"] = warmup;
  return parse_train_config(preset);
}

TEST(TrainConfigs, SchedulesFallFromTheTopToOnePercent) {
  for (const std::string name : {"linear", "cosine"}) {
    const auto config = schedule(name, 0);
    EXPECT_DOUBLE_EQ(learning_rate(config, 0, 0), 0.5);
    EXPECT_NEAR(learning_rate(config, 50, 0.5), 0.25, 1e-12);
    EXPECT_DOUBLE_EQ(learning_rate(config, 100, 1), 0.005);
    EXPECT_DOUBLE_EQ(learning_rate(config, 200, 7), 0.005);
    double before = 1;
    for (int i = 0; i <= 100; ++i) {
      const double rate = learning_rate(config, i, i / 100.0);
      EXPECT_LE(rate, before);
      before = rate;
    }
  }
  for (const double progress : {0.0, 0.5, 1.0}) {
    EXPECT_DOUBLE_EQ(learning_rate(schedule("constant", 0), 10, progress), 0.5);
  }
}

TEST(TrainConfigs, WarmupRisesLinearly) {
  const auto config = schedule("constant", 4);
  EXPECT_DOUBLE_EQ(learning_rate(config, 0, 0), 0.125);
  EXPECT_DOUBLE_EQ(learning_rate(config, 1, 0), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(config, 3, 0), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(config, 9, 0), 0.5);
}

}  // namespace
}  // namespace pie
