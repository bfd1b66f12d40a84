#include "core/artifact/crypto_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

TEST(CryptoLibrary, GivenTheInstalledLibrary_WhenLoadedTwice_ThenItIsTheSame) {
  const auto first = crypto_library();
  ASSERT_THAT(first, IsOk());

  const auto second = crypto_library();

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*first, *second);
}

TEST(CryptoLibrary, GivenNoLibrary_WhenLoaded_ThenItsPackageIsNamed) {
  EXPECT_THAT(
      load_crypto_library("libno-such-crypto.so.3"),
      FailsWith(ErrorCode::unsupported, AllOf(HasSubstr("libno-such-crypto.so.3: cannot open"),
                                              HasSubstr("install libssl3"))));
}

TEST(CryptoLibrary, GivenALibraryWithoutTheFunctions_WhenLoaded_ThenItIsTooOld) {
  EXPECT_THAT(load_crypto_library("libm.so.6"),
              FailsWith(ErrorCode::unsupported, HasSubstr("libm.so.6 is too old")));
}

}  // namespace
}  // namespace patchbay::artifact
