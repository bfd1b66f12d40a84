#include "core/artifact/decompress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>

#include "core/artifact/sources.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using namespace std::string_literals;
using namespace testing;
using ::testing::HasSubstr;

std::string gzip(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string xz(std::string_view plain, std::uint64_t block_size, std::uint32_t dictionary) {
  lzma_options_lzma lzma{};
  lzma_lzma_preset(&lzma, 1);
  lzma.dict_size = dictionary;
  std::array<lzma_filter, 2> filters{{{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, nullptr}}};
  lzma_mt options{};
  options.threads = 1;
  options.block_size = block_size;
  options.filters = filters.data();
  options.check = LZMA_CHECK_CRC64;
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_stream_encoder_mt(&stream, &options), LZMA_OK);
  std::string out(plain.size() + 100'000, '\0');
  stream.next_in = reinterpret_cast<const std::uint8_t*>(plain.data());
  stream.avail_in = plain.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = out.size();
  while (lzma_code(&stream, LZMA_FINISH) == LZMA_OK) {
  }
  out.resize(out.size() - stream.avail_out);
  lzma_end(&stream);
  return out;
}

std::string small_xz(std::string_view plain) {
  return xz(plain, 1 << 16, 1 << 16);
}

std::string zstd(std::string_view plain) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return out;
}

using MakeDecoder = std::function<std::unique_ptr<ByteSource>(ByteSource&)>;

struct Codec {
  std::string name;
  std::function<std::string(std::string_view)> compress;
  MakeDecoder decoder;
  enum class Streams : std::uint8_t { one, several } streams;

  friend void PrintTo(const Codec& codec, std::ostream* out) { *out << codec.name; }
};

/// At most `chunk` bytes a call.
class Dribble final : public ByteSource {
 public:
  Dribble(std::string_view text, std::size_t chunk) : memory_{as_bytes(text)}, chunk_{chunk} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    return memory_.read(out.first(std::min(out.size(), chunk_)));
  }

 private:
  MemorySource memory_;
  std::size_t chunk_;
};

Result<std::string> decode(const MakeDecoder& make, std::string_view compressed,
                           std::size_t in_chunk = 1 << 20, std::size_t out_chunk = 4096) {
  Dribble source{compressed, in_chunk};
  const auto decoder = make(source);
  std::string plain;
  ByteVector buffer(out_chunk);
  while (true) {
    PB_TRY(const std::size_t count, decoder->read(buffer));
    if (count == 0) return plain;
    plain += as_text(ByteSpan{buffer}.first(count));
  }
}

/// Text that compresses neither to nothing nor not at all.
std::string sample(std::size_t size) {
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += std::to_string(state >> (state % 17));
    if (state % 5 == 0) text += " some words that come again and again\n";
  }
  text.resize(size);
  return text;
}

class Decoder : public ::testing::TestWithParam<Codec> {
 protected:
  [[nodiscard]] Result<std::string> decode_it(std::string_view compressed) const {
    return decode(GetParam().decoder, compressed);
  }
  [[nodiscard]] std::string compress(std::string_view plain) const {
    return GetParam().compress(plain);
  }
};

