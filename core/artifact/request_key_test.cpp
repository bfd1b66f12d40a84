// Requests as devices sign them, with keys as openssl writes them; openssl verifies.

#include "core/artifact/request_key.hpp"

#include <latch>
#include <thread>

#include "core/artifact/base64.hpp"
#include "core/artifact/openssl_key_test.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Not;
using testing::read_text;
using testing::write_text;

constexpr const char* kRequest = R"({"id_data":"{\"mac\":\"02:00:00:aa:bb:cc\"}"})";

class RequestKeyTest : public OpenSslKeyTest {
 protected:
  /// By openssl pkeyutl, which fails the test when the signature is not good.
  void verify(const std::string& public_pem, const std::string& request,
              const std::string& signature) const {
    const auto bytes = decode_base64(signature);
    ASSERT_TRUE(bytes) << signature;
    write_text(dir_ / "public.pem", public_pem);
    write_text(dir_ / "request", request);
    write_text(dir_ / "signature", std::string{as_text(*bytes)});
    const bool hashes_itself = public_pem.size() < 130;  // an Ed25519 key is the shortest by far
    run("openssl pkeyutl -verify -pubin -inkey " + dir_ / "public.pem" + " -rawin -in " +
        dir_ / "request" + " -sigfile " + dir_ / "signature" +
        (hashes_itself ? "" : " -digest sha256"));
  }
};

// Vectors: the body of a request for authentication is made of the key's public half.

