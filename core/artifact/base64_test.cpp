#include "core/artifact/base64.hpp"

#include <gtest/gtest.h>

namespace patchbay::artifact {
namespace {

struct Pair {
  std::string bytes, text;
};

// RFC 4648, section 10.
TEST(Base64, GivenBytes_WhenEncodedAndDecoded_ThenTheyAreTheSame) {
  for (const auto& [bytes, text] :
       {Pair{"", ""}, Pair{"f", "Zg=="}, Pair{"fo", "Zm8="}, Pair{"foo", "Zm9v"},
        Pair{"foob", "Zm9vYg=="}, Pair{"fooba", "Zm9vYmE="}, Pair{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(as_bytes(bytes)), text);
    const auto decoded = decode_base64(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(as_text(*decoded), bytes);
  }
}

TEST(Base64, GivenEveryLetter_WhenDecodedAndEncoded_ThenItIsTheSame) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  const auto bytes = decode_base64(letters);

  ASSERT_TRUE(bytes);
  EXPECT_EQ(encode_base64(*bytes), letters);
}

}  // namespace
}  // namespace patchbay::artifact