TEST_P(Decoder, GivenAnySize_WhenDecoded_ThenThePlainTextComesBack) {
  for (const std::size_t size : {0U, 1U, 511U, 65536U, 300'000U, 3'000'000U}) {
    const std::string plain = sample(size);
    EXPECT_TRUE(decode_it(compress(plain)).value_or("error") == plain) << size;
  }
}

TEST_P(Decoder, GivenInputAndOutputInSmallSteps_WhenDecoded_ThenThePlainTextComesBack) {
  const std::string plain = sample(20'000);
  const std::string compressed = compress(plain);
  for (const std::size_t in : {1U, 2U, 3U, 7U, 64U, 511U}) {
    for (const std::size_t out : {1U, 5U, 333U, 65536U})
      EXPECT_TRUE(decode(GetParam().decoder, compressed, in, out).value_or("error") == plain)
          << in << " " << out;
  }
}

TEST_P(Decoder, GivenInputCutAnywhere_WhenDecoded_ThenItIsTruncated) {
  const std::string compressed = compress(sample(2000));
  for (std::size_t size = 0; size < compressed.size(); ++size)
    EXPECT_THAT(decode_it(compressed.substr(0, size)),
                FailsWith(ErrorCode::invalid_input, ::testing::Not("")))
        << size;
}

TEST_P(Decoder, GivenOneWrongByteAnywhere_WhenDecoded_ThenItIsNeverTakenForOtherContent) {
  const std::string plain = sample(2000);
  const std::string compressed = compress(plain);
  for (std::size_t i = 0; i < compressed.size(); ++i) {
    std::string broken = compressed;
    broken[i] = static_cast<char>(broken[i] ^ 0x55);
    const auto result = decode_it(broken);
    // A header byte may mean nothing (a time, an operating system); content may never change.
    EXPECT_TRUE(!result || *result == plain) << i;
  }
}

TEST_P(Decoder, GivenBytesBehindTheEnd_WhenDecoded_ThenTheyAreRefused) {
  const std::string compressed = compress(sample(2000));
  for (const auto& tail : {"x"s, "\0"s, "GARBAGE!"s, std::string(4096, '\0')}) {
    EXPECT_THAT(decode_it(compressed + tail),
                FailsWith(ErrorCode::invalid_input, HasSubstr("bytes follow the end")));
    EXPECT_THAT(decode(GetParam().decoder, compressed + tail, 1),
                FailsWith(ErrorCode::invalid_input, HasSubstr("bytes follow the end")));
  }
}

TEST_P(Decoder, GivenSeveralStreams_WhenDecoded_ThenTheyAreOneOrRefused) {
  const std::string first = sample(70'000);
  const std::string compressed = compress(first) + compress("") + compress("second");
  for (const std::size_t in : {1U, 13U, 1U << 20}) {
    const auto result = decode(GetParam().decoder, compressed, in);
    if (GetParam().streams == Codec::Streams::several) {
      EXPECT_TRUE(result && *result == first + "second") << in;
    } else {
      EXPECT_THAT(result, FailsWith(ErrorCode::invalid_input, HasSubstr("bytes follow the end")));
    }
  }
}

TEST_P(Decoder, GivenOtherContent_WhenDecoded_ThenTheErrorSaysWhatItIs) {
  EXPECT_THAT(decode_it(""), FailsWith(ErrorCode::invalid_input, HasSubstr("empty")));
  EXPECT_THAT(decode_it("PK\x03\x04 and so on"),
              FailsWith(ErrorCode::invalid_input, HasSubstr("it is a zip archive")));
  EXPECT_THAT(decode_it("Not compressed at all"),
              FailsWith(ErrorCode::invalid_input, HasSubstr("it starts with \"Not compressed")));
}

const MakeDecoder kXz = [](ByteSource& input) { return make_xz_decoder(input, Limits{}); };
const MakeDecoder kZstd = [](ByteSource& input) { return make_zstd_decoder(input, Limits{}); };

std::vector<Codec> codecs() {
  std::vector<Codec> all{{"Zlib", gzip, make_zlib_decoder, Codec::Streams::several},
                         {"Xz", small_xz, kXz, Codec::Streams::one},
                         {"Zstd", zstd, kZstd, Codec::Streams::several}};
#ifdef PATCHBAY_HAVE_ISAL
  all.push_back({"Isal", gzip, make_isal_decoder, Codec::Streams::several});
#endif
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Codec>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(All, Decoder, ::testing::ValuesIn(codecs()), name_of);

TEST(XzMemory, GivenDictionaryBeyondTheLimit_WhenDecoded_ThenTheLimitIsNamed) {
  const std::string compressed = xz(sample(1000), 0, 256U << 20);

  EXPECT_THAT(decode(kXz, compressed),
              FailsWith(ErrorCode::invalid_input, HasSubstr("the limit is 128 MiB")));
}

TEST(ZstdMemory, GivenWindowBeyondTheLimit_WhenDecoded_ThenTheLimitIsNamed) {
  Limits limits;
  limits.zstd_window_bytes = 1 << 20;
  const std::string compressed = zstd(sample(4 << 20));

  EXPECT_THAT(decode([&](ByteSource& in) { return make_zstd_decoder(in, limits); }, compressed),
              FailsWith(ErrorCode::invalid_input, HasSubstr("window of more than 1.0 MiB")));
}

TEST(ZstdFrames, GivenSkippableFrame_WhenDecoded_ThenItIsRefused) {
  const std::string skippable = "\x50\x2A\x4D\x18\x04\x00\x00\x00"s + "evil";

  EXPECT_THAT(decode(kZstd, zstd("x") + skippable),
              FailsWith(ErrorCode::invalid_input, HasSubstr("bytes follow")));
  EXPECT_THAT(decode(kZstd, skippable + zstd("x")),
              FailsWith(ErrorCode::invalid_input, HasSubstr("the content is not")));
}

}  // namespace
}  // namespace patchbay::artifact