std::string body_with(std::string public_pem) {
  for (std::size_t at = 0; (at = public_pem.find('\n', at)) != std::string::npos;)
    public_pem.replace(at, 1, "\\n");
  return R"({"id_data":"{\"mac\":\"02:00:00:aa:bb:cc\",\"serial\":\"PB-0001\"}","pubkey":")" +
         public_pem + "\"}";
}

struct Vector {
  const char* private_pem;
  const char* public_pem;
  const char* signature;
};

constexpr Vector kEd25519{
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIHXNED3xk1ueIhQ5tvqWMUfJ3ej8hxuUq1yl91CdTBxS\n"
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAOr2ifVvvefhDfRP4cebT3Ktf8nunOI6v1fpRVWu/ua4=\n"
    "-----END PUBLIC KEY-----\n",
    "4Ki4Ses8Natq3qF+rBC+HiSQhtDAMeTpYHvlKgiChTRkVIBq6dAys0qIGNrcQEObI9DYD8iOKCGe4UCg"
    "fl0dBw=="};

constexpr Vector kP256{
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgg923JdJUxGGlgIky\n"
    "Id09oEvY9LEMVcnelh49ZYkml/ihRANCAATEZSputy3qSPDrSl4FnnBm6w/gCc/9\n"
    "634aMXfa/+/7vt9Rc6745zDwbtK5CiGcAoXAnqZ+pIboXK62pq8nUQI5\n"
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExGUqbrct6kjw60peBZ5wZusP4AnP\n"
    "/et+GjF32v/v+77fUXOu+Ocw8G7SuQohnAKFwJ6mfqSG6FyutqavJ1ECOQ==\n"
    "-----END PUBLIC KEY-----\n",
    "MEUCIQCwnpTOXJLM3GW6jFhb3Q/F4o8FSK5dCxQKtvIxGCneXAIgUjCPLAlYwcCU5290xTlO3wY7sDTH"
    "JwJUedQHu/8aSHg="};

constexpr Vector kRsa2048{
    nullptr,
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0gkjLEkYI9Len6po1kyL\n"
    "ODDBtF9suwKdjWDgaFasqe59EgJWx98T9FEKIp5J9obPghAl8F17BNOfTJeRhDkE\n"
    "WURVZUHxotP+b9pwJpHgdu0G+Wa/d7EBaHYemJOTw2OVwYE9eDOfvvNMkFqqvC3W\n"
    "ImTihTqBXrjb3edOCZsGizEu0Y4yIIPdJsUtlvQdR1HgiESig4/fodbXBGEsIvTX\n"
    "KNtqESpgY1ChlAre5VnaMuTbTNrRsv0k/NDS5Ixe7n80g3FozzEex2FH8EG2fK5f\n"
    "5s5dU0cOBtPcPKnrL64UqlBaQKPXqjPUlYmxzlMA+ne50FLBjL6EfIbZGfXuw0My\n"
    "ywIDAQAB\n"
    "-----END PUBLIC KEY-----\n",
    "wJkSVsO0Jm5Hapb3+Bhn7tfqedJi494mxFnpM8vSK5H60pQVsUMrDsa8aWEvhY2ttMuGk7ywsysGM8JN"
    "vPrSdnDld5jPPIrivElf2o0t6fRLKYlcszHo2qbc4MHQa8qQ6Vrupgfej6ypsB0Wjpfdn9vehxu+c8ML"
    "Xl81RkERAssVyZ67ET51BSxyLA+NV3hlTsGqcFdiJOHs27b4hxrQiLhTlUSmwbDPmORP81Twn3toJjbl"
    "DwY/1XlnTf+2G8d3hFEbiH4HbVuEZuCcPi0mqychRt/E1IgwqhoVxkNMjjbBMYw4ferNdpHQeQripIL8"
    "0aDdbpPPkfp/0ohwCumwXw=="};

TEST_F(RequestKeyTest, GivenVectorOfEd25519_WhenSigned_ThenTheSignatureIsTheSame) {
  const auto key = RequestKey::from_pem("ed25519.pem", kEd25519.private_pem);
  ASSERT_THAT(key, IsOk());

  EXPECT_THAT(key->public_pem(), IsOkAnd(kEd25519.public_pem));
  EXPECT_THAT(key->sign(body_with(kEd25519.public_pem)), IsOkAnd(kEd25519.signature));
  verify(kEd25519.public_pem, body_with(kEd25519.public_pem), kEd25519.signature);
}

TEST_F(RequestKeyTest, GivenVectorOfEcdsa_WhenSigned_ThenBothSignaturesVerify) {
  const auto key = RequestKey::from_pem("p256.pem", kP256.private_pem);
  ASSERT_THAT(key, IsOk());

  EXPECT_THAT(key->public_pem(), IsOkAnd(kP256.public_pem));
  const auto signature = key->sign(body_with(kP256.public_pem));
  ASSERT_THAT(signature, IsOk());
  verify(kP256.public_pem, body_with(kP256.public_pem), *signature);
  verify(kP256.public_pem, body_with(kP256.public_pem), kP256.signature);
}

TEST_F(RequestKeyTest, GivenVectorOfRsa_WhenVerifiedAsOursAre_ThenItIsGood) {
  verify(kRsa2048.public_pem, body_with(kRsa2048.public_pem), kRsa2048.signature);
}

struct FormCase {
  std::string name, arguments;
};
class RequestKeyForm : public RequestKeyTest, public ::testing::WithParamInterface<FormCase> {};

TEST_P(RequestKeyForm, GivenKeyFile_WhenSigned_ThenOpensslVerifiesAndKnowsItsHalves) {
  const auto key = RequestKey::from_pem(path_, this->key(GetParam().arguments), "secret");
  ASSERT_THAT(key, IsOk());
  const auto public_pem = key->public_pem();
  ASSERT_THAT(public_pem, IsOk());

  const auto signature = key->sign(kRequest);
  ASSERT_THAT(signature, IsOk());
  EXPECT_EQ(signature->find('\n'), std::string::npos);
  verify(*public_pem, kRequest, *signature);

  run("openssl pkey -passin pass:secret -in " + path_ + " -pubout -out " + dir_ / "want.pem");
  EXPECT_EQ(*public_pem, read_text(dir_ / "want.pem"));
  run("openssl pkey -passin pass:secret -in " + path_ + " -out " + dir_ / "want.pem");
  EXPECT_THAT(key->private_pem(), IsOkAnd(read_text(dir_ / "want.pem")));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RequestKeyForm,
    ::testing::Values(
        FormCase{"RsaPkcs1", "genrsa -traditional"},
        FormCase{"RsaPkcs1Encrypted", "genrsa -traditional -aes128 -passout pass:secret"},
        FormCase{"RsaPkcs8", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"},
        FormCase{"RsaPkcs8Encrypted",
                 "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:secret"},
        FormCase{"P256Sec1AfterParameters", "ecparam -name prime256v1 -genkey"},
        FormCase{"P256Pkcs8", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"},
        FormCase{"P384Sec1", "ecparam -name secp384r1 -genkey -noout"},
        FormCase{
            "P521Pkcs8Encrypted",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -aes256 -pass pass:secret"},
        FormCase{"Ed25519", "genpkey -algorithm ED25519"},
        FormCase{"Ed25519Encrypted", "genpkey -algorithm ED25519 -aes256 -pass pass:secret"}),
    [](const auto& row) { return row.param.name; });

TEST_F(RequestKeyTest, GivenNewKey_WhenWrittenAndRead_ThenItIsTheSame) {
  auto made = RequestKey::generate();
  ASSERT_THAT(made, IsOk());
  const RequestKey key = *std::move(made);
  const auto pem = key.private_pem();
  ASSERT_THAT(pem, IsOk());
  EXPECT_TRUE(pem->starts_with("-----BEGIN PRIVATE KEY-----\n")) << *pem;

  const auto again = RequestKey::from_pem("again", *pem);

  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->public_pem(), IsOkAnd(key.public_pem().value()));
  EXPECT_THAT(again->sign(kRequest), IsOkAnd(key.sign(kRequest).value()));
  verify(key.public_pem().value(), kRequest, key.sign(kRequest).value());
  EXPECT_NE(RequestKey::generate()->private_pem().value(), *pem);
}

TEST_F(RequestKeyTest, GivenUnusableKeys_WhenRead_ThenErrorsNameTheFileAndSayWhy) {
  struct Case {
    std::string pem;
    ErrorCode code;
    std::string message;
  };
  const auto bad = ErrorCode::invalid_input;
  const auto unknown = ErrorCode::unsupported;
  const std::string good = key("genpkey -algorithm ED25519");
  run("openssl pkey -in " + path_ + " -pubout -out " + dir_ / "public.pem");
  for (const auto& [pem, code, message] :
       {Case{"", bad, "not a private key"}, Case{"garbage", bad, "not a private key"},
        Case{good.substr(0, good.size() / 2), bad, "damaged"},
        Case{read_text(dir_ / "public.pem"), bad, "a public key cannot sign"},
        Case{key("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024"), unknown,
             "RSA with 1024 bits; at least 2048"},
        Case{key("ecparam -name secp256k1 -genkey"), unknown, "other than P-256, P-384, P-521"},
        Case{key("genpkey -algorithm X25519"), unknown, "neither RSA nor ECDSA nor Ed25519"},
        Case{key("genrsa -aes128 -passout pass:secret"), unknown, "no pass phrase"}}) {
    EXPECT_THAT(
        RequestKey::from_pem("/var/lib/agent.pem", pem),
        FailsWith(code, AllOf(HasSubstr("device key /var/lib/agent.pem: "), HasSubstr(message))));
  }
}

TEST_F(RequestKeyTest, GivenWrongPassPhrase_WhenRead_ThenThatIsSaidAndNotTheSecret) {
  for (const char* arguments : {"genpkey -algorithm ED25519 -aes256 -pass pass:secret",
                                "genrsa -traditional -aes128 -passout pass:secret"}) {
    EXPECT_THAT(RequestKey::from_pem("agent.pem", key(arguments), "hunter2"),
                FailsWith(ErrorCode::invalid_input, AllOf(HasSubstr("agent.pem: wrong pass phrase"),
                                                          Not(HasSubstr("hunter2")))));
    EXPECT_THAT(RequestKey::from_pem("agent.pem", key(arguments), std::string(5000, 'x')),
                FailsWith(ErrorCode::invalid_input, HasSubstr("wrong pass phrase")));
  }
}

/// Keys of a device in a token of SoftHSM.
class RequestKeyTokenTest : public RequestKeyTest {
 protected:
  static Token token(const std::string& label, const std::string& query = "?pin-value=1234") {
    return {testing::SoftHsm::uri(label, query), ""};
  }
  testing::SoftHsm hsm_{dir_};
};

TEST_F(RequestKeyTokenTest, GivenKeysMadeInTheToken_WhenSigned_ThenOpensslVerifies) {
  for (const auto& [type, label] :
       {std::pair{"rsa:2048", "rsa"}, {"rsa:3072", "rsa3072"}, {"EC:prime256v1", "ec"}}) {
    SCOPED_TRACE(type);
    hsm_.make_key(type, label);
    testing::SoftHsm::tool("--read-object --type pubkey --label " + std::string{label} + " -o " +
                           path_);
    run("openssl pkey -pubin -inform DER -in " + path_ + " -out " + dir_ / "want.pem");

    const auto key = RequestKey::from_token(token(label));

    ASSERT_THAT(key, IsOk());
    const auto public_pem = key->public_pem();
    EXPECT_THAT(public_pem, IsOkAnd(read_text(dir_ / "want.pem")));
    const auto signature = key->sign(kRequest);
    ASSERT_THAT(signature, IsOk());
    verify(*public_pem, kRequest, *signature);
  }
}

TEST_F(RequestKeyTokenTest, GivenWaysToTellThePin_WhenLoaded_ThenEachOpensTheToken) {
  hsm_.make_key("EC:prime256v1", "ec");
  write_text(dir_ / "pin", "1234");

  EXPECT_THAT(RequestKey::from_token(token("ec", "?pin-source=file:" + dir_ / "pin")), IsOk());
  EXPECT_THAT(RequestKey::from_token(token("ec", ""), "1234"), IsOk());
  EXPECT_THAT(RequestKey::from_token(token("ec", ";pin-value=1234")), IsOk());
}

TEST_F(RequestKeyTokenTest, GivenSeveralThreads_WhenTheyAreTheFirstToLoad_ThenAllHaveTheKey) {
  hsm_.make_key("EC:prime256v1", "ec");
  std::latch start{4};
  std::vector<std::jthread> threads(4);

  for (std::jthread& thread : threads) {
    thread = std::jthread{[&] {
      start.arrive_and_wait();
      EXPECT_THAT(RequestKey::from_token(token("ec")), IsOk());
    }};
  }
}

TEST_F(RequestKeyTokenTest, GivenNoPin_WhenLoaded_ThenNobodyIsAskedAndThatIsSaid) {
  hsm_.make_key("EC:prime256v1", "ec");

  EXPECT_THAT(RequestKey::from_token(token("ec", "")),
              FailsWith(ErrorCode::not_found, HasSubstr("shows no key without a PIN")));
}

TEST_F(RequestKeyTokenTest, GivenUnusableTokens_WhenLoaded_ThenErrorsNameTheKeyAndSayWhy) {
  struct Case {
    Token token;
    ErrorCode code;
    std::string message;
  };
  hsm_.make_key("EC:prime256v1", "ec");
  hsm_.make_key("EC:secp256k1", "other");
  const std::string pin = "?pin-value=1234";
  for (const auto& [token, code, message] :
       {Case{{"pkcs11:token=test;object=none" + pin, ""},
             ErrorCode::not_found,
             "the token is there, but has no such object"},
        Case{{"pkcs11:token=gone;object=ec" + pin, ""},
             ErrorCode::not_found,
             "no such token is there"},
        Case{{"pkcs11:token=test;object=ec?pin-source=file:/none", ""},
             ErrorCode::not_found,
             "pin-source cannot be read"},
        Case{{"pkcs11:token=test;object=other" + pin, ""},
             ErrorCode::unsupported,
             "other than P-256, P-384, P-521"},
        Case{{"pkcs11:object=ec" + pin, "", "none"},
             ErrorCode::unsupported,
             "OpenSSL has no engine \"none\""},
        Case{{"/etc/key", "", "pkcs11"}, ErrorCode::invalid_input, "not a PKCS#11 URI"}}) {
    const std::string name = token.uri.substr(0, token.uri.find('?'));
    EXPECT_THAT(RequestKey::from_token(token),
                FailsWith(code, AllOf(HasSubstr("device key " + name + ": "), HasSubstr(message),
                                      Not(HasSubstr("1234")))));
  }
}

TEST_F(RequestKeyTokenTest, GivenAWrongPin_WhenLoaded_ThenThatIsSaidAndNotThePin) {
  hsm_.make_key("EC:prime256v1", "ec");
  write_text(dir_ / "pin", "1234\n");

  for (const auto& [query, pin] : {std::pair{"?pin-value=9876", ""}, {"", "9876"}}) {
    ::testing::internal::CaptureStderr();
    EXPECT_THAT(
        RequestKey::from_token(token("ec", query), pin),
        FailsWith(ErrorCode::denied, AllOf(HasSubstr("device key pkcs11:token=test;object=ec"),
                                           HasSubstr("refuses the PIN"), Not(HasSubstr("9876")))));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  }
  EXPECT_THAT(RequestKey::from_token(token("ec", "?pin-source=file:" + dir_ / "pin")),
              FailsWith(ErrorCode::denied, HasSubstr("without an end of line")));
}

TEST_F(RequestKeyTokenTest, GivenNoEngineForTokens_WhenLoaded_ThenItsPackageIsNamed) {
  ::setenv("OPENSSL_ENGINES", dir_.path().c_str(), 1);

  EXPECT_THAT(RequestKey::from_token(token("ec")),
              FailsWith(ErrorCode::unsupported, HasSubstr("libengine-pkcs11-openssl")));

  ::unsetenv("OPENSSL_ENGINES");
}

TEST_F(RequestKeyTokenTest, GivenTwoPairsWithOneId_WhenSigned_ThenNoWorthlessSignatureIsHandedOut) {
  hsm_.make_key("EC:prime256v1", "ec", 7);
  hsm_.make_key("EC:secp384r1", "ec384", 7);

  const auto key = RequestKey::from_token(token("ec384"));

  ASSERT_THAT(key, IsOk());
  const auto signature = key->sign(kRequest);
  // Which of the two halves the library pairs with the key depends on the order it finds them in.
  if (signature) {
    verify(key->public_pem().value(), kRequest, *signature);
  } else {
    EXPECT_THAT(signature.error().message(), HasSubstr("object=ec384"));
  }
}

}  // namespace
}  // namespace patchbay::artifact
