// Which figures each shipped kind of model has.
#include "lib/eval/measurable.h"

#include "lib/model/architecture.h"
#include "lib/model/model_store.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

Measurable of_preset(const std::string& name) { return measurable(*make_model(find_preset(name))); }

TEST(Measurables, OfEveryKindOfModel) {
  const auto pie = of_preset("pie-mnist");
  EXPECT_TRUE(pie.likelihood && pie.reconstruction && pie.code && pie.latents && pie.temperatures);
  EXPECT_FALSE(pie.inversion || pie.classification);
  // Exact levels: no temperatures, and coarse samples instead of points in a space.
  const auto exact = of_preset("pie-photo");
  EXPECT_TRUE(exact.likelihood && exact.reconstruction && exact.code);
  EXPECT_FALSE(exact.latents || exact.temperatures || exact.inversion);
  // z is everything, and comes back by an iteration.
  const auto iresnet = of_preset("iresnet-mnist-small");
  EXPECT_TRUE(iresnet.likelihood && iresnet.inversion && iresnet.code && iresnet.latents);
  EXPECT_FALSE(iresnet.reconstruction);
  // Zero-padded: no density, hence no code.
  const auto classifier = of_preset("iresnet-mnist-classifier");
  EXPECT_TRUE(classifier.classification && classifier.inversion);
  EXPECT_FALSE(classifier.likelihood || classifier.code || classifier.latents);
  // A bound of a density counts as one, a score does not.
  const auto vae = of_preset("vae-mnist"), wae = of_preset("wae-mnist");
  EXPECT_TRUE(vae.likelihood && vae.reconstruction && vae.code && vae.latents);
  EXPECT_FALSE(wae.likelihood);
  EXPECT_TRUE(wae.reconstruction && wae.code && wae.latents);
}

}  // namespace
}  // namespace pie
