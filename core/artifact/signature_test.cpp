#include "core/artifact/signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/artifact/openssl_types.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr std::string_view kManifest = "the bytes of a manifest\n";

OpenSslPtr<EVP_PKEY> rsa_key(int bits) {
  return OpenSslPtr<EVP_PKEY>{
      EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(bits))};
}
OpenSslPtr<EVP_PKEY> ec_key(const char* curve) {
  return OpenSslPtr<EVP_PKEY>{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)};
}
OpenSslPtr<EVP_PKEY> ed25519_key() {
  return OpenSslPtr<EVP_PKEY>{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
}

template <typename Write>
std::string pem(Write write) {
  const OpenSslPtr<BIO> bio{BIO_new(BIO_s_mem())};
  write(bio.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

VerificationKey public_key(const OpenSslPtr<EVP_PKEY>& key, std::string name = "key") {
  return {std::move(name), pem([&](BIO* bio) { PEM_write_bio_PUBKEY(bio, key.get()); })};
}

using Signature = std::vector<unsigned char>;

Signature sign(const OpenSslPtr<EVP_PKEY>& key, const EVP_MD* digest = EVP_sha256(),
               int rsa_padding = RSA_PKCS1_PADDING) {
  const OpenSslPtr<EVP_MD_CTX> context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* key_context = nullptr;
  EVP_DigestSignInit(context.get(), &key_context, digest, nullptr, key.get());
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, rsa_padding);
  }
  const auto* message = reinterpret_cast<const unsigned char*>(kManifest.data());
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, message, kManifest.size());
  Signature signature(size);
  EVP_DigestSign(context.get(), signature.data(), &size, message, kManifest.size());
  signature.resize(size);
  return signature;
}

/// r and s of a DER signature, each in `bytes` bytes.
Signature raw_of(const Signature& der, int bytes) {
  const unsigned char* at = der.data();
  const OpenSslPtr<ECDSA_SIG> parsed{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
  Signature raw(static_cast<std::size_t>(2 * bytes));
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), raw.data(), bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), raw.data() + bytes, bytes);
  return raw;
}

