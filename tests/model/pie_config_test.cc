// Configurations are read strictly: every error names the key.
#include "lib/model/pie_config.h"

#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

std::string error_after(const std::string& assignment) {
  Json preset = tiny_preset();
  set_value(preset, assignment);
  return message_of<UsageError>([&] { parse_pie_config(preset); });
}

TEST(PieConfigs, DefaultsOfTheKindAndOverridesOfTheBlock) {
  const auto config = parse_pie_config(tiny_preset());
  EXPECT_EQ(config.input, (Shape{1, 8, 8}));
  EXPECT_DOUBLE_EQ(config.eps0(), 0.1);
  ASSERT_EQ(config.blocks.size(), 4u);
  EXPECT_EQ(config.blocks[0].hidden, 6);
  EXPECT_TRUE(config.blocks[0].act_norm);
  EXPECT_EQ(config.blocks[2].hidden, 8);
  EXPECT_EQ(config.blocks[2].scale_clamp, 0.0);
  EXPECT_EQ(config.blocks[3].scale_clamp, 0.5);
}

TEST(PieConfigs, WrongValuesAreNamed) {
  for (const auto& [assignment, key] : std::vector<std::pair<std::string, std::string>>{
           {"arch=gan", "arch"},
           {"input.channels=0", "input.channels"},
           {"input.height=28.5", "input.height"},
           {"input.width=\"wide\"", "input.width"},
           {"pre_transform.kind=cubic", "pre_transform.kind"},
           {"pre_transform.scale=\"big\"", "pre_transform.scale"},
           {"eps0_squared=0", "eps0_squared"},
           {"eps0_squared=true", "eps0_squared"},
           {"residual_mean=median", "residual_mean"},
           {"conv.steps=0", "blocks.0.steps"},
           {"linear.reflections=-1", "blocks.2.reflections"},
           {"blocks.1.keep=0", "blocks.1.keep"},
           {"blocks.1.hidden=99999999", "blocks.1.hidden"},
           {"blocks.1.hidden=18446744073709551615", "blocks.1.hidden"},
           {"blocks.1.kind=round", "blocks.1.kind"},
           {"blocks.1.kind=7", "blocks.1.kind"},
           {"blocks.3.scale_clamp=9", "blocks.3.scale_clamp"},
           {"blocks.3.act_norm=1", "blocks.3.act_norm"},
           {"blocks.3.colour=1", "blocks.3.colour"},
           {"blocks.1.transform=recurrent", "blocks.1.transform"},
           {"blocks.1.mixing=cards", "blocks.1.mixing"},
           // Of another transform than the block's: it would have no effect.
           {"blocks.1.components=3", "blocks.1.components"},
           {"blocks.1.tolerance=0.1", "blocks.1.tolerance"},
           {"conv.reflections=3.5", "blocks.0.reflections"},
           {"blocks=[]", "blocks"},
           {"blocks=7", "blocks"},
           {"blocks.0=7", "blocks.0"},
           {"input=7", "input"},
           {"conv=7", "blocks.0"}}) {
    const auto message = error_after(assignment);
    EXPECT_TRUE(contains(message, key)) << assignment << ": " << message;
  }
}

TEST(PieConfigs, MissingKeysAreNamed) {
  for (const std::string key :
       {"arch", "input", "pre_transform", "eps0_squared", "residual_mean", "blocks"}) {
    Json preset = tiny_preset();
    preset.erase(key);
    const auto message = message_of<UsageError>([&] { parse_pie_config(preset); });
    EXPECT_TRUE(contains(message, "'" + key + "' is missing")) << message;
  }
  Json preset = tiny_preset();
  preset["conv"].erase("hidden");
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_pie_config(preset); }),
                       "'blocks.0.hidden' is missing"));
  preset = tiny_preset();
  preset["input"].erase("height");
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_pie_config(preset); }),
                       "'input.height' is missing"));
}

TEST(PieConfigs, UnknownKeysAreNamed) {
  Json preset = tiny_preset();
  preset["esp0_squared"] = 1;
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_pie_config(preset); }),
                       "unknown key 'esp0_squared'"));
  preset = tiny_preset();
  preset["input"]["depth"] = 1;
  EXPECT_TRUE(contains(message_of<UsageError>([&] { parse_pie_config(preset); }),
                       "unknown key 'input.depth'"));
  EXPECT_THROW(parse_pie_config(Json::array()), UsageError);
}

TEST(PieConfigs, SetValueReachesEveryLevel) {
  Json preset = tiny_preset();
  set_value(preset, "conv.hidden=32");
  set_value(preset, "blocks.2.keep=6");
  set_value(preset, "blocks.2.hidden=5");  // overrides the default of its kind
  set_value(preset, "residual_mean=zero");
  set_value(preset, "train.lr=1e-4");
  set_value(preset, "conv.act_norm=false");
  EXPECT_THROW(set_value(preset, "name=a\xff"), UsageError);  // not UTF-8, which JSON is
  const auto config = parse_pie_config(preset);
  EXPECT_EQ(config.blocks[0].hidden, 32);
  EXPECT_EQ(config.blocks[2].keep, 6);
  EXPECT_EQ(config.blocks[2].hidden, 5);
  EXPECT_EQ(config.residual_mean, "zero");
  EXPECT_FALSE(config.blocks[1].act_norm);
  EXPECT_EQ(preset["train"]["lr"], 1e-4);
}

TEST(PieConfigs, SetValueRefusesTypingErrors) {
  for (const std::string assignment :
       {"conv.hiden=32", "conv", "=3", "blocks.9.keep=1", "blocks.x.keep=1", "eps0_squared.x=1",
        "blocks.123456789012345678901.keep=1", ".=1", "conv.=1"}) {
    Json preset = tiny_preset();
    EXPECT_THROW(set_value(preset, assignment), UsageError) << assignment;
    EXPECT_EQ(preset, tiny_preset()) << assignment;
  }
}

}  // namespace
}  // namespace pie
