// Keys as openssl and a PKCS#11 token make them; what they sign, the device's keyring verifies.

#include "core/artifact/signer.hpp"

#include "core/artifact/openssl_key_test.hpp"
#include "core/artifact/signature.hpp"

namespace patchbay::artifact {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Not;
using testing::read_text;

constexpr std::string_view kManifest = "the bytes of a manifest\n";

PassPhrase answer(std::string text) {
  return [text = std::move(text)](const std::string&) -> Result<std::string> { return text; };
}

Result<std::string> verify(const SigningKey& key, const std::string& line) {
  PB_TRY(const VerificationKey verification, key.public_key());
  PB_TRY(const Keyring keyring, Keyring::load({verification}));
  return keyring.verify(as_bytes(kManifest), line, {});
}

using SignerTest = OpenSslKeyTest;

struct FormCase {
  std::string name, arguments;
  std::size_t length;  ///< of the base64 line
};
class EveryForm : public SignerTest, public ::testing::WithParamInterface<FormCase> {};

TEST_P(EveryForm, GivenKeyFile_WhenSigned_ThenItsPublicHalfVerifiesAndTheLengthIsFixed) {
  const auto loaded = SigningKey::from_pem("my.pem", key(GetParam().arguments), answer("secret"));
  ASSERT_THAT(loaded, IsOk());

  for (int i = 0; i < 8; ++i) {
    const auto line = loaded->sign(kManifest);
    ASSERT_THAT(line, IsOk());
    EXPECT_EQ(line->size(), GetParam().length);
    EXPECT_THAT(verify(*loaded, *line), IsOkAnd("my.pem"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Signer, EveryForm,
    ::testing::Values(
        FormCase{"Rsa2048Pkcs8", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", 344},
        FormCase{"Rsa2048Pkcs1", "genrsa -traditional", 344},
        FormCase{"Rsa2048Pkcs1Encrypted", "genrsa -traditional -aes128 -passout pass:secret", 344},
        FormCase{"P256Pkcs8", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", 88},
        FormCase{"P256Pkcs8Encrypted",
                 "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret",
                 88},
        FormCase{"P256Sec1AfterParameters", "ecparam -name prime256v1 -genkey", 88},
        FormCase{"P256Sec1", "ecparam -name prime256v1 -genkey -noout", 88},
        FormCase{"P384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", 128},
        FormCase{"P521", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", 176},
        FormCase{"Ed25519", "genpkey -algorithm ED25519", 88},
        FormCase{"Ed25519Encrypted", "genpkey -algorithm ED25519 -aes256 -pass pass:secret", 88}),
    [](const auto& test) { return test.param.name; });

TEST_F(SignerTest, GivenUnusableKey_WhenLoaded_ThenErrorSaysWhy) {
  struct Case {
    std::string pem;
    ErrorCode code;
    std::string message;
  };
  const auto bad = ErrorCode::invalid_input;
  const auto unknown = ErrorCode::unsupported;
  run("openssl pkey -pubout -out " + path_ + ".pub -in " +
      (key("genpkey -algorithm ED25519"), path_));
  const std::string encrypted = key("genpkey -algorithm ED25519 -aes256 -pass pass:x");
  for (const auto& [pem, code, message] :
       {Case{"-----BEGIN PRIVATE KEY-----\nAAAA\n", bad, "damaged"},
        Case{"-----BEGIN OPENSSH PRIVATE KEY-----\n", unknown, "OpenSSH"},
        Case{"no key", bad, "not a private key"}, Case{"", bad, "not a private key"},
        Case{read_text(path_ + ".pub"), bad, "a public key cannot sign"},
        Case{key("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024"), unknown, "1024 bits"},
        Case{key("ecparam -name secp256k1 -genkey"), unknown, "curve"},
        Case{key("genpkey -algorithm X25519"), unknown, "neither RSA"},
        Case{encrypted, unknown, "it is encrypted"}}) {
    EXPECT_THAT(SigningKey::from_pem("my.pem", pem),
                FailsWith(code, AllOf(HasSubstr("signing key my.pem"), HasSubstr(message))));
  }
  EXPECT_THAT(SigningKey::from_pem("my.pem", encrypted, answer("y")),
              FailsWith(bad, HasSubstr("wrong pass phrase")));
}

TEST_F(SignerTest, GivenPassPhraseThatCannotBeHad_WhenLoaded_ThenThatIsTheErrorAndItIsAskedOnce) {
  int asked = 0;
  const PassPhrase source = [&](const std::string& what) -> Result<std::string> {
    ++asked;
    return Error{ErrorCode::not_found, "no " + what};
  };

  EXPECT_THAT(SigningKey::from_pem("my.pem", key("genrsa -aes128 -passout pass:secret"), source),
              FailsWith(ErrorCode::not_found, HasSubstr("no pass phrase of my.pem")));
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(SigningKey::from_pem("my.pem", key("genrsa"), source), IsOk());
  EXPECT_EQ(asked, 1);
}

class TokenTest : public SignerTest {
 protected:
  void make_key(const std::string& type, const std::string& label, int id = 0) {
    hsm_.make_key(type, label, id);
  }
  static Token token(const std::string& label, const std::string& query = "") {
    return {testing::SoftHsm::uri(label, query), testing::kSoftHsm};
  }

 private:
  testing::SoftHsm hsm_{dir_};
};

TEST_F(TokenTest, GivenKeysMadeInTheToken_WhenSigned_ThenTheirPublicHalvesVerify) {
  for (const auto& [type, label] :
       {std::pair{"rsa:2048", "rsa"}, {"EC:prime256v1", "ec"}, {"EC:secp384r1", "ec384"}}) {
    SCOPED_TRACE(type);
    make_key(type, label);

    const auto key = SigningKey::from_token(token(label), answer("1234"));

    ASSERT_THAT(key, IsOk());
    const auto line = key->sign(kManifest);
    ASSERT_THAT(line, IsOk());
    EXPECT_THAT(verify(*key, *line), IsOk());
    EXPECT_EQ(key->name(), token(label).uri);
    const auto open = SigningKey::public_key_of(
        {"pkcs11:token=test;object=" + std::string{label} + ";type=public", testing::kSoftHsm});
    ASSERT_THAT(open, IsOk());
    EXPECT_EQ(open->pem, key->public_key()->pem);
  }
}

TEST_F(TokenTest, GivenPinInTheUri_WhenLoaded_ThenNobodyIsAskedAndMessagesDoNotTellIt) {
  make_key("EC:prime256v1", "ec");

  EXPECT_THAT(SigningKey::from_token(token("ec", "?pin-value=1234")), IsOk());
  EXPECT_THAT(
      SigningKey::from_token(token("none", "?pin-value=1234")),
      FailsWith(ErrorCode::not_found, AllOf(HasSubstr("object=none"), Not(HasSubstr("1234")))));
}

TEST_F(TokenTest, GivenTwoPairsWithOneId_WhenSigned_ThenNoWorthlessSignatureIsHandedOut) {
  make_key("EC:prime256v1", "ec", 7);
  make_key("EC:secp384r1", "ec384", 7);

  const auto key = SigningKey::from_token(token("ec384"), answer("1234"));

  ASSERT_THAT(key, IsOk());
  const auto line = key->sign(kManifest);
  // Which of the two halves the library pairs with the key depends on the order it finds them in.
  if (line) {
    EXPECT_THAT(verify(*key, *line), IsOk());
  } else {
    EXPECT_THAT(line.error().message(), HasSubstr("object=ec384"));
  }
}

TEST_F(TokenTest, GivenWrongPinModuleOrUri_WhenLoaded_ThenErrorSaysWhat) {
  make_key("EC:prime256v1", "ec");

  EXPECT_THAT(SigningKey::from_token(token("ec"), answer("0000")),
              FailsWith(ErrorCode::denied, HasSubstr("the token refuses the PIN")));
  EXPECT_THAT(SigningKey::from_token({"pkcs11:object=ec", "/nowhere.so"}),
              FailsWith(ErrorCode::not_found, HasSubstr("the library (/nowhere.so)")));
  EXPECT_THAT(SigningKey::from_token({"file:key", ""}),
              FailsWith(ErrorCode::invalid_input, HasSubstr("file:key: not a PKCS#11 URI")));
}

}  // namespace
}  // namespace patchbay::artifact