std::string base64(const Signature& signature) {
  std::string text((signature.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     signature.data(), static_cast<int>(signature.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

Result<std::string> verify(const std::vector<VerificationKey>& keys, const std::string& signature,
                           std::string_view manifest = kManifest) {
  PB_TRY(const Keyring keyring, Keyring::load(keys));
  return keyring.verify(as_bytes(manifest), signature, Limits{});
}

TEST(SignatureRsa, GivenPkcs1_WhenVerified_ThenTheKeyIsNamed) {
  const auto key = rsa_key(2048);

  EXPECT_THAT(verify({public_key(key, "factory.pem")}, base64(sign(key))), IsOkAnd("factory.pem"));
  EXPECT_THAT(verify({public_key(key)}, base64(sign(key)), "another manifest"),
              FailsWith(ErrorCode::integrity, HasSubstr("was changed after signing")));
}

TEST(SignatureRsa, GivenPss_WhenVerified_ThenItSaysPss) {
  const auto key = rsa_key(2048);

  EXPECT_THAT(verify({public_key(key)}, base64(sign(key, EVP_sha256(), RSA_PKCS1_PSS_PADDING))),
              FailsWith(ErrorCode::unsupported, HasSubstr("RSA-PSS")));
}

TEST(SignatureRsa, GivenAnotherDigest_WhenVerified_ThenItIsRefused) {
  const auto key = rsa_key(2048);

  EXPECT_THAT(verify({public_key(key)}, base64(sign(key, EVP_sha1()))),
              FailsWith(ErrorCode::integrity, HasSubstr("manifest.sig")));
}

struct Curve {
  const char* name;
  int bytes;
};

class SignatureEcdsa : public ::testing::TestWithParam<Curve> {};

TEST_P(SignatureEcdsa, GivenRawOrDer_WhenVerified_ThenBothAreGood) {
  const auto key = ec_key(GetParam().name);
  const Signature der = sign(key);

  EXPECT_THAT(verify({public_key(key)}, base64(der)), IsOk());
  EXPECT_THAT(verify({public_key(key)}, base64(raw_of(der, GetParam().bytes))), IsOk());
}

TEST_P(SignatureEcdsa, GivenDamagedOrDegenerateSignatures_WhenVerified_ThenAllAreRefused) {
  const auto key = ec_key(GetParam().name);
  const auto size = static_cast<std::size_t>(2 * GetParam().bytes);
  Signature flipped = raw_of(sign(key), GetParam().bytes);
  flipped[size / 2] ^= 1;
  Signature longer = sign(key);
  longer.push_back(0);

  for (const Signature& bad : {flipped, longer, Signature(size, 0), Signature(size, 0xFF),
                               Signature(1, 0), Signature(7, 0x30), Signature(200, 0x30)})
    EXPECT_THAT(verify({public_key(key)}, base64(bad)),
                FailsWith(ErrorCode::integrity, HasSubstr("not of any configured key")));
}

INSTANTIATE_TEST_SUITE_P(Curves, SignatureEcdsa,
                         ::testing::Values(Curve{"P-256", 32}, Curve{"P-384", 48},
                                           Curve{"P-521", 66}),
                         [](const auto& row) { return "P" + std::to_string(row.param.bytes * 8); });

TEST(SignatureEd25519, GivenSignature_WhenVerified_ThenItIsGood) {
  const auto key = ed25519_key();

  EXPECT_THAT(verify({public_key(key)}, base64(sign(key, nullptr))), IsOk());
  EXPECT_THAT(verify({public_key(key)}, base64(sign(key, nullptr)), "another manifest"),
              FailsWith(ErrorCode::integrity, HasSubstr("manifest.sig")));
}

TEST(Signatures, GivenSeveralKeysAndLines_WhenVerified_ThenAnyPairIsEnough) {
  const auto rsa = rsa_key(2048);
  const auto ec = ec_key("P-256");
  const auto ed = ed25519_key();
  const std::string lines = base64(sign(rsa)) + "\n" + base64(sign(ed, nullptr)) + "\n\n";

  EXPECT_THAT(verify({public_key(ec, "ec"), public_key(ed, "ed")}, lines), IsOkAnd("ed"));
  EXPECT_THAT(verify({public_key(ec, "ec"), public_key(rsa, "rsa")}, lines), IsOkAnd("rsa"));
  EXPECT_THAT(verify({public_key(ec, "ec")}, lines),
              FailsWith(ErrorCode::integrity, HasSubstr("(ec)")));
}

TEST(Signatures, GivenBadText_WhenVerified_ThenItIsRefusedEvenBesideAGoodLine) {
  const auto key = ed25519_key();
  const std::string good = base64(sign(key, nullptr));
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += good + "\n";

  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "empty"},
           {"\n", "empty"},
           {"\n" + good, "line 1 is not base64"},
           {good + "\n\n" + good, "line 2 is not base64"},
           {good + "\r\n", "line 1 is not base64"},
           {good + " ", "line 1 is not base64"},
           {good + "\n=", "line 2 is not base64"},
           {many, "more than 16 signatures"}})
    EXPECT_THAT(verify({public_key(key)}, text),
                FailsWith(ErrorCode::invalid_input, HasSubstr(message)));
}

TEST(VerificationKeys, GivenGoodKeys_WhenParsed_ThenTheyAreTaken) {
  for (const auto& key :
       {public_key(rsa_key(2048)), public_key(ec_key("P-521")), public_key(ed25519_key())}) {
    EXPECT_THAT(parse_verification_key("key", key.pem), IsOk());
    EXPECT_THAT(parse_verification_key("key", "comment\n" + key.pem + "\n"), IsOk());
  }
}

TEST(VerificationKeys, GivenOtherPem_WhenParsed_ThenTheErrorSaysHowToConvertIt) {
  const auto rsa = rsa_key(2048);
  const std::string pkcs8 = pem([&](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, rsa.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "not a PEM file"},
           {"ssh-rsa AAAA", "not a PEM file"},
           {pkcs8, "a private key does not belong on a device; convert it with: openssl pkey"},
           {"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
            "openssl rsa -RSAPublicKey_in"},
           {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509"},
           {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged"},
           {"-----BEGIN PUBLIC KEY-----\n", "damaged"}})
    EXPECT_THAT(parse_verification_key("my.pem", text),
                FailsWith(ErrorCode::invalid_input,
                          ::testing::AllOf(HasSubstr("my.pem"), HasSubstr(message))));
}

TEST(VerificationKeys, GivenWeakOrForeignKeys_WhenParsed_ThenTheyAreUnsupported) {
  EXPECT_THAT(parse_verification_key("k", public_key(rsa_key(1024)).pem),
              FailsWith(ErrorCode::unsupported, HasSubstr("RSA with 1024 bits")));
  EXPECT_THAT(parse_verification_key("k", public_key(ec_key("secp256k1")).pem),
              FailsWith(ErrorCode::unsupported, HasSubstr("curve")));
  const OpenSslPtr<EVP_PKEY> x25519{EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")};
  EXPECT_THAT(parse_verification_key("k", public_key(x25519).pem),
              FailsWith(ErrorCode::unsupported, HasSubstr("neither RSA")));
}

}  // namespace
}  // namespace patchbay::artifact
