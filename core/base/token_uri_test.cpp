#include "core/base/token_uri.hpp"

#include <gtest/gtest.h>

namespace patchbay {
namespace {

TEST(EngineOfKey, GivenKeyAndEngine_ThenAFileHasNone) {
  struct Case {
    const char *key, *engine, *expected;
  };
  for (const auto& [key, engine, expected] :
       {Case{"pkcs11:object=device", "", "pkcs11"},
        Case{"pkcs11:object=device", "pkcs11", "pkcs11"},
        Case{"pkcs11:object=device", "other", "other"}, Case{"/data/device.pem", "", ""},
        Case{"/data/device.pem", "pkcs11", ""}, Case{"/data/device.tss", "tpm2tss", "tpm2tss"},
        Case{"", "pkcs11", ""}}) {
    EXPECT_EQ(engine_of_key(key, engine), expected) << key << " " << engine;
  }
}

TEST(TellsPin, GivenUris_ThenValueAndSourceCount) {
  EXPECT_TRUE(tells_pin("pkcs11:object=device?pin-value=1234"));
  EXPECT_TRUE(tells_pin("pkcs11:object=device?pin-source=file:/run/pin"));
  EXPECT_FALSE(tells_pin("pkcs11:object=pin"));
}

TEST(WithoutPin, GivenKeys_ThenOnlyThePinIsLeftOut) {
  struct Case {
    const char *key, *expected;
  };
  for (const auto& [key, expected] :
       {Case{"pkcs11:token=a;object=b?pin-value=1234", "pkcs11:token=a;object=b?pin-value=..."},
        Case{"pkcs11:object=b;pin-value=1234;type=private",
             "pkcs11:object=b;pin-value=...;type=private"},
        Case{"pkcs11:object=b?pin-value=12&pin-value=34",
             "pkcs11:object=b?pin-value=...&pin-value=..."},
        Case{"pkcs11:object=b?pin-source=file:/run/pin",
             "pkcs11:object=b?pin-source=file:/run/pin"},
        Case{"pkcs11:object=b?pin-value=", "pkcs11:object=b?pin-value=..."},
        Case{"/data/pin-value=1", "/data/pin-value=1"}, Case{"", ""}}) {
    EXPECT_EQ(without_pin(key), expected);
  }
}

}  // namespace
}  // namespace patchbay
